"""What a ``cmd`` runs, and when it needs a shell (semantics 1.3)."""

import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from baselift.domain.taskfile import Command, Step, TaskFile, TaskFileError, command
from baselift.domain.taskfile.words import Kind, split

WORDS = {
    "img": ("img", ()),
    "r.io/a/b:1 x y": ("r.io/a/b:1", ("x", "y")),
    "img 'a b' \"c d\" e\\ f": ("img", ("a b", "c d", "e f")),
    "img a'b'\"c\"d": ("img", ("abcd",)),
    "img '' \"\"": ("img", ("", "")),
    "img -e x --flag": ("img", ("-e", "x", "--flag")),
    "img bash -c 'a && b | c > d; $E `f`'": ("img", ("bash", "-c", "a && b | c > d; $E `f`")),
    'img "a && b"': ("img", ("a && b",)),
    'img "a \\$E \\`f\\` \\\\ \\" \\x"': ("img", ('a $E `f` \\ " \\x',)),
    "img \\$E \\; \\&": ("img", ("$E", ";", "&")),
    "img $ a$ '$'E": ("img", ("$", "a$", "$E")),
    "img a \\\n b\n": ("img", ("a", "b")),
    "img a # why && not": ("img", ("a",)),
    "img a#b": ("img", ("a#b",)),
    "img *.txt ~ {a,b} !x =": ("img", ("*.txt", "~", "{a,b}", "!x", "=")),
    "img 'two\nlines'": ("img", ("two\nlines",)),
    f"img@sha256:{'0' * 64} a": (f"img@sha256:{'0' * 64}", ("a",)),
}


@pytest.mark.parametrize(("text", "expected"), WORDS.items())
def test_a_command_is_split_as_a_shell_splits(text: str, expected: tuple[str, tuple[str, ...]]) -> None:
    made = command(text)
    assert (made.image, made.words, made.shell) == (*expected, False)


SHELL = {
    "img a && b": "a && b",
    "img a || true": "a || true",
    "img a | b": "a | b",
    "img a > f": "a > f",
    "img a 2>&1": "a 2>&1",
    "img a < f": "a < f",
    "img a; b": "a; b",
    "img a & b": "a & b",
    "img a `b`": "a `b`",
    "img a $(b)": "a $(b)",
    "img a $B": "a $B",
    "img a ${B}": "a ${B}",
    "img a $?": "a $?",
    'img a "x $B"': 'a "x $B"',
    'img a "x `b`"': 'a "x `b`"',
    'img a "x \\\\$B"': 'a "x \\\\$B"',
    "img a\nb": "a\nb",
    "img (a)": "(a)",
}


@pytest.mark.parametrize(("text", "script"), SHELL.items())
def test_what_a_shell_acts_on_is_left_to_the_images_shell(text: str, script: str) -> None:
    made = command(text)
    assert (made.image, made.shell, made.script) == ("img", True, script)
    assert made.argv((), ("CMD",))[:2] == ("/bin/sh", "-c")


ARGVS = {
    "words": ("img a b", ["E"], ["C"], ("E", "a", "b")),
    "the image's command": ("img", ["E"], ["C", "D"], ("E", "C", "D")),
    "a script": ("img a || b", ["/e x", "y"], ["C"], ("/bin/sh", "-c", "'/e x' y a || b")),
    "a script without entrypoint": ("img a || b", [], ["C"], ("/bin/sh", "-c", "a || b")),
    "an operator at once": ("img || b", ["E"], ["C c"], ("/bin/sh", "-c", "E 'C c' || b")),
    "a variable": ('img -c "echo $HOME"', ["bash"], [], ("/bin/sh", "-c", 'bash -c "echo $HOME"')),
}


@pytest.mark.parametrize(("text", "entrypoint", "default", "expected"), ARGVS.values(), ids=ARGVS)
def test_a_command_joins_entrypoint_and_words(
    text: str, entrypoint: list[str], default: list[str], expected: tuple[str, ...]
) -> None:
    assert command(text).argv(entrypoint, default) == expected


REFUSED = {
    "": "no image is named in ''",
    "# only": "no image is named",
    "&& img": "no image is named",
    "-e A=b": "no image is named in '-e A=b'",
    "UPPER x": "'.', '_' or '-'; the first word of cmd is the image to run",
    "$Registry/img x": "which '$Registry/img' needs: use a template such as {{.Run.Registry}}",
    "-e A=$B img": "which 'A=$B' needs",
    "--shm-size 1g img": "docker run flag '--shm-size' is not supported: limits are those of the run",
    "-v /a:/b img": "docker run flag '-v' is not supported: declare the volume",
    "--volume=/a:/b img": "docker run flag '--volume' is not supported: declare the volume",
    "--name=x img": "docker run flag '--name' is not supported: a container has the step's id as its name",
    "--frob img": "docker run flag '--frob' is not supported; these are: --cpus, --detach",
    "-e": "docker run flag '-e' needs a value after it",
    "img 'a": "the quote ' is not closed",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_a_command_that_cannot_be_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        command(text)
    assert message in str(caught.value)


FLAGS: dict[str, dict[str, Any]] = {
    "-e A=1 --env B=2": {"env": {"A": "1", "B": "2", "C": "3"}},
    "-eA=1": {"env": {"A": "1", "C": "3"}},
    "-w /w": {"working_directory": "/w"},
    "--workdir=/w": {"working_directory": "/w"},
    "-u 1000:1000": {"user": "1000:1000"},
    "--entrypoint sh": {"entry_point": "sh"},
    "--network host": {"network": "host"},
    "--net=none": {"network": "none"},
    "-p 80:80 -p 81": {"ports": ("1", "80:80", "81")},
    "--expose 90": {"expose": ("90",)},
    "--privileged": {"privileged": True},
    "--privileged=false": {"privileged": False},
    "--cpus 1.5": {"cpus": "1.5"},
    "-d": {"detach": True},
    "-d=false": {"detach": False},
    "-itd": {"detach": True},
    "--pull always": {"pull": True},
    "--pull=missing": {"pull": False},
    "--rm -it --init": {},
    "-e A=1 --": {"env": {"A": "1", "C": "3"}},
}


@pytest.mark.parametrize(("flags", "expected"), FLAGS.items())
def test_docker_flags_before_the_image_are_step_properties_and_win(
    flags: str, expected: dict[str, Any], step: Callable[..., Step]
) -> None:
    made = step(f"{{cmd: '{flags} img x', env: [A=0, C=3], ports: [1], privileged: yes}}")
    for attribute, value in {"env": {"A": "0", "C": "3"}, "ports": ("1",), "privileged": True, **expected}.items():
        assert getattr(made, attribute) == value
    assert made.command is not None
    assert (made.command.image, made.command.words) == ("img", ("x",))


BAD_FLAGS = {
    "-e A": "docker run flag --env must be NAME=value",
    "--pull never": "docker run flag --pull is 'never'; it must be always or missing",
}


@pytest.mark.parametrize(("flags", "message"), BAD_FLAGS.items())
def test_a_docker_flag_with_a_bad_value_is_refused(flags: str, message: str, refusal: Callable[..., str]) -> None:
    assert refusal(f"steps:\n- id: a\n  cmd: {flags} img\n") == f"line 3: step 'a': {message}"


def test_the_texts_of_a_folded_and_a_literal_block_are_commands(read: Callable[..., TaskFile]) -> None:
    folded, literal = read("steps:\n- cmd: >\n    img\n    a\n    b\n- cmd: |\n    img a\n    b\n").steps
    assert folded.command == Command("img", ("a", "b"), "a b")
    assert literal.command is not None
    assert (literal.command.shell, literal.command.script) == (True, "a\nb")


SAFE = st.text(alphabet="ab '\"\\\t\n#$=-./", max_size=24)


def shell_words(text: str) -> list[str] | None:
    """What a real shell makes of a text; None when it does not accept it."""
    script = f"printf '%s\\0' {text}"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"})
    return None if ran.returncode else ran.stdout.decode().split("\0")[:-1]


@settings(max_examples=150, deadline=None)
@given(SAFE)
@example("a \\\n b")
@example("$\\\n-")
@example('"$\\\n-"')
@example('\'a\'"b\\""\\ c # d')
@example("a\\#b '#c'#d")
def test_words_are_those_of_a_real_shell(text: str) -> None:
    text = text.strip()
    try:
        tokens = split(text)
    except TaskFileError:
        # A shell waits for the end of a quote, or takes a last backslash as it is.
        assert shell_words(text) is None or text.endswith("\\")
        return
    plain = all(token.kind is Kind.WORD and not token.expands for token in tokens)
    if plain and tokens:
        assert [token.text for token in tokens] == shell_words(text)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8), max_size=6))
def test_quoted_words_come_back(words: list[str]) -> None:
    tokens = split(shlex.join(words))
    assert [token.text for token in tokens] == words
    assert not any(token.expands or token.kind is Kind.OPERATOR for token in tokens)
