"""Task files run for real: builds, pushes and containers in one workspace."""

import base64
import os
from typing import Any

import pytest
from app.site import REGISTRY, Site

from baselift.app import task_rows
from baselift.app.on_push import on_push
from baselift.app.request_run import Ask, request_run
from baselift.domain.runs import Cause, Run, Status


async def run(site: Site, text: str, **request: Any) -> tuple[Run, str]:
    """Run a task file; the run as it ended, and its log."""
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(text.encode()).decode(),
        "values": [],
        "platform": {"os": "linux", "architecture": "amd64"},
    } | request
    cause = Cause("request", site.world.token(), site.clock().isoformat())
    await request_run(site.world, Ask(REGISTRY, cause, body, "QuickRun"))
    await site.drain()
    ended = (await site.runs())[0]
    return ended, await site.log(ended)


async def succeeded(site: Site, text: str, **request: Any) -> tuple[Run, str]:
    ended, log = await run(site, text, **request)
    assert ended.status is Status.SUCCEEDED, log
    return ended, log


async def test_an_image_is_built_pushed_and_run(site: Site):
    app = f"{site.registry.host}/{site.name}/app:{{{{.Run.ID}}}}"
    ended, log = await succeeded(
        site,
        f"""
version: v1.1.0
steps:
  - build: -t {app} .
  - push: ["{app}"]
  - cmd: {app} cat /built
""",
        sourceLocation=site.context,
    )
    (output,) = ended.outputs
    assert output.digest == await site.tag(f"app:{ended.id}")
    assert [base.image.repository for base in ended.bases] == [f"{site.name}/node"]
    assert "built-on 1" in log


async def test_a_base_that_was_built_in_the_same_run_needs_no_push(site: Site):
    base = f"{site.registry.host}/{site.name}/local-base:1"
    site.write_app(
        None, **{"Dockerfile.base": f"FROM {site.base}\nRUN echo inner > /inner\n", "Dockerfile.app": f"FROM {base}\n"}
    )
    app = f"{site.registry.host}/{site.name}/app:1"
    ended, log = await succeeded(
        site,
        f"""
steps:
  - build: -t {base} -f Dockerfile.base .
  - build: -t {app} -f Dockerfile.app .
  - cmd: {app} cat /inner
""",
        sourceLocation=site.context,
    )
    assert "inner" in log
    assert await site.tag("local-base:1") is None
    assert [base.image.repository for base in ended.bases] == [f"{site.name}/node"]


async def test_steps_share_the_workspace_and_see_values(site: Site):
    _, log = await succeeded(
        site,
        f"""
version: v1.1.0
steps:
  - cmd: {site.base} sh -c "echo {{{{.Values.word}}}} > /workspace/note"
  - cmd: {site.base} cat note
""",
        values=[{"name": "word", "value": "from-a-value", "isSecret": False}],
    )
    assert "from-a-value" in log


async def test_a_step_that_is_not_root_may_read_workspace_home_and_volumes(site: Site):
    site.write_app(file="of-the-source\n")
    old = os.umask(0o077)
    try:
        _, log = await succeeded(
            site,
            f"""
version: v1.1.0
volumes:
  - name: files
    secret: {{key: {base64.b64encode(b"of-the-volume").decode()}}}
steps:
  - cmd: {site.base} sh -c "ls ~ && cat file /files/key"
    user: "1000:1000"
    volumeMounts: [{{name: files, mountPath: /files}}]
""",
            sourceLocation=site.context,
        )
    finally:
        os.umask(old)
    assert "of-the-source\nof-the-volume" in log.replace("\r", "")


async def test_a_dockerfile_may_be_beside_the_context_of_its_step(site: Site):
    site.write_app(
        **{
            "files/docker/App": f"FROM {site.base}\nCOPY . /all\nRUN find /all -type f\n",
            "files/docker/App.dockerignore": "left-out\n",
            "files/app/taken": "",
            "files/app/left-out": "",
        }
    )
    steps = "steps:\n- build: -f docker/App app\n  workingDirectory: files\n"
    _, log = await succeeded(site, steps, sourceLocation=site.context)
    assert [line for line in log.splitlines() if line.startswith("/all/")] == ["/all/taken"]
    ended, _ = await run(site, "steps:\n- build: -f ../App .\n", sourceLocation=site.context)
    assert "Dockerfile '../App' is outside the workspace" in (ended.error or "")
    ended, _ = await run(site, "steps:\n- build: .\n  workingDirectory: /workspacefiles\n", sourceLocation=site.context)
    assert "context '.' is not a directory of the workspace" in (ended.error or "")


async def test_a_secret_value_is_not_shown_in_the_log(site: Site):
    _, log = await succeeded(
        site,
        f"steps:\n  - cmd: {site.base} echo {{{{.Values.token}}}}\n",
        values=[{"name": "token", "value": "marker-hunter2", "isSecret": True}],
    )
    assert "marker-hunter2" not in log


async def test_a_detached_service_is_reached_by_its_step(site: Site):
    _, log = await succeeded(
        site,
        f"""
steps:
  - id: web
    cmd: {site.base} sh -c "mkdir /www && echo served > /www/index.html && exec busybox httpd -f -p 8080 -h /www"
    detach: true
  - id: test
    cmd: {site.base} busybox wget -q -O - http://web:8080/index.html
    retries: 5
    retryDelay: 1
""",
    )
    assert "served" in log


async def test_an_ignored_failure_lets_its_children_run(site: Site):
    _, log = await succeeded(
        site,
        f"""
steps:
  - cmd: {site.base} sh -c "exit 3"
    ignoreErrors: true
  - cmd: {site.base} echo went-on
""",
    )
    assert "went-on" in log


async def test_a_step_that_takes_too_long_is_ended(site: Site):
    ended, _ = await run(
        site, f"steps:\n  - cmd: {site.base} sh -c 'trap exit TERM; sleep 600 & wait'\n    timeout: 1\n"
    )
    assert ended.error == "failed to run step ID: acb_step_0: timed out"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps:\n  - cmd: [1]\n", "line 2"),
        ("version: v9\nsteps: []\n", "v9"),
        ("steps:\n  - push: ['localhost:1/a:1']\n", "was not built in this run"),
        ("steps:\n  - cmd: '{{.Values'\n", "task file"),
        ("steps:\n  - build: -t a:1 absent\n", "is not a directory of the workspace"),
    ],
)
async def test_a_wrong_task_file_says_what_and_where(site: Site, text: str, reason: str):
    ended, _ = await run(site, text)
    assert ended.status is Status.FAILED
    assert reason in (ended.error or "")


async def test_an_empty_task_succeeds(site: Site):
    await succeeded(site, "")


async def test_the_bases_of_every_build_step_are_watched_before_the_first_run(site: Site):
    inner = f"{site.registry.host}/{site.name}/inner:1"
    steps = f"version: v1.1.0\nsteps:\n  - build: -t {inner} .\n  - build: -t app:1 -f Dockerfile.app .\n"
    site.write_app(None, **{"acb.yaml": steps, "Dockerfile.app": f"FROM {inner}\n"})
    step = {"type": "FileTask", "taskFilePath": "acb.yaml", "imageNames": None, "dockerFilePath": None}
    await site.put_task(**step)
    await site.drain()
    task = await task_rows.get(site.world, REGISTRY, "taskhello")
    assert task is not None
    assert [base.image.repository for base in task.edges.bases] == [f"{site.name}/node"]
    await site.push_base("2")
    (run,) = await on_push(site.world, site.base)
    assert run.run_type == "AutoRun"
    await site.drain()
    assert (await site.runs())[0].status is Status.SUCCEEDED


async def test_a_dockerfile_is_named_relative_to_the_working_directory(site: Site):
    site.write_app(None, **{"web/Dockerfile.web": f"FROM {site.base}\nRUN echo from-web > /made\n"})
    app = f"{site.registry.host}/{site.name}/web:1"
    steps = f"steps:\n  - build: -t {app} -f web/Dockerfile.web web\n  - cmd: {app} cat /made\n"
    _, log = await succeeded(site, steps, sourceLocation=site.context)
    assert "from-web" in log
