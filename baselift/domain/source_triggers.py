"""Source triggers of a task, and which events concern them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.domain import contexts, globs, tasks
from baselift.domain.contexts import Form, InvalidContext
from baselift.domain.hooks.event import COMMIT, SourceEvent
from baselift.domain.hooks.repository import canonical

EVENT_TYPES = {"commit": "Git Commit", "pullrequest": "Pull Request"}
"""Kind of an event -> `sourceTrigger.eventType`, which clients print as it is."""
_HEADS = "refs/heads/"
_FILLED_IN = "master"  # az fills this in where the user named no branch


@dataclass(frozen=True, slots=True)
class Heads:
    """Where a repository's branches are."""

    commits: Mapping[str, str]
    """Branch -> full commit id, of those asked for that are there, and of the default one."""
    default: str | None
    """The remote's default branch; None for an empty repository, ``HEAD`` where the server does not say."""


@dataclass(frozen=True, slots=True)
class SourceTrigger:
    """One enabled source trigger of a task."""

    name: str
    kinds: frozenset[str]
    """Of `commit` and `pullrequest`."""
    url: str
    """The repository's address, without fragment and user."""
    branch: str | None
    """None: the remote's default."""
    filled_in: bool
    """True where a client wrote the branch, not the user: the remote's default, when there is no such branch."""
    provider: str
    """`sourceControlType`."""

    @property
    def repository(self) -> str:
        """The repository's canonical address."""
        return canonical(self.url)

    def follows(self, branch: str, default: str | None, known: str | None = None) -> bool:
        """True when an event of `branch` concerns the trigger.

        Args:
            branch: the event's branch.
            default: the repository's default branch, None where it is not known.
            known: the branch that the trigger was last found to follow, None before the first look.
        """
        if self.branch is None:
            # An event knows the default branch of its time; the last look may be from before it got another name.
            return branch == (default or known)
        if branch == self.branch or not self.filled_in:
            return branch == self.branch
        return branch == (known or default)


@dataclass(frozen=True, slots=True)
class Paths:
    """Which changed files count for a task."""

    patterns: tuple[str, ...] = ()
    """Paths from the repository's root, ``*`` for any run of characters; each stands for all below it too."""
    context: bool = False
    """True: the directory that the task's context names."""

    def cover(self, changed: Collection[str] | None, directory: str | None) -> bool:
        """True when a changed file counts, when no filter is set, and when it is not known what changed."""
        patterns = (_literally(directory or ""),) if self.context else self.patterns
        if changed is None or not any(patterns):
            return True
        ready = [globs.Glob(globs.tokens(pattern.strip("/"))) for pattern in patterns]
        return any(_within(glob, path) for path in changed for glob in ready)


def of_task(document: Mapping[str, Any]) -> list[SourceTrigger]:
    """The enabled source triggers of a task, in its order."""
    return [_trigger(each) for each in _given(document) if each.get("status", "Enabled") == "Enabled"]


def judge(
    trigger: SourceTrigger, event: SourceEvent, paths: Paths, directory: str | None, known: str | None
) -> str | None:
    """Why the event makes no run of the task; None when it makes one. `known` as for `follows`."""
    what = "pull request" if event.pull_request else "push"
    if trigger.repository not in event.repositories:
        return f"trigger '{trigger.name}' is for another repository than {event.repositories[0]}"
    if not trigger.follows(event.branch, event.default_branch, known):
        followed = (trigger.branch is None and event.default_branch) or known or _shown(trigger)
        return f"{what} to branch '{event.branch}': trigger '{trigger.name}' follows '{followed}'"
    if event.kind not in trigger.kinds:
        return f"trigger '{trigger.name}' is not for events of kind {event.kind}"
    if not paths.cover(event.paths, directory):
        return f"{what} to branch '{event.branch}': no changed file is under a path that the task is built for"
    return None


def directory(document: Mapping[str, Any]) -> str | None:
    """The directory that the task's context names; None for all of the repository."""
    context = _context(document)
    return context.directory if context else None


def concerns_context(document: Mapping[str, Any], event: SourceEvent) -> bool:
    """True when the event says that what the task's context names is at another commit."""
    context = _context(document)
    if context is None or event.kind != COMMIT or canonical(context.location) not in event.repositories:
        return False
    ref = (context.ref or "").removeprefix(_HEADS)
    return ref in ("", _FILLED_IN, event.branch)


def at_commit(
    request: Mapping[str, Any], trigger: SourceTrigger, commit: str, token: str | None = None
) -> dict[str, Any]:
    """The run request with its source at the commit, where its source is the trigger's repository.

    `token` reads it where the task has none of its own.
    """
    context = _git(request.get("sourceLocation"))
    if context is None or canonical(context.location) != trigger.repository:
        return dict(request)
    inside = f":{context.directory}" if context.directory else ""
    pinned = {**request, "sourceLocation": f"{context.location}#{commit}{inside}"}
    return {"contextAccessToken": token, **pinned} if token else pinned


def token(document: Mapping[str, Any], name: str) -> str | None:
    """What reads a trigger's repository: its own token, else the context's where that is the same repository.

    Args:
        document: the task, its secrets in clear.
        name: the trigger's.
    """
    for trigger in _given(document):
        if trigger["name"] == name:
            source = trigger["sourceRepository"]
            own: str | None = (source.get("sourceControlAuthProperties") or {}).get("token")
            return own or (_context_token(document) if _is_context(document, source["repositoryUrl"]) else None)
    return None


def _trigger(given: Mapping[str, Any]) -> SourceTrigger:
    source = given["sourceRepository"]
    address, _, fragment = source["repositoryUrl"].partition("#")
    ref = fragment.partition(":")[0]
    branch = (source.get("branch") or ref).removeprefix(_HEADS)
    return SourceTrigger(
        name=given["name"],
        kinds=frozenset(given["sourceTriggerEvents"]),
        url=contexts.split_credential(address)[0],
        branch=branch or None,
        filled_in=branch == _FILLED_IN and not ref,
        provider=source.get("sourceControlType", "Github"),
    )


def _given(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    trigger = (document.get("properties") or {}).get("trigger") or {}
    return trigger.get("sourceTriggers") or ()


def _is_context(document: Mapping[str, Any], url: str) -> bool:
    context = _context(document)
    return context is not None and canonical(context.location) == canonical(url)


def _context_token(document: Mapping[str, Any]) -> str | None:
    return tasks.step(document).get("contextAccessToken")


def _context(document: Mapping[str, Any]) -> contexts.Context | None:
    return _git(tasks.step(document).get("contextPath"))


def _git(location: str | None) -> contexts.Context | None:
    try:
        context = contexts.parse(location)
    except InvalidContext:
        return None
    return context if context.form is Form.GIT else None


def _literally(path: str) -> str:
    return "".join(f"\\{char}" if char in "\\*?" else char for char in path)


def _within(glob: globs.Glob, path: str) -> bool:
    return any(end == len(path) or path[end] == "/" for end in glob.ends(path))


def _shown(trigger: SourceTrigger) -> str:
    return trigger.branch or "the default branch"
