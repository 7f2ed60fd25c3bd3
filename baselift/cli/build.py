"""`baselift build`: build an image from a local directory or a git repository, and push it."""

from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.context import is_remote, upload
from baselift.cli.errors import explained
from baselift.cli.logs import follow, judge


@click.command()
@click.argument("source")
@click.option("--image", "-t", "images", multiple=True, help="Name and tag; may be given more than once.")
@click.option("--file", "-f", "dockerfile", default="Dockerfile", show_default=True, help="Dockerfile in the source.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="Build argument.")
@click.option("--secret-build-arg", "secret_args", multiple=True, metavar="NAME=VALUE", help="Secret build argument.")
@click.option("--target", help="Stage to build.")
@click.option("--platform", help="os/architecture[/variant]; default: linux/amd64.")
@click.option("--timeout", type=int, help="Seconds.")
@click.option("--no-push", is_flag=True, help="Build only.")
@click.option("--no-logs", is_flag=True, help="Print the run instead of its log.")
@click.option("--no-wait", is_flag=True, help="Return when the run is queued.")
@options.registry
@options.output
@explained
def build(source: str, registry: str | None, dockerfile: str, **given: Any) -> None:
    """Build an image from SOURCE, a directory or the URL of a git repository, and push it."""
    connection = Connection(registry)
    location, file = (source, dockerfile) if is_remote(source) else upload(connection, source, dockerfile)
    images, form = given["images"], given["output"]
    request = {
        "type": "DockerBuildRequest",
        "imageNames": list(images),
        "isPushEnabled": bool(images) and not given["no_push"],
        "sourceLocation": location,
        "dockerFilePath": file,
        "platform": options.platform(given["platform"]),
        "arguments": options.arguments(given["build_args"], given["secret_args"]),
    } | {name: given[name] for name in ("target", "timeout") if given[name] is not None}
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
