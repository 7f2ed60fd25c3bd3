"""`--image` of `baselift task list-runs` and `logs`: the runs that made an image."""

import click

from baselift.cli import output
from baselift.cli.connection import Connection
from baselift.cli.errors import EXIT_NOT_FOUND, CommandError

image = click.option(
    "--image", metavar="NAME", help="Only runs that pushed this image: NAME@DIGEST, or NAME:TAG as a run last put it."
)


def condition(connection: Connection, image: str) -> str:
    """The API's `$filter` for the runs that pushed an image. Raises CommandError when no run put its tag."""
    name, _, digest = image.partition("@")
    if not digest:
        name, _, tag = image.rpartition(":")
        if not name or "/" in tag:
            name, tag = image, "latest"
        digest = _digest(connection, name, tag)
    quoted = f"{name}@{digest}".replace("'", "''")
    return f"contains(OutputImageManifests, '{quoted}')"


def _digest(connection: Connection, name: str, tag: str) -> str:
    for run in connection.client.runs.list(*connection.where):
        for made in output.flat(run).get("outputImages") or ():
            names = (made["repository"], f"{made.get('registry')}/{made['repository']}")
            if name.lower() in names and made.get("tag") == tag and made.get("digest"):
                return str(made["digest"])
    raise CommandError(f"no run pushed the image '{name}:{tag}'", EXIT_NOT_FOUND)
