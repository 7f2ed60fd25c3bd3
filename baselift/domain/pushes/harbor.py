"""Harbor: webhooks in its default format and, sent to the same address, as CloudEvents.

Source: Harbor's documentation, "Configure Webhook Notifications".
"""

from collections.abc import Iterator, Mapping

from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Heard, Push, each, pushed

PUSHED = "harbor.artifact.pushed"
_DATA = {"PUSH_ARTIFACT": "event_data", PUSHED: "data"}


def webhook(_headers: Mapping[str, str], document: Node) -> Iterator[Heard]:
    """The pushes of an event; other types yield none."""
    kind = document["type"].text()
    return resources(document[_DATA[kind]]) if kind in _DATA else iter(())


def resources(data: Node) -> Iterator[Heard]:
    """The tags among an event's resources: without a tag, Harbor puts the digest in its place."""
    return each(data["resources"].items(), lambda resource: _tag(data, resource))


def _tag(data: Node, resource: Node) -> Iterator[Push]:
    tag, digest = resource["tag"].text_if_any(), resource["digest"].text_if_any()
    if tag and tag != digest:
        host = _host(resource["resource_url"].text())
        yield pushed(host, data.down("repository", "repo_full_name").text(), tag, digest)


def _host(url: str) -> str:
    return url.rpartition("://")[2].partition("/")[0]
