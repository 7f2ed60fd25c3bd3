"""Can buildah run here? Found out by building, since what a sandbox allows cannot be read anywhere."""

import asyncio
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from baselift.app.ports import Engine
from baselift.domain.builds import BuildOrder, Failure, Source
from baselift.engines.buildah import Buildah

_TOOLS: Final = {"buildah": "buildah", "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux"}
_SHELL: Final = "busybox"
_INSTEAD: Final = (
    "Docker's default sandbox (Container Apps, Functions Premium, most development containers) allows no user "
    "namespace and so no buildah: use the engine 'acr' or 'docker', or run on a VM or on Kubernetes without a seccomp "
    "profile"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether an engine can build here; `isolation` is buildah's way to run RUN, `reason` says why not and what else.

    `ran` tells that a RUN was tried too: it needs a static busybox on this machine.
    """

    ok: bool
    engine: str = Buildah.name
    version: str = ""
    storage_driver: str = ""
    isolation: tuple[str, ...] = ()
    ran: bool = False
    reason: str = ""


async def probe(store: Path) -> Probe:
    """Build a tiny image in `store` (no network, under a second) and say what happened; never raises for that."""
    if sys.platform != "linux":
        return Probe(ok=False, reason="buildah runs on Linux only: use the engine 'docker', or 'acr'")
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        packages = " ".join(sorted({_TOOLS[tool] for tool in missing}))
        return Probe(ok=False, reason=f"{', '.join(missing)} not found; install {packages}")
    engine = Buildah(store)
    try:
        version = ".".join(map(str, await engine.version()))
        ran = await attempt(engine)
        driver = await engine.driver()
    except (Failure, OSError) as error:
        return Probe(ok=False, reason=f"{error}. {_INSTEAD}")
    return Probe(ok=True, version=version, storage_driver=driver, isolation=("--isolation", "chroot"), ran=ran)


async def attempt(engine: Engine) -> bool:
    """Build a tiny image; True when a RUN was tried too. Raises Failure."""
    with tempfile.TemporaryDirectory(prefix="baselift-probe-") as name:
        root, scratch = Path(name, "source"), Path(name, "scratch")
        await asyncio.to_thread(_lay_out, root, scratch)
        shell = (root / _SHELL).exists()
        run = f'RUN ["/{_SHELL}", "true"]\n' if shell else ""
        (root / "Dockerfile").write_text(f"FROM scratch\nCOPY . /\n{run}")
        order = BuildOrder(Source(root, None, 0), "Dockerfile", {}, None, None)
        await engine.build(order, scratch, _ignore)
        return shell


def _lay_out(root: Path, scratch: Path) -> None:
    root.mkdir()
    scratch.mkdir()
    shell = shutil.which(_SHELL)
    if shell and _is_static(Path(shell)):
        shutil.copy(shell, root / _SHELL)


def _is_static(program: Path) -> bool:
    """No program interpreter in the ELF program header, so it needs no loader from the image."""
    return b"/ld-" not in program.read_bytes()[:4096]


async def _ignore(_: bytes) -> None:
    return None
