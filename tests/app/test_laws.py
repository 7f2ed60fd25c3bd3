"""The laws hold under a series of mishaps, and do not when what upholds them is taken out."""

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from app.machine import Laws
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from baselift.app import reconcile
from baselift.app.lease import Lease

STEPS = 40
Mishap = Callable[[Laws], None]


async def unchecked(lease: Lease) -> timedelta:
    """A fence that lets everybody through."""
    return lease._world.lease


def play(steps: int, laws: type[Laws] = Laws) -> None:
    """So many steps at least, from a seed that is printed; BASELIFT_SEED repeats one."""
    given = int(os.environ.get("BASELIFT_SEED") or secrets.randbelow(1 << 32))
    laws.steps, part = 0, 0
    while laws.steps < steps:
        print(f"seed {given + part}")  # noqa: T201  # what repeats the series
        # What was found is shrunk and printed as a program of calls.
        run_state_machine_as_test(
            seed(given + part)(laws),
            settings=settings(
                max_examples=max(1, min(50, steps // STEPS)),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
        part += 1
    print(f"{laws.steps} steps")  # noqa: T201


def test_the_laws_hold_for_some_hundred_steps():
    play(300)


@pytest.mark.campaign
def test_the_laws_hold_for_ten_thousand_steps():
    play(10_000)


def lost_event(machine: Laws) -> None:
    """A base moves, and nobody hears of it."""
    machine.move(base="base:1", to=1)
    machine.lose_event(which=0)


def zombie(machine: Laws) -> None:
    """A builder is suspended before it uploads its image; another builds on a newer base; then the first goes on."""
    machine.move(base="base:1", to=1)
    machine.hear(which=0, again=False, fate=None)
    machine.handle(which=0, again=False, fate=("freeze", "registry.publish"))
    machine.turn(seconds=100)
    machine.move(base="base:1", to=2)
    machine.settle()
    machine.resume(which=0)


def there_and_back(machine: Laws) -> None:
    """A run takes a base that is elsewhere for a moment, of which nobody hears."""
    machine.ask(name="first", request=0, fate=None)
    machine.move(base="base:1", to=1)
    machine.handle(which=0, again=False, fate=None)
    machine.lose_event(which=0)
    machine.move(base="base:1", to=0)
    machine.lose_event(which=0)


@pytest.fixture
def machine() -> Iterator[Laws]:
    made = Laws()
    made.begin()
    yield made
    made.close()


@pytest.mark.parametrize("mishap", [lost_event, zombie, there_and_back])
def test_a_mishap_is_healed(machine: Laws, mishap: Mishap):
    mishap(machine)
    machine.settle()


@pytest.mark.parametrize("call", range(11, 25))
def test_a_trigger_that_was_off_when_the_wave_came_to_the_task_makes_up_for_it_when_it_is_on(machine: Laws, call: int):
    machine.move(base="tool:1", to=1)
    machine.hear(which=0, again=False, fate=("after", call))
    machine.switch(name="second", on=False, fate=None)
    machine.settle()
    machine.switch(name="second", on=True, fate=None)
    machine.settle()


def test_without_the_reconciler_a_lost_event_is_a_movement_that_is_forgotten(
    machine: Laws, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reconcile, "REPAIRS", ())
    lost_event(machine)
    with pytest.raises(AssertionError, match="law 3"):
        machine.settle()


def test_without_the_fence_a_suspended_builder_moves_the_tag_back(machine: Laws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Lease, "check", unchecked)
    zombie(machine)
    with pytest.raises(AssertionError, match="fence"):
        machine.settle()
