"""What is told of waves: that each started, was halted, was resumed and halted again, and is finished."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from simulator.graphs import REGISTRY
from waves.family import Family

from baselift.app.notifications import tell
from baselift.app.notifications.outbox import newest
from baselift.app.notifications.targets import Target, save
from baselift.app.waves import settle_member, start_wave
from baselift.app.waves.control import cancel_wave, resume_wave
from baselift.domain.notifications import WAVE_ACTIONS
from baselift.domain.waves.limits import Budget
from baselift.domain.waves.states import Policy

SIX = {name: ["base"] for name in "abcdef"}
FAILING = {"a", "b", "c"}


async def told_family(policy: Policy | None = None) -> Family:
    family = await Family.of(SIX, policy)
    properties = {"status": "enabled", "actions": list(WAVE_ACTIONS), "kind": "webhook", "callback": "{}"}
    document = {"id": f"/registries/{REGISTRY}/webhooks/hooks", "properties": properties}
    await save(family.store, Target(REGISTRY, "hooks", document))
    return family


async def told(family: Family) -> Counter[str]:
    return Counter([notice.action async for notice in newest(family.world, REGISTRY, "hooks")])


async def halted(family: Family) -> str:
    """Let so many fail that the wave is halted; its id."""
    await family.move("base")
    await family.drain(FAILING)
    for _ in range(6):
        await family.later(600, FAILING)
    wave = await family.wave()
    assert wave.state == "halted"
    return wave.wave.id


LIMITED = Policy(concurrency=1, budget=Budget(count=1))


async def test_a_wave_tells_that_it_started_and_that_it_is_finished_once():
    family = await told_family()
    await family.move("base")
    assert await told(family) == {"wave_started": 1}
    await family.drain()
    assert await told(family) == {"wave_started": 1, "wave_finished": 1}
    await family.reconcile()
    assert await told(family) == {"wave_started": 1, "wave_finished": 1}


async def test_each_halt_is_told_and_the_end_after_it():
    family = await told_family(LIMITED)
    wave = await halted(family)
    assert await told(family) == {"wave_started": 1, "wave_halted": 1}
    for _ in range(3):
        await family.reconcile()
    assert await told(family) == {"wave_started": 1, "wave_halted": 1}
    await resume_wave(family.world, wave)
    for _ in range(8):
        await family.later(600, FAILING)
    assert (await told(family))["wave_halted"] == 2
    family.world = replace(family.world, waves=Policy(concurrency=1))
    await resume_wave(family.world, wave)
    await family.drain()
    await family.later(700)
    assert await told(family) == {"wave_started": 1, "wave_halted": 2, "wave_finished": 1}


async def test_a_wave_that_is_canceled_is_finished_as_such():
    family = await told_family()
    await family.move("base")
    await cancel_wave(family.world, (await family.wave()).wave.id)
    await family.drain()
    found = [notice async for notice in newest(family.world, REGISTRY, "hooks")]
    assert [notice.action for notice in found].count("wave_finished") == 1
    assert '"state":"canceled"' in next(notice.body for notice in found if notice.action == "wave_finished")


async def silent(*_: Any) -> None:
    """A process that dies before it tells."""


@pytest.mark.parametrize("then", ["reconcile", "resume"])
async def test_what_a_crash_kept_from_being_told_is_told_by_whoever_goes_on(monkeypatch, then):
    family = await told_family(LIMITED)
    with monkeypatch.context() as patch:
        for module in (settle_member, start_wave):
            patch.setattr(module.tell, "wave_changed", silent)
        wave = await halted(family)
        assert await told(family) == {}
    await (family.reconcile() if then == "reconcile" else resume_wave(family.world, wave))
    assert await told(family) == {"wave_started": 1, "wave_halted": 1}


async def test_a_wave_that_ended_untold_is_told_by_the_reconciler(monkeypatch):
    family = await told_family()
    retired: list[str] = []

    async def retire(_: Any, plan: str) -> None:
        retired.append(plan)

    with monkeypatch.context() as patch:
        patch.setattr(tell, "wave_changed", silent)
        patch.setattr(settle_member.wave_rows, "retire", retire)
        await family.move("base")
        await family.drain()
    assert len(retired) == 1
    await family.reconcile()
    assert await told(family) == {"wave_started": 1, "wave_finished": 1}
