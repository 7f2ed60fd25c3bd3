"""Where buildah runs: its own user, mount and process namespaces, and nothing of this machine's names or ids.

The whole of buildah is inside the user namespace, not only its RUN steps (``--userns-uid-map``): with id-mapped overlay
mounts, buildah 1.28 writes the mapped ids into the layers it commits, and a stage built on another stage fails.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from baselift.engines.limits import UNLIMITED, Kept
from baselift.engines.network import RunNetwork

FIRST_ID: Final = 300_000
"""What root inside is outside, when this process is root."""
IDS: Final = 65_536

# Directories of this process may lie under ones that nobody else may enter: bound to a place that all may enter.
# Newer releases of buildah lock a file in /run/lock, which nobody but its first user may open.
_BIND: Final = """
set -eu
while [ "$1" != -- ]; do
    echo $$ > "$1"
    shift
done
at=$2 nameserver=$3; shift 3
umask 022
mount -t tmpfs -o mode=755,size=1m tmpfs "$at"
while [ "$1" != -- ]; do
    mkdir "$at/$1"
    mount --bind "$2" "$at/$1"
    shift 2
done
shift
[ ! -d /sys/fs/cgroup ] || mount -t tmpfs -o ro,size=4k tmpfs /sys/fs/cgroup
mkdir -p /run/lock 2>/dev/null || true
[ ! -d /run/lock ] || mount -t tmpfs -o mode=1777,size=64k tmpfs /run/lock
if [ "$nameserver" ]; then
    printf '127.0.0.1 localhost\\n::1 localhost\\n' > "$at/hosts"
    echo "$nameserver" > "$at/resolv.conf"
    for file in hosts resolv.conf; do
        [ ! -e "/etc/$file" ] || mount --bind "$at/$file" "/etc/$file"
    done
fi
cd "$at/scratch"
exec "$@"
"""
# Entering a user namespace clears the death signal, so it is set after that; a parent that died before is seen by PPID.
_ENTER: Final = """
[ "$PPID" = "$1" ] || exit 125
exec </dev/null
[ ! -e arguments.sh ] || { . ./arguments.sh; rm arguments.sh; }
shift
exec "$@"
"""
_PLACES: Final = ("/mnt", "/media", "/srv", "/opt")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Directories of this machine and where they are inside: ``store``, ``scratch``, ``source`` and any others.

    `network` is the network inside, this machine's where it is None; `limits` bound everything inside together.
    `layers`, called so inside, are there from earlier builds: what they already take on disk counts for nobody.
    """

    store: Path
    scratch: Path
    source: Path
    network: RunNetwork | None = None
    limits: Kept = UNLIMITED
    others: Mapping[str, Path] = field(default_factory=dict)
    layers: Path | None = None

    @property
    def _places(self) -> Mapping[str, Path]:
        kept = {"layers": self.layers} if self.layers else {}
        return {"store": self.store, "scratch": self.scratch, "source": self.source, **kept, **self.others}

    @property
    def root(self) -> str:
        """The directory inside which they are."""
        own = [str(path.resolve()) + "/" for path in self._places.values()]
        return next(
            place for place in _PLACES if Path(place).is_dir() and not any(path.startswith(f"{place}/") for path in own)
        )

    def argv(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` inside, with the file from `user_namespace` as standard input.

        The first process ends with `command`; when it or this process is killed, so is everything inside.
        """
        nameserver = self.network.resolver if self.network else ""
        bound = ["sh", "-c", _BIND, "sh", *map(str, self.limits.groups), "--", self.root, nameserver]
        bound += [word for name, path in self._places.items() for word in (name, str(path))]
        guarded = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", _ENTER, "sh", str(os.getpid()))
        alone = ("unshare", "-m", "-p", "-f", "--kill-child=SIGKILL", "--mount-proc", "--propagation", "private")
        entered = ("nsenter", "--user=/proc/self/fd/0") if is_root() else ()
        return [*self._outside(), *bound, "--", *entered, *guarded, *self.limits.prefix, *alone, *command]

    def _outside(self) -> Sequence[str]:
        own = ("unshare", "-m", "--propagation", "private")
        if self.network:
            return (*self.network.enter, *own)
        return own if is_root() else ("unshare", "-U", "--map-root-user", "--map-auto", *own[1:])


def is_root() -> bool:
    """True when this process may choose the ids of a user namespace."""
    return os.geteuid() == 0


@asynccontextmanager
async def user_namespace() -> AsyncIterator[int]:
    """An open file that is a new user namespace, for root; for anyone else, who cannot hand one over, /dev/null.

    Raises:
        OSError: this machine does not allow it.
    """
    opening = asyncio.ensure_future(asyncio.to_thread(_open_user_namespace))
    try:
        file = await asyncio.shield(opening)
    except asyncio.CancelledError:
        os.close(await opening)
        raise
    try:
        yield file
    finally:
        os.close(file)


def _open_user_namespace() -> int:
    if not is_root():
        return os.open(os.devnull, os.O_RDONLY)
    command = ("unshare", "-U", "sh", "-c", "echo; read _")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        if not (holder.stdout and holder.stderr and holder.stdout.read(1)):
            raise OSError(holder.stderr.read().decode(errors="replace").strip() if holder.stderr else "no pipe")
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{holder.pid}/{kind}").write_text(f"0 {FIRST_ID} {IDS}")
        return os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def give(*paths: Path) -> None:
    """Make the paths, which exist, belong to root inside."""
    for path in paths if is_root() else ():
        os.chown(path, FIRST_ID, FIRST_ID, follow_symlinks=False)


def give_tree(root: Path) -> None:
    """Give root inside what is not yet of the ids inside, whatever containers do to the tree meanwhile."""
    if not is_root():
        return
    inside = range(FIRST_ID, FIRST_ID + IDS)
    for _, directories, files, descriptor in os.fwalk(root):
        for name in (".", *directories, *files):
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid not in inside:
                    os.chown(name, FIRST_ID, FIRST_ID, dir_fd=descriptor, follow_symlinks=False)
