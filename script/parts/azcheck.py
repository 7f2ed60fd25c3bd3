"""`script/az-check`: the real az against a fresh Baselift, by the committed list of commands."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from parts import azinstall, azlist
from parts.app import REPOSITORY
from parts.azlist import Line
from parts.errors import PartError
from parts.repositories import Repository
from parts.story import BUSYBOX, SAMPLE, write_sources

TUTORIAL_VERSION = "2.84.0"
BUG_SINCE = "2.85.0"
BUG_SAYS = "Object of type set is not JSON serializable"
LIST = REPOSITORY / "script" / "az-check.d" / "commands"
CONTEXT = LIST.parent / "context"
COMMAND_SECONDS = 240
STOP_SECONDS = 150
SUBSCRIPTION, GROUP, NAME = "00000000-0000-0000-0000-000000000000", "local", "baselift"


class Stopped(BaseException):
    """A signal asked for the end."""


@dataclass
class Tally:
    """How the commands ended."""

    passed: int = 0
    failed: int = 0
    client_bugs: int = 0


@dataclass
class Bench:
    """Where commands run: their directory, environment, and the values that lines kept for later ones."""

    directory: Path
    environment: Mapping[str, str]
    values: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks each version; returns 0 when every command did what the list says."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    total = Tally()
    try:
        lines = [line for line in azlist.read(LIST) if options.only is None or line.number in options.only]
        for version in options.version or list(dict.fromkeys((TUTORIAL_VERSION, azinstall.newest()))):
            _check(version, lines, total, shown=options.verbose)
    except (PartError, OSError) as error:
        print(f"script/az-check: {error}", file=sys.stderr)
        return 1
    except (Stopped, KeyboardInterrupt):
        print("script/az-check: stopped before the end", file=sys.stderr)
        return 1
    if total.client_bugs:
        print(f"{total.client_bugs} broken by az itself (from {BUG_SINCE} on: {BUG_SAYS}), counted apart")
    print(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.failed == 0 else 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _check(version: str, lines: list[Line], total: Tally, *, shown: bool) -> None:
    programs = azinstall.installed(version)
    breaks = azinstall.is_at_least(version, BUG_SINCE)
    begun = time.monotonic()
    with _bench(programs) as bench:
        for line in lines:
            _count(line, bench, total, version, breaks=breaks, shown=shown)
    print(f"azure-cli {version}: {len(lines)} commands in {time.monotonic() - begun:.0f} s", flush=True)


def _count(line: Line, bench: Bench, total: Tally, version: str, *, breaks: bool, shown: bool) -> None:
    begun = time.monotonic()
    code, output = _run(line.command, bench)
    match = line.found(output, bench.values) if code == line.code else None
    if match:
        bench.values |= {name: text for name, text in match.groupdict().items() if text is not None}
        total.passed += 1
        verdict = "ok"
    elif line.client_bug and breaks and BUG_SAYS in output:
        total.client_bugs += 1
        verdict = f"{azlist.CLIENT_BUG}  "
    else:
        total.failed += 1
        verdict = "FAILED"
    print(
        f"{verdict:6} {version} :{line.number:<4} {time.monotonic() - begun:5.1f} s  {line.command[:160]}", flush=True
    )
    if verdict == "FAILED" or shown:
        print(f"       wanted {line.code} and /{line.pattern}/, got {code} and:\n{_indented(output)}", flush=True)


def _indented(output: str, most: int = 25) -> str:
    return "\n".join(f"       | {text}" for text in output.splitlines()[-most:])


def _run(command: str, bench: Bench) -> tuple[int, str]:
    """The exit code of a shell command and all it printed; one that does not end has the code 124, as of timeout(1)."""
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=bench.directory,
        env={**bench.environment, **bench.values},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return 124, output
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, output


@contextlib.contextmanager
def _bench(programs: Path) -> Iterator[Bench]:
    directory = Path(tempfile.mkdtemp(prefix="baselift-az-"))
    try:
        _write_contexts(directory)
        with _served(directory / "state", directory / "git"):
            yield _entered(directory, programs)
    finally:
        _remove(directory)


def _write_contexts(directory: Path) -> None:
    write_sources(directory, directory / "git")
    (directory / SAMPLE).rename(directory / "sample")
    shutil.copytree(CONTEXT, directory / "context")
    shutil.copy(BUSYBOX, directory / "context" / "busybox")
    Repository.of_directory(directory / "git" / "plain.git", directory / "context")


@contextlib.contextmanager
def _served(state: Path, git_root: Path) -> Iterator[None]:
    serve = [sys.executable, "-B", "-m", "parts.serve", "--https", "--access", "clients", "--state", str(state)]
    serve += ["--port", "0", "--registry-port", "0", "--git-root", str(git_root)]
    process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *serve], stdout=subprocess.PIPE, text=True)
    try:
        if not (process.stdout and process.stdout.readline()):
            raise PartError("the parts did not start")
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _entered(directory: Path, programs: Path) -> Bench:
    """The environment after `source script/az-env`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTHON"))}
    environment = {**clean, "PATH": f"{programs}{os.pathsep}{clean['PATH']}", "AZURE_CORE_COLLECT_TELEMETRY": "false"}
    script = f"source {REPOSITORY / 'script' / 'az-env'} {directory / 'state'} >&2 && env -0"
    done = subprocess.run(["bash", "-c", script], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise PartError("source script/az-env failed")
    entered = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if "=" in pair)
    endpoint = json.loads((directory / "state" / "endpoint.json").read_text(encoding="utf-8"))
    values = {"R": NAME, "ACR": f"{NAME}.azurecr.io", "G": GROUP, "SUB": SUBSCRIPTION, "URL": endpoint["url"]}
    values |= {"GIT": f"{endpoint['git']}/{SAMPLE}.git", "PLAIN": f"{endpoint['git']}/plain.git"}
    return Bench(directory, entered, values)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        # Without root the stores hold files of other user ids of this user's range.
        subprocess.run(["buildah", "unshare", "rm", "-rf", str(directory)], check=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/az-check", description="Runs the commands of script/az-check.d/commands with the real azure-cli."
    )
    parser.add_argument(
        "--version",
        action="append",
        metavar="V",
        help=f"version of azure-cli, may be repeated (default: {TUTORIAL_VERSION} and the newest)",
    )
    parser.add_argument("--only", type=int, nargs="+", metavar="LINE", help="only these lines of the list")
    parser.add_argument("--verbose", action="store_true", help="show every command's output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
