"""`script/demo`: the parts with empty state, a story told on them, everything stopped."""

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, ModuleType

from parts import family, story
from parts.errors import PartError
from parts.story import Scene

STOP_SECONDS = 150.0


class Stopped(BaseException):
    """A signal asked for the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Tells the story: exit code 0 when every step was as it should be, else 1 and the reason."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    directory = Path(tempfile.mkdtemp(prefix="baselift-demo-"))
    begun = time.monotonic()
    try:
        with _served(directory, options) as scene:
            _told(options).tell(scene)
    except (PartError, OSError, KeyError, ValueError) as error:
        print(f"script/demo: {_reason(error)}", file=sys.stderr)
        return 1
    except (Stopped, KeyboardInterrupt):
        print("script/demo: stopped before the end", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            _remove(directory)
    print(f"The whole demo: {time.monotonic() - begun:.1f} s.")
    return 0


def _told(options: argparse.Namespace) -> ModuleType:
    """The story, as a module that names its sample and tells it."""
    return family if options.family else story


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the answer of the app has no property {error}"
    return str(error)


@contextlib.contextmanager
def _served(directory: Path, options: argparse.Namespace) -> Iterator[Scene]:
    state, git_root = directory / "state", directory / "git"
    story.write_sources(directory, git_root, _told(options).SAMPLE)
    command = _serve(state, git_root, options)
    process = _start(command, directory / "serve.log" if options.keep else None)
    try:
        print(_ready_line(process), flush=True)
        endpoint = json.loads((state / "endpoint.json").read_text())
        yield Scene(directory, app=endpoint["url"], git=endpoint["git"], registry=endpoint["registry"])
    except BaseException:
        _end(process)
        raise
    if options.keep:
        print(
            f"Everything is still up: BASELIFT_URL={endpoint['url']} .venv/bin/baselift task list-runs --output table"
        )
        print(f"What was rebuilt, the reason and the graph: {endpoint['url']}/ui")
        print(f"To stop it: kill {process.pid}. Its state, which stays: {directory}")
    else:
        _end(process)


def _start(command: list[str], log: Path | None) -> subprocess.Popen[str]:
    """Starts the parts; what they complain of goes to the log where they outlive this process and its terminal."""
    with log.open("wb") if log else contextlib.nullcontext() as errors:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            text=True,
        )


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(STOP_SECONDS)


def _ready_line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise PartError("the parts did not start")
    return line.strip()


def _serve(state: Path, git_root: Path, options: argparse.Namespace) -> list[str]:
    serve = [sys.executable, "-B", "-m", "parts.serve", "--port", "0", "--registry-port", "0"]
    serve += ["--state", str(state), "--git-root", str(git_root)]
    serve += [] if options.notifications else ["--no-notifications"]
    # With --keep the parts outlive the demo, otherwise they must not, however it ends.
    return serve if options.keep else ["setpriv", "--pdeathsig", "TERM", *serve]


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        # Without root the stores hold files of other user ids of this user's range.
        subprocess.run(["buildah", "unshare", "rm", "-rf", str(directory)], check=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/demo", description="Shows an image following its base image.")
    parser.add_argument("--family", action="store_true", help="show a family of images: three levels, each built once")
    parser.add_argument("--keep", action="store_true", help="leave everything running, and say how to stop it")
    parser.add_argument(
        "--no-notifications",
        dest="notifications",
        action="store_false",
        help="the registry tells of no pushes; the reconciler finds the new base image",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
