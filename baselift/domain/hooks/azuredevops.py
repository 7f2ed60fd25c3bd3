"""Azure DevOps: service hooks ``git.push``, ``git.pullrequest.created`` and ``git.pullrequest.updated``.

An updated pull request may have got a vote and no commit: its head is the same then, and so is its run.
Source: Azure DevOps' documentation, "Service hooks events".
"""

from collections.abc import Iterator, Mapping

from baselift.domain.hooks import event
from baselift.domain.hooks.event import COMMIT, PULL_REQUEST, InvalidHook, SourceEvent
from baselift.domain.pushes.node import Node

PROVIDER = "VisualStudioTeamService"
_PULL_REQUEST = frozenset({"git.pullrequest.created", "git.pullrequest.updated"})


def events(_headers: Mapping[str, str], document: Node) -> Iterator[SourceEvent]:
    """The branches that were pushed, or the pull request that may have a new head."""
    kind, delivery = document["eventType"].text(), event.identifier(document["id"].text_if_any())
    if kind != "git.push" and kind not in _PULL_REQUEST:
        return
    resource = document["resource"]
    if resource.value is None:
        raise InvalidHook("field 'resource' is missing: set the hook's 'Resource details to send' to All")
    if kind == "git.push":
        yield from _pushed(resource, delivery)
    else:
        yield from _pulled(resource, delivery)


def _pushed(resource: Node, delivery: str) -> Iterator[SourceEvent]:
    repository = resource["repository"]
    for update in resource["refUpdates"].items():
        name, commit = event.branch_of(update["name"]), event.commit(update["newObjectId"])
        if name is not None and commit is not None:
            yield SourceEvent(
                kind=COMMIT,
                repositories=event.repositories(repository["remoteUrl"]),
                branch=name,
                commit=commit,
                default_branch=event.default_branch(repository["defaultBranch"]),
                delivery=delivery,
                provider=PROVIDER,
            )


def _pulled(resource: Node, delivery: str) -> Iterator[SourceEvent]:
    repository, branch = resource["repository"], event.branch_of(resource["targetRefName"])
    if resource["status"].text() != "active" or branch is None:
        return
    commit = event.commit(resource.down("lastMergeSourceCommit", "commitId"))
    if commit is not None:
        yield SourceEvent(
            kind=PULL_REQUEST,
            repositories=event.repositories(repository["remoteUrl"]),
            branch=branch,
            commit=commit,
            default_branch=event.default_branch(repository["defaultBranch"]),
            pull_request=event.number(resource["pullRequestId"]),
            delivery=delivery,
            provider=PROVIDER,
        )
