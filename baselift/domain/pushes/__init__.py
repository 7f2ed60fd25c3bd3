"""Push events in the registries' dialects, as one value. No I/O; the sender is verified before (`domain.senders`).

Fields that a dialect does not use are ignored, whatever they hold: registries add to their events.
"""

import json
from collections.abc import Callable, Iterator, Mapping

from baselift.domain.pushes import acr, cloudevents, distribution, dockerhub, ghcr, harbor, quay
from baselift.domain.pushes.node import InvalidPush, Node, shown
from baselift.domain.pushes.push import Push

__all__ = ["InvalidPush", "Push", "parse", "validation_code"]

_DIALECTS: Mapping[str, Callable[[Mapping[str, str], Node], Iterator[Push]]] = {
    "acr-webhook": acr.webhook,
    "cloudevents": cloudevents.events,
    "distribution": distribution.notification,
    "dockerhub": dockerhub.webhook,
    "eventgrid": acr.event_grid,
    "ghcr": ghcr.webhook,
    "harbor": harbor.webhook,
    "quay": quay.notification,
}


def parse(dialect: str, headers: Mapping[str, str], body: bytes) -> list[Push]:
    """The tags that an event says were pushed, in its order, each once; empty for an event about anything else.

    Args:
        dialect: one of `acr-webhook`, `cloudevents`, `distribution`, `dockerhub`, `eventgrid`, `ghcr`, `harbor` and
            `quay`.
        headers: the request's headers, names in any case; `cloudevents` and `ghcr` have the event's type there.
        body: the request's body as it came; the caller bounds its size.

    Raises:
        InvalidPush: unknown dialect, no JSON, fields missing that the dialect always has, or names no image can have.
    """
    if dialect not in _DIALECTS:
        raise InvalidPush(f"dialect {shown(dialect)} is not one of {', '.join(_DIALECTS)}")
    lower = {name.lower(): value for name, value in headers.items()}
    return list(dict.fromkeys(_DIALECTS[dialect](lower, _document(lower, body))))


def validation_code(dialect: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """What the sender wants back before it sends events, by a request in place of one; None for any other request.

    Arguments and errors as for `parse`. Of all dialects only `eventgrid` asks like this.
    """
    return acr.validation_code(_document(headers, body)) if dialect == "eventgrid" else None


def _document(headers: Mapping[str, str], body: bytes) -> Node:
    try:
        return Node(json.loads(body))
    except RecursionError as error:
        raise InvalidPush("the body is nested too deeply for an event") from error
    except ValueError as error:
        sent = headers.get("content-type", "")
        form = "x-www-form-urlencoded" in sent.lower()
        advice = ": let the webhook send the content type application/json" if form else ""
        raise InvalidPush(f"the body is not JSON ({shown(str(error))}){advice}") from error
