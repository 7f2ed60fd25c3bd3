"""Containers for the `cmd` steps of a run, in a Docker engine: with a network in which steps have their names."""

import asyncio
import io
import os
import sys
import tarfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from baselift.domain.builds import Credential, Failure, Image, Limits
from baselift.domain.containers import ContainerOrder
from baselift.engines import docker_layout, docker_order, process, runtime
from baselift.engines.docker_api import Docker, Refused, output, progress, whole
from baselift.engines.docker_facts import Facts
from baselift.engines.docker_owner import Owner
from baselift.engines.output import Output
from baselift.engines.process import Sink, to_the_end
from baselift.engines.redaction import Redactor

_NOT_THERE: Final = 404
_ELSEWHERE: Final = "bind source path does not exist"


class DockerRunning:
    """A container that runs on its own until it ends or `stop` ends it."""

    def __init__(self, docker: Docker, path: str, task: "asyncio.Task[int]") -> None:
        self._docker, self._path, self._task = docker, path, task

    async def wait(self) -> int:
        """The exit code, once the container has ended and is removed; 128 and the signal's number for a signal.

        Raises:
            Failure: the Docker engine does not answer any more.
        """
        return await asyncio.shield(self._task)

    async def stop(self, grace: float = process.GRACE) -> int | None:
        """Ask the container to end with SIGTERM, kill it after `grace` seconds; its exit code unless it was killed.

        Nothing of it is left after that. A first process that has no handler for SIGTERM does not see it.
        May be called again.
        """
        try:
            if not self._task.done():
                with suppress(Failure):  # it has just ended
                    await self._docker.ask("POST", f"{self._path}/kill", params={"signal": "SIGTERM"})
                await asyncio.wait([self._task], timeout=grace)
        finally:
            self._task.cancel()
            await asyncio.wait([self._task])
        return None if self._task.cancelled() or self._task.exception() else self._task.result()


class DockerContainers:
    """The containers of one run. `secrets` are values that no log may show; `limits` are of each container.

    `host_network` allows containers that ask for the network of the engine's machine. `close` ends it.
    """

    def __init__(
        self,
        docker: Docker,
        owner: Owner,
        facts: Facts,
        *,
        credentials: Mapping[str, Credential] | None = None,
        secrets: Collection[str] = (),
        limits: Limits | None = None,
        host_network: bool = False,
    ) -> None:
        self._docker, self._owner, self._facts = docker, owner, facts
        self._credentials = credentials or {}
        self._secrets = tuple(secrets)
        self._limits = limits or Limits()
        self._host_network = host_network
        self._network = ""
        self._opening = asyncio.Lock()
        self._images = list[str]()

    async def close(self) -> None:
        """Remove the run's network and images. Its containers have ended."""
        try:
            for image in self._images:
                await self._docker.remove(f"images/{image}", force="1")
        finally:
            if self._network:
                await self._docker.remove(f"networks/{self._network}")

    async def run(self, order: ContainerOrder, scratch: Path, log: Sink) -> int:
        """Run a container to its end; its exit code, 128 and the signal's number when a signal ended it.

        When cancelled, the container is asked to end and then ended: nothing of it is left.

        Raises:
            Failure: it could not be started.
        """
        running = await self.start(order, scratch, log)
        try:
            return await running.wait()
        finally:
            await to_the_end(_stopped(running))

    async def start(self, order: ContainerOrder, scratch: Path, log: Sink) -> DockerRunning:  # noqa: ARG002
        """Start a container; back once its first process runs.

        Raises:
            Failure: it could not be started.
        """
        self._check(order)
        try:
            await self._pull(order.image)
            path, printed = await self._begin(order)
        except Failure as failure:
            raise Failure(f"step '{order.name}': the container did not start: {self._said(failure, order)}") from None
        return DockerRunning(self._docker, path, asyncio.create_task(self._live(order, path, printed, log)))

    async def _begin(self, order: ContainerOrder) -> tuple[str, aiohttp.ClientResponse]:
        """A container that runs, and what it prints."""
        name, printed = self._owner.new_name(), None
        path = f"containers/{name}"
        try:
            await whole(self._create(order, name))
            printed = await self._docker.attach(path)
            await whole(self._docker.ask("POST", f"{path}/start"))
        except BaseException:
            if printed:
                printed.close()
            await to_the_end(self._remove(path))
            raise
        return path, printed

    async def keep_image(self, image: Image, name: str, scratch: Path) -> str:  # noqa: ARG002
        """Make an image that was built in this run usable as `ContainerOrder.image`, by the name returned."""
        kept = f"{self._owner.repository}:{self._owner.new_name()}"
        self._images.append(kept)
        await whole(self._load(image, kept))
        return kept

    async def _load(self, image: Image, name: str) -> None:
        data = docker_layout.stream(image, name)
        headers = {"Content-Type": "application/x-tar"}
        async with self._docker.open("POST", "images/load", data=data, headers=headers) as response:
            async for _ in progress(response):
                pass

    def _check(self, order: ContainerOrder) -> None:
        runtime.check(order)
        if order.network == "host" and not self._host_network:
            raise Failure(f"step '{order.name}': network 'host' is not allowed here; leave it out, or write 'none'")
        if order.limits.within(self._limits).disk is not None:
            raise Failure(f"step '{order.name}': the limit on disk cannot be kept by a Docker engine; leave it out")

    def _said(self, failure: Failure, order: ContainerOrder) -> str:
        said = Redactor(self._secrets).text(str(failure).encode()).decode()
        if _ELSEWHERE in said:
            said += (
                f". The Docker engine does not see {order.workspace.parent} of this machine: it runs elsewhere. Set "
                "BASELIFT_STATE to a directory that both have under the same path"
            )
        return said

    async def _pull(self, image: str) -> None:
        if image in self._images:
            return
        try:
            await self._docker.ask("GET", f"images/{image}/json")
        except Refused as refused:
            if refused.status != _NOT_THERE:
                raise
            registry = image.partition("/")[0]
            headers = docker_order.login(self._credentials.get(registry), registry)
            query = {"fromImage": image}
            async with self._docker.open("POST", "images/create", params=query, headers=headers) as response:
                async for _ in progress(response):
                    pass

    async def _create(self, order: ContainerOrder, name: str) -> None:
        network = await self._run_network() if order.network == "run" else ""
        limits, labels = order.limits.within(self._limits), self._owner.labels
        body = docker_order.body(order, limits, network=network, labels=labels, cpus=self._facts.cpus)
        await self._docker.ask("POST", "containers/create", params={"name": name}, json=body)

    async def _run_network(self) -> str:
        async with self._opening:
            if not self._network:
                name = self._owner.new_name()
                wanted = {"Name": name, "Driver": "bridge", "Labels": self._owner.labels}
                await self._docker.ask("POST", "networks/create", json=wanted)
                self._network = name
        return self._network

    async def _live(self, order: ContainerOrder, path: str, printed: aiohttp.ClientResponse, log: Sink) -> int:
        shown = Output(self._secrets, log)
        try:
            async for chunk in output(printed):
                await shown.feed(chunk)
            await shown.close()
            ended = await self._docker.ask("POST", f"{path}/wait")
            return int(ended["StatusCode"])
        finally:
            printed.close()
            await to_the_end(self._end(order, path))

    async def _end(self, order: ContainerOrder, path: str) -> None:
        try:
            with suppress(Refused):  # it has ended
                await self._docker.ask("POST", f"{path}/kill", params={"signal": "SIGKILL"})
            if sys.platform == "linux" and os.geteuid():
                for place, inside in ((order.workspace, runtime.WORKSPACE), (order.home, runtime.HOME)):
                    await reclaim(self._docker, path, place, inside, os.geteuid())
        finally:
            await self._remove(path)

    async def _remove(self, path: str) -> None:
        await self._docker.remove(path, force="1", v="1")


async def reclaim(docker: Docker, path: str, place: Path, inside: str, owner: int) -> None:
    """Give the directories that a container's root made in `place` to `owner`, who could not remove them else.

    The engine unpacks an archive of them, over themselves, where the container has them.
    """
    given = set[Path]()
    while found := set(await asyncio.to_thread(_not_of, place, owner)) - given:
        archive = await asyncio.to_thread(_archive, place, sorted(found), owner)
        await docker.ask("PUT", f"{path}/archive", params={"path": inside}, data=archive)
        given |= found


def _not_of(place: Path, owner: int) -> list[Path]:
    """Directories of others, those that can be seen so far."""
    found = list[Path]()
    for directory, names, _ in os.walk(place):
        with suppress(FileNotFoundError):
            found += [each for name in names if (each := Path(directory, name)).lstat().st_uid != owner]
    return [each for each in found if not each.is_symlink()]


def _archive(place: Path, directories: list[Path], owner: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for directory in directories:
            member = tarfile.TarInfo(str(directory.relative_to(place)))
            member.type, member.mode = tarfile.DIRTYPE, directory.stat().st_mode | 0o700
            member.uid, member.gid = owner, os.getegid()
            tar.addfile(member)
    return data.getvalue()


async def _stopped(running: DockerRunning) -> None:
    await running.stop()
