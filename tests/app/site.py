"""A whole Baselift on the in-memory store: real registry, git server and engine, and a clock that tests turn."""

import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from parts.gitserver import GitServer
from parts.registry import Registry

from baselift import wiring
from baselift.app import run_rows, task_rows
from baselift.app.change_task import change_task
from baselift.app.execute_run import execute_run
from baselift.app.reconcile import reconcile
from baselift.app.registrations import Registration, Registrations
from baselift.app.request_run import Ask, log_name, request_run
from baselift.app.scan_task import scan_task
from baselift.app.waves.drive import drive_member
from baselift.app.waves.followers import Place
from baselift.app.world import BUILDS, SCANS, WAVES, World
from baselift.arm import tasks
from baselift.arm.names import Scope
from baselift.domain import images, requests
from baselift.domain.builds import BuildOrder, Image, Source
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, Run
from baselift.engines.buildah import Buildah
from baselift.engines.isolated import Isolated
from baselift.memory.store import MemoryStore
from baselift.registry.client import Registries
from baselift.source.fetch import Sources

REGISTRY = "baselift"
SCOPE = Scope("00000000-0000-0000-0000-000000000000", "local", REGISTRY)
HOSTS = frozenset({"localhost", "127.0.0.1"})
BUSYBOX = Path("/bin/busybox")


async def go_on(world: World, plan: str, number: str) -> None:
    """What the queue of waves does."""
    await drive_member(world, Place(plan, int(number)))


@dataclass
class Clock:
    """Time as the tests want it; it also moves on its own, so that leases are renewed while builds run."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def turn(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Site:
    """One site's parts and what a test does with them."""

    directory: Path
    registry: Registry
    git: GitServer
    registries: Registries
    bases: dict[str, Image]
    """Built base images by version, kept for the session."""
    clock: Clock = field(default_factory=Clock)
    name: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        self.world = self.new_world()

    def new_world(self) -> World:
        """A process that begins on the store as it is."""
        key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        settings = wiring.load(
            {
                "AzureWebJobsStorage": "UseDevelopmentStorage=true",
                "BASELIFT_LOGIN_SERVER": self.registry.host,
                "BASELIFT_SECRET_KEY": key,
                "BASELIFT_WEBHOOK_SECRET": "secret",
                "BASELIFT_POLL_SECONDS": "0",
                "BASELIFT_STATE": str(self.directory),
                "BASELIFT_PLAIN_HTTP_HOSTS": ",".join(HOSTS),
            }
        )
        engine = Buildah(self.directory / "store", plain_http_hosts=HOSTS, layer_bytes=1 << 30)
        world = wiring.build(settings)
        return replace(
            world,
            registrations=Registrations(
                self.store, [Registration(REGISTRY, "local", self.registry.host)], world.unseal, self.clock
            ),
            tables=self.store,
            queues=self.store,
            blobs=self.store,
            registries=self.registries,
            sources=Sources(download=self._download, artifact=self.registries.artifact, plain_http_hosts=HOSTS),
            engine=lambda: Isolated(engine),
            containers=wiring.containers_of(lambda: engine),
            now=self.clock,
            lease=timedelta(seconds=30),
            poll=0.1,
        )

    async def _download(self, name: str, into: Path) -> None:
        await self.store.download(name, into, 1 << 30)

    @property
    def base(self) -> Reference:
        """The base image of this site's task."""
        return images.parse(f"{self.registry.host}/{self.name}/node:9-alpine")

    @property
    def context(self) -> str:
        return self.git.address(f"{self.name}.git")

    def write_app(self, dockerfile: str | None = None, **files: str) -> None:
        """Put the app's source on the git server."""
        text = dockerfile or f"FROM {self.base}\nRUN echo built-on $VERSION > /built\n"
        content = {"Dockerfile": text, **files}
        try:
            self.git.commit(f"{self.name}.git", content)
        except Exception:  # noqa: BLE001
            self.git.create(f"{self.name}.git", content)

    async def push_base(self, version: str, image: Reference | None = None) -> str:
        """Push the base with our own parts, outside any run; return its digest."""
        image = image or self.base
        if version not in self.bases:
            self.bases[version] = await self._build_base(version)
        digest = await self.registries.publish(self.bases[version], replace(image, tag=None), None)
        await self.registries.tag(image.at(digest), image.tag or "latest")
        return digest

    async def _build_base(self, version: str) -> Image:
        source, scratch = self.directory / f"base-{version}", self.directory / f"built-{version}"
        source.mkdir()
        scratch.mkdir()
        shutil.copy(BUSYBOX, source / "busybox")
        text = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
        (source / "Dockerfile").write_text(f"{text}ENV VERSION={version} PATH=/bin\n")

        async def ignore(_: bytes) -> None:
            return

        order = BuildOrder(Source(source, None, 0), "Dockerfile", {}, None, None)
        return await self.world.engine().build(order, scratch, ignore)

    async def put_task(self, name: str = "taskhello", world: World | None = None, **step: Any) -> None:
        """Create the task, or replace it."""
        await change_task(world or self.world, REGISTRY, name, lambda old: self.document(name, old, **step))

    def document(self, name: str, old: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        trigger = changes.pop("trigger", {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"})
        status = changes.pop("status", "Enabled")
        step = {
            "type": "Docker",
            "imageNames": [f"{self.name}/app:{{{{.Run.ID}}}}"],
            "dockerFilePath": "Dockerfile",
            "contextPath": self.context,
        } | changes
        body = {
            "location": "local",
            "properties": {
                "status": status,
                "platform": {"os": "linux", "architecture": "amd64"},
                "step": step,
                "trigger": {"baseImageTrigger": trigger} if trigger else {},
            },
        }
        now = self.clock().isoformat()
        return tasks.create(body, old, scope=SCOPE, name=name, now=now, ids=lambda: "id")

    async def ask(self, name: str = "taskhello", request: str | None = None, world: World | None = None) -> Run:
        """Ask for a run of the task, as a person does."""
        world = world or self.world
        task = await task_rows.get(world, REGISTRY, name)
        assert task is not None
        carried = requests.of_task(world.unseal(task.document))
        cause = Cause("request", request or secrets.token_hex(4), self.clock().isoformat())
        return await request_run(world, Ask(REGISTRY, cause, carried, "AutoBuild", name))

    async def drain(self, world: World | None = None) -> None:
        """Handle queue messages until there is none."""
        world = world or self.world
        handlers = {BUILDS: execute_run, SCANS: scan_task, WAVES: go_on}
        while any(self.store.messages(queue) for queue in handlers):
            for queue, handle in handlers.items():
                for text in self.store.receive(queue, 1):
                    await handle(world, *text.split())

    async def settle(self, world: World | None = None) -> None:
        """Reconcile and drain until nothing is left to do: what the passing of time does."""
        world = world or self.world
        for _ in range(12):
            with suppress(ExceptionGroup):
                await reconcile(world)
            await self.drain(world)
            if not [row async for row in self.store.query(run_rows.ACTIVE)]:
                return
            self.clock.turn(world.lease.total_seconds() + 1)
        raise AssertionError("runs do not end")

    async def runs(self) -> list[Run]:
        """All runs, newest first."""
        return [run async for run in run_rows.newest(self.world, REGISTRY)]

    async def log(self, run: Run) -> str:
        data, _ = await self.store.read_log(log_name(run))
        return data.decode()

    async def tag(self, reference: str) -> str | None:
        """Digest of an image in the registry."""
        return await self.world.registries.digest(images.parse(f"{self.registry.host}/{self.name}/{reference}"))
