"""A push that is told of very often, by three kinds of webhook, many at a time: one run of each dependent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from app.model import HOST, Model, image, version
from app.site import REGISTRY

from baselift import wiring
from baselift.app import reasons
from baselift.app.signs import Signs
from baselift.domain import senders
from functions import images

AT_ONCE = 50
TASKS = ("first", "second", "third")
BASE = image("base:1")


def bodies() -> dict[str, bytes]:
    """The same push in three dialects."""
    digest = version("whatever")
    target = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest}
    data = {"id": "1", "action": "push", "target": target | {"repository": "base", "tag": "1"}}
    data["request"] = {"host": HOST, "method": "PUT"}
    resource = {"digest": digest, "tag": "1", "resource_url": f"{HOST}/base:1"}
    repository = {"name": "base", "namespace": "", "repo_full_name": "base", "repo_type": "private"}
    harbor = {"type": "PUSH_ARTIFACT", "event_data": {"resources": [resource], "repository": repository}}
    told: dict[str, Any] = {"distribution": {"events": [data]}, "acr-webhook": data, "harbor": harbor}
    return {dialect: json.dumps(body).encode() for dialect, body in told.items()}


async def deliver(count: int) -> None:
    """Deliver the push so often, as the webhook does once it knows the sender."""
    told, gate = list(bodies().items()), asyncio.Semaphore(AT_ONCE)
    headers = {"Authorization": "Bearer secret"}

    async def one(number: int) -> None:
        dialect, body = told[number % len(told)]
        assert senders.verify(dialect, headers, body, "secret")
        async with gate:
            await images._hear("webhook", dialect, headers, body)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))


async def check(model: Model, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    model.registry.move(str(BASE), version(1))
    for name in TASKS:
        await model.put_task(name, f"FROM {BASE}\n")
    await model.drain()
    model.registry.move(str(BASE), version(2))
    signs = Signs(model.world)
    monkeypatch.setattr(wiring, "world", lambda: model.world)
    monkeypatch.setattr(wiring, "signs", lambda: signs)

    await deliver(count)
    await model.settle()
    assert sorted(run.task or "" for run in await model.runs()) == sorted(TASKS)
    for name in TASKS:
        told = await reasons.of_task(model.world, REGISTRY, name)
        assert [reason.rule for reason in told if reason.fire] == ["moved"]
    (same,) = [each for each in await reasons.of_image(model.world, BASE) if each.rule == "same-digest"]
    assert 1 < same.count <= count


async def test_a_hundred_and_fifty_deliveries_make_one_run_of_each_dependent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await check(Model(tmp_path), monkeypatch, 150)


@pytest.mark.campaign
async def test_a_thousand_deliveries_make_one_run_of_each_dependent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    await check(Model(tmp_path), monkeypatch, 1000)
