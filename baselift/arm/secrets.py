"""Where secrets are in a task, a run request, a task run or a webhook: one list for masking, sealing and unsealing."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_SECRET = "isSecret"  # noqa: S105 - the name of a field
_PLACES = ((), ("step",), ("overrideTaskStepProperties",))
_HOLDERS = ((), ("properties",), ("properties", "runRequest"))
_PATHS = (
    ("contextAccessToken",),
    ("arguments", "*", "value"),
    ("values", "*", "value"),
    ("trigger", "sourceTriggers", "*", "sourceRepository", "sourceControlAuthProperties", "token"),
    ("trigger", "sourceTriggers", "*", "sourceRepository", "sourceControlAuthProperties", "refreshToken"),
    ("trigger", "baseImageTrigger", "updateTriggerEndpoint"),
    ("callback",),
    ("credentials", "customRegistries", "*", "userName", "value"),
    ("credentials", "customRegistries", "*", "password", "value"),
)


def map_secrets(document: Mapping[str, Any], fn: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy of the document with `fn` applied to every secret that is there and not null.

    Secret are access tokens, values of arguments marked `isSecret`, Opaque user names and passwords, and the addresses
    that events are sent to, which may hold a key; a Key Vault address is none.
    """
    changed = copy.deepcopy(dict(document))
    for holder in _HOLDERS:
        for place in _PLACES:
            for path in _PATHS:
                for owner in _owners(changed, (*holder, *place, *path[:-1])):
                    if _is_secret(owner, path) and owner.get(path[-1]) is not None:
                        owner[path[-1]] = fn(owner[path[-1]])
    return changed


def mask(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as anyone may see it: the keys of secrets are there, their values null."""
    return map_secrets(document, lambda _: None)


def _owners(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if not path:
        if isinstance(value, dict):
            yield value
        return
    for inner in _step(value, path[0]):
        yield from _owners(inner, path[1:])


def _step(value: Any, name: str) -> list[Any]:
    if name == "*":
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []
    return [value[name]] if isinstance(value, dict) and name in value else []


def _is_secret(owner: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    if path[0] in ("arguments", "values"):
        return owner.get(_SECRET) is True
    if path[0] == "credentials":
        return str(owner.get("type") or "Opaque").lower() == "opaque"
    return True
