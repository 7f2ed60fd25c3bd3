"""`python -m baselift.host`: run a function app until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from baselift.host.errors import HostError
from baselift.host.options import Options
from baselift.host.server import DEFAULT_GRACE, DEFAULT_PORT, Host, bind, environment
from baselift.host.settings import local_settings


def main(arguments: list[str] | None = None) -> int:
    """Run the host; returns the process's exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s] %(levelname)s %(name)s: %(message)s")
    for noisy in ("azure", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(options))
    except HostError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m baselift.host", description="Run a Python v2 function app.")
    parser.add_argument(
        "--app", type=_directory, default=".", metavar="DIR", help="directory of host.json and function_app.py"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on")
    parser.add_argument("--port", type=int, help=f"port; 0 takes a free one (default: {DEFAULT_PORT})")
    parser.add_argument("--grace", type=float, default=DEFAULT_GRACE, help="seconds running calls get at the end")
    parser.add_argument("--enable-auth", action="store_true", help="ask for keys, as a deployed app does")
    parser.add_argument("--https", action="store_true", help="speak https, with a certificate of a private CA")
    parser.add_argument(
        "--https-dir", type=_directory, metavar="DIR", help="where that CA is kept, made on first use (needs --https)"
    )
    parser.add_argument(
        "--https-name", action="append", default=[], metavar="NAME", help="a further name of this host (needs --https)"
    )
    return parser


def _options(given: argparse.Namespace) -> Options:
    if given.https and given.https_dir is None:
        raise HostError("--https needs --https-dir DIR, the directory where its certificates are kept")
    if not given.https and (given.https_dir or given.https_name):
        raise HostError("--https-dir and --https-name need --https")
    return Options(given.enable_auth, given.https_dir, tuple(given.https_name))


def _directory(text: str) -> Path:
    return Path(text).resolve()


async def _serve(options: argparse.Namespace) -> None:
    app_dir: Path = options.app
    run_as = _options(options)
    stop = _stop_signal()
    port = options.port
    if port is None:
        port = local_settings(app_dir, {})[1] or DEFAULT_PORT
    bound = bind(options.host, port)
    with contextlib.closing(bound), environment(app_dir, {}, bound) as settings:
        host = Host(app_dir, settings, bound, run_as)
        _print_functions(host)
        await host.start()
        if host.ca:
            sys.stdout.write(f"CA certificate: {host.ca}\n")
        sys.stdout.write(f"Host started: {host.url}\n")
        sys.stdout.flush()
        await stop.wait()
        if not await host.stop(options.grace):
            # A function that runs in a thread, or that will not be cancelled, would keep the process from ending.
            _exit_at_once(0)


def _stop_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process."""
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            _exit_at_once(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    return stop


def _exit_at_once(code: int) -> None:
    sys.stdout.flush()
    logging.shutdown()
    os._exit(code)


def _print_functions(host: Host) -> None:
    for function in host.functions:
        state = " (disabled)" if function.disabled else ""
        sys.stdout.write(f"  {function.name}: {function.trigger.type}{state}\n")
    for name, text in host.errors.items():
        sys.stdout.write(f"  {name}: not started: {text}\n")
        logging.getLogger("baselift.host").error("The '%s' function is in error: %s", name, text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
