"""What the container tests share: one run's directories, network and containers."""

from pathlib import Path
from typing import Any

from baselift.domain.containers import ContainerOrder
from baselift.engines.containers import Containers


class Steps:
    """The steps of one run, and what they printed."""

    def __init__(self, directory: Path, pinned: str, containers: Containers) -> None:
        self.pinned, self.containers = pinned, containers
        self.log = bytearray()
        self.workspace, self.home, self.scratch = (directory / name for name in ("workspace", "home", "scratch"))
        for path in (self.workspace, self.home, self.scratch):
            path.mkdir(parents=True)

    def order(self, *command: str, **fields: Any) -> ContainerOrder:
        given: dict[str, Any] = {"image": self.pinned, "name": "step", **fields}
        return ContainerOrder(command=command, workspace=self.workspace, home=self.home, **given)

    async def run(self, *command: str, **fields: Any) -> int:
        return await self.containers.run(self.order(*command, **fields), self.scratch, self.take)

    async def said(self, script: str, **fields: Any) -> str:
        """What a shell script prints, which must succeed."""
        self.log.clear()
        code = await self.run("sh", "-c", script, **fields)
        assert code == 0, self.log
        return self.log.decode()

    async def take(self, data: bytes) -> None:
        self.log += data
