"""Every run that ends is told of, whatever mishaps there are; not so without what upholds that."""

import json
from dataclasses import replace
from typing import Any

import pytest
from app.machine import Laws
from app.site import REGISTRY, SCOPE
from app.test_laws import play

from baselift.app import reconcile
from baselift.app.notifications import change_target, outbox
from baselift.app.ports import Letter
from baselift.arm import webhooks
from baselift.domain import notifications
from baselift.domain.notifications import ACTIONS


class ToldLaws(Laws):
    """The laws, with somebody who is told of all, and accepts every third time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.taken: set[str] = set()

    async def _begin(self) -> None:
        await super()._begin()
        properties = {"serviceUri": "https://hooks.example/", "actions": list(ACTIONS)}
        properties["secret"] = f"whsec_{'A' * 40}"
        body = {"location": "local", "properties": properties}

        def change(old: Any) -> dict[str, Any]:
            return webhooks.create(body, old, scope=SCOPE, name="hooks", secret=lambda: "")

        await change_target.change_target(self.model.world, REGISTRY, "hooks", change)
        self.model.world = replace(self.model.world, post=self._post, notify_pauses=(1.0,) * 50)

    async def _post(self, letter: Letter) -> int:
        self.asked += 1
        if self.asked % 3:
            return 503
        self.taken.add(json.loads(letter.body)["id"])
        return 204

    def _check(self) -> None:
        super()._check()
        self._run(self._told())

    async def _told(self) -> None:
        ended = [notifications.of_run(run) for run in await self.model.runs()]
        missing = {each.id for each in ended if each is not None} - self.taken
        assert missing == set(), "a run that nobody was told of"
        assert [row async for row in outbox.pending(self.model.world)] == []


@pytest.fixture
def machine() -> Any:
    made = ToldLaws()
    made.begin()
    yield made
    made.close()


def test_every_run_is_told_of_over_some_hundred_steps():
    play(120, ToldLaws)


@pytest.mark.campaign
def test_every_run_is_told_of_over_ten_thousand_steps():
    play(10_000, ToldLaws)


def lost_message(machine: ToldLaws) -> None:
    """A run is told of, and the message that would have it sent is lost."""
    machine.ask(name="first", request=0, fate=None)
    while (waiting := machine.model.waiting()) and waiting[0][0] != "notices":
        machine.handle(which=0, again=False, fate=None)
    machine.lose_message(which=0)


def test_a_lost_message_is_made_good(machine):
    lost_message(machine)
    machine.settle()


def test_without_the_repair_it_is_not(machine, monkeypatch):
    left = tuple(each for each in reconcile.REPAIRS if each.__name__ != "repair_notices")
    monkeypatch.setattr(reconcile, "REPAIRS", left)
    lost_message(machine)
    with pytest.raises(AssertionError):
        machine.settle()
