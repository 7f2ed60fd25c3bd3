"""Quay: the notification "Push to Repository". It tells the tags, never their digests."""

from collections.abc import Iterator, Mapping

from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Heard, each, pushed


def notification(_headers: Mapping[str, str], document: Node) -> Iterator[Heard]:
    """The tags that one call tells of; notifications about anything else have none."""
    tags = _tags(document["updated_tags"])
    if tags:
        host = document["docker_url"].text().partition("/")[0]
        repository = document["repository"].text()
        yield from each(tags, lambda tag: [pushed(host, repository, tag.text(), None)])


def _tags(updated: Node) -> list[Node]:
    if updated.value is None:
        return []
    if isinstance(updated.value, dict):  # Older versions send an object: the image's identifier by tag.
        return [Node(tag, updated.path) for tag in updated.value]
    return list(updated.items())
