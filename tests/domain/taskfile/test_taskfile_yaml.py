"""YAML as ACR's engine reads it (semantics 1.1), and no larger than it may be."""

from collections.abc import Callable
from typing import Any

import pytest

from baselift.domain.taskfile import TaskFile, TaskFileError, load, values
from baselift.domain.taskfile.nodes import MAX_DEPTH, MAX_NODES, MAX_TEXT

Read = Callable[..., TaskFile]
STEP = "steps:\n- cmd: img\n"

NUMBERS = {
    "10": 10,
    "010": 8,
    "0o10": 8,
    "0x1F": 31,
    "0b11": 3,
    "1_000": 1000,
    "+7": 7,
    "12.0": 12,
    "1e2": 100,
    "089": 89,
    "!!int 5": 5,
    "~": 600,
    "null": 600,
    "0": 600,
    "-3": 600,
    "": 600,
}


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_a_whole_number_is_read_in_every_spelling(text: str, expected: int, read: Read) -> None:
    assert read(f"stepTimeout: {text}\n").step_timeout == expected


BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE", "!!bool yes"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE", "~"), False),
}


@pytest.mark.parametrize(("text", "expected"), BOOLEANS.items())
def test_a_boolean_is_read_in_every_spelling_of_yaml_1_1(text: str, expected: bool, read: Read) -> None:
    assert read(f"{STEP}  keep: {text}\n").steps[0].keep is expected


TEXTS = ["010", "yes", "1.50", "2024-01-02", "22:22", "0x1F", "1_000", "!!str 5"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_keeps_its_letters_whatever_they_could_mean(text: str, read: Read) -> None:
    assert read(f"{STEP}  user: {text}\n").steps[0].user == text.removeprefix("!!str ")


def test_numbers_are_welcome_in_a_list_of_texts(read: Read) -> None:
    assert read(f"{STEP}  ports: [8080, '9090:90', 22:22]\n").steps[0].ports == ("8080", "9090:90", "22:22")


MISMATCHES = {
    "scalar for a list": (f"{STEP}  when: x\n", "line 3: step 'acb_step_0': when is the text 'x'; it must be a list"),
    "scalar for push": ("steps:\n- push: x\n", "line 2: step 'acb_step_0': push is the text 'x'; it must be a list"),
    "quoted number": (f'{STEP}  timeout: "10"\n', "line 3: step 'acb_step_0': timeout is the text '10'"),
    "fraction": (f"{STEP}  timeout: 1.5\n", "timeout is the number 1.5; it must be a whole number"),
    "infinite": (f"{STEP}  timeout: .inf\n", "timeout is the number inf"),
    "not a number": (f"{STEP}  timeout: .nan\n", "timeout is the number nan"),
    "boolean for a number": (f"{STEP}  timeout: yes\n", "timeout is true; it must be a whole number"),
    "huge number": (f"{STEP}  timeout: 99999999999\n", "it must be between -2147483647 and 2147483647"),
    "number beyond 64 bits": (f"{STEP}  timeout: {'9' * 5000}\n", "timeout is the number inf"),
    "quoted boolean": (f'{STEP}  keep: "true"\n', "keep is the text 'true'; it must be true or false, without quotes"),
    "number for a boolean": (f"{STEP}  keep: 1\n", "keep is the number 1"),
    "list for a boolean": (f"{STEP}  keep: []\n", "keep is a list"),
    "env as a map": (f"{STEP}  env:\n    A: b\n", "line 4: step 'acb_step_0': env is a mapping; it must be a list"),
    "env as text": (f"{STEP}  env: A=b\n", "env is the text 'A=b'"),
    "list for text": (f"{STEP}  user: [a]\n", "user is a list; it must be text"),
    "map in a list of texts": (
        f"{STEP}  ports:\n  - 80\n  - a: b\n",
        "line 5: step 'acb_step_0': ports[1] is a mapping",
    ),
    "steps as a map": ("steps:\n  a: b\n", "line 2: steps is a mapping; it must be a list"),
    "null step": ("steps:\n- cmd: img\n-\n", "line 3: steps[1]: this is null, not a mapping"),
    "step as text": ("steps:\n- build\n", "steps[0]: this is the text 'build', not a mapping"),
    "document as a list": ("- a\n", "line 1: this is a list, not a mapping"),
    "document as text": ("hello\n", "this is the text 'hello', not a mapping"),
    "number with a text's tag": (f"{STEP}  timeout: !!str 5\n", "timeout is the text '5'"),
    "tag that does not fit": (f"{STEP}  timeout: !!int x\n", "line 3: step 'acb_step_0': 'x' does not fit its tag"),
    "unknown tag": (f"{STEP}  timeout: !mine 5\n", "line 3: step 'acb_step_0': tag '!mine' is unknown; str, int"),
    "merge of text": ("<<: x\n", "line 1: '<<' takes a mapping"),
}


@pytest.mark.parametrize(("text", "message"), MISMATCHES.values(), ids=MISMATCHES)
def test_a_wrong_type_is_refused_with_its_line(text: str, message: str, refusal: Callable[..., str]) -> None:
    assert message in refusal(text)


EMPTY = ["", "\n", "# nothing\n", "---\n", "~\n", "{}\n", "version: v1.0.0\n", "steps:\n", "steps: []\n", "steps: ~\n"]


@pytest.mark.parametrize("text", EMPTY)
def test_a_task_without_steps_is_valid(text: str, read: Read) -> None:
    assert read(text).steps == ()


def test_unknown_keys_are_ignored_and_names_have_case(read: Read) -> None:
    task = read("extra: {a: [1]}\nsteps:\n- cmd: img\n  ignoreerrors: true\n  nothing: !odd x\n  ? [a]\n  : b\n")
    assert task.steps[0].ignore_errors is False


def test_the_last_of_equal_keys_wins(read: Read) -> None:
    task = read("stepTimeout: x\nsteps:\n- cmd: a\nsteps:\n- cmd: b\n  cmd: c\nstepTimeout: 5\n")
    assert [step.text for step in task.steps] == ["c"]
    assert task.step_timeout == 5


def test_only_the_first_document_is_read(read: Read) -> None:
    assert len(read(f"{STEP}---\nsteps: [}}\n").steps) == 1


def test_anchors_and_merge_keys_work_and_own_keys_win_wherever_they_stand(read: Read) -> None:
    text = """
base: &base {timeout: 7, user: a, keep: yes}
other: &other {user: b, cpus: 2}
steps:
- cmd: img
  user: c
  <<: *base
- <<: [*other, *base]
  cmd: img
- &copy
  cmd: img
  env: &env [A=1]
- <<: *copy
  env: *env
"""
    first, second, third, fourth = read(text).steps
    assert (first.timeout, first.user, first.keep) == (7, "c", True)
    assert (second.timeout, second.user, second.cpus) == (7, "b", "2")
    assert third.env == fourth.env == {"A": "1"}


@pytest.mark.parametrize("text", ["a: *gone\n", "a: &a [*a]\n", "a: &a {b: *a}\n"])
def test_an_alias_must_name_a_complete_anchor(text: str, refusal: Callable[..., str]) -> None:
    assert "names no anchor that is complete before it" in refusal(text)


def test_aliases_cannot_make_a_file_large(refusal: Callable[..., str]) -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert f"more than {MAX_NODES} values, aliases counted" in refusal(laughs)


def test_merges_cannot_make_a_file_large(refusal: Callable[..., str]) -> None:
    laughs = "a0: &a0 {x: y}\n"
    laughs += "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 12))
    assert "aliases counted" in refusal(laughs)


def test_aliases_cannot_make_a_file_deep(refusal: Callable[..., str]) -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, MAX_DEPTH + 5))
    assert f"nested deeper than {MAX_DEPTH}" in refusal(chain)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded(opening: str, refusal: Callable[..., str]) -> None:
    assert f"nested deeper than {MAX_DEPTH}" in refusal("a:\n  " + opening * 400)


def test_size_is_bounded(refusal: Callable[..., str]) -> None:
    assert f"at most {MAX_TEXT} are allowed" in refusal("x" * (MAX_TEXT + 1))
    with pytest.raises(TaskFileError, match="at most"):
        values("a: b\n" * MAX_TEXT)


def test_what_a_template_makes_is_bounded(refusal: Callable[..., str]) -> None:
    assert f"at most {MAX_TEXT} are allowed" in refusal('a: {{ repeat 1100000 "x" }}\n')


def test_the_number_of_directives_is_bounded(refusal: Callable[..., str]) -> None:
    assert "lines that begin with '%'" in refusal("#\n" + "".join(f"%TAG !a{i}! x\n" for i in range(100)))


BROKEN = {
    "a tab": ("steps:\n\t- cmd: img\n", "line 2: this is not YAML"),
    "an open bracket": ("steps: [\n", "line 2: this is not YAML"),
    "a control character": ("a: \x01\n", "this is not YAML"),
    "half of a character": ("a: \ud800\n", "this is not YAML"),
    "two keys in a line": ("a: b: c\n", "line 1: this is not YAML"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_yaml_is_refused_with_its_line(text: str, message: str, data: Any) -> None:
    with pytest.raises(TaskFileError) as caught:
        load(text, data, render=lambda text, _: text)
    assert message in str(caught.value)


VERSIONS = {
    "version: v1.0.0": "v1.0.0",
    "version: V1.1.0": "v1.1.0",
    "version: 1.0-Preview-1": "1.0-preview-1",
    'version: "v1.1.0"': "v1.1.0",
    "": "v1.0.0",
    "version:": "v1.0.0",
}


@pytest.mark.parametrize(("text", "expected"), VERSIONS.items())
def test_versions_are_known_in_any_case_and_default_to_the_first(text: str, expected: str, read: Read) -> None:
    assert read(text + "\n").version == expected


@pytest.mark.parametrize("version", ["1.0.0", "v1.2.0", "v2", "1.1"])
def test_another_version_is_refused_and_the_current_one_named(version: str, refusal: Callable[..., str]) -> None:
    message = refusal(f"# x\nversion: {version}\n")
    assert message.startswith(f"line 2: version is '{version}'")
    assert "v1.0.0 is current" in message
