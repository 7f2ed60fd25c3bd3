"""`baselift scan`: the base images of a Dockerfile, found here, without a server."""

import sys
from pathlib import Path
from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.errors import CommandError
from baselift.domain import dockerfile


@click.command(short_help="Print the base images of a Dockerfile.")
@click.argument("file", metavar="DOCKERFILE")
@options.pairs("--build-arg", "build_args", "Build argument")
@options.target
@click.option("--platform", default="linux/amd64", show_default=True, metavar="OS/ARCH[/VARIANT]", help="Of the image.")
@click.option("--output", "-o", "form", type=click.Choice(["json", "table"]), default="table", help="How to print it.")
def scan(file: str, build_args: tuple[str, ...], target: str | None, platform: str, form: str) -> None:
    """Print the images that a build of DOCKERFILE ('-': standard input) uses.

    The exit code is 1 when it cannot be read; the message has the line.
    """
    arguments = {each["name"]: each["value"] for each in options.arguments(build_args, ())}
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = dockerfile.scan(content, arguments=arguments, target=target, platform=platform)
    except OSError as error:
        raise CommandError(f"'{file}' cannot be read: {error.strerror}") from None
    except dockerfile.DockerfileError as error:
        raise CommandError(str(error)) from None
    edges = [_edge(edge) for edge in found.edges]
    if form == "json":
        output.show({"edges": edges}, form, _columns)
    else:
        output.show(edges, form, _columns)


def _edge(edge: dockerfile.Edge) -> dict[str, Any]:
    kind = edge.kind.lower()
    return {"type": kind, "reference": edge.reference, "image": str(edge.image), "line": edge.line}


def _columns(edge: output.Document) -> dict[str, str]:
    return {name.upper(): str(edge[name]) for name in ("type", "reference", "image", "line")}
