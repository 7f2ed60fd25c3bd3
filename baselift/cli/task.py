"""`baselift task`: create, change and run tasks, and look at their runs."""

from typing import Any

import click

from baselift.cli import edge as edges
from baselift.cli import images, options, output
from baselift.cli import retention as tags
from baselift.cli import source as sources
from baselift.cli.build import schedule
from baselift.cli.connection import Connection
from baselift.cli.credential import credential
from baselift.cli.errors import EXIT_NOT_FOUND, CommandError, explained
from baselift.cli.identity import identity
from baselift.cli.logs import follow
from baselift.cli.timer import timer

STATES = ("Queued", "Started", "Running", "Succeeded", "Failed", "Canceled", "Error", "Timeout")


@click.group(short_help="Tasks and their runs.")
def task() -> None:
    """Tasks, which build an image again when its base image moves, and their runs."""


def _definition(command: options.Command) -> options.Command:
    for option in reversed(
        (
            options.images,
            click.option("--context", "-c", metavar="URL", help="Git repository: URL[#branch[:directory]]."),
            click.option("--file", "-f", "dockerfile", metavar="PATH", help="Dockerfile in the context."),
            options.pairs("--arg", "args", "Build argument"),
            options.pairs("--secret-arg", "secret_args", "Build argument that no log and no answer shows"),
            options.target,
            options.build_platform,
            options.timeout,
            click.option("--no-cache", type=bool, metavar="true|false", help="Build without cached layers."),
            click.option(
                "--layer-cache",
                type=click.Choice(["enabled", "disabled"]),
                help="Keep layers for the task's next runs; a new task keeps none.",
            ),
            click.option("--no-push", type=bool, metavar="true|false", help="Build and do not push."),
            click.option("--git-access-token", metavar="TOKEN", help="Token that reads the repository."),
            sources.triggering,
            click.option(
                "--base-image-trigger-enabled",
                type=bool,
                metavar="true|false",
                help="Build again when a base image moves; a new task does.",
            ),
            click.option(
                "--base-image-trigger-type",
                type=click.Choice(["Runtime", "All"]),
                help="Bases that count: of the last stage, or of all stages.",
            ),
            click.option("--status", type=click.Choice(["Enabled", "Disabled"]), help="Disabled: nothing triggers it."),
        )
    ):
        command = option(command)
    return command


@task.command("create")
@options.task_name
@_definition
@options.registry
@options.output
@explained
def create(name: str, registry: str | None, **given: Any) -> None:
    """Create a task, or replace it."""
    connection = Connection(registry)
    if not given["context"]:
        raise CommandError("--context is needed: the URL of a git repository")
    if not given["images"] and not given["no_push"]:
        raise CommandError("--image is needed, or --no-push true for a task that only builds")
    step = {"type": "Docker", "dockerFilePath": "Dockerfile", "isPushEnabled": True, "noCache": False} | _step(given)
    usual = {"baseImageTriggerType": "Runtime", "status": "Enabled"}
    trigger = {} if given["base_image_trigger_enabled"] is False else {"baseImageTrigger": usual | _base_trigger(given)}
    trigger |= sources.created(given)
    properties = {
        "status": given["status"] or "Enabled",
        "timeout": given["timeout"] or 3600,
        "platform": options.platform(given["platform"]),
        "agentConfiguration": {"cpu": 2},
        "step": step,
        "trigger": trigger,
    }
    document = {"location": connection.registry.location, "tags": _tags(given), "properties": properties}
    made = output.flat(connection.client.tasks.create(*connection.where, name, document))
    _show(made, given["output"])
    edges.read_since(connection, name, made["systemData"]["lastModifiedAt"])


@task.command("update")
@options.task_name
@_definition
@options.registry
@options.output
@explained
def update(name: str, registry: str | None, **given: Any) -> None:
    """Change parts of a task; what is not given stays."""
    connection = Connection(registry)
    properties: dict[str, Any] = {field: given[field] for field in ("status", "timeout") if given[field] is not None}
    if given["platform"]:
        properties["platform"] = options.platform(given["platform"])
    if step := _step(given):
        properties["step"] = {"type": "Docker"} | step
    existing = output.flat(connection.client.tasks.get(*connection.where, name))
    trigger = sources.changed(given, existing)
    if given["base_image_trigger_enabled"] is not None or given["base_image_trigger_type"]:
        trigger["baseImageTrigger"] = _base_trigger(given)
    if trigger:
        properties["trigger"] = trigger
    document: dict[str, Any] = {"properties": properties}
    if tags := _tags(given):
        document["tags"] = (existing.get("tags") or {}) | tags
    _show(connection.client.tasks.update(*connection.where, name, document), given["output"])


@task.command("show")
@options.task_name
@options.registry
@options.output
@explained
def show(name: str, registry: str | None, **given: Any) -> None:
    """Print a task, and how each of its base images is watched."""
    form = given["output"]
    connection = Connection(registry)
    found, watched = output.flat(connection.client.tasks.get(*connection.where, name)), edges.states(connection, name)
    _show(found | {"edges": watched["value"], "retention": tags.standing(connection, name)}, form)
    if form == "table" and watched["value"]:
        click.echo()
        output.show(watched["value"], form, edges.columns)


@task.command("list")
@options.registry
@options.output
@explained
def list_(registry: str | None, output: str) -> None:
    """Print all tasks."""
    connection = Connection(registry)
    _show(list(connection.client.tasks.list(*connection.where)), output)


@task.command("delete")
@options.task_name
@options.registry
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@explained
def delete(name: str, registry: str | None, *, yes: bool) -> None:
    """Delete a task. Its runs and images stay."""
    connection = Connection(registry)
    if not yes:
        click.confirm(f"Delete task '{name}' of registry '{connection.registry.name}'?", abort=True)
    connection.client.tasks.delete(*connection.where, name)


@task.command("run")
@options.task_name
@click.option("--context", "-c", metavar="URL", help="Another context, for this run.")
@click.option("--file", "-f", "dockerfile", metavar="PATH", help="Another Dockerfile, for this run.")
@options.pairs("--arg", "args", "Build argument for this run")
@options.pairs("--secret-arg", "secret_args", "Build argument for this run that no log shows")
@click.option("--target", metavar="STAGE", help="Another stage, for this run.")
@options.no_logs
@options.no_wait
@options.registry
@options.output
@explained
def run(name: str, registry: str | None, **given: Any) -> None:
    """Run a task now and print its log while it runs.

    The exit code is 0 when the run succeeded, otherwise 1.
    """
    connection = Connection(registry)
    overrides = {"contextPath": given["context"], "file": given["dockerfile"], "target": given["target"]}
    request = {
        "type": "TaskRunRequest",
        "taskId": f"{connection.registry.id}/tasks/{name}",
        "overrideTaskStepProperties": {key: value for key, value in overrides.items() if value is not None}
        | {"arguments": options.arguments(given["args"], given["secret_args"]), "values": []},
    }
    schedule(connection, request, given["output"], no_logs=given["no_logs"], no_wait=given["no_wait"])


@task.command("list-runs")
@click.option("--name", "-n", metavar="TASK", help="Only runs of this task.")
@click.option(
    "--run-status",
    type=click.Choice(STATES, case_sensitive=False),
    metavar="STATE",
    help=f"Only runs in this state: {', '.join(STATES)}.",
)
@click.option("--top", type=click.IntRange(1, 1000), default=15, show_default=True, help="How many, newest first.")
@images.image
@options.registry
@options.output
@explained
def list_runs(name: str | None, run_status: str | None, registry: str | None, output: str, **given: Any) -> None:
    """Print the newest runs."""
    connection = Connection(registry)
    terms = [_equal(field, value) for field, value in (("TaskName", name), ("Status", run_status)) if value]
    terms += [images.condition(connection, given["image"])] if given["image"] else []
    found = connection.client.runs.list(*connection.where, filter=" and ".join(terms) or None, top=given["top"])
    _show_runs(list(found), output)


@task.command("show-run")
@options.run_id
@options.registry
@options.output
@explained
def show_run(run_id: str, registry: str | None, output: str) -> None:
    """Print a run."""
    connection = Connection(registry)
    _show_runs(connection.client.runs.get(*connection.where, run_id), output)


@task.command("cancel-run")
@options.run_id
@options.registry
@explained
def cancel_run(run_id: str, registry: str | None) -> None:
    """Cancel a run that is not over."""
    connection = Connection(registry)
    connection.client.runs.cancel(*connection.where, run_id)


@task.command("update-run")
@options.run_id
@click.option(
    "--no-archive", type=bool, metavar="true|false", required=True, help="false: the run and its log are kept for ever."
)
@options.registry
@options.output
@explained
def update_run(run_id: str, registry: str | None, output: str, *, no_archive: bool) -> None:
    """Keep a run and its log for ever, or no longer."""
    connection = Connection(registry)
    _show_runs(connection.client.runs.update(*connection.where, run_id, {"isArchiveEnabled": not no_archive}), output)


@task.command("logs")
@click.option("--name", "-n", metavar="TASK", help="The newest run of this task.")
@click.option("--run-id", metavar="ID", help="This run; by default the newest.")
@images.image
@options.registry
@explained
def logs(name: str | None, run_id: str | None, image: str | None, registry: str | None) -> None:
    """Print a run's log; of one that still runs, to its end."""
    connection = Connection(registry)
    follow(connection, run_id or _newest(connection, name, image))


task.add_command(credential)
task.add_command(edges.edge)
task.add_command(identity)
task.add_command(sources.source)
task.add_command(tags.retention)
task.add_command(timer)


def _newest(connection: Connection, name: str | None, image: str | None) -> str:
    terms = [_equal("TaskName", name)] if name else []
    terms += [images.condition(connection, image)] if image else []
    found = list(connection.client.runs.list(*connection.where, filter=" and ".join(terms) or None, top=1))
    if not found:
        raise CommandError(f"task '{name}' has no runs" if name else "there are no runs", EXIT_NOT_FOUND)
    return str(output.flat(found[0])["runId"])


def _equal(field: str, value: str) -> str:
    """A condition of the API's `$filter`, where a quote in a text is doubled."""
    quoted = value.replace("'", "''")
    return f"{field} eq '{quoted}'"


def _step(given: dict[str, Any]) -> dict[str, Any]:
    step = {
        "imageNames": list(given["images"]) or None,
        "contextPath": given["context"],
        "dockerFilePath": given["dockerfile"],
        "target": given["target"],
        "arguments": options.arguments(given["args"], given["secret_args"]) or None,
        "noCache": given["no_cache"],
        "isPushEnabled": None if given["no_push"] is None else not given["no_push"],
        "contextAccessToken": given["git_access_token"],
    }
    return {name: value for name, value in step.items() if value is not None}


def _tags(given: dict[str, Any]) -> dict[str, str]:
    return {"baselift-layer-cache": given["layer_cache"]} if given["layer_cache"] else {}


def _base_trigger(given: dict[str, Any]) -> dict[str, Any]:
    trigger = {"name": "defaultBaseimageTriggerName"}
    if given["base_image_trigger_type"]:
        trigger["baseImageTriggerType"] = given["base_image_trigger_type"]
    if given["base_image_trigger_enabled"] is not None:
        trigger["status"] = "Enabled" if given["base_image_trigger_enabled"] else "Disabled"
    return trigger


def _show(tasks: Any, form: str) -> None:
    result = [output.flat(each) for each in tasks] if isinstance(tasks, list) else output.flat(tasks)
    output.show(result, form, output.task_columns)


def _show_runs(runs: Any, form: str) -> None:
    result = [output.flat(each) for each in runs] if isinstance(runs, list) else output.flat(runs)
    output.show(result, form, output.run_columns)
