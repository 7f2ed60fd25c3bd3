"""Quay: the notification "Push to Repository". It tells the tags, never their digests."""

from collections.abc import Iterator, Mapping

from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Push, pushed


def notification(_headers: Mapping[str, str], document: Node) -> Iterator[Push]:
    """The tags that one call tells of; notifications about anything else have none."""
    tags = _tags(document["updated_tags"])
    if tags:
        host = document["docker_url"].text().partition("/")[0]
        repository = document["repository"].text()
        yield from (pushed(host, repository, tag, None) for tag in tags)


def _tags(updated: Node) -> list[str]:
    if updated.value is None:
        return []
    # Older versions send an object: the image's identifier by tag.
    return list(updated.value) if isinstance(updated.value, dict) else [tag.text() for tag in updated.items()]
