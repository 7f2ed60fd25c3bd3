"""What a container or build may use at most, kept by a control group around all of its processes.

Source: the kernel's cgroup-v1 (cpu, memory, pids) and cgroup-v2 documentation.
"""

import asyncio
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from baselift.domain.builds import Failure
from baselift.domain.containers import Limits

_PERIOD: Final = 100_000
_TRIES: Final = 100
_PAUSE: Final = 0.02
_PREFIX: Final = "baselift-"
_OURS: Final = re.compile(rf"{_PREFIX}(\d+)-(\d+)-\w+")
"""Process id, and the namespace in which that is one: containers of one machine may share its groups."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How limits are kept: the files that a process joins by, and the command in front of what is limited.

    `pids` and `disk` are the limits that must be watched.
    """

    groups: Sequence[Path] = ()
    prefix: Sequence[str] = field(default=())
    pids: int | None = None
    disk: int | None = None

    def refused(self) -> int:
        """How many processes the limit on them has kept from being made so far."""
        return sum(_count(each.parent / "pids.events", "max") for each in self.groups)

    def reached(self) -> str:
        """Which limits the processes of the groups were held back or ended by, for people; empty for none."""
        places = [each.parent for each in self.groups]
        found = [f"the limit of {self.pids} processes was reached"] if self.refused() else []
        memory = [file for each in places for file in (each / "memory.events", each / "memory.oom_control")]
        found += ["the limit of memory was reached" for file in memory if _count(file, "oom_kill")]
        return "; ".join(dict.fromkeys(found))


UNLIMITED: Final = Kept()
_Files = Mapping[str, Sequence[tuple[str, str]]]


@asynccontextmanager
async def enforced(limits: Limits, mounts: Path = Path("/proc/self/mountinfo")) -> AsyncIterator[Kept]:
    """New groups with these limits, gone at the end. `mounts` tells where control groups are mounted.

    Where no group can be made, the number of processes is kept for each user id inside by RLIMIT_NPROC.

    Raises:
        Failure: a limit cannot be kept here.
    """
    made: list[Path] = []
    name = f"{_PREFIX}{os.getpid()}-{_namespace()}-{secrets.token_hex(4)}"
    try:
        prefix = _make(limits, mounts, name, made)
        yield Kept(tuple(path / "cgroup.procs" for path in made), prefix, limits.pids, limits.disk)
    finally:
        for path in made:
            await asyncio.to_thread(_remove, path)


def _make(limits: Limits, mounts: Path, name: str, made: list[Path]) -> Sequence[str]:
    parents = _parents(mounts.read_text(), Path("/proc/self/cgroup").read_text())
    wanted = _wanted(limits)
    prefix: Sequence[str] = ()
    for parent in dict.fromkeys(map(parents.get, wanted)):
        kinds = [kind for kind in wanted if parents.get(kind) == parent]
        try:
            made.append(_group(parent, kinds, name))
            for kind in kinds:
                _write(made[-1], wanted[kind])
        except OSError as error:
            if kinds != ["pids"]:
                raise Failure(f"the limit on {' and '.join(kinds)} cannot be kept here: {error}") from None
            prefix = ("prlimit", f"--nproc={limits.pids}:{limits.pids}")
    return prefix


def _count(file: Path, name: str) -> int:
    with suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _wanted(limits: Limits) -> _Files:
    """For each controller the files to write, of v2 or else of v1, a file that may be missing after a '-'.

    A limit of as many processors as this process may use is kept without one.
    """
    wanted: dict[str, Sequence[tuple[str, str]]] = {}
    if limits.cpus is not None and limits.cpus < len(os.sched_getaffinity(0)):
        quota = max(1000, int(limits.cpus * _PERIOD))
        wanted["cpu"] = (("cpu.max", f"{quota} {_PERIOD}"), ("cpu.cfs_quota_us", str(quota)))
    if limits.memory is not None:
        amount = str(limits.memory)
        wanted["memory"] = (
            ("memory.max", amount),
            ("-memory.swap.max", "0"),
            ("-memory.oom.group", "1"),
            ("memory.limit_in_bytes", amount),
            ("-memory.memsw.limit_in_bytes", amount),
        )
    if limits.pids is not None:
        wanted["pids"] = (("pids.max", str(limits.pids)),)
    return wanted


def _write(group: Path, files: Iterable[tuple[str, str]]) -> None:
    written = False
    for name, value in files:
        path = group / name.lstrip("-")
        if path.exists():
            path.write_text(value)
            written = written or not name.startswith("-")
    if not written:
        raise OSError(f"{group} has no such limit")


def _parents(mountinfo: str, own: str) -> dict[str, Path]:
    """The group of this process for each controller; a controller of v1 is only there."""
    groups = {kinds: path for _, kinds, path in (line.split(":", 2) for line in own.splitlines())}
    found: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, *_, options = after.split(" ")
        root, place = before.split(" ")[3:5]
        if kind == "cgroup2":
            _place(found, ("cpu", "memory", "pids"), place, root, groups.get("", "/"), weak=True)
        elif kind == "cgroup":
            for kinds, path in groups.items():
                if kinds and set(kinds.split(",")) <= set(options.split(",")):
                    _place(found, kinds.split(","), place, root, path)
    return found


def _place(
    found: dict[str, Path], kinds: Iterable[str], place: str, root: str, path: str, *, weak: bool = False
) -> None:
    inside = path.removeprefix(root.rstrip("/")) if path.startswith(root.rstrip("/")) else ""
    for kind in kinds:
        if not (weak and kind in found):
            found[kind] = Path(place + "/" + inside.strip("/"))


def _group(parent: Path | None, kinds: Sequence[str], name: str) -> Path:
    """A new group below the nearest that may have one: ours, or one above it."""
    if parent is None:
        raise OSError("no such control group is mounted")
    why: OSError | None = None
    for place in (parent, *parent.parents):
        if not (place / "cgroup.procs").exists():
            break
        try:
            return _new(place, kinds, name)
        except OSError as error:
            why = why or error
    raise why or OSError(f"{parent} is not a control group")


def _new(place: Path, kinds: Sequence[str], name: str) -> Path:
    shared = place / "cgroup.subtree_control"
    if shared.exists():
        for kind in set(kinds) - set(shared.read_text().split()):
            shared.write_text(f"+{kind}")
    _sweep(place)
    path = place / name
    path.mkdir()
    return path


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def _sweep(place: Path) -> None:
    """Remove what processes of ours left that are no more."""
    for path in place.glob(f"{_PREFIX}*"):
        owner = _OURS.fullmatch(path.name)
        if owner and owner[2] == _namespace() and not Path("/proc", owner[1]).exists():
            with suppress(OSError):
                path.rmdir()


def _remove(path: Path) -> None:
    for _ in range(_TRIES):
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_PAUSE)
        else:
            return
