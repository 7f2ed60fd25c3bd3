"""Docker Hub: webhooks. They tell the tag, never the digest."""

from collections.abc import Iterator, Mapping

from baselift.domain.images import HUB
from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Push, pushed


def webhook(_headers: Mapping[str, str], document: Node) -> Iterator[Push]:
    """The one push that a webhook tells of."""
    if tag := document.down("push_data", "tag").text_if_any():
        yield pushed(HUB, document.down("repository", "repo_name").text(), tag, None)
