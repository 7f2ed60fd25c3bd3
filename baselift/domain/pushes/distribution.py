"""CNCF Distribution: notifications, ``application/vnd.docker.distribution.events.v1+json``."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from baselift.domain.pushes import acr
from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import NoImage, Push

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


def notification(_headers: Mapping[str, str], document: Node) -> Iterator[Push]:
    """The pushes of tags among the events: layers are pushed too, and are no images.

    The registry repeats what is refused until it is taken, and holds all later events back: a push that no reference
    can name, by its host above all, is passed over.
    """
    for event in document["events"].items():
        if event.down("target", "mediaType").text_if_any() in _MANIFESTS:
            with suppress(NoImage):
                yield from acr.push(event)
