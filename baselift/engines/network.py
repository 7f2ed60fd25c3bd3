"""The network of one run: a namespace of its own, in which its steps reach each other and not this machine.

With internet access, slirp4netns carries packets out through ordinary sockets of this machine. What it must not carry
is refused by routes inside, which nothing in a container may change.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import IO, Final

from baselift.domain.builds import Failure
from baselift.engines.rights import is_root

ALWAYS_BLOCKED: Final = ("169.254.0.0/16", "168.63.129.16/32")
"""Link-local, where clouds answer for metadata and identities, and Azure's address of its platform."""
# A benchmark range (RFC 2544): unlike the usual 10.0.2.0/24, nobody's registry or mirror is in it.
_RANGE: Final = "198.19.255.0/24"
_RESOLVER: Final = "nameserver 198.19.255.3"
_NO_RESOLVER: Final = "# no network"
_MTU: Final = "65520"
# Without rights over the namespace, root inside a container could not serve on port 80.
_SET_UP: Final = """
set -eu
ip link set lo up
[ "$1" = user ] || echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
shift
for address; do ip route add prohibit "$address"; done
echo
read _
"""


@dataclass(frozen=True, slots=True)
class RunNetwork:
    """A network namespace for `Sandbox`: how to enter it, and the line of resolv.conf that names its resolver."""

    enter: Sequence[str]
    resolver: str


@asynccontextmanager
async def run_network(*, internet: bool = True, blocked: Collection[str] = ()) -> AsyncIterator[RunNetwork]:
    """A new network, gone at the end together with its helper; also when this process dies.

    Inside there is a loopback of its own, and with `internet` a way out by IPv4 to everything but this machine's
    addresses, `ALWAYS_BLOCKED` and `blocked` (addresses or networks in CIDR form). Without, there is no way out.

    Raises:
        Failure: this machine does not allow it, or a program it needs is missing.
    """
    with ExitStack() as kept:
        opening = asyncio.ensure_future(asyncio.to_thread(_open, kept, internet, blocked))
        try:
            network = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            raise
        except OSError as error:
            raise Failure(f"no network of its own for the run: {error}") from None
        yield network


def _open(kept: ExitStack, internet: bool, blocked: Collection[str]) -> RunNetwork:  # noqa: FBT001
    addresses = sorted({*ALWAYS_BLOCKED, *blocked, *_own_addresses()}) if internet else []
    user, net = _namespaces(kept, addresses)
    if internet:
        _connect(kept, user, net)
    entered = (f"--user={user}", f"--net={net}") if user else (f"--net={net}",)
    return RunNetwork(("nsenter", *entered), _RESOLVER if internet else _NO_RESOLVER)


def _own_addresses() -> list[str]:
    said = subprocess.run(("ip", "-j", "-4", "address", "show"), capture_output=True, text=True, check=False)
    if said.returncode:
        raise OSError(said.stderr.strip())
    found = [address["local"] for link in json.loads(said.stdout) for address in link["addr_info"]]
    return [each for each in found if not each.startswith("127.")]


def _namespaces(kept: ExitStack, blocked: Sequence[str]) -> tuple[str, str]:
    """Paths of the user namespace, empty for root, and of the network namespace."""
    own = () if is_root() else ("-U", "--map-root-user", "--map-auto")
    command = ("unshare", *own, "-n", "sh", "-c", _SET_UP, "sh", "root" if is_root() else "user", *blocked)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        if not (holder.stdout and holder.stderr and holder.stdout.read(1)):
            raise OSError(holder.stderr.read().decode(errors="replace").strip() if holder.stderr else "no pipe")
        user = "" if is_root() else _hold(kept, holder.pid, "user")
        return user, _hold(kept, holder.pid, "net")


def _hold(kept: ExitStack, pid: int, kind: str) -> str:
    file = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    kept.callback(os.close, file)
    return f"/proc/{os.getpid()}/fd/{file}"


def _connect(kept: ExitStack, user: str, net: str) -> None:
    """Start slirp4netns, which ends when the pipe does that we hold, and wait until it is ready."""
    asleep, alive = os.pipe()
    said, ready = os.pipe()
    flags = ["--configure", f"--cidr={_RANGE}", f"--mtu={_MTU}", "--disable-host-loopback"]
    flags += ["--enable-sandbox", "--enable-seccomp", f"--exit-fd={asleep}", f"--ready-fd={ready}"]
    flags += [f"--userns-path={user}"] if user else []
    try:
        helper = _start(("slirp4netns", *flags, "--netns-type=path", net, "tap0"), (asleep, ready))
    except OSError:
        os.close(said)
        os.close(alive)
        raise
    finally:
        os.close(asleep)
        os.close(ready)
    kept.callback(_end, helper, alive)
    with open(said, "rb") as pipe:  # noqa: PTH123 - a descriptor
        if not pipe.read(1):
            raise OSError(f"slirp4netns: {_output(helper)}")


def _start(command: Sequence[str], files: Sequence[int]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=files
        )
    except FileNotFoundError:
        raise FileNotFoundError("slirp4netns is not installed; install the package slirp4netns") from None


def _output(helper: "subprocess.Popen[bytes]") -> str:
    output: IO[bytes] | None = helper.stdout
    return output.read().decode(errors="replace").strip() if output else ""


def _end(helper: "subprocess.Popen[bytes]", alive: int) -> None:
    os.close(alive)
    helper.kill()
    helper.wait()
    if helper.stdout:
        helper.stdout.close()
