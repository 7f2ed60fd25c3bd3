"""CloudEvents 1.0 over HTTP: one event, a batch, or (binary mode) the data alone with the event's type in a header.

Sources: the CloudEvents HTTP protocol binding, section 3; Event Grid's and Harbor's CloudEvents formats.
"""

from collections.abc import Callable, Iterator, Mapping

from baselift.domain.pushes import acr, harbor
from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Heard, each

_DATA: Mapping[str, Callable[[Node], Iterator[Heard]]] = {
    **dict.fromkeys(acr.PUSHED, acr.push),
    harbor.PUSHED: harbor.resources,
}
_STRUCTURED = "application/cloudevents"
"""How the content type of events in the body begins, one or a batch, whatever the headers repeat of them."""


def events(headers: Mapping[str, str], document: Node) -> Iterator[Heard]:
    """The pushes among the events; other types yield none."""
    if "ce-type" in headers and not headers.get("content-type", "").strip().lower().startswith(_STRUCTURED):
        return _pushes(headers["ce-type"], document)
    return each(document.one_or_many(), lambda event: _pushes(event["type"].text(), event["data"]))


def _pushes(kind: str, data: Node) -> Iterator[Heard]:
    return _DATA[kind](data) if kind in _DATA else iter(())
