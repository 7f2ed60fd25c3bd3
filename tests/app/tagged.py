"""A task whose runs left tags with their ids, in a real registry."""

import asyncio
import json
import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from app.quick import Quick
from app.site import REGISTRY, SCOPE
from parts.registry import Registry

from baselift.app import run_rows, task_rows
from baselift.app.change_task import change_task
from baselift.app.numbers import SEQS
from baselift.app.owntags import rows
from baselift.app.owntags.expire import expire_tags
from baselift.app.owntags.keep import TagKeeping, keep_tags, tag_keeping
from baselift.app.ports import Row
from baselift.app.registrations import Registration, Registrations
from baselift.app.retention import expire as expire_runs
from baselift.arm import tasks
from baselift.domain.builds import Image
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status, run_id
from baselift.registry.client import Registries

TASK = "taskhello"
HOUR, DAY = 3600, 24 * 3600


class Kept:
    """A task whose runs are over, and a real registry that has what they pushed."""

    def __init__(self, directory: Path, host: str, registries: Registries) -> None:
        self.quick, self.host, self.registries = Quick(directory), host, registries
        self.clock, self.store = self.quick.clock, self.quick.store
        world = self.quick.world
        registered = Registrations(self.store, [Registration(REGISTRY, "local", host)], world.unseal, self.clock)
        self.world = replace(world, registries=registries, registrations=registered)
        self.repository = Reference(host, f"kept/{secrets.token_hex(4)}")
        self.last = 0

    async def expire_runs(self) -> None:
        """What deletes old runs; it goes by the numbers that were given."""
        await self.store.upsert(SEQS, Row(REGISTRY, "seq", {"next": self.last + 1}))
        await expire_runs(self.world)

    async def put_task(self, name: str = TASK, **properties: Any) -> None:
        def change(old: dict[str, Any] | None) -> dict[str, Any]:
            step = {"type": "Docker", "imageNames": ["a:{{.Run.ID}}"], "dockerFilePath": "Dockerfile"}
            body = {
                "location": "local",
                "properties": {"platform": {"os": "linux"}, "step": step | {"contextPath": "https://git.example/a.git"}}
                | properties,
            }
            return tasks.create(body, old, scope=SCOPE, name=name, now=self.clock().isoformat(), ids=lambda: "id")

        await change_task(self.world, REGISTRY, name, change)

    async def push(self, *tags: str, content: str = "") -> str:
        """Push an image under tags; the same content is the same image."""
        text = content or secrets.token_hex(8)
        config = {"architecture": "amd64", "os": "linux", "comment": text, "rootfs": {"type": "layers", "diff_ids": []}}
        digest = await self.registries.publish(Image(json.dumps(config).encode(), (), {}), self.repository, None)
        for tag in tags:
            await self.registries.tag(self.repository.at(digest), tag)
        return digest

    async def run(
        self, content: str = "", *, status: Status = Status.SUCCEEDED, task: str = TASK, **changes: Any
    ) -> Run:
        """A run that pushed one image under its id and under `latest`."""
        self.last += 1
        name = run_id("cb", self.last)
        digest = await self.push(name, "latest", content=content)
        repository = (self.repository.registry, self.repository.repository)
        outputs = tuple(ImageDescriptor(*repository, tag, digest) for tag in (name, "latest"))
        now = self.clock()
        made = Run(REGISTRY, self.last, name, Cause("request", name), {}, now, "AutoBuild", status=status, task=task)
        own = (str(self.image(name)),)
        made = replace(made, outputs=outputs, own_tags=own, finished=now if status.final else None, **changes)
        await run_rows.point(self.world, made)
        await run_rows.add(self.world, made)
        found = await task_rows.get(self.world, REGISTRY, task)
        if found is not None and found.keep:
            await rows.record(self.world, made)
        return made

    def image(self, tag: str) -> Reference:
        return replace(self.repository, tag=tag)

    async def tags(self) -> list[str]:
        found = await self.registries.standing(self.repository, 100)
        assert found is not None
        return sorted(tag for tag, digests in found.items() if digests)

    async def keep(self, runs: int) -> None:
        await keep_tags(self.world, REGISTRY, TASK, runs)

    async def later(self, seconds: float = 9 * HOUR, rounds: int = 3) -> TagKeeping:
        self.clock.turn(seconds)
        for _ in range(rounds):
            await expire_tags(self.world)
        return await tag_keeping(self.world, REGISTRY, TASK)

    async def why(self, run: Run) -> str:
        found = await tag_keeping(self.world, REGISTRY, TASK)
        return next((left.why for left in found.left if left.image == str(self.image(run.id))), "")


class Untagging:
    """The registry as one that deletes single tags, and as one that is away.

    What the real one lacks is done as its next version does it: the link that a tag is goes from the store.
    """

    def __init__(self, registry: Registry, store: Path) -> None:
        self._url, self._store = registry.url, store / "data" / "docker" / "registry" / "v2" / "repositories"
        self.calls: list[str] = []
        self.away, self.answers, self.locked = False, True, ""

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.calls.append(request.method)
        repository, _, name = request.path.removeprefix("/v2/").partition("/manifests/")
        if not self.answers:
            await asyncio.sleep(5)
        if self.away:
            return web.Response(status=503)
        if request.method == "DELETE" and name == self.locked:
            return web.Response(status=403)
        if request.method == "DELETE" and not name.startswith("sha256:"):
            shutil.rmtree(self._store / repository / "_manifests" / "tags" / name)
            return web.Response(status=202)
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        body = await request.read()
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(request.method, self._url + request.path_qs, data=body, headers=headers) as got,
        ):
            given = {
                name: got.headers[name]
                for name in ("Content-Type", "Docker-Content-Digest", "Location")
                if name in got.headers
            }
            return web.Response(status=got.status, body=await got.read(), headers=given)
