"""`script/serve` as a process, and a way to see which processes are there."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Core Tools' `func` as script/serve starts it: all that matters here is that it serves /health on the port it is given.
FUNC = f"""#!{sys.executable}
import http.server, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
command, flag, port = sys.argv[1:]
assert (command, flag) == ("start", "--port"), sys.argv
http.server.HTTPServer(("127.0.0.1", int(port)), Health).serve_forever()
"""


@dataclass(frozen=True)
class Served:
    """A started `script/serve` and the first line it printed ("" when it ended without one)."""

    process: subprocess.Popen[str]
    ready: str

    @property
    def url(self) -> str:
        return self.ready.removeprefix("baselift ready: ").strip()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `script/serve` without its installation, by default on free ports."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "func").write_text(FUNC)
    (programs / "func").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY / "script"),
        "BASELIFT_HOST": "func",
    }
    started: list[subprocess.Popen[str]] = []

    def start(state: Path, *arguments: str, **settings: str) -> Served:
        ports = [] if "--port" in arguments else ["--port", "0"]
        ports += [] if "--registry-port" in arguments else ["--registry-port", "0"]
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "parts.serve", "--state", str(state), *ports, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | settings,
        )
        started.append(process)
        assert process.stdout is not None
        return Served(process, process.stdout.readline())

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=90)


@dataclass(frozen=True)
class Process:
    """A living process: its id and its arguments, joined by spaces."""

    pid: int
    line: str


def processes(path: Path) -> list[Process]:
    """The living processes whose arguments, outputs or working directory name something under a path."""
    found = [_process_naming(entry, str(path)) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [process for process in found if process is not None]


def _process_naming(entry: Path, path: str) -> Process | None:
    try:
        line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        places = [str((entry / link).readlink()) for link in ("fd/1", "fd/2", "cwd")]
    except OSError:
        return None
    return Process(int(entry.name), line) if any(path in place for place in [line, *places]) else None


@pytest.fixture
def processes_naming() -> Callable[[Path], list[Process]]:
    """Finds the living processes that belong to a state directory."""
    return processes
