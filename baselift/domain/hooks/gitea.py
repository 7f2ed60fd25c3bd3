"""Gitea and Forgejo: webhook events ``push`` and ``pull_request``, in GitHub's form with words of their own.

Source: Gitea's documentation, "Webhooks", and its `modules/structs/hook.go`.
"""

from collections.abc import Iterator, Mapping

from baselift.domain.hooks import event, github
from baselift.domain.hooks.event import SourceEvent
from baselift.domain.pushes.node import Node

PROVIDER = "Gitea"
_ACTIONS = frozenset({"opened", "reopened", "synchronized"})
_PULL_REQUEST = frozenset({"pull_request", "pull_request_sync"})


def events(headers: Mapping[str, str], document: Node) -> Iterator[SourceEvent]:
    """The branch that was pushed, or the pull request that has a new head."""
    kind = headers.get("x-gitea-event") or headers.get("x-forgejo-event")
    delivery = event.identifier(headers.get("x-gitea-delivery") or headers.get("x-forgejo-delivery"))
    if kind == "push":
        yield from github.pushed(document, delivery, PROVIDER)
    elif kind in _PULL_REQUEST and document["action"].text() in _ACTIONS:
        yield github.pulled(document, delivery, PROVIDER)
