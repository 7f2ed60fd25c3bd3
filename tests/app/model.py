"""A whole Baselift without a process beside it: tables and queues in memory, a registry, git hosts and an engine that
follow the same ports, and a clock that stands still. What is tested on it is the order of reads and writes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.site import REGISTRY, SCOPE

from baselift import wiring
from baselift.app import base_rows, run_rows, task_rows
from baselift.app.change_task import change_task
from baselift.app.execute_run import execute_run
from baselift.app.look import look
from baselift.app.notifications.deliver import deliver
from baselift.app.reconcile import reconcile
from baselift.app.registrations import Registration, Registrations
from baselift.app.request_run import Ask, request_run
from baselift.app.scan_task import scan_task
from baselift.app.waves.drive import drive_member
from baselift.app.waves.followers import Place
from baselift.app.world import BUILDS, LOOKS, NOTICES, SCANS, WAVES, World
from baselift.arm import tasks
from baselift.domain import images, requests
from baselift.domain.builds import BuildOrder, Failure, Image, Source
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, Run
from baselift.memory.store import MemoryStore
from baselift.registry.errors import unreachable

QUIET = 2
"""Rounds in which nothing is to be done, after which nothing will be: what waits to be asked again waits one."""
HOST = "registry.example"
"""Nothing is ever sent to it."""


@dataclass(frozen=True)
class Here:
    """What a tag names: a plain image."""

    digest: str
    index: bool = False
    pause: float = 0.0
    config: Mapping[str, Any] = field(default_factory=dict)
    reusable: tuple[str, ...] = ()

    @property
    def manifest_digest(self) -> str:
        return self.digest


@dataclass
class ModelRegistry:
    """Tags and where they are. `away`: it does not answer."""

    tags: dict[str, str] = field(default_factory=dict)
    away: bool = False
    moves: int = 0

    def move(self, image: str, digest: str) -> bool:
        """Push the tag to a digest; True when it was elsewhere."""
        moved = self.tags.get(image) != digest
        self.tags[image] = digest
        self.moves += moved
        return moved

    async def find(self, ref: Reference, _: object = None) -> Here | None:
        self._answer(ref)
        digest = ref.digest or self.tags.get(str(ref))
        return None if digest is None else Here(digest)

    async def resolve(self, ref: Reference, _platform: str, _: object = None) -> Here | None:
        return await self.find(ref)

    async def digest(self, ref: Reference, _: object = None) -> str | None:
        found = await self.find(ref)
        return found.digest if found else None

    async def platforms(self, ref: Reference, _: object = None) -> dict[str, str] | None:
        found = await self.find(ref)
        return {"": found.digest} if found else None

    async def publish(self, image: Image, *_: object) -> str:
        return digest_of(image.config)

    async def tag(self, image: Reference, tag: str, _: object = None) -> None:
        self._answer(image)
        self.move(f"{image.name}:{tag}", image.digest or "")

    def _answer(self, ref: Reference) -> None:
        if self.away:
            raise unreachable(ref.registry, f"the look at {ref}", "connection refused")


class ModelEngine:
    """The image of an order is made of the bases and the commit."""

    name = "model"

    async def build(self, order: BuildOrder, _scratch: Path, _log: object) -> Image:
        made = {"bases": dict(sorted(order.bases.items())), "commit": order.source.commit}
        return Image(json.dumps(made).encode(), (), {})


@dataclass
class ModelSources:
    """Files by context."""

    files: dict[str, Mapping[str, str]] = field(default_factory=dict)

    async def fetch(self, context: str | None, _token: str | None, into: Path, *_: object, **__: object) -> Source:
        if context not in self.files:
            raise Failure(f"repository {context} does not exist")
        into.mkdir(parents=True, exist_ok=True)
        for name, text in self.files[context].items():
            (into / name).write_text(text)
        return Source(into, "0" * 40, 0)


@dataclass
class Standing:
    """A clock that stands still until it is turned."""

    time: datetime = datetime(2026, 11, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def version(name: object) -> str:
    """Digest of a version of a base."""
    return digest_of(f"version {name}".encode())


class Model:
    """One such Baselift and what a test does with it."""

    def __init__(self, directory: Path) -> None:
        self.clock = Standing()
        self.store = MemoryStore(self.clock)
        self.registry = ModelRegistry()
        self.sources = ModelSources()
        engine = ModelEngine()
        given = {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "BASELIFT_LOGIN_SERVER": HOST,
            "BASELIFT_SECRET_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "BASELIFT_WEBHOOK_SECRET": "secret",
            "BASELIFT_STATE": str(directory),
        }
        world = wiring.build(wiring.load(given))
        registered = [Registration(REGISTRY, "local", HOST)]
        self.world: World = replace(
            world,
            registrations=Registrations(self.store, registered, world.unseal, self.clock),
            tables=self.store,
            queues=self.store,
            blobs=self.store,
            registries=self.registry,
            sources=self.sources,
            engine=lambda: engine,
            now=self.clock,
            lease=timedelta(seconds=30),
            periods={"": 0.0},
            poll=0.1,
        )

    async def put_task(self, name: str, dockerfile: str, world: World | None = None, **given: Any) -> None:
        """Create a task of this Dockerfile, or replace it. Its source is read when the queues are drained."""
        context = f"https://git.example/{name}.git"
        self.sources.files[context] = {"Dockerfile": dockerfile, **given.pop("files", {})}
        kind, on = given.pop("kind", "Runtime"), given.pop("on", True)
        status = given.pop("status", "Enabled")
        step = {
            "type": "Docker",
            "imageNames": [f"{name}:latest"],
            "dockerFilePath": "Dockerfile",
            "contextPath": context,
        } | given
        state = "Enabled" if on else "Disabled"
        trigger = {"name": "base", "baseImageTriggerType": kind, "status": state}
        properties = {
            "status": status,
            "platform": {"os": "linux", "architecture": "amd64"},
            "step": step,
            "trigger": {"baseImageTrigger": trigger},
        }
        body = {"location": "local", "properties": properties}

        def change(old: dict[str, Any] | None) -> dict[str, Any]:
            now = self.clock().isoformat()
            return tasks.create(body, old, scope=SCOPE, name=name, now=now, ids=lambda: "id")

        await change_task(world or self.world, REGISTRY, name, change)

    async def ask(self, name: str, request: str, world: World | None = None) -> Run:
        """Ask for a run of the task, as a person does."""
        world = world or self.world
        task = await task_rows.get(world, REGISTRY, name)
        assert task is not None
        carried = requests.of_task(world.unseal(task.document))
        cause = Cause("request", request, self.clock().isoformat())
        return await request_run(world, Ask(REGISTRY, cause, carried, "AutoBuild", name))

    async def handle(self, queue: str, text: str, world: World | None = None) -> None:
        """Answer one message, a moment later than the one before."""
        self.clock.turn(0.001)
        await HANDLERS[queue](world or self.world, *text.split())

    def waiting(self) -> list[tuple[str, str]]:
        """Queue and text of every message that is visible."""
        return [(queue, text) for queue in sorted(HANDLERS) for text in self.store.messages(queue)]

    def take(self, queue: str, text: str) -> None:
        """Take one message off its queue, wherever in it it is."""
        held = self.store._queues[queue]
        held.remove(next(message for message in held if message.text == text and message.visible <= self.clock()))

    async def drain(self) -> None:
        """Handle messages until there is none that is visible."""
        while waiting := self.waiting():
            queue, text = waiting[0]
            self.take(queue, text)
            await self.handle(queue, text)

    async def settle(self, rounds: int = 12) -> None:
        """Reconcile and drain until nothing is left to do: what the passing of time does."""
        quiet = 0
        for _ in range(rounds):
            await reconcile(self.world)
            worked = bool(self.waiting())
            await self.drain()
            self.clock.turn(self.world.lease.total_seconds() * 2 + 1)
            active = [row async for row in self.store.query(run_rows.ACTIVE)]
            quiet = 0 if worked or active else quiet + 1
            if quiet == QUIET:
                return

    async def runs(self, task: str | None = None) -> list[Run]:
        """Runs, newest first."""
        return [run async for run in run_rows.newest(self.world, REGISTRY) if task in (None, run.task)]


async def _wave(world: World, plan: str, number: str) -> None:
    await drive_member(world, Place(plan, int(number)))


async def _look(world: World, name: str, *_: str) -> None:
    stored = await base_rows.get(world, images.parse(name))
    if stored is not None:
        await look(world, stored)


HANDLERS: dict[str, Any] = {BUILDS: execute_run, SCANS: scan_task, WAVES: _wave, LOOKS: _look, NOTICES: deliver}


def image(name: str) -> Reference:
    """An image of the registry."""
    return images.parse(f"{HOST}/{name}")
