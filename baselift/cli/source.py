"""`baselift task source`: how a task hears of commits, and its source trigger in `task create` and `task update`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, explained

NAME = "defaultSourceTriggerName"
"""As az names it."""
COMMIT, PULL_REQUEST = "commit", "pullrequest"
FLAGS = {COMMIT: "commit_trigger_enabled", PULL_REQUEST: "pull_request_trigger_enabled"}


@click.command("source", short_help="Webhook of a task's git repository, and how its branch is watched.")
@options.task_name
@click.option(
    "--paths",
    metavar="all|context|PATH[,PATH]",
    help="Changed files that count: all, those in the context's directory, or those under these paths (* in them "
    "is any text).",
)
@click.option("--new-secret", is_flag=True, help="Make a new secret; the one before opens nothing from then on.")
@options.registry
@options.output
@explained
def source(name: str, paths: str | None, registry: str | None, output: str, *, new_secret: bool) -> None:
    """Print URL and secret to enter as a webhook where the repository is, and how each source trigger works now."""
    connection = Connection(registry)
    path = f"{Connection.path(*connection.where)}/tasks/{quote(name, safe='')}"
    change = _paths(paths) | ({"newSecret": True} if new_secret else {})
    if change:
        _show(connection.send("PATCH", f"{path}/source", change), output)
    else:
        _show(connection.send("POST", f"{path}/listSource"), output)


def triggering(command: options.Command) -> options.Command:
    """The options of `task create` and `task update` for the source trigger, named as in az."""
    pull = click.option(
        "--pull-request-trigger-enabled",
        type=bool,
        metavar="true|false",
        help="Build the head of each pull request for the branch.",
    )
    commit = click.option(
        "--commit-trigger-enabled",
        type=bool,
        metavar="true|false",
        help="Build each commit that is pushed to the branch; a new task with --git-access-token does.",
    )
    return commit(pull(command))


def created(given: Mapping[str, Any]) -> dict[str, Any]:
    """The source trigger of a new task, as a part of its `trigger`; nothing where it is for no event."""
    wanted = {COMMIT: bool(given["git_access_token"]), PULL_REQUEST: False}
    wanted |= {kind: given[flag] for kind, flag in FLAGS.items() if given[flag] is not None}
    events = [kind for kind, on in wanted.items() if on]
    return {"sourceTriggers": [_trigger(events, given, given["context"])]} if events else {}


def changed(given: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """The change of a task's source trigger, as a part of its `trigger`. `task`: as it is, its properties flat."""
    flags = {kind: given[flag] for kind, flag in FLAGS.items() if given[flag] is not None}
    old = next(iter((task.get("trigger") or {}).get("sourceTriggers") or ()), None)
    if not flags and (old is None or not (given["context"] or given["git_access_token"])):
        return {}
    before = old["sourceTriggerEvents"] if old and old.get("status") != "Disabled" else []
    events = [kind for kind in FLAGS if flags.get(kind, kind in before)]
    if old is None:
        context = given["context"] or (task.get("step") or {}).get("contextPath")
        return {"sourceTriggers": [_trigger(events, given, context)]} if events else {}
    source = _source(given["context"], given["git_access_token"])
    change = {"name": old["name"], "status": "Enabled" if events else "Disabled"}
    more = {"sourceTriggerEvents": events} if events else {}
    return {"sourceTriggers": [change | more | ({"sourceRepository": source} if source else {})]}


def _trigger(events: list[str], given: Mapping[str, Any], context: str | None) -> dict[str, Any]:
    source = _source(context, given["git_access_token"])
    return {"name": NAME, "status": "Enabled", "sourceTriggerEvents": events, "sourceRepository": source}


def _source(context: str | None, token: str | None) -> dict[str, Any]:
    source: dict[str, Any] = {}
    if context:
        address, _, fragment = context.partition("#")
        host = urlsplit(address if "://" in address else f"https://{address}").hostname or ""
        source["sourceControlType"] = "Github" if host == "github.com" else "VisualStudioTeamService"
        source["repositoryUrl"] = context
        # Empty: the remote's default branch, which is not always the "master" that az fills in.
        source["branch"] = fragment.partition(":")[0]
    if token:
        source["sourceControlAuthProperties"] = {"token": token, "tokenType": "PAT", "scope": "repo"}
    return source


def _paths(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    if text in ("all", "context"):
        return {"contextOnly": text == "context"} | ({"paths": []} if text == "all" else {})
    paths = [path.strip() for path in text.split(",") if path.strip()]
    if not paths:
        raise CommandError("--paths is empty: it must be all, context, or paths from the repository's root")
    return {"paths": paths}


def _show(found: output.Document, form: str) -> None:
    if not found["triggers"]:
        how = f"`baselift task update --name {found['name']} --commit-trigger-enabled true` makes one"
        click.echo(f"WARNING: the task has no enabled source trigger: {how}", err=True)
    if form == "table":
        for head, text in _heads(found).items():
            click.echo(f"{head:<14}{text}")
        click.echo()
    output.show(found if form == "json" else found["triggers"], form, _columns)


def _heads(found: output.Document) -> dict[str, str]:
    last = found["lastDelivery"] or {}
    paths = "in the context's directory" if found["contextOnly"] else ", ".join(found["paths"]) or "all"
    heard = f"{output.moment(last['time'])} {last['result']}" if last else "none yet"
    return {"URL": found["url"], "SECRET": found["secret"], "PATHS": paths, "LAST DELIVERY": heard}


def _columns(trigger: output.Document) -> dict[str, str]:
    return {
        "TRIGGER": trigger["name"],
        "BRANCH": trigger["branch"] or "",
        "EVENTS": ", ".join(trigger["events"]),
        "BY": trigger["by"] or "",
        "COMMIT": (trigger["commit"] or "")[:12],
        "LAST EVENT": output.moment(trigger["lastEvent"]),
        "LAST LOOK": output.moment(trigger["lastLook"]),
        "PROBLEM": trigger["problem"] or "",
    }
