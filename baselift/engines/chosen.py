"""The engine of this machine where nobody chose one: the first of several that can run here."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from baselift.app.ports import Containers
from baselift.domain.builds import BuildOrder, Credential, Failure, Image
from baselift.engines.process import Sink

log = logging.getLogger(__name__)


Opened = Callable[[Mapping[str, Credential], Sequence[str]], AbstractAsyncContextManager[Containers]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that may be able to run here."""

    name: str
    ready: Callable[[], Awaitable[object]]
    """Raises Failure or OSError when it cannot."""
    build: Callable[[BuildOrder, Path, Sink], Awaitable[Image]]
    containers: Opened


class FirstOf:
    """An engine that is the first of its candidates that can run here, looked for at first use."""

    name = "auto"

    def __init__(self, *candidates: Candidate) -> None:
        self._candidates = candidates
        self._choosing = asyncio.Lock()
        self._chosen: Candidate | None = None

    async def build(self, order: BuildOrder, scratch: Path, log: Sink) -> Image:
        """See `Engine`.

        Raises:
            Failure: also when no candidate can run here, with what each of them lacks.
        """
        return await (await self._choose()).build(order, scratch, log)

    @asynccontextmanager
    async def containers(
        self, credentials: Mapping[str, Credential], secrets: Sequence[str]
    ) -> AsyncIterator[Containers]:
        """The containers of one run. Raises Failure as `build` does."""
        async with (await self._choose()).containers(credentials, secrets) as opened:
            yield opened

    async def _choose(self) -> Candidate:
        async with self._choosing:
            self._chosen = self._chosen or await self._usable()
        return self._chosen

    async def _usable(self) -> Candidate:
        problems = []
        for each in self._candidates:
            try:
                await each.ready()
            except (Failure, OSError) as problem:
                problems.append(f"{each.name}: {problem}")
            else:
                log.info("engine %s is used%s", each.name, "".join(f"; not {problem}" for problem in problems))
                return each
        raise Failure("no engine can run here. " + ". ".join(problems))
