"""The engine of Docker: BuildKit inside the Docker engine builds, buildx brings the image as an OCI layout.

Whoever may use a Docker engine is root on its machine, and so may be what it builds: docs/security.md.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from baselift.domain.builds import BuildOrder, Credential, Failure, Image, Limits
from baselift.engines import docker_recipe, layout, process
from baselift.engines.buildah import annotations
from baselift.engines.docker_api import Docker
from baselift.engines.docker_beginnings import Beginnings
from baselift.engines.docker_containers import DockerContainers
from baselift.engines.docker_facts import Facts, find
from baselift.engines.docker_owner import Owner, sweep
from baselift.engines.docker_reasons import reason
from baselift.engines.docker_recipe import Recipe
from baselift.engines.output import Output
from baselift.engines.process import Sink

_NETWORKS: Final = {"own": "default", "host": "host"}


class DockerEngine:
    """Builds with the Docker engine of this user, which is looked for at first use.

    Args:
        directory: of our own, where processes tell each other that they live.
        network: of RUN: ``own``, which is Docker's bridge, or ``host``.
        limits: of each container. Builds cannot be bounded, so one that somebody asked for refuses them.
    """

    name = "docker"

    def __init__(self, directory: Path, *, network: str = "own", limits: Limits | None = None) -> None:
        self._owner = Owner(directory.absolute())
        self._network = _NETWORKS[network]
        self._limits = limits or Limits()
        self._finding = asyncio.Lock()
        self._facts: Facts | None = None

    async def ready(self) -> Facts:
        """The engine that is used.

        Raises:
            Failure: there is none that can be, with what is missing.
        """
        async with self._finding:
            self._facts = self._facts or await find()
        return self._facts

    async def build(self, order: BuildOrder, scratch: Path, log: Sink) -> Image:
        """See `Engine`. Layers that may be used are those of BuildKit's one cache, by whomever they were made.

        A step's processes end a moment after the build that was ended, which waits for one that has just begun.

        Raises:
            Failure: the order cannot be built here.
        """
        facts = await self.ready()
        made = await asyncio.to_thread(docker_recipe.examine, order, self._limits)
        directory = Path(tempfile.mkdtemp(prefix="docker-", dir=scratch))
        done = False
        try:
            await asyncio.to_thread(docker_recipe.lay_out, order, made, directory)
            await self._run(order, facts, made, directory, log)
            result, secrets = directory / docker_recipe.RESULT, _secret_arguments(order)
            image = await asyncio.to_thread(layout.read, result, annotations(order), secrets)
            done = True
            return image
        finally:
            await asyncio.to_thread(_discard, directory, keep=docker_recipe.RESULT if done else "")

    async def _run(self, order: BuildOrder, facts: Facts, made: Recipe, directory: Path, log: Sink) -> None:
        output = Output(_hidden(order), log)
        await output.feed("".join(f"Warning: {each}\n" for each in made.warnings).encode())
        command = docker_recipe.command(order, facts.buildx, directory, self._network)
        beginnings = Beginnings(output.feed)
        code = await beginnings.finish(
            process.run(
                [*_dying_with_us(), *command],
                env=docker_recipe.environment(order, facts.host, directory),
                stdin=asyncio.subprocess.DEVNULL,
                sink=beginnings.feed,
                until=_never,
            )
        )
        await output.close()
        if code:
            raise Failure(reason(output.end, code))

    def containers(
        self, credentials: Mapping[str, Credential], secrets: Collection[str]
    ) -> AbstractAsyncContextManager[DockerContainers]:
        """The containers of one run, in a network of its own; what runs left that were killed is removed before."""
        return self._opened(credentials, secrets)

    @asynccontextmanager
    async def _opened(
        self, credentials: Mapping[str, Credential], secrets: Collection[str]
    ) -> AsyncIterator[DockerContainers]:
        facts = await self.ready()
        async with self._finding:
            await asyncio.to_thread(self._owner.live)
        async with Docker(facts.host) as docker:
            await sweep(docker, self._owner)
            containers = DockerContainers(
                docker, self._owner, facts, credentials=credentials, secrets=secrets, limits=self._limits
            )
            try:
                yield containers
            finally:
                await process.to_the_end(containers.close())


def _secret_arguments(order: BuildOrder) -> Mapping[str, str]:
    return {each.name: each.value for each in order.arguments if each.secret}


def _hidden(order: BuildOrder) -> Sequence[str]:
    return (*_secret_arguments(order).values(), *(each.value.decode(errors="ignore") for each in order.secrets))


def _dying_with_us() -> Sequence[str]:
    """Linux alone can tell a process of its parent's death; elsewhere buildx builds to the end, for nobody."""
    return ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


async def _never(_: int) -> None:
    await asyncio.Event().wait()


def _discard(directory: Path, keep: str) -> None:
    for path in list(directory.iterdir()) if keep else [directory]:
        if path.name != keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
