"""Whatever a task file holds, it is read or refused: no other error, no endless work."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baselift.domain import templates
from baselift.domain.taskfile import (
    TaskFile,
    TaskFileError,
    alias_source,
    alias_sources,
    graph,
    load,
    secrets_section,
    single_command,
    values,
)
from baselift.domain.taskfile.nodes import MAX_TEXT
from baselift.domain.taskfile.words import MAX_COMMAND, split

ASSETS = Path(__file__).parents[2] / "assets" / "taskfiles"
TEXTS = [path.read_text() for path in sorted(ASSETS.glob("*.yaml"))]
SPLICES = ["\n", " ", "\t", "- ", ": ", "|", ">", "'", '"', "#", "&a ", "*a", "<<: *a", "[", "{", "}", "]", "\\", "~",
           "{{", "}}", "$ID", "$$", "!!int ", "%", "---\n", "-1", "yes", "\x00", "\ufeff", "é", "steps:\n", "alias:\n",
           "version: v1.1.0\n", "secrets:\n", "when: [a]", "=", "&&", "`", "\ue000", "\r\n", "\ud800"]  # fmt: skip
DATA: Mapping[str, Any] = {"Run": {"Registry": "r.io", "ID": "da6"}, "Values": {"nested": {}}, "Secrets": {}}


def refused(read: Callable[[], object]) -> bool:
    """True when a reading ends with a refusal that says something; any other error goes through."""
    try:
        read()
    except TaskFileError as error:
        return bool(str(error))
    return False


def tried(text: str, *, plain: bool) -> None:
    """Everything that is done with a text."""

    def render(text: str, data: Mapping[str, Any]) -> str:
        return text if plain else templates.render(text, data)

    made: list[TaskFile] = []
    for read in (
        lambda: values(text),
        lambda: alias_source(text),
        lambda: alias_sources(text, DATA, render=render),
        lambda: secrets_section(text, DATA, render=render),
        lambda: made.append(load(text, DATA, render=render)),
    ):
        refused(read)
    for task in made:
        assert set(graph(task).parents) == {step.id for step in task.steps}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200), st.booleans())
def test_any_text_is_read_or_refused(text: str, plain: bool) -> None:
    tried(text, plain=plain)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    tried(data.decode("utf-8", "surrogateescape"), plain=True)
    tried(data.decode("latin-1"), plain=False)


def mutated(source: random.Random) -> str:
    text = source.choice(TEXTS)
    for _ in range(source.randint(1, 6)):
        start = source.randrange(len(text) + 1)
        end = min(len(text), start + source.choice([0, 0, 1, 3, 20]))
        other = source.choice(TEXTS)
        cut = source.randrange(len(other))
        text = text[:start] + source.choice([source.choice(SPLICES), other[cut : cut + 30]]) + text[end:]
    return text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.booleans())
def test_any_change_of_a_sample_is_read_or_refused(source: random.Random, plain: bool) -> None:
    tried(mutated(source), plain=plain)


@pytest.mark.campaign
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.booleans())
def test_any_change_of_a_sample_is_read_or_refused_for_long(source: random.Random, plain: bool) -> None:
    tried(mutated(source), plain=plain)


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1).filter(str.strip))
def test_any_single_command_is_read_or_refused(cmd: str) -> None:
    tried(single_command(cmd), plain=True)


FULL = MAX_TEXT - 100
PATHOLOGIES = {
    "brackets": "[" * FULL,
    "braces": "{" * FULL,
    "dashes": "- " * (FULL // 2),
    "questions": "? " * (FULL // 2),
    "keys": "a:\n" * (FULL // 3),
    "items": "- a\n" * (FULL // 4),
    "flow items": "[" + "a," * (FULL // 2) + "]",
    "one line": "a: " + "x" * FULL,
    "blanks": " " * FULL,
    "line breaks": "\n" * FULL,
    "quote": "a: '" + "x\n " * (FULL // 3) + "'",
    "open quote": 'a: "' + "\\x41" * (FULL // 4),
    "anchors": "".join(f"- &a{i} x\n" for i in range(80_000)),
    "aliases": "- &a x\n" + "- *a\n" * (FULL // 5),
    "tags": "- !!str x\n" * (FULL // 10),
    "comments": "# x\n" * (FULL // 4),
    "block headers": "a: |\n" * (FULL // 5),
    "header in a long line": ": &a " * (FULL // 5),
    "headers with anchors": "- &- " * (FULL // 5),
    "deep block": "".join(f"{' ' * i}a:\n" for i in range(1200)),
    "directives": "version: v1.1.0\n" + "$" * FULL,
    "unknown aliases": "version: v1.1.0\n" + "$no" * (FULL // 3),
    "versions": "version" * (FULL // 7),
    "merge": "a: &a {b: c}\nd: {" + "<<: *a, " * 20_000 + "}\n",
    "many steps": "steps:\n" + "- cmd: a\n" * 20_000,
    "many names": "steps:\n- cmd: a\n  when: [" + "x, " * 80_000 + "]\n",
}
ALIKE = {"items", "flow items", "line breaks", "quote", "aliases", "anchors", "comments", "many steps", "many names"}


def pathologies() -> list[Any]:
    """All of them; those that are much like others are left to the campaigns."""
    marks = {True: (pytest.mark.campaign,), False: ()}
    return [pytest.param(text, id=name, marks=marks[name in ALIKE]) for name, text in PATHOLOGIES.items()]


@pytest.mark.parametrize("text", pathologies())
def test_the_largest_text_of_one_kind_is_read_or_refused(text: str) -> None:
    tried(text, plain=True)


WORDS = {
    "words": "a " * (MAX_COMMAND // 2),
    "quotes": "''" * (MAX_COMMAND // 2),
    "open quote": '"' + "\\a" * (MAX_COMMAND // 2 - 1),
    "backslashes": '"' + "\\\\" * (MAX_COMMAND // 2 - 1) + '"',
    "dollars": "$" * MAX_COMMAND,
    "operators": "&" * MAX_COMMAND,
    "comments": "#\n" * (MAX_COMMAND // 2),
}


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_the_largest_command_of_one_kind_is_split_or_refused(text: str) -> None:
    assert refused(lambda: split(text)) or split(text) is not None
