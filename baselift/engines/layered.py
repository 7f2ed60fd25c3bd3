"""A build with layers that are kept: when that is exact, and what the Dockerfile says then."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from baselift.domain.builds import BuildOrder, Failure
from baselift.domain.dockerfile import DockerfileError
from baselift.domain.layer_keys import LABEL, Inputs, NotExactError, keyed
from baselift.domain.lowering import Lowered
from baselift.domain.variables import BaseConfig
from baselift.engines.contents import Contents
from baselift.engines.layer_cache import LayerCache, Place
from baselift.engines.process import Sink
from baselift.engines.store import whole

DRIVER: Final = "overlay"
"""With another, a layer costs as much as the whole image."""
UNSAID: Final = re.compile(
    rb"(?m)^(\[\d+/\d+\] )?STEP \d+/\d+: LABEL " + re.escape(LABEL).encode() + rb"=.*\n"
    rb"|^\[Warning\] one or more build args were not consumed: \[(TARGET[A-Z]+ ?)*\]\n"
)
"""Lines of buildah's output about what is not the author's."""


@dataclass(frozen=True, slots=True)
class Layered:
    """One build of an order. `directory` has its further contexts; `ignore` are files that say what is left out."""

    order: BuildOrder
    lowered: Lowered
    directory: Path
    bases: Callable[[str], BaseConfig]
    version: str

    def text(self) -> bytes:
        """The Dockerfile in which every layer's instruction says what it depends on, as files are now.

        Raises:
            NotExactError: that cannot be known; layers must neither be used nor kept.
        """
        order, lowered = self.order, self.lowered
        if any(each.secret for each in order.arguments):
            raise NotExactError("a secret build argument would be kept with them; use --secret")
        root, folder = order.source.root, lowered.folder
        ignored = (root / ".dockerignore", root / f"{order.dockerfile}.dockerignore")
        contents = Contents({"": root, folder: self.directory / folder}, *ignored)
        values = {each.name: each.value for each in order.arguments}
        salt = f"buildah {self.version}"
        target, platform = order.target, order.platform
        inputs = Inputs(values, target, platform, self.bases, order.bases, (folder,), contents.digest, salt)
        try:
            return keyed(lowered.text, inputs)
        except DockerfileError as error:
            raise Failure(f"{order.dockerfile}: {error}") from None
        except OSError as error:
            raise NotExactError(f"a file of the source cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a build's layers are kept, and the Dockerfile that finds them there."""

    place: Place
    text: bytes


@asynccontextmanager
async def kept_layers(build: Layered, cache: LayerCache, shared: Path, log: Sink) -> AsyncIterator[Kept | None]:
    """Where the build's layers are kept; None when it is done without, which the log then says.

    `shared` is the directory of a storage driver that has the bases.
    """
    scope = build.order.layers
    if not scope or build.order.no_cache:
        if scope:
            await cache.forget(scope)
        yield None
        return
    async with AsyncExitStack() as opened:
        try:
            text = await _keyed(build, cache, shared)
            place = await opened.enter_async_context(cache.use(scope))
            await _check(place, shared)
        except NotExactError as problem:
            await log(f"Layer cache: not used: {problem}\n".encode())
            yield None
            return
        try:
            yield Kept(place, text)
        finally:
            place.spoiled = place.spoiled or await _changed(build, text)


async def _keyed(build: Layered, cache: LayerCache, shared: Path) -> bytes:
    if not cache.budget:
        raise NotExactError("this builder keeps none")
    if shared.name != DRIVER:
        raise NotExactError(f"the storage driver is not {DRIVER}")
    return await asyncio.to_thread(build.text)


async def _check(place: Place, shared: Path) -> None:
    if not await asyncio.to_thread(whole, place.data, shared):
        place.spoiled = True
        raise NotExactError("a base image of its layers is gone")


async def _changed(build: Layered, text: bytes) -> bool:
    """A step of the run that goes on at the same time wrote into the source that this build read."""
    try:
        return await asyncio.to_thread(build.text) != text
    except (NotExactError, Failure):
        return True
