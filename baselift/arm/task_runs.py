"""The taskRun resource: a run that is declared, and made again when its forceUpdateTag changes."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from baselift.arm import identities, names, requests, runs, shapes
from baselift.arm.models import TASK_RUN
from baselift.arm.names import Scope
from baselift.arm.secrets import mask
from baselift.domain.runs import Run

TYPE = f"{names.PROVIDER}/registries/taskRuns"


def create(
    body: Any, existing: Mapping[str, Any] | None, *, scope: Scope, name: str, ids: Callable[[], str]
) -> dict[str, Any]:
    """The document that a PUT stores, without a result. Arguments and errors as for `tasks.create`."""
    names.check_task(name, kind="task run")
    given = shapes.document(TASK_RUN, body)
    old = existing or {}
    identity = identities.settle(given.get("identity"), old.get("identity"), ids, partial=False)
    head = {"type": TYPE, "id": old.get("id", f"{scope.id}/taskRuns/{name}"), "name": old.get("name", name)}
    return _document(head, given, identity, scope)


def merge(existing: Mapping[str, Any], patch: Any, *, scope: Scope, ids: Callable[[], str]) -> dict[str, Any]:
    """The document after a PATCH: a run request of the same type merges field by field, as a task's step does."""
    change = shapes.document(TASK_RUN, patch, partial=True)
    identity = identities.settle(change.pop("identity", None), existing.get("identity"), ids, partial=True)
    merged = TASK_RUN.merge({name: existing[name] for name in TASK_RUN.fields if name in existing}, change)
    given = shapes.document(TASK_RUN, {**merged, "identity": None})
    return _document({name: existing[name] for name in ("type", "id", "name")}, given, identity, scope)


def starts_run(document: Mapping[str, Any], existing: Mapping[str, Any] | None) -> bool:
    """True when storing the document must make a run: it is new, or its forceUpdateTag or its request changed."""
    watched = ("forceUpdateTag", "runRequest")
    return existing is None or any(
        document["properties"].get(name) != existing["properties"].get(name) for name in watched
    )


def show(document: Mapping[str, Any], run: Run | None, scope: Scope, *, secrets: bool) -> dict[str, Any]:
    """The document with the run it made. Clients poll provisioningState until the run is over."""
    shown = copy.deepcopy(dict(document)) if secrets else mask(document)
    result = None if run is None else runs.show(run, scope)
    state = "Creating" if result is None else result["properties"]["provisioningState"]
    shown["properties"] = {"provisioningState": state, **shown["properties"], "runResult": result}
    return shown


def _document(
    head: dict[str, Any], given: dict[str, Any], identity: dict[str, Any] | None, scope: Scope
) -> dict[str, Any]:
    requests.check_task(given["properties"]["runRequest"], scope)
    document = {**head, **given}
    document.pop("identity", None)
    return document if identity is None else {**document, "identity": identity}
