"""`script/serve`: all parts on one machine, until a signal ends them."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from parts.app import REPOSITORY
from parts.errors import PartError
from parts.locks import LOCK, state_locked
from parts.private import private_directory
from parts.stack import Stack, Wanted, running

CHECK_SECONDS = 0.2
MAX_PORT = 65535
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked for the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or Ctrl-C (exit code 0), or until a part fails (1, with one line that says why)."""
    wanted = _wanted(_parser().parse_args(arguments))
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        _claim(wanted.state)
        with state_locked(wanted.state), running(wanted) as stack:
            print(f"baselift ready: {stack.app.url}", flush=True)
            _watch(stack)
    except (PartError, OSError) as error:
        print(f"script/serve: {error}", file=sys.stderr)
        return 1
    except Stopped:
        pass
    return 0


def _claim(state: Path) -> None:
    """Makes the directory; one that holds other things is not to get our modes and files."""
    if state.exists() and not state.is_dir():
        raise PartError(f"--state {state} is a file; give a directory")
    if state.is_dir() and any(state.iterdir()) and not (state / LOCK).exists():
        raise PartError(f"--state {state} has other things in it; give a new or an empty directory")
    private_directory(state)


def _stop(_number: int, _frame: FrameType | None) -> None:
    # A second signal must not cut the orderly end short.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _watch(stack: Stack) -> None:
    while True:
        stack.check()
        time.sleep(CHECK_SECONDS)


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(
        state=options.state.absolute(),
        port=options.port,
        registry_port=options.registry_port,
        notifications=options.notifications,
        git_root=options.git_root.absolute() if options.git_root else None,
        https=options.https,
        access=options.access,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/serve", description="Starts Baselift and its parts, and stays.")
    parser.add_argument("--port", type=_port, default=7071, help="port of the app; 0: a free one (default: 7071)")
    parser.add_argument("--registry-port", type=_port, default=5000, help="port of the registry (default: 5000)")
    parser.add_argument("--state", type=Path, default=REPOSITORY / ".baselift", help="all state (default: .baselift)")
    parser.add_argument(
        "--no-notifications",
        dest="notifications",
        action="store_false",
        help="the registry tells of no pushes; the reconciler finds them",
    )
    parser.add_argument("--git-root", type=Path, help="also serve the bare git repositories of this directory")
    parser.add_argument("--https", action="store_true", help="the app speaks https, by a private CA under the state")
    parser.add_argument(
        "--access",
        choices=("none", "clients"),
        help="who may call: everyone on this machine, or who logs in with the client's secret (default: none)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to {MAX_PORT}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
