"""A webhook of anything else: our own form, signed as GitHub signs. docs/triggers.md shows how to send it.

``{"repository": URL, "branch": NAME, "commit": ID, "pullRequest": NUMBER, "defaultBranch": NAME, "paths": [PATH],
"delivery": ID}``: the first three are needed; with `pullRequest` it is about one, whose head is `commit` and which is
for `branch`.
"""

from collections.abc import Iterator, Mapping

from baselift.domain.hooks import event
from baselift.domain.hooks.event import COMMIT, PULL_REQUEST, SourceEvent
from baselift.domain.pushes.node import Node

PROVIDER = "Webhook"


def events(_headers: Mapping[str, str], document: Node) -> Iterator[SourceEvent]:
    """The commit that the event names; a deleted branch, whose commit is zeros, yields none."""
    commit, pull = event.commit(document["commit"]), document["pullRequest"]
    if commit is None:
        return
    repository, paths = document["repository"], document["paths"]
    yield SourceEvent(
        kind=COMMIT if pull.value is None else PULL_REQUEST,
        repositories=event.repositories(*(list(repository.one_or_many()) or [repository])),
        branch=event.branch(Node((document["branch"].text()).removeprefix("refs/heads/"), "branch")),
        commit=commit,
        default_branch=event.default_branch(document["defaultBranch"]),
        pull_request=None if pull.value is None else event.number(pull),
        paths=None if paths.value is None else event.together([paths.value]),
        delivery=event.identifier(document["delivery"].text_if_any()),
        provider=PROVIDER,
    )
