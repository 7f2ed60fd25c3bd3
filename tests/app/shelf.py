"""A Baselift on the in-memory store whose bases are on a shelf: a small registry that tests arrange at will."""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from app.quick import Quick
from app.site import REGISTRY, SCOPE

from baselift.app import edges, keys, task_rows
from baselift.app.change_task import change_task
from baselift.app.plan_build import pin
from baselift.arm import tasks
from baselift.domain.dockerfile import Edge
from baselift.domain.images import Reference
from baselift.domain.runs import Run
from baselift.registry.client import Registries
from baselift.registry.retry import Retry

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = b'{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}'


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Shelf:
    """Documents by repository and tag or digest, and what the registry answers instead of them."""

    host: str = ""
    documents: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Method, repository and reference of each request."""
    instead: tuple[int, Mapping[str, str]] | None = None
    """Status and headers for every request."""
    refused: Collection[str] = ()
    """Repositories that nobody may read."""
    wanted: str = ""
    """The Authorization header without which nobody gets in."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of every answer."""

    def image(self, name: str) -> Reference:
        repository, _, tag = name.partition(":")
        return Reference(self.host, repository, tag)

    def put(self, repository: str, document: Mapping[str, Any], tag: str = "") -> str:
        body, kind = json.dumps(document).encode(), str(document["mediaType"])
        for name in filter(None, (sha(body), tag)):
            self.documents[repository, name] = body, kind
        return sha(body)

    def manifest(self, name: str, content: str = "") -> str:
        """Push a plain image whose digest depends on the content; without a tag, only by digest."""
        repository, _, tag = name.partition(":")
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(CONFIG), "size": len(CONFIG)}
        note = {"content": content or secrets.token_hex(8)}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "annotations": note}
        return self.put(repository, document, tag)

    def index(self, name: str, *entries: Mapping[str, Any]) -> str:
        """Push an index; without a tag, only by digest."""
        repository, _, tag = name.partition(":")
        return self.put(repository, {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}, tag)

    def entry(self, name: str, platform: str, content: str = "") -> dict[str, Any]:
        """An entry of an index, with its manifest pushed."""
        digest = self.manifest(name.partition(":")[0], content)
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        return {"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": parts}

    def heads(self) -> list[str]:
        return [each.removeprefix("HEAD ") for each in self.asked if each.startswith("HEAD ")]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        repository, _, rest = request.path.removeprefix("/v2/").partition("/")
        kind, _, reference = rest.partition("/")
        self.asked.append(f"{request.method} {repository}:{reference}")
        if self.instead is not None:
            return web.Response(status=self.instead[0], headers=self.instead[1])
        if self.wanted and request.headers.get("Authorization") != self.wanted:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="shelf"'})
        if repository in self.refused:
            return web.Response(status=403)
        found = (CONFIG, "text/plain") if kind == "blobs" else self.documents.get((repository, reference))
        if found is None:
            return web.Response(status=404)
        told = {"Docker-Content-Digest": sha(found[0])} if kind == "manifests" else {}
        return web.Response(body=found[0], content_type=found[1], headers=told | dict(self.headers))


class Shelved(Quick):
    """Such a Baselift and what a test does with it."""

    def __init__(self, directory: Path, shelf: Shelf) -> None:
        super().__init__(directory)
        self.shelf = shelf
        self.registries = Registries(plain_http_hosts=["127.0.0.1"], retry=Retry(attempts=1), timeout=5)
        self.world = replace(self.world, registries=self.registries)

    async def follow(self, task: str, *images: Reference, platform: str = "linux/amd64") -> None:
        """Create a task that was found to be built on these images as they are now."""
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        step = {
            "type": "Docker",
            "imageNames": [f"{task}:{{{{.Run.ID}}}}"],
            "dockerFilePath": "Dockerfile",
            "contextPath": "https://git.invalid/app.git",
        }
        trigger = {"name": "base", "baseImageTriggerType": "All", "status": "Enabled"}
        body = {
            "location": "local",
            "properties": {"platform": parts, "step": step, "trigger": {"baseImageTrigger": trigger}},
        }
        now = self.clock().isoformat()
        await change_task(
            self.world,
            REGISTRY,
            task,
            lambda old: tasks.create(body, old, scope=SCOPE, name=task, now=now, ids=lambda: "id"),
        )
        await self.stand(task, *images, platform=platform)

    async def stand(self, task: str, *images: Reference, platform: str = "linux/amd64") -> None:
        """Record the images as they are now as what the task was built on."""
        stored = await task_rows.get(self.world, REGISTRY, task)
        assert stored is not None
        uses = [(await pin(self.world, Edge("Runtime", str(image), image, 1), platform, {}))[0] for image in images]
        await edges.record(self.world, stored, uses, built=True)

    async def caused(self) -> list[Run]:
        """The runs that moved bases caused, oldest first."""
        return [run for run in await self.runs() if run.cause.kind == "image"]

    async def edge(self, task: str, image: Reference) -> Any:
        key = keys.dependent(REGISTRY, task)
        return await self.store.get("dependents", keys.dependents_partition(str(image), keys.shard(key)), key)


@asynccontextmanager
async def shelved(directory: Path, shelves: int = 1) -> AsyncIterator[tuple[Shelved, list[Shelf]]]:
    """A Baselift with so many registries."""
    made, runners = [], []
    for _ in range(shelves):
        shelf = Shelf()
        runner = web.ServerRunner(web.Server(shelf.answer), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shelf.host = f"127.0.0.1:{runner.addresses[0][1]}"
        made.append(shelf)
        runners.append(runner)
    site = Shelved(directory, made[0])
    try:
        yield site, made
    finally:
        await site.registries.close()
        for runner in runners:
            await runner.cleanup()
