"""A base image trigger's `updateTriggerEndpoint` is told of the runs that it caused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from app.model import Model, image, version
from app.site import REGISTRY, SCOPE

from baselift.app import task_rows
from baselift.app.change_task import change_task, delete_task
from baselift.app.on_push import on_push
from baselift.app.ports import Letter
from baselift.app.request_run import Ask, request_run
from baselift.arm import requests, tasks
from baselift.domain.runs import Cause

URL = "https://builds.example/moved?code=hidden"
DOCKERFILE = f"FROM {image('base:1')}\n"


class Told(Model):
    """A Baselift with one task whose trigger has an endpoint."""

    def __init__(self, directory: Any) -> None:
        super().__init__(directory)
        self.letters: list[Letter] = []
        self.world = replace(self.world, post=self._post)
        self.registry.move(str(image("base:1")), version(0))

    async def _post(self, letter: Letter) -> int:
        self.letters.append(letter)
        return 200

    async def point(self, **given: Any) -> None:
        """Give the task's trigger an endpoint, or another."""
        trigger = {"name": "base", "baseImageTriggerType": "Runtime", "updateTriggerEndpoint": URL} | given

        def change(old: Any) -> dict[str, Any]:
            patch = {"properties": {"trigger": {"baseImageTrigger": trigger}}}
            return tasks.merge(old, patch, now=self.clock().isoformat(), ids=lambda: "id")

        await change_task(self.world, REGISTRY, "first", change)
        await self.drain()

    async def run(self, request: str, token: str | None = None) -> None:
        """Ask for a run as `az acr task run --update-trigger-token` does."""
        task = await task_rows.get(self.world, REGISTRY, "first")
        assert task is not None
        carried = requests.override(self.world.unseal(task.document), {"updateTriggerToken": token})
        cause = Cause("request", request, self.clock().isoformat())
        await request_run(self.world, Ask(REGISTRY, cause, carried, "AutoBuild", "first"))
        await self.drain()

    async def move(self, to: object) -> None:
        self.registry.move(str(image("base:1")), version(to))
        await on_push(self.world, image("base:1"))
        await self.drain()

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(letter.body) for letter in self.letters]


@pytest.fixture
async def told(tmp_path) -> Told:
    made = Told(tmp_path)
    await made.put_task("first", DOCKERFILE)
    await made.drain()
    await made.point()
    return made


async def test_the_endpoint_gets_the_token_what_moved_and_what_was_built(told):
    await told.run("one", "b25l")
    await told.run("two", "dHdv")
    await told.run("three")
    assert told.letters == []
    await told.move(1)
    (body,), (letter,) = told.bodies, told.letters
    (run,) = [run for run in await told.runs() if run.cause.kind == "image"]
    assert body["updateTriggerToken"] == "dHdv"
    assert body["imageUpdateTrigger"]["images"] == [
        {"registry": image("base:1").registry, "repository": "base", "tag": "1", "digest": version(1)}
    ]
    assert (body["run"]["run"], body["run"]["status"]) == (run.id, "Succeeded")
    assert body["run"]["images"][0]["digest"] == run.outputs[0].digest
    assert letter.url == URL
    assert letter.headers == {"content-type": "application/json", "webhook-id": f"{REGISTRY.lower()}-trigger-{run.id}"}


async def test_a_payload_of_type_token_is_the_token(told):
    await told.point(updateTriggerPayloadType="Token")
    await told.move(1)
    assert told.bodies == [{"updateTriggerToken": None}]


async def test_a_run_that_fails_is_told_too(told):
    told.sources.files.clear()
    await told.move(1)
    assert [body["run"]["status"] for body in told.bodies] == ["Failed"]


async def test_a_token_is_that_of_the_task_not_of_one_of_its_name_before(told):
    await told.run("one", "b25l")
    await delete_task(told.world, REGISTRY, "first")
    told.clock.turn(1)
    await told.put_task("first", DOCKERFILE)
    await told.drain()
    await told.point()
    await told.move(1)
    assert told.bodies[0]["updateTriggerToken"] is None


async def test_an_endpoint_that_is_gone_is_told_nothing_more(told):
    told.registry.move(str(image("base:1")), version(1))
    await on_push(told.world, image("base:1"))
    for queue, text in told.waiting():
        told.take(queue, text)
        await told.handle(queue, text)
    await delete_task(told.world, REGISTRY, "first")
    await told.drain()
    assert told.letters == []


async def test_the_address_is_sealed_and_shown_to_nobody_who_may_not_see_secrets(told):
    task = await task_rows.get(told.world, REGISTRY, "first")
    assert task is not None
    assert "hidden" not in json.dumps(task.document)
    trigger = tasks.show(told.world.unseal(task.document), secrets=False)["properties"]["trigger"]["baseImageTrigger"]
    assert trigger["updateTriggerEndpoint"] is None
    assert trigger["updateTriggerPayloadType"] == "Default"
    assert task.document["id"].startswith(SCOPE.id)
