"""Print a run's log while it grows, and learn from it how the run ended."""

import time
from typing import Any

import click
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient

from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, from_storage

PAUSE = 0.2
LONGEST_PAUSE = 2.0
FAILURES = {
    "failed": "Run failed",
    "internalerror": "Run failed: the server had a fault",
    "timedout": "Run timed out",
    "canceled": "Run was canceled",
}


def follow(connection: Connection, run: str, *, quiet: bool = False) -> str:
    """Print the log to its end, or only wait for it; return the outcome in its metadata, for example ``successful``."""
    link = connection.client.runs.get_log_sas_url(*connection.where, run).log_link or ""
    offset, pause, rest = 0, PAUSE, b""
    with from_storage(link), BlobClient.from_blob_url(link, api_version="2025-11-05") as blob:
        while True:
            properties = _properties(blob)
            size = properties.size if properties else 0
            if properties and size > offset:
                if not quiet:
                    rest = _print_lines(rest + blob.download_blob(offset=offset, length=size - offset).readall())
                offset, pause = size, PAUSE
            elif outcome := _outcome(properties):
                click.echo(rest.decode(errors="replace"), nl=False)
                return outcome
            else:
                time.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)


def judge(outcome: str) -> None:
    """Raise CommandError (exit code 1) for a run that did not succeed."""
    if outcome in FAILURES:
        raise CommandError(FAILURES[outcome])


def _properties(blob: BlobClient) -> Any:
    try:
        return blob.get_blob_properties()
    except ResourceNotFoundError:
        return None


def _print_lines(data: bytes) -> bytes:
    """Print the whole lines; return what follows the last: a piece of the log may end within a character."""
    whole, end, rest = data.rpartition(b"\n")
    click.echo((whole + end).decode(errors="replace").replace("\r\n", "\n"), nl=False)
    return rest


def _outcome(properties: Any) -> str | None:
    metadata = (properties.metadata or {}) if properties else {}
    return next((value.lower() for key, value in metadata.items() if key.lower() == "complete"), None)
