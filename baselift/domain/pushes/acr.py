"""Azure Container Registry: its webhooks, and Event Grid in Event Grid's own schema.

Sources: the webhook reference of Azure Container Registry; Azure Container Registry as an Event Grid source.
"""

from collections.abc import Iterator, Mapping

from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Heard, Push, each, pushed

# The second is what subscriptions of the preview still send.
PUSHED = frozenset({"Microsoft.ContainerRegistry.ImagePushed", "ImagePushed"})
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


def validation_code(document: Node) -> str | None:
    """What Event Grid wants back before it delivers to an address; None for a delivery."""
    for event in document.one_or_many():
        if isinstance(event.value, dict) and event.value.get("eventType") == VALIDATION:
            return event.down("data", "validationCode").text()
    return None


def webhook(_headers: Mapping[str, str], document: Node) -> Iterator[Push]:
    """A webhook's body: the push alone. Charts, quarantine, deletions and pings have other actions."""
    return push(document)


def event_grid(_headers: Mapping[str, str], document: Node) -> Iterator[Heard]:
    """A delivery of Event Grid: an array of events, or one."""
    return each(document.one_or_many(), _event)


def _event(event: Node) -> Iterator[Push]:
    return push(event["data"]) if event["eventType"].text() in PUSHED else iter(())


def push(data: Node) -> Iterator[Push]:
    """The push in an event's data; none where only a digest was pushed."""
    if data["action"].text() != "push":
        return
    target = data["target"]
    if tag := target["tag"].text_if_any():
        host = data.down("request", "host").text()
        yield pushed(host, target["repository"].text(), tag, target["digest"].text_if_any())
