"""Layers that a task keeps between its runs, and whose they are; what a build step may use."""

import asyncio
import base64
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from app.site import REGISTRY, SCOPE, Site

from baselift.app.change_task import change_task
from baselift.app.plan_build import Plan
from baselift.app.request_run import Ask, request_run
from baselift.arm import tasks
from baselift.domain import requests
from baselift.domain.builds import Argument, BuildOrder, BuildSecret, Source
from baselift.domain.runs import Cause, Run, Status

MARK = "FROM {base}\nRUN head -c 16 /dev/urandom | base64 > /mark; cat /mark | sed 's/^/mark /'\nCOPY a /a\n"
TAG = {"baselift-layer-cache": "enabled"}


async def run_of(site: Site, tags: dict[str, str], *, details: dict[str, str] | None = None, **step: Any) -> str:
    """Run a task with these tags; the log of the run."""
    document = {**site.document("taskhello", **step), "tags": tags}
    await change_task(
        site.world,
        REGISTRY,
        "taskhello",
        lambda old: tasks.create(
            {key: document[key] for key in ("location", "tags", "properties")},
            old,
            scope=SCOPE,
            name="taskhello",
            now="2026-01-01T00:00:00Z",
            ids=lambda: "id",
        ),
    )
    cause = Cause("source", site.world.token(), site.clock().isoformat(), details=details or {})
    carried = requests.of_task(site.world.unseal(document))
    await request_run(site.world, Ask(REGISTRY, cause, carried, "AutoBuild", "taskhello"))
    await site.drain()
    ended = (await site.runs())[0]
    log = await site.log(ended)
    assert ended.status is Status.SUCCEEDED, log
    return log


def used(log: str) -> bool:
    return "Using cache" in log


@pytest.mark.campaign
async def test_a_task_keeps_layers_when_its_tag_says_so(site: Site) -> None:
    site.write_app(MARK.format(base=site.base), a="1")
    assert not used(await run_of(site, TAG))
    assert used(await run_of(site, TAG))
    assert not used(await run_of(site, {}))
    assert not used(await run_of(site, {"baselift-layer-cache": "disabled"}))
    assert not used(await run_of(site, TAG, noCache=True))
    assert not used(await run_of(site, TAG))
    assert not used(await run_of(site, TAG, details={"pullRequestId": "7"}))
    assert used(await run_of(site, TAG, details={"pullRequestId": "7"}))


async def test_a_step_says_whether_its_build_keeps_layers(site: Site) -> None:
    site.write_app(MARK.format(base=site.base), a="1")
    text = "steps:\n  - {id: one, build: '. ', cache: enabled}\n  - {id: two, build: '. ', cache: disabled}\n"
    text += "  - {id: three, build: '. '}\n"
    step = {"type": "EncodedTask", "encodedTaskContent": base64.b64encode(text.encode()).decode()}
    step |= {"imageNames": None, "dockerFilePath": None, "isPushEnabled": None}
    assert not used(await run_of(site, TAG, **step))
    assert by_step(await run_of(site, {}, **step)) == {"one": True, "two": False, "three": False}
    assert by_step(await run_of(site, TAG, **step)) == {"one": True, "two": False, "three": True}


def by_step(log: str) -> dict[str, bool]:
    """Which steps' builds used layers; they run one after the other."""
    return {part[: part.index(".")]: used(part) for part in log.split("Executing step ID: ")[1:]}


@pytest.mark.campaign
async def test_a_quick_run_keeps_no_layers_and_says_so(site: Site) -> None:
    site.write_app(MARK.format(base=site.base), a="1")
    text = "steps:\n  - {id: one, build: '. ', cache: enabled}\n"
    for _ in range(2):
        _, log = await quick(site, text)
        assert "Step ID: one: cache: of no effect; layers are kept for runs of a task only" in log
        assert not used(log)


async def quick(site: Site, text: str) -> tuple[Run, str]:
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(text.encode()).decode(),
        "platform": {"os": "linux", "architecture": "amd64"},
        "sourceLocation": site.context,
    }
    await request_run(site.world, Ask(REGISTRY, Cause("request", site.world.token(), "1"), body, "QuickRun"))
    await site.drain()
    ended = (await site.runs())[0]
    return ended, await site.log(ended)


async def test_processors_of_a_build_step_are_limited(site: Site) -> None:
    site.write_app(f"FROM {site.base}\nRUN sleep 60\n")
    running = asyncio.create_task(quick(site, "steps:\n  - {build: '. ', cpus: '0.5', timeout: 20}\n"))
    try:
        found = await asyncio.wait_for(limited(), 15)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert found in {"50000", "50000 100000"}


async def limited() -> str:
    """What a control group of this process allows a build that runs in it."""
    while True:
        for group in Path("/sys/fs/cgroup").rglob(f"baselift-{os.getpid()}-*"):
            for file in (group / "cpu.cfs_quota_us", group / "cpu.max"):
                if file.exists() and (group / "cgroup.procs").read_text():
                    return file.read_text().strip()
        await asyncio.sleep(0.05)


ORDER = BuildOrder(Source(Path("/"), "c", 1), "Dockerfile", {}, None, None)
BUILT: dict[str, dict[str, Any]] = {
    "a label": {"labels": {"a": "b"}},
    "a secret's id": {"secrets": [BuildSecret("a", b"x")]},
    "an argument": {"arguments": [Argument("a", "b")]},
    "a base": {"bases": {"a": "b"}},
}


@pytest.mark.parametrize("what", BUILT)
def test_a_fingerprint_is_of_all_that_is_built(what: str) -> None:
    assert fingerprint(**BUILT[what]) != fingerprint()


def test_a_fingerprint_is_not_of_a_secrets_value() -> None:
    assert fingerprint(secrets=[BuildSecret("a", b"x")]) == fingerprint(secrets=[BuildSecret("a", b"y")])


def fingerprint(**changes: Any) -> str:
    return Plan(replace(ORDER, **changes), (), None, {}).fingerprint
