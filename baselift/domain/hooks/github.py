"""GitHub: webhook events ``push`` and ``pull_request``; all others, ``ping`` among them, tell nothing of a commit.

Source: GitHub's documentation, "Webhook events and payloads".
"""

from collections.abc import Iterator, Mapping

from baselift.domain.hooks import event
from baselift.domain.hooks.event import COMMIT, PULL_REQUEST, SourceEvent
from baselift.domain.pushes.node import Node

PROVIDER = "Github"
_ACTIONS = frozenset({"opened", "reopened", "synchronize"})
_MOST_COMMITS = 2048
"""A push lists no more of its commits."""


def events(headers: Mapping[str, str], document: Node) -> Iterator[SourceEvent]:
    """The branch that was pushed, or the pull request that has a new head."""
    kind, delivery = headers.get("x-github-event"), event.identifier(headers.get("x-github-delivery"))
    if kind == "push":
        yield from pushed(document, delivery, PROVIDER)
    elif kind == "pull_request" and document["action"].text() in _ACTIONS:
        yield pulled(document, delivery, PROVIDER)


def pushed(document: Node, delivery: str, provider: str) -> Iterator[SourceEvent]:
    """The branch of a push, in the form that GitHub and Gitea share; a tag and a deleted branch yield none."""
    name, commit = event.branch_of(document["ref"]), event.commit(document["after"])
    if name is None or commit is None:
        return
    repository = document["repository"]
    yield SourceEvent(
        kind=COMMIT,
        repositories=_addresses(repository),
        branch=name,
        commit=commit,
        default_branch=event.default_branch(repository["default_branch"]),
        paths=_paths(document),
        delivery=delivery,
        provider=provider,
    )


def pulled(document: Node, delivery: str, provider: str) -> SourceEvent:
    """The head of a pull request, in the form that GitHub and Gitea share."""
    pull, repository = document["pull_request"], document["repository"]
    commit = event.commit(pull.down("head", "sha"))
    if commit is None:
        raise event.InvalidHook("field 'pull_request.head.sha' is zero: it must be a commit's id")
    return SourceEvent(
        kind=PULL_REQUEST,
        repositories=_addresses(repository),
        branch=event.branch(pull.down("base", "ref")),
        commit=commit,
        default_branch=event.default_branch(repository["default_branch"]),
        pull_request=event.number(pull["number"]),
        delivery=delivery,
        provider=provider,
    )


def _addresses(repository: Node) -> tuple[str, ...]:
    return event.repositories(repository["clone_url"], repository["html_url"])


def _paths(document: Node) -> frozenset[str] | None:
    """Files that a push changed; unknown for one that replaces history, whose commits are not all that differs."""
    commits, total = document["commits"], document["total_commits"].value
    listed = len(commits.value) if isinstance(commits.value, list) else 0
    if document["forced"].value or listed >= _MOST_COMMITS or (isinstance(total, int) and total > listed):
        return None
    return event.paths(commits)
