"""Builds in a network of their own: RUN steps reach the internet, and neither this machine nor the cloud's metadata."""

from pathlib import Path

from baselift.domain.builds import BuildOrder, Image
from baselift.engines.buildah import Buildah
from baselift.engines.network import run_network
from baselift.engines.process import Sink


class Isolated:
    """The buildah engine, each build in a network that is gone after it."""

    name = "buildah"

    def __init__(self, engine: Buildah) -> None:
        self._engine = engine

    async def build(self, order: BuildOrder, scratch: Path, log: Sink) -> Image:
        """See `Engine`. Bases are pulled outside, before the build starts.

        Raises:
            Failure: also when this machine cannot give the build a network.
        """
        async with run_network() as network:
            return await self._engine.build(order, scratch, log, network=network)
