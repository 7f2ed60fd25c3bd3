"""Push events in the registries' dialects, as one value. No I/O; the sender is verified before (`domain.senders`).

Fields that a dialect does not use are ignored, whatever they hold: registries add to their events.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from baselift.domain.pushes import acr, cloudevents, distribution, dockerhub, ghcr, harbor, quay
from baselift.domain.pushes.node import InvalidPush, Node, document, shown
from baselift.domain.pushes.push import Heard, Push

__all__ = ["InvalidPush", "Push", "Told", "parse", "read", "validation_code"]

_DIALECTS: Mapping[str, Callable[[Mapping[str, str], Node], Iterable[Heard]]] = {
    "acr-webhook": acr.webhook,
    "cloudevents": cloudevents.events,
    "distribution": distribution.notification,
    "dockerhub": dockerhub.webhook,
    "eventgrid": acr.event_grid,
    "ghcr": ghcr.webhook,
    "harbor": harbor.webhook,
    "quay": quay.notification,
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a request told: the tags that were pushed, in its order, each once; and why the rest cannot be read."""

    pushes: list[Push]
    refused: list[InvalidPush]


def parse(dialect: str, headers: Mapping[str, str], body: bytes) -> list[Push]:
    """The tags that an event says were pushed, in its order, each once; empty for an event about anything else.

    Of a list of events those that cannot be read are passed over where others can: `read` tells of them.

    Args:
        dialect: one of `acr-webhook`, `cloudevents`, `distribution`, `dockerhub`, `eventgrid`, `ghcr`, `harbor` and
            `quay`.
        headers: the request's headers, names in any case; `cloudevents` and `ghcr` have the event's type there.
        body: the request's body as it came, JSON or a form whose field `payload` is; the caller bounds its size.

    Raises:
        InvalidPush: unknown dialect, no JSON, fields missing that the dialect always has, or names no image can have.
    """
    told = read(dialect, headers, body)
    if told.refused and not told.pushes:
        raise told.refused[0]
    return told.pushes


def read(dialect: str, headers: Mapping[str, str], body: bytes) -> Told:
    """As `parse`, with why each event of a list that cannot be read is none.

    Raises:
        InvalidPush: unknown dialect, no JSON, or no event at all.
    """
    if dialect not in _DIALECTS:
        raise InvalidPush(f"dialect {shown(dialect)} is not one of {', '.join(_DIALECTS)}")
    lower = _lower(headers)
    heard = list(dict.fromkeys(_DIALECTS[dialect](lower, document(lower, body))))
    pushes = [one for one in heard if isinstance(one, Push)]
    return Told(pushes, [one for one in heard if isinstance(one, InvalidPush)])


def validation_code(dialect: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """What the sender wants back before it sends events, by a request in place of one; None for any other request.

    Arguments and errors as for `parse`. Of all dialects only `eventgrid` asks like this.
    """
    return acr.validation_code(document(_lower(headers), body)) if dialect == "eventgrid" else None


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
