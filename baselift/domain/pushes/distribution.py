"""CNCF Distribution: notifications, ``application/vnd.docker.distribution.events.v1+json``."""

from collections.abc import Iterator, Mapping

from baselift.domain.pushes import acr
from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Heard, Push, each

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


def notification(_headers: Mapping[str, str], document: Node) -> Iterator[Heard]:
    """The pushes of tags among the events: layers are pushed too, and are no images."""
    return each(document["events"].items(), _event)


def _event(event: Node) -> Iterator[Push]:
    return acr.push(event) if event.down("target", "mediaType").text_if_any() in _MANIFESTS else iter(())
