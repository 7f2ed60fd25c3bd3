"""Push events in the registries' dialects, as one value. No I/O; the sender is verified before.

Sources: Event Grid schema of Azure Container Registry, CloudEvents 1.0, and the notifications of CNCF Distribution
(``application/vnd.docker.distribution.events.v1+json``).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from baselift.domain import images
from baselift.domain.images import Reference

_MANIFESTS = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    }
)
_ACR_PUSHED = frozenset({"Microsoft.ContainerRegistry.ImagePushed", "ImagePushed"})


class InvalidPush(ValueError):
    """The body is not an event of this dialect."""


@dataclass(frozen=True, slots=True)
class Push:
    """A tag was pushed. The digest is what the event says; the registry's own answer decides."""

    registry: str
    repository: str
    tag: str
    digest: str | None = None

    @property
    def image(self) -> Reference:
        """The tag's canonical reference."""
        return images.parse(f"{self.registry}/{self.repository}:{self.tag}")


def parse(dialect: str, headers: Mapping[str, str], body: bytes) -> list[Push]:  # noqa: ARG001
    """The tags that an event says were pushed; empty for events about anything else.

    Raises:
        InvalidPush: unknown dialect, no JSON, or fields missing that the dialect always has.
    """
    if dialect not in _DIALECTS:
        raise InvalidPush(f"dialect '{dialect}' is not one of {', '.join(sorted(_DIALECTS))}")
    try:
        pushes = list(_DIALECTS[dialect](json.loads(body)))
        for push in pushes:
            push.image  # noqa: B018  # an event about no valid image is no event
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidPush(f"not an event of dialect '{dialect}': {type(error).__name__}: {error}") from error
    return pushes


def _distribution(document: Any) -> Iterator[Push]:
    for event in document["events"]:
        target = event["target"]
        if event["action"] == "push" and target.get("tag") and target.get("mediaType") in _MANIFESTS:
            yield _push(event["request"]["host"], target)


def _event_grid(document: Any) -> Iterator[Push]:
    for event in document if isinstance(document, list) else [document]:
        if event["eventType"] in _ACR_PUSHED:
            yield from _acr(event["data"])


def _cloud_events(document: Any) -> Iterator[Push]:
    for event in document if isinstance(document, list) else [document]:
        if event["type"] in _ACR_PUSHED:
            yield from _acr(event["data"])


def _acr(data: Any) -> Iterator[Push]:
    if data["action"] == "push" and data["target"].get("tag"):
        yield _push(data["request"]["host"], data["target"])


def _push(host: str, target: Mapping[str, Any]) -> Push:
    return Push(host, target["repository"], target["tag"], target.get("digest"))


_DIALECTS: Mapping[str, Callable[[Any], Iterator[Push]]] = {
    "acr-webhook": _acr,
    "cloudevents": _cloud_events,
    "distribution": _distribution,
    "eventgrid": _event_grid,
}
