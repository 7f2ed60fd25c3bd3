"""`script/serve` as a process on a state directory: started, stopped, killed, started again on the same ports."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parts.ports import free_ports
from story.user import User, until

REPOSITORY = Path(__file__).parents[2]
QUICK = {"BASELIFT_RECONCILE": "* * * * * *", "BASELIFT_LEASE_SECONDS": "5"}


@dataclass(frozen=True)
class Process:
    """A process as it is now; another one that gets its number later began at another moment."""

    pid: int
    began: str
    line: str

    @property
    def alive(self) -> bool:
        now = process(self.pid)
        return now is not None and now.began == self.began


def process(pid: int) -> Process | None:
    """The process with this number, unless it is over."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Process(pid, fields[19], line)


def descendants(pid: int) -> list[Process]:
    """Everything that a process started, and what that started; some may be over meanwhile."""
    found = []
    for child in _children(pid):
        found += [each for each in [process(child)] if each] + descendants(child)
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for file in Path(f"/proc/{pid}/task").glob("*/children") for word in file.read_text().split()]
    except OSError:
        return []


def using(directory: Path) -> list[Process]:
    """The processes that name a directory in their arguments, environment, working directory or open files."""
    return [found for pid in _pids() if _names(pid, str(directory)) and (found := process(pid))]


def _pids() -> Iterator[int]:
    own = os.getpid()
    yield from (
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and entry.name != str(own)
    )


def _names(pid: int, path: str) -> bool:
    entry = Path(f"/proc/{pid}")
    try:
        texts = [(entry / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ")]
        links = [entry / "cwd", entry / "root", *(entry / "fd").iterdir()]
        return any(path in text for text in [*texts, *(str(link.readlink()) for link in links)])
    except OSError:
        return False


@dataclass
class Serve:
    """One `script/serve`, without its installation."""

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables over the quick ones."""
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    child: subprocess.Popen[str] | None = None

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def user(self) -> User:
        return User(self.directory, self.state)

    def start(self, *arguments: str) -> None:
        """Start it, and return when it says that it is ready."""
        port, registry_port = map(str, self.ports)
        command = ["-m", "parts.serve", "--state", str(self.state), "--port", port, "--registry-port", registry_port]
        places = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'script'}"}
        self.child = subprocess.Popen(
            [sys.executable, "-B", *command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **places, **QUICK, **self.settings},
            start_new_session=True,
        )
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line == f"baselift ready: http://127.0.0.1:{port}\n", self.child.communicate()[1]

    def stop(self) -> tuple[int, str]:
        """End it as a user does; its exit code and what it said."""
        assert self.child is not None
        self.child.terminate()
        return self.outcome()

    def outcome(self) -> tuple[int, str]:
        """Its exit code and what it said, once it has ended."""
        assert self.child is not None
        out, error = self.child.communicate(timeout=120)
        return self.child.returncode, out + error

    def part(self, name: str) -> Process:
        """The process of a part: `baselift.host`, `docker-registry` or `azurite`."""
        assert self.child is not None
        return next(each for each in descendants(self.child.pid) if name in each.line)

    def builders(self) -> list[Process]:
        """What runs below the app: buildah and what it started."""
        return descendants(self.part("baselift.host").pid)

    def kill_app(self) -> None:
        """End the app between any two of its instructions; the rest of the parts then stops in order."""
        os.kill(self.part("baselift.host").pid, signal.SIGKILL)
        code, said = self.outcome()
        assert (code, "app ended with code -9" in said) == (1, True), said

    def kill_all(self) -> None:
        """End the supervisor, the app and the registry so.

        Storage gets SIGTERM, from its parent's death: Azurite acknowledges before it writes, and a kill loses that.
        """
        assert self.child is not None
        killed = [self.part("baselift.host"), self.part("docker-registry")]
        os.killpg(self.child.pid, signal.SIGKILL)
        for each in killed:
            os.kill(each.pid, signal.SIGKILL)
        self.outcome()

    def gone(self) -> None:
        """Wait until nothing uses the state."""
        until(lambda: using(self.state) == [], f"nothing uses {self.state}")
        assert str(self.state) not in Path("/proc/self/mountinfo").read_text()

    def close(self) -> None:
        """Stop it whatever state it is in."""
        if self.child is not None and self.child.poll() is None:
            self.stop()
