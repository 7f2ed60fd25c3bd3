"""Values for templates (semantics 2.3)."""

from typing import Any

import pytest

from baselift.domain.taskfile import TaskFile, TaskFileError, assignments, overlay, values


def test_a_values_file_may_be_nested_and_keeps_types() -> None:
    text = "a: 1\nb: {c: [x, 2, {d: yes}], e: ~}\nf: 1.5\ng: '1'\nh: 010\n1: one\ni: 99999999999999999999\n"
    assert values(text) == {
        "a": 1,
        "b": {"c": ["x", 2, {"d": True}], "e": None},
        "f": 1.5,
        "g": "1",
        "h": 8,
        "1": "one",
        "i": 1e20,
    }


@pytest.mark.parametrize("text", ["2024-01-02", "22:22", "1e", "0x", "0b2", "1.2.3", "+", ".", "-x", "0o9", "_1"])
def test_what_is_no_number_here_stays_text(text: str) -> None:
    assert values(f"a: {text}") == {"a": text}


@pytest.mark.parametrize("text", ["", "# c\n", "~", "{}"])
def test_an_empty_values_file_is_none(text: str) -> None:
    assert values(text) == {}


REFUSED = {
    "a list": ("- a", "line 1: values: a values file is a mapping"),
    "text": ("a", "line 1: values: a values file is a mapping"),
    "a name that is no text": ("a: 1\n? [b]\n: c\n", "line 2: values: a name must be text"),
    "infinity": ("a: 1\nb: .inf", "line 2: values: '.inf' is a number that JSON cannot hold"),
    "a tag": ("a: !x 1", "line 1: values: tag '!x' is unknown"),
    "no YAML": ("a: [", "values: this is not YAML"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_bad_values_file_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        values(text)
    assert message in str(caught.value)


def test_a_set_value_is_split_at_the_first_equals_sign_and_always_text() -> None:
    given = ["a=1", "b=x=y", "c=", "d", "a=2", "e=f,g=h", "i.j=k", "l=null"]
    assert assignments(given) == {
        "a": "2",
        "b": "x=y",
        "c": "",
        "d": "",
        "e": "f,g=h",
        "i.j": "k",
        "l": "null",
    }


@pytest.mark.parametrize("text", ["=x", ""])
def test_a_set_value_needs_a_name(text: str) -> None:
    with pytest.raises(TaskFileError, match="a set value needs a name"):
        assignments([text])
    with pytest.raises(TaskFileError, match="a set value needs a name"):
        overlay({}, {"": "x"})


def test_set_values_win_over_the_file_and_none_removes() -> None:
    given = {"a": {"b": 1}, "c": 2, "d": 3}
    assert overlay(given, {"a": "x", "d": None, "e": "y", "f": None}) == {"a": "x", "c": 2, "e": "y"}
    assert given == {"a": {"b": 1}, "c": 2, "d": 3}


def test_values_reach_the_template(read: Any) -> None:
    text = "steps:\n- cmd: img {{.Values.n}} {{.Values.deep.er}} {{if .Values.b}}truthy{{end}} {{.Values.nope}}\n"
    given = overlay(values("n: 0\ndeep: {er: x}"), assignments(["n=1", "b=false"]))
    task: TaskFile = read(text, Values=given)
    assert task.steps[0].command.words == ("1", "x", "truthy")  # type: ignore[union-attr]
