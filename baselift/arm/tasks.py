"""The task resource: made by PUT, changed by PATCH, shown with or without its secrets."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from baselift.arm import identities, names, shapes
from baselift.arm.addresses import TOKEN, move_token
from baselift.arm.images import dependency
from baselift.arm.models import TASK
from baselift.arm.names import Scope
from baselift.arm.secrets import mask
from baselift.domain.runs import BaseUse

TYPE = f"{names.PROVIDER}/registries/tasks"


def create(
    body: Any,
    existing: Mapping[str, Any] | None,
    *,
    scope: Scope,
    name: str,
    now: str,
    ids: Callable[[], str],
    by: str = "",
) -> dict[str, Any]:
    """The document that a PUT stores: a new task, or a full replacement that keeps the date of creation.

    Args:
        body: what the client sent.
        existing: the stored document with its secrets unsealed, None for a new task.
        scope: the registry.
        name: the task's name as in the URL.
        now: RFC 3339 time.
        ids: gives a GUID at each call, for new identities.
        by: who asks, for systemData.

    Raises:
        ApiError: 400 or 413; the message names the field.
    """
    names.check_task(name)
    given = shapes.document(TASK, body)
    old = existing or {}
    given["identity"] = identities.settle(given.get("identity"), old.get("identity"), ids, partial=False)
    head = {"type": TYPE, "id": old.get("id", names.task_id(scope, name)), "name": old.get("name", name)}
    return _document(head, given, old, now, by)


def merge(existing: Mapping[str, Any], patch: Any, *, now: str, ids: Callable[[], str], by: str = "") -> dict[str, Any]:
    """The document after a PATCH; arguments as for `create`, `existing` with its secrets unsealed.

    Timers and source triggers merge by name, the step field by field while its type stays, customRegistries by host
    (null removes), identities likewise; lists and tags are replaced; what is absent or empty changes nothing.
    """
    change = shapes.document(TASK, patch, partial=True)
    identity = identities.settle(change.pop("identity", None), existing.get("identity"), ids, partial=True)
    merged = TASK.merge({name: existing[name] for name in TASK.fields if name in existing}, change)
    _drop_old_variant(merged, change)
    _leave_push_off(merged, existing)
    given = shapes.document(TASK, {**merged, "identity": None})
    head = {name: existing[name] for name in ("type", "id", "name")}
    return _document(head, {**given, "identity": identity}, existing, now, by)


def show(document: Mapping[str, Any], *, secrets: bool, bases: Sequence[BaseUse] = ()) -> dict[str, Any]:
    """The document as an answer: `secrets` only for listDetails; `bases` become the step's baseImageDependencies."""
    shown = copy.deepcopy(dict(document)) if secrets else mask(document)
    if bases and "step" in shown["properties"]:
        shown["properties"]["step"]["baseImageDependencies"] = [dependency(base) for base in bases]
    return shown


def _document(
    head: dict[str, Any], given: Mapping[str, Any], old: Mapping[str, Any], now: str, by: str
) -> dict[str, Any]:
    if "step" in given["properties"]:
        move_token(given["properties"]["step"], "contextPath")
    for source in given["properties"].get("trigger", {}).get("sourceTriggers", ()):
        move_token(source["sourceRepository"], "repositoryUrl")
        source["sourceRepository"].pop(TOKEN, None)  # the trigger has a token of its own
    made = old.get("systemData", {})
    system = {
        "createdBy": made.get("createdBy", by),
        "createdByType": made.get("createdByType", "User"),
        "createdAt": made.get("createdAt", now),
        "lastModifiedBy": by,
        "lastModifiedByType": "User",
        "lastModifiedAt": now,
    }
    date = old.get("properties", {}).get("creationDate", now)
    properties = {"provisioningState": "Succeeded", "creationDate": date, **given["properties"]}
    identity = {"identity": given["identity"]} if given["identity"] else {}
    return {
        **head,
        "location": given["location"],
        "tags": given["tags"],
        "systemData": system,
        **identity,
        "properties": properties,
    }


def _drop_old_variant(merged: dict[str, Any], change: Mapping[str, Any]) -> None:
    """A variant belongs to its architecture: arm64/v8 changed to amd64 is not amd64/v8."""
    platform = change.get("properties", {}).get("platform", {})
    if "architecture" in platform and "variant" not in platform:
        merged["properties"]["platform"].pop("variant", None)


def _leave_push_off(merged: dict[str, Any], existing: Mapping[str, Any]) -> None:
    """`az acr task update` sends isPushEnabled true whatever it updates, also for a task that names no image."""
    old = existing["properties"].get("step", {})
    step = merged["properties"].get("step", {})
    same = step.get("type") == old.get("type") and not old.get("imageNames") and not step.get("imageNames")
    if same and old.get("isPushEnabled") is False:
        step["isPushEnabled"] = False
