"""GitLab: webhook events ``Push Hook`` and ``Merge Request Hook``.

Source: GitLab's documentation, "Webhook events".
"""

from collections.abc import Iterator, Mapping

from baselift.domain.hooks import event
from baselift.domain.hooks.event import COMMIT, PULL_REQUEST, SourceEvent
from baselift.domain.pushes.node import Node

PROVIDER = "GitLab"


def events(headers: Mapping[str, str], document: Node) -> Iterator[SourceEvent]:
    """The branch that was pushed, or the merge request that has a new head."""
    delivery = event.identifier(headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid"))
    # An instance's system hooks also tell of what has no kind of object: of new projects and users, by an event's name.
    if document["object_kind"].value is None and document["event_name"].text_if_any():
        return
    kind = document["object_kind"].text()
    if kind == "push":
        yield from _pushed(document, delivery)
    elif kind == "merge_request":
        yield from _merge_request(document, delivery)


def _pushed(document: Node, delivery: str) -> Iterator[SourceEvent]:
    name, commit = event.branch_of(document["ref"]), event.commit(document["after"])
    if name is None or commit is None:
        return
    yield SourceEvent(
        kind=COMMIT,
        repositories=_addresses(document["project"]),
        branch=name,
        commit=commit,
        default_branch=event.default_branch(document.down("project", "default_branch")),
        paths=_paths(document),
        delivery=delivery,
        provider=PROVIDER,
    )


def _merge_request(document: Node, delivery: str) -> Iterator[SourceEvent]:
    asked = document["object_attributes"]
    action = asked["action"].text_if_any()
    # An update has `oldrev` when commits were pushed; without it the title changed, or a label.
    if action not in ("open", "reopen") and not (action == "update" and asked["oldrev"].value):
        return
    commit = event.commit(asked.down("last_commit", "id"))
    if commit is not None:
        yield SourceEvent(
            kind=PULL_REQUEST,
            repositories=_addresses(document["project"]),
            branch=event.branch(asked["target_branch"]),
            commit=commit,
            default_branch=event.default_branch(document.down("project", "default_branch")),
            pull_request=event.number(asked["iid"]),
            delivery=delivery,
            provider=PROVIDER,
        )


def _addresses(project: Node) -> tuple[str, ...]:
    return event.repositories(project["git_http_url"], project["web_url"], project["http_url"])


def _paths(document: Node) -> frozenset[str] | None:
    """Files that a push changed; unknown where it has more commits than it lists, which are at most twenty."""
    commits, total = document["commits"], document["total_commits_count"].value
    listed = len(commits.value) if isinstance(commits.value, list) else 0
    return None if isinstance(total, int) and total > listed else event.paths(commits)
