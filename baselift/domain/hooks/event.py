"""One thing that happened in a repository, whichever host told of it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from baselift.domain.contexts import valid_ref
from baselift.domain.hooks.repository import canonical
from baselift.domain.pushes.node import Node, shown

COMMIT, PULL_REQUEST = "commit", "pullrequest"
"""Kinds of events, as `sourceTriggerEvents` spells them."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_HEADS = "refs/heads/"
_MOST_PATHS = 10_000
_LONGEST_ID = 128


class InvalidHook(ValueError):
    """The body is not an event of this dialect; the message says which field, and what would be right."""


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """A branch is at a new commit, or a pull request has a new head."""

    kind: str
    """`COMMIT` or `PULL_REQUEST`."""
    repositories: tuple[str, ...]
    """Addresses of the repository that the event is about, in canonical form."""
    branch: str
    """The branch that was pushed; of a pull request, the branch that it is for."""
    commit: str
    """Full id of the commit that was pushed; of a pull request, of its head."""
    default_branch: str | None = None
    """The repository's default branch, where the event says."""
    pull_request: str | None = None
    """Its number."""
    paths: frozenset[str] | None = None
    """Files that changed, from the repository's root; None where the event does not say, or not for all commits."""
    delivery: str = ""
    """The host's id of this delivery; the same when it is sent again."""
    provider: str = ""
    """As `sourceTrigger.providerType` shows it."""


def repositories(*addresses: Node) -> tuple[str, ...]:
    """The canonical forms of the addresses that are there, each once.

    Raises:
        InvalidHook: there is none.
    """
    found = [canonical(text) for node in addresses if (text := node.text_if_any())]
    if not any(found):
        raise InvalidHook(f"field '{addresses[0].path}' must be the http(s) address of a repository")
    return tuple(dict.fromkeys(each for each in found if each))


def commit(node: Node) -> str | None:
    """A commit's full id; None for the zeros that stand for a branch that is not there.

    Raises:
        InvalidHook: it is none.
    """
    text = node.text().lower()
    if not _COMMIT.fullmatch(text):
        raise InvalidHook(f"field '{node.path}' is {shown(text)}: it must be a commit's full id, in hexadecimal")
    return text if text.strip("0") else None


def branch(node: Node) -> str:
    """A branch's name.

    Raises:
        InvalidHook: git allows no such name.
    """
    name = node.text()
    if not _is_branch(name):
        raise InvalidHook(f"field '{node.path}' is {shown(name)}: it must be the name of a branch")
    return name


def branch_of(ref: Node) -> str | None:
    """The branch that a full reference name is of; None for a tag or anything else.

    Raises:
        InvalidHook: git allows no such name.
    """
    name = ref.text()
    return branch(Node(name.removeprefix(_HEADS), ref.path)) if name.startswith(_HEADS) else None


def default_branch(node: Node) -> str | None:
    """The repository's default branch, where the event says and git allows the name."""
    name = (node.text_if_any() or "").removeprefix(_HEADS)
    return name if _is_branch(name) else None


def number(node: Node) -> str:
    """The number of a pull request.

    Raises:
        InvalidHook: it is none.
    """
    text = str(node.value) if type(node.value) in (int, str) else ""
    if not _NUMBER.fullmatch(text):
        raise InvalidHook(f"field '{node.path}' must be the number of a pull request")
    return text


def paths(commits: Node, fields: tuple[str, ...] = ("added", "modified", "removed")) -> frozenset[str] | None:
    """Every file that the commits say they changed; None where one does not say, or they are too many to look at."""
    if not isinstance(commits.value, list) or not commits.value:
        return None
    listed = [each.get(name) if isinstance(each, dict) else None for each in commits.value for name in fields]
    return together(listed)


def together(lists: Iterable[Any]) -> frozenset[str] | None:
    """The texts of all lists; None where one is no list of texts, or they are too many to look at."""
    found: set[str] = set()
    for text in _texts(lists):
        if text is None or len(found) == _MOST_PATHS:
            return None
        found.add(text)
    return frozenset(found)


def identifier(text: str | None) -> str:
    """A delivery's id as it can be kept."""
    return "".join(char for char in (text or "")[:_LONGEST_ID] if char.isascii() and char.isprintable())


def _is_branch(name: str) -> bool:
    return valid_ref(name) and name.isprintable()


def _texts(lists: Iterable[Any]) -> Iterator[str | None]:
    for each in lists:
        if not isinstance(each, list):
            yield None
            return
        yield from (text if isinstance(text, str) else None for text in each)
