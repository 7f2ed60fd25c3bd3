"""A run that cannot succeed ends Failed, says why in its last line, and pushes nothing."""

import asyncio
import gzip
import io
import random
import re
import tarfile

import pytest
from app.site import REGISTRY, Site

from baselift.app import run_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.execute_run import execute_run
from baselift.app.request_run import Ask, request_run
from baselift.domain.runs import Cause, Run, Status


async def failed(site: Site, **step: object) -> Run:
    await site.put_task(**step)
    await site.ask()
    await site.drain()
    (run,) = await site.runs()
    log = await site.log(run)
    assert run.status is Status.FAILED
    assert log.endswith(f"Error: {run.error}\r\n")
    assert "Traceback" not in log
    assert await site.tag(f"app:{run.id}") is None
    return run


@pytest.mark.parametrize(
    ("dockerfile", "step", "reason"),
    [
        (None, {"dockerFilePath": "absent"}, "Dockerfile 'absent' is not in the build context"),
        ("FROM\n", {}, "'Dockerfile': Dockerfile line 1: "),
        ("FROM {host}/no/such:1\n", {}, "base image .*no/such:1 .*does not exist"),
        ("FROM {base}\nRUN exit 42\n", {}, "42"),
        ("FROM {base}\nCOPY absent /\n", {}, "absent"),
        (None, {"target": "absent"}, "absent"),
        (None, {"imageNames": ["app:{{index .Run.ID 99}}"]}, "image name"),
        (None, {"imageNames": ["localhost:1/app:{{.Run.ID}}"]}, "localhost:1"),
    ],
)
async def test_what_cannot_be_built_says_why(site: Site, dockerfile: str | None, step: dict[str, object], reason: str):
    if dockerfile is not None:
        site.write_app(dockerfile.format(host=site.registry.host, base=site.base))
    run = await failed(site, **step)
    assert run.error is not None
    assert re.search(reason, run.error), run.error


async def test_a_context_that_cannot_be_fetched_says_why(site: Site):
    run = await failed(site, contextPath=site.git.address("absent.git"))
    assert "absent.git" in (run.error or "")


async def test_a_run_is_canceled_while_it_builds(site: Site):
    site.write_app(f"FROM {site.base}\nRUN echo begun; while :; do :; done\n")
    await site.put_task()
    run = await site.ask()
    site.store.receive("builds")
    building = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    while "begun" not in await site.log(run):
        await asyncio.sleep(0.05)
    await cancel_run(site.world, REGISTRY, run.id)
    await building
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert stored.run.status is Status.CANCELED
    assert await site.tag(f"app:{run.id}") is None
    assert not list(site.world.scratch.iterdir())


async def test_a_run_ends_at_its_timeout(site: Site):
    site.write_app(f"FROM {site.base}\nRUN echo begun; while :; do :; done\n")
    await site.put_task()
    run = await site.ask()
    site.store.receive("builds")
    building = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    while "begun" not in await site.log(run):
        await asyncio.sleep(0.05)
    site.clock.turn(3600)
    await building
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert stored.run.status is Status.TIMEOUT
    assert "3600" in (stored.run.error or "")


async def test_a_run_that_loses_its_builder_time_and_again_is_given_up(site: Site):
    await site.put_task()
    run = await site.ask()
    for attempt in range(site.world.attempts):
        stored = await run_rows.get(site.world, REGISTRY, run.id)
        assert stored is not None
        await run_rows.save(site.world, stored, stored.run.claimed(f"lost-{attempt}", site.clock(), site.world.lease))
        site.clock.turn(site.world.lease.total_seconds() + 1)
    await site.settle()
    (ended,) = await site.runs()
    assert ended.status is Status.ERROR
    assert "5 attempts" in (ended.error or "")


async def test_a_builder_that_is_stopped_gives_its_run_back_at_once(site: Site):
    site.write_app(f"FROM {site.base}\nRUN echo begun; sleep 5\n")
    await site.put_task()
    run = await site.ask()
    site.store.receive("builds")
    building = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    while "begun" not in await site.log(run):
        await asyncio.sleep(0.05)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    site.write_app(f"FROM {site.base}\n")
    await execute_run(site.world, REGISTRY, run.id)
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert (stored.run.status, stored.run.attempt, stored.run.error) == (Status.SUCCEEDED, 2, None)


HOSTILE_TASKS = {
    "a wrong type": ("steps:\n- cmd: x\n  timeout: soon\n", "line 3: step 'acb_step_0': timeout is the text 'soon'"),
    "an unknown version": ("version: v9\nsteps: []\n", "line 1: version is 'v9'; known are 1.0-preview-1"),
    "a cycle": (
        "steps:\n- {id: a, cmd: x, when: [b]}\n- {id: b, cmd: y, when: [a]}\n",
        "line 2: step 'a': when names 'b', which is no earlier step",
    ),
    "itself": ("steps:\n- {id: a, cmd: x, when: [a]}\n", "line 2: step 'a': when names the step itself"),
    "an id twice": ("steps:\n- {id: a, cmd: x}\n- {id: a, cmd: y}\n", "line 3: step 'a': id 'a' is already that of"),
    "a template that loops": (
        "{{range until 9000}}{{range until 9000}}{{range until 9000}}{{end}}{{end}}{{end}}steps: []\n",
        "template: 1: ",
    ),
    "a template that calls itself": ('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}\n', "template: 1: "),
    "a template that grows": ("{{range until 9000}}{{range until 9000}}xxxxxxxx{{end}}{{end}}\n", "template: 1: "),
    "YAML that unfolds": (
        "a: &a [x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{n}: &{n} [*{p}, *{p}, *{p}, *{p}, *{p}, *{p}, *{p}, *{p}]\n"
            for p, n in zip("abcdefg", "bcdefgh", strict=True)
        )
        + "steps: *h\n",
        "task file: line ",
    ),
    "no YAML": ("steps: [\n", "task file: line 2: this is not YAML"),
    "no text": ("\0\1\2\3", "task file: this is not YAML"),
}


async def of_upload(site: Site, archive: bytes, **request: object) -> Run:
    """Run a request on an uploaded source; it must fail and say so in its log."""
    name = f"tasks-source/{site.name}.tar.gz"
    site.store.upload(name, archive)
    body = {"sourceLocation": name, "platform": {"os": "linux", "architecture": "amd64"}} | request
    await request_run(
        site.world, Ask(REGISTRY, Cause("request", site.world.token(), site.clock().isoformat()), body, "QuickRun")
    )
    await site.drain()
    run = (await site.runs())[0]
    log = await site.log(run)
    assert run.status is Status.FAILED
    assert log.endswith(f"Error: {run.error}\r\n")
    assert "Traceback" not in log
    assert not list(site.world.scratch.iterdir())
    return run


@pytest.mark.parametrize("what", HOSTILE_TASKS)
async def test_a_hostile_task_file_fails_its_run_and_says_why(site: Site, what: str):
    text, reason = HOSTILE_TASKS[what]
    archive = packed({"acb.yaml": text.encode()})
    run = await of_upload(site, archive, type="FileTaskRunRequest", taskFilePath="acb.yaml", values=[])
    assert (run.error or "").startswith("task file: ")
    assert reason in (run.error or "")


async def test_a_values_file_of_50_mb_fails_its_run_unread(site: Site):
    archive = packed({"acb.yaml": b"steps: []\n", "values.yaml": b"a: " + b"x" * 50_000_000})
    request = {"type": "FileTaskRunRequest", "taskFilePath": "acb.yaml", "valuesFilePath": "values.yaml"}
    run = await of_upload(site, archive, **request)
    assert run.error == "values file 'values.yaml' is larger than 1048576 bytes, the limit"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (random.Random(1).randbytes(4000), "'Dockerfile': Dockerfile line 1: "),
        (b"\xff\xfeF\0R\0O\0M\0", "'Dockerfile': Dockerfile line 1: "),
        (b"", "'Dockerfile': "),
        (b"FROM a\n" * 200_000, "'Dockerfile': "),
    ],
)
async def test_a_dockerfile_of_any_bytes_fails_its_run(site: Site, content: bytes, reason: str):
    run = await of_upload(site, packed({"Dockerfile": content}), type="DockerBuildRequest", dockerFilePath="Dockerfile")
    assert reason in (run.error or "")


async def test_a_bomb_of_a_context_fails_its_run_and_the_next_one_is_untouched(site: Site):
    head = tarfile.TarInfo("bomb")
    head.size = 64 << 30
    bomb = gzip.compress(head.tobuf() + b"\0" * (8 << 20), 9)
    run = await of_upload(site, bomb, type="DockerBuildRequest", dockerFilePath="Dockerfile")
    assert run.error == "the archive unpacks to more than 2147483648 bytes, the limit for a build context"
    for archive, reason in ((b"no archive", "is not a tar archive"), (packed({"../x": b""}), "leads out of it")):
        run = await of_upload(site, archive, type="DockerBuildRequest", dockerFilePath="Dockerfile")
        assert reason in (run.error or "")
    await site.put_task()
    await site.ask()
    await site.drain()
    assert (await site.runs())[0].status is Status.SUCCEEDED


def packed(files: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return body.getvalue()
