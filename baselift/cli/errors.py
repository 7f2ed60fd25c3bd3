"""What ends a command: one line on stderr and an exit code, never a traceback."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError

P = ParamSpec("P")
T = TypeVar("T")

UNAUTHORIZED, NOT_FOUND = 401, 404
EXIT_NOT_FOUND = 3


class CommandError(click.ClickException):
    """The command cannot go on; `exit_code` is 3 where something does not exist, as with az."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares the class's default only

    def show(self, file: Any = None) -> None:
        click.echo(f"ERROR: {self.message}", file=file, err=True)


def explained(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the SDK's errors into one line."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except HttpResponseError as error:
            raise _refusal(error) from error
        except ServiceRequestError as error:
            raise CommandError(f"Baselift does not answer: {error.message}. Is `script/serve` running?") from error
        except AzureError as error:
            raise CommandError(error.message) from error

    return run


@contextmanager
def from_storage(link: str) -> Iterator[None]:
    """Say of what fails inside that it was the storage, which a link of the server's leads to, and not the server."""
    parts = urlsplit(link)
    place = f"the storage at {parts.hostname}:{parts.port}" if parts.port else f"the storage at {parts.hostname}"
    try:
        yield
    except HttpResponseError as error:
        raise CommandError(f"{place} answered {error.status_code} {error.reason}") from error
    except AzureError as error:
        way = "where clients do not reach it, the server's setting BASELIFT_BLOB_PROXY helps"
        raise CommandError(f"{place} does not answer: {error.message}; {way}") from error


def absent(whose: str, kind: str, name: str, there: Iterable[str]) -> CommandError:
    """What to raise where somebody has no such thing, with what there is."""
    names = ", ".join(there) or "none"
    return CommandError(f"{whose} has no {kind} '{name}'; there are: {names}", EXIT_NOT_FOUND)


def _refusal(error: HttpResponseError) -> CommandError:
    code = getattr(error.error, "code", None)
    message = getattr(error.error, "message", None) or error.message
    if not code:
        return CommandError(f"the answer is no answer of Baselift's: {message}")
    if error.status_code == UNAUTHORIZED:
        return CommandError(f"({code}) {message} Run `baselift login`.")
    return CommandError(f"({code}) {message}", EXIT_NOT_FOUND if error.status_code == NOT_FOUND else 1)
