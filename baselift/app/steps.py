"""Carry out the steps of one run of a task file: builds, pushes and containers that share a workspace."""

import asyncio
import contextlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from baselift.app.build_run import build, directory
from baselift.app.layers import on_layers
from baselift.app.lease import Lease
from baselift.app.plan_build import Plan, plan_build
from baselift.app.ports import Containers, Log, Running
from baselift.app.push_image import put_tag, upload
from baselift.app.run_log import RunLog
from baselift.app.step_build import Fetching, build_file, build_request, build_source, equipped, limits_of
from baselift.app.world import World
from baselift.domain import images, tasks
from baselift.domain.builds import Credential, Failure, Image, Source
from baselift.domain.containers import ContainerOrder
from baselift.domain.contexts import is_remote
from baselift.domain.images import Reference
from baselift.domain.limits import of_agent
from baselift.domain.runs import BaseUse, ImageDescriptor
from baselift.domain.taskfile import PUSH_ATTEMPTS, ErrorWatch, Kind, Status, Step, TaskFile, attempts, backoff

_GRACE = 2.0
"""Seconds that a service has to end when its run does; ACR's engine gives none."""
_FOR_ALL = 0o755
"""Of what containers mount, as docker's volumes are: many images run as another user than root. Run scratch is ours."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run's steps work, and with what."""

    request: Mapping[str, Any]
    """Unsealed."""
    source: Source
    """Its root is the workspace."""
    scratch: Path
    server: str
    """Login server of the run's registry."""
    credentials: Mapping[str, Credential] = field(repr=False)
    secrets: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """An image that a step of this run built."""

    plan: Plan
    image: Image
    step: str


@dataclass(frozen=True, slots=True)
class Used:
    """An image that a container is made of."""

    name: str
    """As `ContainerOrder.image` wants it."""
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()

    @classmethod
    def of(cls, name: str, config: Mapping[str, Any]) -> "Used":
        """With what an OCI image config says that it runs."""
        runs = config.get("config") or {}
        return cls(name, tuple(runs.get("Entrypoint") or ()), tuple(runs.get("Cmd") or ()))


class Steps:
    """The steps' common state: images that were built, containers that stay, what was pushed."""

    def __init__(self, world: World, lease: Lease, log: RunLog, site: Site, file: TaskFile) -> None:
        self._world, self._lease, self._log, self._site, self._file = world, lease, log, site, file
        self._made: dict[Reference, Made] = {}
        self._kept: dict[Reference, str] = {}
        self._pulled: dict[str, Used] = {}
        self._detached: list[Running] = []
        self._stack = contextlib.AsyncExitStack()
        self._containers: Containers | None = None
        self._starting = asyncio.Lock()
        self.outputs: list[ImageDescriptor] = []
        self.bases: list[BaseUse] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            await asyncio.gather(*(running.stop(_GRACE) for running in self._detached))
        finally:
            await self._stack.aclose()

    async def carry_out(self, step: Step) -> None:
        """Run a step with its delay, repetitions, retries and timeout.

        Raises:
            Failure: with the cause.
        """
        await asyncio.sleep(step.start_delay)
        where = step.working_directory or ""
        told = f"Timeout(sec): {step.timeout}, Working directory: '{where}'"
        await self._log.line(f"Executing step ID: {step.id}. {told}")
        began = asyncio.get_running_loop().time()
        try:
            await self._in_time(step)
        except Failure as failure:
            goes_on = "; ignoreErrors: the run goes on" if step.ignore_errors else ""
            await self._log.line(f"Step ID: {step.id} failed: {failure}{goes_on}")
            raise
        elapsed = asyncio.get_running_loop().time() - began
        await self._log.line(f"Step ID: {step.id} marked as successful (elapsed time in seconds: {elapsed:.3f})")

    async def conclude(self, statuses: Mapping[str, Status]) -> None:
        """Say in the log which steps did not come to their end."""
        for step, status in statuses.items():
            if status in (Status.IN_PROGRESS, Status.SKIPPED):
                await self._log.line(f"Step ID: {step} marked as {status}")

    async def _in_time(self, step: Step) -> None:
        if step.pull and step.command is not None:
            await self._pull(step, await self._reference(step.command.image))
        try:
            async with asyncio.timeout(step.timeout):
                await self._repeat(step)
        except TimeoutError:
            raise Failure("timed out") from None

    async def _pull(self, step: Step, image: Reference) -> None:
        """Have the registry's image for a step that wants it so, whatever this run has built under its name."""
        for tries_left in range(step.pull_retries, -1, -1):
            await self._log.line(f"Pulling image: {image}")
            try:
                self._pulled[step.id] = await self._resolve(image)
            except Failure:
                if not tries_left:
                    raise
                await asyncio.sleep(max(step.pull_retry_delay, 0))
            else:
                return

    async def _repeat(self, step: Step) -> None:
        problems = []
        for _ in range(attempts(step).repetitions):
            try:
                await self._retry(step)
            except Failure as failure:
                problems.append(str(failure))
        if problems:
            raise Failure(", ".join(problems))

    async def _retry(self, step: Step) -> None:
        plan, began, tried = attempts(step), asyncio.get_running_loop().time(), 0
        while True:
            watch = ErrorWatch(step.retry_on_errors)

            async def write(data: bytes, watch: ErrorWatch = watch) -> None:
                watch.feed(data)
                await self._log.write(data)

            tried += 1
            try:
                await self._once(step, write)
            except Failure as failure:
                watch.feed(f"\n{failure}".encode())
                elapsed = asyncio.get_running_loop().time() - began
                pause = plan.pause(tried, elapsed, retryable=watch.retryable)
                if pause is None:
                    raise
                await self._log.line(f"Step ID: {step.id} failed: {failure}. Trying again in {pause:g} s")
                await asyncio.sleep(pause)
            else:
                return

    async def _once(self, step: Step, write: Log) -> None:
        if step.kind is Kind.BUILD:
            await self._build(step, write)
        elif step.kind is Kind.PUSH:
            for name in step.images:
                await self._push(await self._reference(name))
        else:
            await self._run(step, write)

    async def _build(self, step: Step, write: Log) -> None:
        command = step.build
        if command is None:
            raise Failure("the step has no build")
        source = await self._source(step, command.context)
        file = build_file(step, command, source, self._site.source)
        request = build_request(command, file, self._site.request, self._site.secrets)
        plan = await plan_build(self._world, request, source, self._own)
        plan = equipped(plan, step, self._site.source, self._file.volumes, self._site.secrets)
        plan = await self._on_layers(plan, step)
        scratch = self._site.scratch / f"build-{step.id}-{self._world.token()[:6]}"
        image = await build(self._world, plan, self._log, scratch, write)
        self.bases.extend(plan.bases)
        for tag in command.tags:
            reference = await self._reference(tag)
            self._made[reference] = Made(plan, image, step.id)
            self._kept.pop(reference, None)

    async def _on_layers(self, plan: Plan, step: Step) -> Plan:
        run = self._lease.run
        if step.cache and run.task is None:
            await self._log.line(f"Step ID: {step.id}: cache: of no effect; layers are kept for runs of a task only")
        wanted = bool(self._site.request.get("layerCache")) if step.cache is None else step.cache
        return on_layers(plan, run, wanted=wanted, step=step.id)

    async def _source(self, step: Step, context: str) -> Source:
        if is_remote(context):
            await self._log.line(f"Fetching the context of step ID: {step.id}...")
        into = self._site.scratch / f"context-{self._world.token()[:6]}"
        remote = Fetching(self._site.request, self._site.credentials, into)
        return await build_source(self._world, step, context, self._site.source, remote)

    async def _push(self, name: Reference) -> None:
        made = self._made.get(name)
        if made is None:
            raise Failure(f"image {name} was not built in this run: name it with -t in a build step before")
        for tried in range(1, PUSH_ATTEMPTS + 1):
            try:
                await self._log.line(f"Pushing image: {name}, attempt {tried}")
                digest = await upload(self._world, made.plan, made.image, name)
                known = self._site.credentials
                self.outputs.append(await put_tag(self._world, self._lease, self._log, name, digest, known))
            except Failure:
                if tried == PUSH_ATTEMPTS:
                    raise
                await asyncio.sleep(backoff(tried))
            else:
                return

    async def _own(self, image: Reference) -> Reference | None:
        """An image of this run as a base of another: by digest, in its own repository."""
        made = self._made.get(image)
        return None if made is None else image.at(await upload(self._world, made.plan, made.image, image))

    async def _run(self, step: Step, write: Log) -> None:
        containers = await self._open()
        order = await self._order(step, containers)
        scratch = directory(self._site.scratch / f"step-{step.id}-{self._world.token()[:6]}")
        if step.detach:
            self._detached.append(await containers.start(order, scratch, write))
            return
        code = await containers.run(order, scratch, write)
        if code:
            raise Failure(f"exit status {code}")

    async def _open(self) -> Containers:
        async with self._starting:
            if self._containers is None:
                self._site.source.root.chmod(_FOR_ALL)
                opened = self._world.containers(self._site.credentials, self._site.secrets)
                self._containers = await self._stack.enter_async_context(opened)
        return self._containers

    async def _order(self, step: Step, containers: Containers) -> ContainerOrder:
        command = step.command
        if command is None:
            raise Failure("the step has no command")
        used = await self._used(step, command.image, containers)
        entrypoint = _words(step.entry_point) if step.entry_point else None
        words: Sequence[str] = command.words
        if command.shell:
            await self._log.line(f"Step ID: {step.id}: its text needs a shell: /bin/sh of the image runs it")
            own = (entrypoint, ()) if entrypoint else (used.entrypoint, used.command)
            shell, *words = command.argv(*own)
            entrypoint = (shell,)
        return ContainerOrder(
            image=used.name,
            name=step.id,
            command=words,
            workspace=self._site.source.root,
            home=self._directory("home"),
            entrypoint=entrypoint,
            env=step.env,
            user=step.user or None,
            working_directory=step.working_directory,
            volumes=[(mount.path, self._volume(mount.volume)) for mount in step.mounts],
            hosts=[each.id for each in self._file.steps],
            network=step.network if step.network in ("host", "none") else "run",  # type: ignore[arg-type]
            limits=limits_of(step).within(of_agent(self._site.request)),
        )

    async def _used(self, step: Step, name: str, containers: Containers) -> Used:
        reference = await self._reference(name)
        if pulled := self._pulled.get(step.id):
            return pulled
        made = self._made.get(reference)
        if made is None:
            return await self._resolve(reference)
        if reference not in self._kept:
            self._kept[reference] = await containers.keep_image(made.image, made.step, self._site.scratch)
        return Used.of(self._kept[reference], json.loads(made.image.config))

    async def _resolve(self, reference: Reference) -> Used:
        known = self._site.credentials.get(reference.registry)
        found = await self._world.registries.resolve(reference, tasks.platform(self._site.request), known)
        if found is None:
            raise Failure(f"image {reference} does not exist in its registry")
        return Used.of(str(reference.at(found.manifest_digest)), found.config)

    async def _reference(self, name: str) -> Reference:
        try:
            return await self._home(images.parse(name).tagged())
        except images.InvalidReference as error:
            raise Failure(str(error)) from error

    async def _home(self, image: Reference) -> Reference:
        return await self._world.registrations.home(image)

    def _volume(self, name: str) -> Path:
        place = self._directory(f"volume-{name}")
        volume = next(each for each in self._file.volumes if each.name == name)
        for file, content in volume.files.items():
            path = place / file
            if not path.exists():
                path.write_bytes(content)
                path.chmod(0o644)
        return place

    def _directory(self, name: str) -> Path:
        path = self._site.scratch / name
        if not path.exists():
            path.mkdir()
            path.chmod(_FOR_ALL)
        return path


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        # The text may hold a secret.
        raise Failure(f"entryPoint is not a command: {error}") from None
