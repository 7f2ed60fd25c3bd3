"""Loopback ports: finding free ones, and waiting until something answers on one."""

import contextlib
import errno
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from parts.errors import PartError

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.02


def free_ports(count: int) -> list[int]:
    """As many different ports of 127.0.0.1 as asked for, free at this moment; another process may still be faster."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def chosen_port(wanted: int, purpose: str) -> int:
    """The port itself if it is free, or a free one for 0.

    Raises:
        PartError: it is in use, or may not be bound.
    """
    with reserved_port(wanted, purpose) as port:
        return port


@contextlib.contextmanager
def reserved_port(wanted: int, purpose: str) -> Iterator[int]:
    """The chosen port, which the kernel gives nobody by itself before the end of the block.

    Who asks for it by number, with SO_REUSEADDR as servers do, gets it: the reservation does not listen.

    Raises:
        PartError: it is in use, or may not be bound.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reservation.bind((LOOPBACK, wanted))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be bound: {error.strerror}"
            raise PartError(f"{purpose} port {wanted} {why}; choose another, or 0 for a free one") from None
        yield reservation.getsockname()[1]


def http_status(port: int, path: str = "/", timeout: float = 5.0, ca: Path | None = None) -> int | None:
    """The HTTP status of a GET on 127.0.0.1, by https where a CA is given, or None while nothing answers."""
    connection = _connection(port, timeout, ca)
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return response.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _connection(port: int, timeout: float, ca: Path | None) -> http.client.HTTPConnection:
    if ca is None:
        return http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    trusting = ssl.create_default_context(cafile=ca)
    return http.client.HTTPSConnection(LOOPBACK, port, timeout=timeout, context=trusting)


def wait_for(answers: Callable[[], bool], check: Callable[[], None], what: str, seconds: float) -> None:
    """Returns once ``answers()`` is true; ``check()`` is called between tries and may raise.

    Raises:
        PartError: it was not true within the given seconds.
    """
    end = time.monotonic() + seconds
    while not answers():
        check()
        if time.monotonic() > end:
            raise PartError(f"{what} did not answer within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
