"""An engine that builds an image once and gives it again: for series that kill everything but the builds."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from baselift.app.ports import Engine, Log
from baselift.domain.builds import BuildOrder, Image

BASE_NAME = "org.opencontainers.image.base.name"


@dataclass
class Remembering:
    """Orders on the same base, whatever its name, are taken for the same: one series has one Dockerfile."""

    engine: Engine
    directory: Path
    built: dict[str | None, Image] = field(default_factory=dict)
    name: str = "remembering"

    async def build(self, order: BuildOrder, scratch: Path, log: Log) -> Image:
        """What the real engine built for the first such order."""
        if order.base_digest not in self.built:
            self.built[order.base_digest] = self._kept(await self.engine.build(order, scratch, log))
        image = self.built[order.base_digest]
        return replace(image, annotations={**image.annotations, BASE_NAME: order.base_name or ""})

    def _kept(self, image: Image) -> Image:
        layers = [
            layer if layer.tar is None else replace(layer, tar=Path(shutil.copy(layer.tar, self._file(layer.diff_id))))
            for layer in image.layers
        ]
        return replace(image, layers=layers)

    def _file(self, diff_id: str) -> Path:
        return self.directory / f"{diff_id.replace(':', '-')}.tar"
