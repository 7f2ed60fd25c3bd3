"""A base image trigger's `updateTriggerEndpoint`: told of each run that moved bases caused, when it is over.

With it goes the token that somebody gave, by `--update-trigger-token`, to the latest run of the task that succeeded: as
in ACR, it is whoever built the task's dependencies last who is told that they moved.
"""

from collections.abc import Mapping
from typing import Any

from baselift.app import keys, task_rows
from baselift.app.notifications import outbox
from baselift.app.notifications.outbox import Notice
from baselift.app.ports import Row
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import notifications
from baselift.domain.runs import Run, Status

TOKENS = "triggertokens"
_FIELD = "updateTriggerEndpoint"


async def run_ended(world: World, run: Run, task: StoredTask | None) -> None:
    """Keep the token of a run, or tell the endpoint of its task."""
    if task is None:
        return
    if run.status is Status.SUCCEEDED and run.request.get("updateTriggerToken"):
        await _keep(world, run, task, run.request["updateTriggerToken"])
    trigger = _trigger(task)
    if run.cause.kind == "image" and trigger.get(_FIELD):
        token = await _token(world, task)
        await outbox.record(world, _notice(world, run, task, token, trigger))


async def endpoint(world: World, registry: str, name: str) -> str | None:
    """Where the endpoint of a task is now; None when there is none. Raises ValueError, as `World.unseal` does."""
    task = await task_rows.get(world, registry, name)
    if task is None or not _trigger(task).get(_FIELD):
        return None
    return str(world.unseal(task.document)["properties"]["trigger"]["baseImageTrigger"][_FIELD])


def _notice(world: World, run: Run, task: StoredTask, token: str | None, trigger: Mapping[str, Any]) -> Notice:
    identifier, at = f"{run.registry.lower()}-trigger-{run.id}", run.finished or run.created
    return Notice(
        registry=run.registry,
        target=f"{outbox.TASK}{task.name}",
        key=outbox.key_of(identifier, at),
        id=identifier,
        action="update_trigger",
        at=at,
        body=notifications.update_trigger(run, token, trigger.get("updateTriggerPayloadType") or "Default"),
        since=world.now(),
    )


async def _keep(world: World, run: Run, task: StoredTask, token: str) -> None:
    place = keys.task_partition(run.registry, task.name), task.name.lower()
    found = await world.tables.get(TOKENS, *place)
    if found is None or found.number("seq") <= run.seq or found.text("created") != _created(task):
        await world.tables.upsert(TOKENS, Row(*place, {"token": token, "seq": run.seq, "created": _created(task)}))


async def _token(world: World, task: StoredTask) -> str | None:
    row = await world.tables.get(TOKENS, keys.task_partition(task.registry, task.name), task.name.lower())
    if row is None or row.text("created") != _created(task):
        # One that was given to a task of this name which is no more.
        return None
    return row.text("token")


def _trigger(task: StoredTask) -> Mapping[str, Any]:
    return ((task.document.get("properties") or {}).get("trigger") or {}).get("baseImageTrigger") or {}


def _created(task: StoredTask) -> str:
    return str((task.document.get("properties") or {}).get("creationDate") or "")
