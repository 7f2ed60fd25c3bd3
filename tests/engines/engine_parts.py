"""What the engine tests share: a base image in the registry, orders, and what a build left on the machine."""

import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from parts.container import buildah_environment
from parts.private import private_directory

from baselift.domain.builds import Argument, BuildOrder, Image, Source
from baselift.engines.buildah import Buildah

EPOCH = 1_700_000_000
BASE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nENV MARK={mark}\n'


@dataclass(frozen=True)
class Base:
    """An image in the registry: busybox, with the variable MARK."""

    host: str
    name: str
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.host}/{self.name}:1"

    @property
    def pinned(self) -> str:
        return f"{self.host}/{self.name}@{self.digest}"


def push_base(directory: Path, host: str, name: str, mark: str) -> Base:
    """Build a base with plain buildah and push it under the tag 1."""
    context = directory / mark
    context.mkdir()
    (context / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (context / "busybox").chmod(0o755)
    (context / "Dockerfile").write_text(BASE.format(mark=mark))
    buildah = ["buildah", "--root", directory / "root", "--runroot", directory / "run"]
    image, digest = f"{host}/{name}:1", directory / f"{mark}.digest"
    own = buildah_environment(private_directory(directory / f"{mark}-own"))
    bare(*buildah, "bud", "--isolation", "chroot", "--timestamp", "0", "-t", image, context, environment=own)
    bare(*buildah, "push", "--tls-verify=false", "--digestfile", digest, image, environment=own)
    return Base(host, name, digest.read_text())


def bare(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


class Bench:
    """A scratch area for orders and their builds."""

    def __init__(self, directory: Path, base: Base, engine: Buildah) -> None:
        self.directory, self.base, self.engine = directory, base, engine
        self.log = bytearray()
        self._count = 0

    def order(self, dockerfile: str, *arguments: Argument, **files: str) -> BuildOrder:
        """An order for a Dockerfile, in which BASE stands for the base."""
        self._count += 1
        root = self.directory / f"source{self._count}"
        root.mkdir()
        (root / "Dockerfile").write_text(dockerfile.replace("BASE", self.base.reference))
        for name, text in files.items():
            (root / name).write_text(text)
        return BuildOrder(
            source=Source(root, None, EPOCH),
            dockerfile="Dockerfile",
            bases={self.base.reference: self.base.pinned},
            base_name=self.base.reference,
            base_digest=self.base.digest,
            arguments=arguments,
        )

    def from_scratch(self, dockerfile: str, **files: str) -> BuildOrder:
        """An order that needs no base."""
        return replace(self.order(dockerfile, **files), bases={}, base_name=None, base_digest=None)

    def scratch(self) -> Path:
        """A new directory for one build."""
        self._count += 1
        path = self.directory / f"scratch{self._count}"
        path.mkdir()
        return path

    async def build(self, order: BuildOrder, scratch: Path | None = None) -> Image:
        """Build, collecting the output in `log`."""
        return await self.engine.build(order, scratch or self.scratch(), self.take)

    async def take(self, data: bytes) -> None:
        self.log += data


def files(image: Image, layer: int = -1) -> dict[str, tarfile.TarInfo]:
    """The entries of one layer, the last by default."""
    with tarfile.open(image.layers[layer].tar) as tar:
        return {each.name: each for each in tar}


def content(image: Image, name: str) -> str:
    """A file of the last layer that has it."""
    for layer in reversed(image.layers):
        with tarfile.open(layer.tar) as tar:
            if name in tar.getnames():
                found = tar.extractfile(name)
                assert found
                return found.read().decode()
    raise AssertionError(f"{name} is in no layer")


def processes(marker: str) -> list[str]:
    """Command lines of this machine that contain the marker."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in line:
            found.append(line)
    return found


def mounts(path: Path) -> list[str]:
    """Mounts of any process that name the path."""
    found = []
    for file in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            found += [line for line in file.read_text().splitlines() if str(path) in line]
        except OSError:
            continue
    return found


def containers(store: Path) -> list[str]:
    """Container records in the store."""
    found: list[str] = []
    for file in store.glob("data/*/root/*-containers/*containers.json"):
        found += [each["id"] for each in json.loads(file.read_text())]
    return found


def images(store: Path) -> list[list[str]]:
    """The names of each image in the store."""
    found: list[list[str]] = []
    for file in store.glob("data/*/root/*-images/images.json"):
        found += [each.get("names") or [] for each in json.loads(file.read_text())]
    return found
