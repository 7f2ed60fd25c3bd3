"""`baselift build`: build an image from a local directory or a git repository, and push it."""

from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.context import is_remote, upload
from baselift.cli.errors import explained
from baselift.cli.logs import follow, judge


@click.command(short_help="Build an image and push it.")
@click.argument("source")
@options.images
@click.option(
    "--file",
    "-f",
    "dockerfile",
    default="Dockerfile",
    show_default=True,
    metavar="PATH",
    help="Dockerfile, in the source or beside it.",
)
@options.pairs("--build-arg", "build_args", "Build argument")
@options.pairs("--secret-build-arg", "secret_args", "Build argument that no log shows")
@options.target
@options.build_platform
@options.timeout
@click.option("--no-push", is_flag=True, help="Build and do not push.")
@options.no_logs
@options.no_wait
@options.registry
@options.output
@explained
def build(source: str, registry: str | None, dockerfile: str, **given: Any) -> None:
    """Build an image from SOURCE and push it: the log is printed while the build runs.

    SOURCE is a directory, which is uploaded without what its .dockerignore names, or a git repository,
    URL[#branch[:directory]]. The exit code is 0 when the image was built and pushed, otherwise 1.
    """
    connection = Connection(registry)
    images, form = given["images"], given["output"]
    request = {
        "type": "DockerBuildRequest",
        "imageNames": list(images),
        "isPushEnabled": bool(images) and not given["no_push"],
        "platform": options.platform(given["platform"]),
        "arguments": options.arguments(given["build_args"], given["secret_args"]),
    } | {name: given[name] for name in ("target", "timeout") if given[name] is not None}
    location, file = (source, dockerfile) if is_remote(source) else upload(connection, source, dockerfile)
    request |= {"sourceLocation": location, "dockerFilePath": file}
    schedule(connection, request, form, no_logs=given["no_logs"], no_wait=given["no_wait"])


def schedule(connection: Connection, request: dict[str, Any], form: str, *, no_logs: bool, no_wait: bool) -> None:
    """Queue a run and see it to its end: exit code 1 when it failed."""
    run = connection.client.registries.schedule_run(*connection.where, request)
    identifier = str(output.flat(run)["runId"])
    click.echo(f"Queued a run with ID: {identifier}", err=True)
    if no_wait:
        return
    outcome = follow(connection, identifier, quiet=no_logs)
    if no_logs:
        output.show(output.flat(connection.client.runs.get(*connection.where, identifier)), form, output.run_columns)
    judge(outcome)
