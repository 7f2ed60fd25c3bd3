"""The run resource: how a stored run is printed, and what a PATCH of one may say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from baselift.arm import names, shapes
from baselift.arm.images import descriptor
from baselift.arm.models import RUN_UPDATE
from baselift.arm.names import Scope
from baselift.domain.runs import Run, Status

TYPE = f"{names.PROVIDER}/registries/runs"
_SOURCE_FIELDS = ("id", "eventType", "commitId", "pullRequestId", "repositoryUrl", "branchName", "providerType")
_TIMER_FIELDS = ("timerTriggerName", "scheduleOccurrence")
_STATES = {
    Status.QUEUED: "Creating",
    Status.STARTED: "Updating",
    Status.RUNNING: "Updating",
    Status.SUCCEEDED: "Succeeded",
    Status.CANCELED: "Canceled",
}


def show(run: Run, scope: Scope) -> dict[str, Any]:
    """The run as the API prints it. The request's secrets are not part of it."""
    return {
        "type": TYPE,
        "id": names.run_id(scope, run.id),
        "name": run.id,
        "properties": {**_progress(run), **_asked(run.request), **_trigger(run)},
    }


def archive(body: Any) -> bool | None:
    """What a PATCH sets isArchiveEnabled to; None when it says nothing. Raises ApiError 400."""
    wanted: bool | None = shapes.document(RUN_UPDATE, body, partial=True).get("isArchiveEnabled")
    return wanted


def moment(time: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return None if time is None else time.astimezone(UTC).isoformat()


def _progress(run: Run) -> dict[str, Any]:
    return {
        "runId": run.id,
        "status": str(run.status),
        "runType": run.run_type,
        "task": run.task,
        "agentPoolName": run.agent_pool,
        "createTime": moment(run.created),
        "startTime": moment(run.started),
        "finishTime": moment(run.finished),
        "lastUpdatedTime": moment(run.updated or run.created),
        "outputImages": [descriptor(image) for image in run.outputs],
        "runErrorMessage": run.error,
        "provisioningState": _STATES.get(run.status, "Failed"),
        "isArchiveEnabled": run.archived,
    }


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    credentials = request.get("credentials") or {}
    return {
        "platform": request.get("platform"),
        "agentConfiguration": request.get("agentConfiguration"),
        "sourceRegistryAuth": (credentials.get("sourceRegistry") or {}).get("loginMode"),
        "customRegistries": list(credentials.get("customRegistries") or ()),
        "updateTriggerToken": request.get("updateTriggerToken"),
    }


def _trigger(run: Run) -> dict[str, Any]:
    """The one object that says what started the run: the Azure CLI shows the first that is not null."""
    cause = run.cause
    image = _image_trigger(run) if cause.kind == "image" else None
    source = _source_trigger(run) if cause.kind == "source" else None
    timer = {name: cause.details.get(name) for name in _TIMER_FIELDS} if cause.kind == "timer" else None
    return {"imageUpdateTrigger": image, "sourceTrigger": source, "timerTrigger": timer}


def _image_trigger(run: Run) -> dict[str, Any]:
    images = [descriptor(image) for image in run.cause.images]
    return {"id": run.trigger_id, "timestamp": run.cause.at or None, "images": images}


def _source_trigger(run: Run) -> dict[str, Any]:
    details = run.cause.details
    return {name: details.get(name) for name in _SOURCE_FIELDS} | {"id": details.get("id") or run.trigger_id}
