"""Webhooks of git hosts, as one value. No I/O; the sender is verified before (`domain.hooks.senders`).

Fields that a dialect does not use are ignored, whatever they hold: hosts add to their events.
"""

from collections.abc import Callable, Iterator, Mapping

from baselift.domain.hooks import azuredevops, gitea, github, gitlab, signed
from baselift.domain.hooks.event import COMMIT, PULL_REQUEST, InvalidHook, SourceEvent
from baselift.domain.hooks.senders import dialect_of, verify
from baselift.domain.pushes.node import InvalidPush, Node, document, shown

__all__ = ["COMMIT", "PULL_REQUEST", "InvalidHook", "SourceEvent", "dialect_of", "parse", "verify"]

_DIALECTS: Mapping[str, Callable[[Mapping[str, str], Node], Iterator[SourceEvent]]] = {
    "azure-devops": azuredevops.events,
    "gitea": gitea.events,
    "github": github.events,
    "gitlab": gitlab.events,
    "signed": signed.events,
}
_MOST = 200


def parse(dialect: str, headers: Mapping[str, str], body: bytes) -> list[SourceEvent]:
    """What a webhook tells of branches and pull requests, in its order; empty for an event about anything else.

    Args:
        dialect: one of `azure-devops`, `gitea`, `github`, `gitlab` and `signed`.
        headers: the request's headers, names in any case; most dialects have the event's type there.
        body: the request's body as it came; the caller bounds its size.

    Raises:
        InvalidHook: unknown dialect, no JSON, fields missing that the dialect always has, or names git cannot have.
    """
    if dialect not in _DIALECTS:
        raise InvalidHook(f"dialect {shown(dialect)} is not one of {', '.join(_DIALECTS)}")
    lower = {name.lower(): value for name, value in headers.items()}
    found: list[SourceEvent] = []
    try:
        for event in _DIALECTS[dialect](lower, document(lower, body)):
            found.append(event)
            if len(found) > _MOST:
                raise InvalidHook(f"the event is about more than {_MOST} branches")
    except InvalidPush as error:
        raise InvalidHook(str(error)) from error
    return found
