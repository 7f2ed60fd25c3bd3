"""The webhook resource: who is told of runs and waves, in the shape of ACR's webhooks with actions of our own.

Beside ACR's properties there are `kind` (`webhook`, or `eventgrid` for a custom topic) and `secret` (what signs, or the
topic's access key). As in ACR, the address and the headers are shown by `getCallbackConfig` alone.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from baselift.app.notifications.outbox import Notice
from baselift.app.notifications.targets import Callback, Target
from baselift.arm import names, rules, shapes
from baselift.arm.errors import invalid, not_found
from baselift.arm.models import LOCATION, TAGS
from baselift.arm.names import Scope
from baselift.arm.shapes import Choice, Each, Field, Model, Table, Text
from baselift.domain import eventgrid, notifications
from baselift.domain.notifications import ACTIONS, WAVE_ACTIONS

TYPE = f"{names.PROVIDER}/registries/webhooks"
_NAME = re.compile(r"[A-Za-z0-9]{5,50}")
_SCOPE = re.compile(r"[A-Za-z0-9_*-]{1,50}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HOPS = {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
_OWN_HEADERS = frozenset({"aeg-sas-key", "content-type"} | _HOPS)
_SECRET = ("serviceUri", "customHeaders", "secret")
_NOTE = "; pushes and deletions of images are told by the registry itself"


def _header_name(text: str) -> None:
    if not _HEADER.fullmatch(text) or text.lower() in _OWN_HEADERS or text.lower().startswith("webhook-"):
        raise ValueError("the name of a header that Baselift does not send itself")


def _header_value(text: str) -> None:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("printable ASCII")


def _scope(text: str) -> None:
    if not _SCOPE.fullmatch(text):
        raise ValueError("the name of a task, in which * stands for any characters")


def _whole(properties: Mapping[str, Any]) -> None:
    """What holds of a webhook as a whole. Raises ValueError."""
    if properties.get("scope") and any(action in WAVE_ACTIONS for action in properties["actions"]):
        raise ValueError(f"scope names tasks, and a wave has many: with {', '.join(WAVE_ACTIONS)} leave it out")
    secret = properties.get("secret")
    if properties["kind"] == "webhook":
        try:
            notifications.check_secret(secret or "")
        except ValueError as right:
            raise ValueError(f"secret must be {right}") from None
    elif not secret and eventgrid.audience(properties["serviceUri"]) is None:
        raise ValueError(f"without a secret, serviceUri must be https on a host {eventgrid.RIGHT}")


PROPERTIES = Model(
    {
        "serviceUri": Field(Text(most=2048, quiet=True, check=rules.web_address), required=True),
        "customHeaders": Field(
            Table(
                Text(least=0, most=8192, quiet=True, check=_header_value),
                key=Text(most=128, check=_header_name),
                most=20,
                whole=True,
            ),
            default={},
        ),
        "status": Field(Choice(("enabled", "disabled")), default="enabled"),
        "scope": Field(Text(most=50, check=_scope)),
        "actions": Field(Each(Choice(ACTIONS, note=_NOTE), most=len(ACTIONS)), required=True),
        "kind": Field(Choice(("webhook", "eventgrid")), default="webhook"),
        "secret": Field(Text(most=1024, quiet=True)),
        "provisioningState": Field(Text(most=64), read_only=True),
    },
    rule=_whole,
)
# What is given is read without the rule: a secret that is there already, or is made, comes to it before.
_GIVEN = Model(PROPERTIES.fields)
WEBHOOK = Model({"location": LOCATION, "tags": TAGS, "properties": Field(_GIVEN, required=True)})


def create(
    body: Any, existing: Mapping[str, Any] | None, *, scope: Scope, name: str, secret: Callable[[], str]
) -> dict[str, Any]:
    """The document that a PUT stores, in clear. Without a secret it keeps the one it has, or gets one that signs.

    Raises:
        ApiError: 400, naming the field.
    """
    if not _NAME.fullmatch(name):
        raise invalid(f"The webhook name {names.shorten(name)} must be 5 to 50 characters of A-Z a-z 0-9.", "name")
    given = shapes.document(WEBHOOK, body)
    properties, known = given["properties"], _opened(existing) if existing else {}
    if not properties.get("secret"):
        kept = known.get("secret") if known.get("kind") == properties["kind"] else None
        made = secret() if properties["kind"] == "webhook" else None
        properties |= {"secret": chosen} if (chosen := kept or made) else {}
    head = {"type": TYPE, "id": f"{scope.id}/webhooks/{name}", "name": name}
    return _document(head | {"location": given["location"], "tags": given["tags"]}, properties)


def merge(existing: Mapping[str, Any] | None, patch: Any, *, scope: Scope, name: str) -> dict[str, Any]:
    """The document after a PATCH, in clear. Raises ApiError 400, 404."""
    if existing is None:
        raise not_found("webhook", name, within=f"registry '{scope.registry}'")
    change = shapes.document(WEBHOOK, patch, partial=True)
    merged = _GIVEN.merge(_opened(existing), change.get("properties", {}))
    tags = {"tags": change["tags"]} if "tags" in change else {}
    return _document({**existing, **tags}, {key: value for key, value in merged.items() if value != ""})


def show(target: Target, callback: Callback) -> dict[str, Any]:
    """The resource as anyone may see it: of its address the host alone."""
    properties = {key: value for key, value in target.document["properties"].items() if key != "callback"}
    return {**target.document, "properties": {**properties, "serviceHost": urlsplit(callback.uri).hostname}}


def config(callback: Callback) -> dict[str, Any]:
    """Answer of getCallbackConfig."""
    return {
        "serviceUri": callback.uri,
        "customHeaders": dict(callback.headers),
        "secret": callback.secret or None,
    }


def event(notice: Notice, callback: Callback) -> dict[str, Any]:
    """One item of listEvents: what was sent, and what came of it.

    `content` has the form of ACR's own events, as far as clients of it read it; what was sent is `cloudEvent`.
    """
    parts = urlsplit(callback.uri)
    return {
        "id": notice.id,
        "state": notice.state.value,
        "attempts": notice.attempts,
        "lastTime": notice.last.isoformat() if notice.last else None,
        "nextTime": notice.due.isoformat() if notice.due else None,
        "cloudEvent": json.loads(notice.body),
        "eventRequestMessage": {
            "content": {"id": notice.id, "action": notice.action, "timestamp": notice.at.isoformat()},
            "method": "POST",
            "requestUri": f"{parts.scheme}://{parts.hostname}",
        },
        "eventResponseMessage": {
            "statusCode": str(notice.status) if notice.status else None,
            "reasonPhrase": notice.answer or None,
        },
    }


def _opened(document: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as a client gives them, of a stored document in clear."""
    kept = {name: value for name, value in document["properties"].items() if name in PROPERTIES.fields}
    opened: dict[str, Any] = json.loads(document["properties"]["callback"])
    return kept | opened


def _document(head: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    read = PROPERTIES.read(given, "properties", partial=False)
    callback = {name: read.pop(name) for name in _SECRET if name in read}
    return {**head, "properties": {"provisioningState": "Succeeded", **read, "callback": json.dumps(callback)}}
