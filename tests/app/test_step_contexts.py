"""Where the builds of a run get their source from, and which token or login goes there."""

import asyncio
import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from app.site import HOSTS, REGISTRY, Site
from app.test_run_file import run, succeeded
from parts.gitserver import GitServer

from baselift.app import credentials, task_rows
from baselift.app.registrations import Registration, Registrations
from baselift.domain.builds import Credential
from baselift.domain.runs import Status
from baselift.source.fetch import Sources

TOKEN = f"ghp_{hashlib.sha256(b'a token of this test').hexdigest()[:32]}"


@pytest.fixture
def private(tmp_path: Path) -> Iterator[GitServer]:
    """A git server that opens to the token alone."""
    part = GitServer.start(tmp_path / "private", token=TOKEN)
    yield part
    part.stop()


class Watch:
    """Looks at arguments and environment of every process of the machine, over and over, until it is left."""

    def __init__(self, *secrets: bytes) -> None:
        self._secrets = secrets
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.leaks: set[str] = set()
        self.git = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.005):
            for name in ("cmdline", "environ"):
                for file in Path("/proc").glob(f"[0-9]*/{name}"):
                    with suppress(OSError):
                        content = file.read_bytes()
                        self.git = self.git or b"remote-http" in content
                        self.leaks |= {str(file) for secret in self._secrets if secret in content}


def forms(secret: str) -> tuple[bytes, ...]:
    """A secret as it is, and as a Basic login has it."""
    return secret.encode(), base64.b64encode(f"x-access-token:{secret}".encode())


async def test_a_private_repository_is_built_and_its_token_is_nowhere(site: Site, private: GitServer):
    context = private.create("secret-app", {"Dockerfile": f"FROM {site.base}\nRUN echo built of a private source\n"})
    request = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "sourceLocation": context}
    wrong, _ = await run(site, "", **request)
    assert wrong.status is Status.FAILED
    assert "may not be read" in (wrong.error or "")
    image = f"{site.name}/private:1"
    with Watch(*forms(TOKEN)) as watch:
        ended, log = await run(
            site, "", **request | {"contextAccessToken": TOKEN, "imageNames": [image], "isPushEnabled": True}
        )
    assert ended.status is Status.SUCCEEDED, log
    assert "built of a private source" in log
    assert watch.git
    assert watch.leaks == set()
    assert await site.tag("private:1") is not None
    files = await asyncio.to_thread(
        lambda: [p for p in site.directory.rglob("*") if p.is_file() and not p.is_symlink()]
    )
    assert files
    assert [str(path) for path in files if any(form in path.read_bytes() for form in forms(TOKEN))] == []
    assert not any(form in log.encode() for form in forms(TOKEN))


async def test_a_remote_context_gets_the_runs_token_on_its_own_host_only(site: Site, private: GitServer):
    dockerfile = {"sub/Dockerfile": f"FROM {site.base}\nRUN echo built of the other\n"}
    other, mine = private.create("other", dockerfile), private.create("mine", {"file": "1"})
    steps = f"steps:\n- build: -t {site.registry.host}/{site.name}/other:1 {other}#master:sub\n"
    _, log = await succeeded(site, steps, sourceLocation=mine, contextAccessToken=TOKEN)
    assert "built of the other" in log
    elsewhere, log = await run(site, steps, sourceLocation=site.context, contextAccessToken=TOKEN)
    assert elsewhere.status is Status.FAILED
    assert "may not be read" in (elsewhere.error or "")


async def test_a_scan_reads_a_remote_context_of_a_build_step_as_a_run_would(site: Site, private: GitServer):
    other = private.create("scanned", {"sub/Dockerfile": f"FROM {site.base}\n"})
    steps = f"steps:\n- build: -t {site.registry.host}/{site.name}/other:1 {other}#master:sub\n"
    mine = private.create("scanning", {"task.yaml": steps})
    step = {"type": "FileTask", "taskFilePath": "task.yaml", "contextPath": mine, "contextAccessToken": TOKEN}
    await site.put_task(imageNames=None, dockerFilePath=None, **step)
    await site.drain()
    task = await task_rows.get(site.world, REGISTRY, "taskhello")
    assert task is not None
    assert task.edges.problem == ""
    assert [base.image.reference for base in task.edges.bases] == [str(site.base)]


async def test_an_artifact_in_a_registry_is_a_context(site: Site):
    """An image of the registry is one too: its layers are archives."""
    site.write_app(f"FROM {site.base}\nCOPY . /\n", file="of the artifact\n")
    image = f"{site.name}/context:1"
    _, log = await succeeded(
        site,
        "",
        type="DockerBuildRequest",
        dockerFilePath="Dockerfile",
        sourceLocation=site.context,
        imageNames=[image],
        isPushEnabled=True,
    )
    steps = f"""
steps:
- cmd: {site.base} cat file
- build: -t {site.registry.host}/{site.name}/again:1 oci://{site.registry.host}/{image}
"""
    _, log = await succeeded(site, steps, sourceLocation=f"oci://{site.registry.host}/{image}")
    assert "of the artifact" in log.splitlines()
    # The registry's alias, as Azure's users write it, of the run's source and of the step's.
    alias = f"{REGISTRY}.azurecr.io"
    _, log = await succeeded(
        site, steps.replace("oci://" + site.registry.host, "oci://" + alias), sourceLocation=f"oci://{alias}/{image}"
    )
    assert "of the artifact" in log.splitlines()
    absent, _ = await run(site, steps, sourceLocation=f"oci://{site.registry.host}/{site.name}/absent:1")
    assert f"the artifact {site.registry.host}/{site.name}/absent:1 does not exist" in (absent.error or "")


async def test_an_artifact_is_fetched_with_the_login_of_its_registry(site: Site):
    seen: list[Credential | None] = []

    async def pull(reference: Any, into: Path, limit: int, credential: Credential | None) -> list[Any]:
        seen.append(credential)
        return []

    async def nothing(name: str, file: Path) -> None:
        raise KeyError(name)

    site.world = replace(site.world, sources=Sources(download=nothing, artifact=pull, plain_http_hosts=HOSTS))
    login = {"userName": {"type": "Opaque", "value": "me"}, "password": {"type": "Opaque", "value": "word"}}
    given = {"credentials": {"customRegistries": {"art.example": login}}}
    for host in ("art.example", "other.example"):
        await run(site, "steps: []\n", sourceLocation=f"oci://{host}/a:1", **given)
    assert seen == [Credential("me", "word"), None]


async def test_login_mode_none_uses_no_registered_login(site: Site):
    host = site.registry.host
    login = {"userName": {"type": "Opaque", "value": "me"}, "password": {"type": "Opaque", "value": "word"}}
    sealed = site.world.seal({"credentials": {"customRegistries": {host: login}}})["credentials"]["customRegistries"]
    own = Registration(REGISTRY, "local", host, secrets=sealed)
    world = replace(site.world, registrations=Registrations(site.store, [own], site.world.unseal, site.clock))
    assert await credentials.for_request(world, {}) == {host: Credential("me", "word")}
    request = {"credentials": {"sourceRegistry": {"loginMode": "None"}}}
    assert await credentials.for_request(world, request) == {}
