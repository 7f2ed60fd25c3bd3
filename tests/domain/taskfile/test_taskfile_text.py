"""Comments, version and aliases: what happens to the text before it is YAML (semantics 2.1 and 2.4)."""

from collections.abc import Callable
from typing import Any

import pytest

from baselift.domain import templates
from baselift.domain.taskfile import Step, TaskFile, TaskFileError, alias_source, alias_sources, load, rendering

Read = Callable[..., TaskFile]
HEAD = "version: v1.1.0\n"


def word(read: Read, text: str, alias: str = "", **given: Any) -> str:
    """What a text becomes as the user of a step."""
    return read(f"{HEAD}{alias}steps:\n- cmd: img\n  user: '{text}'\n", **given).steps[0].user


def test_comment_lines_are_no_template(read: Read) -> None:
    assert read("# {{ fail `x` }}\n  \t# {{ .\nsteps:\n- cmd: a # {{ .Run.ID }}\n").steps[0].text == "a"


LITERAL = """
steps:
- cmd: |
    img sh -c '
    #!/bin/sh
      # two

    echo'
# a comment
  # another
  user: a
- cmd: {style}
    img sh
    # one
    -c
    # two
    'x y'
"""


def test_literal_blocks_keep_their_comments_and_say_so(read: Read) -> None:
    task = read(LITERAL.replace("{style}", "|-2").replace("|-2", "|"))
    assert task.steps[0].text == "img sh -c '\n#!/bin/sh\n  # two\n\necho'\n"
    assert task.notes == ("lines in literal blocks that begin with '#' are kept (here 4); ACR's engine takes them out",)


@pytest.mark.parametrize("style", [">", ">-", ">+", "> # why", "!!str >", "&a >-"])
def test_folded_blocks_lose_comments_that_would_swallow_the_rest(style: str, read: Read) -> None:
    step = read(LITERAL.replace("{style}", style)).steps[1]
    assert step.command is not None
    assert step.command.words == ("sh", "-c", "x y")


def test_a_comment_inside_a_plain_text_goes_as_if_it_had_no_line(read: Read) -> None:
    assert read("steps:\n- cmd: img a\n  # not this\n    b\n  user: x\n").steps[0].text == "img a b"


BLOCKS = {
    "explicit indent": ("- cmd: |2\n     # x\n    # y\n", " # x\n# y\n"),
    "indent and strip": ("- cmd: |2-\n    # y\n", "# y"),
    "strip and indent": ("- cmd: |-2\n    # y\n", "# y"),
    "keep": ("- cmd: |+\n    # y\n\n", "# y\n\n"),
    "anchor": ("- cmd: &a |\n    # y\n", "# y\n"),
    "comment after the sign": ("- cmd: | # z\n    # y\n", "# y\n"),
    "template at the margin": ("- cmd: |\n    a\n{{- if true}}\n    # y\n{{- end}}\n", "a\n# y\n"),
    "nothing": ("- cmd: |\n  # {{ fail `x` }}\n", ""),
    "shallower comment": ("- cmd: |\n    # y\n  # gone\n", "# y\n"),
}


@pytest.mark.parametrize(("text", "content"), BLOCKS.values(), ids=BLOCKS)
def test_literal_blocks_are_known_in_every_form(text: str, content: str, read: Read) -> None:
    step = read("steps:\n" + text.replace("cmd:", "cmd: img\n  user:") + "  id: last\n").steps[0]
    assert (step.user, step.id) == (content, "last")


def test_a_block_in_a_sequence_ends_at_the_next_item(read: Read) -> None:
    task = read("steps:\n- cmd: img\n  env:\n  - |-\n    A=#\n    #\n  # gone {{ fail `x` }}\n  - B=1\n")
    assert task.steps[0].env == {"A": "#\n#", "B": "1"}


def test_a_block_at_the_root_is_known(data: Any) -> None:
    for text in ("--- |\n # a\n b\n", "--- |\n# a\nb\n"):
        assert rendering(text, data, render=templates.render).text == text


EMPTY = ["{{ if false }}steps: []{{ end }}", "{{/* c */}}", "# c\n{{ if false }}a{{ end }}\n", "{{ .Values.x }}\n"]


@pytest.mark.parametrize("text", EMPTY)
def test_a_template_that_comes_to_nothing_is_an_error(text: str, refusal: Callable[..., str]) -> None:
    assert refusal(text) == "the rendered template is empty"


ON = {
    "version: v1.1.0": True,
    "version: v1.1.0 # latest": True,
    "'version': 'v1.1.0'": True,
    '"version": "v1.1.0"': True,
    "version: {{ `v1.1.0` }}": True,
    "a: b\nversion: v1.1.0": True,
    "version: V1.1.0": False,
    "version: 1.0-preview-1": False,
    "version: v1.0.0": False,
    "\ufeffversion: v1.1.0": False,
    "": False,
    "version: v1.0.0\nversion: v1.1.0": False,
}


@pytest.mark.parametrize(("version", "on"), ON.items())
def test_the_text_of_the_version_decides_about_aliases(version: str, on: bool, read: Read) -> None:
    assert read(f"{version}\nsteps:\n- cmd: img\n  user: $OS\n").steps[0].user == ("linux" if on else "$OS")


def test_a_later_version_has_aliases_and_is_then_refused(refusal: Callable[..., str]) -> None:
    assert "version is 'v1.2.0'" in refusal("version: v1.2.0\nalias:\n  values: {a: b}\nsteps: []\n")


def test_an_alias_block_that_is_ignored_is_noted(read: Read) -> None:
    task = read("alias:\n  values: {a: b}\nsteps:\n- cmd: img $a\n")
    assert task.notes == ("alias is ignored: it needs 'version: v1.1.0' at the start of a line",)
    assert task.steps[0].text == "img $a"


VALUES = "alias:\n  values: {a: AA, ab: AB, ID2x: I, n: 1, e: ''}\n"
SUBSTITUTIONS = {
    "$a": "AA",
    "$ab": "AB",
    "$abc": "$abc",
    "$a_x $a-x": "AA_x AA-x",
    "$n|$e|": "1||",
    "$ID2": "$ID2",
    "$A": "$A",
    "$$": "$",
    "$$a": "$a",
    "$$$a": "$AA",
    "${a} $(a) $1 $": "${a} $(a) $1 $",
    "$a$ab": "AAAB",
    "$nope$a": "$nope$a",
    "$nope $a": "$nope AA",
    "$nope$a$ab": "$nope$aAB",
    "$é": "$é",
    "$ID$Branch": "da6main",
    "$Registry/$RegistryName": "reg.example/reg",
    "$Date $OS $Architecture $SharedVolume": "20240102-030405z linux amd64 shared",
    "[$Commit]": "[]",
    "$TaskName $Repository $GitTag": "$TaskName $Repository $GitTag",
    "{{ `$a` | lower }}": "aa",
    "$acr": "mcr.microsoft.com/acr/acr-cli:0.19",
}


@pytest.mark.parametrize(("text", "expected"), SUBSTITUTIONS.items())
def test_aliases_are_replaced_as_acr_replaces_them(text: str, expected: str, read: Read) -> None:
    assert word(read, text, VALUES) == expected


def test_an_alias_is_not_replaced_again(read: Read) -> None:
    assert word(read, "$a", "alias:\n  values: {a: $b, b: c}\n") == "$b"


def test_alias_values_hold_templates(read: Read) -> None:
    given = {"u": {"late": "{{.Run.OS}}"}}
    assert word(read, "$a", "alias:\n  values: {a: '{{.Run.ID}}-x'}\n") == "da6-x"
    assert word(read, "$late", "alias:\n  src: [u]\n", sources=given) == "linux"


@pytest.mark.parametrize("directive", ["%", "é", "😀", "@", "-", "#"])
def test_the_directive_is_any_single_sign(directive: str, read: Read) -> None:
    alias = f"alias:\n  directive: '{directive}'\n  values: {{a: AA}}\n"
    task = read(f"{HEAD}{alias}# $a\nsteps:\n- cmd: img\n  user: 'x{directive}a$a{directive}{directive}a'\n")
    assert task.steps[0].user == f"xAA$a{directive}a"


def test_a_blank_may_be_the_directive(read: Read) -> None:
    assert (
        read(f"{HEAD}alias: {{directive: ' ', values: {{a: AA}}}}\nsteps: [{{cmd: img, user: x. a}}]").steps[0].user
        == "x.AA"
    )


@pytest.mark.parametrize("directive", ["a", "Z", "0", "$$", "ab"])
def test_another_directive_is_refused(directive: str, refusal: Callable[..., str]) -> None:
    message = refusal(f"{HEAD}alias:\n  directive: '{directive}'\nsteps: []\n")
    assert message == f"line 3: alias: directive is '{directive}'; it must be one sign that is no letter or digit"


@pytest.mark.parametrize("name", ["a-b", "a_b", "é", "a.b", ""])
def test_a_name_of_other_characters_is_refused(name: str, refusal: Callable[..., str]) -> None:
    assert "must be of A-Z, a-z and 0-9" in refusal(f"{HEAD}alias:\n  values: {{'{name}': x}}\nsteps: []\n")
    with pytest.raises(TaskFileError, match="must be of A-Z"):
        alias_source(f"'{name}': x")


def test_values_win_over_later_sources_over_earlier_ones_over_ours(read: Read) -> None:
    sources = {"one": {"a": "1", "b": "1", "ID": "1", "c": "1"}, "two": {"a": "2", "b": "2"}}
    alias = "alias:\n  src: [one, two]\n  values: {a: own}\n"
    assert word(read, "$a $b $c $ID $OS", alias, sources=sources) == "own 2 1 1 linux"


def test_sources_are_told_before_and_must_be_there(data: Any, refusal: Callable[..., str]) -> None:
    text = f"{HEAD}alias:\n  src: ['https://x/{{{{.Run.ID}}}}', b]\nsteps: []\n"
    assert alias_sources(text, data, render=templates.render) == ("https://x/da6", "b")
    assert alias_sources("steps: []", data, render=templates.render) == ()
    assert refusal(text) == "alias: the alias file 'https://x/da6' was not loaded"


def test_an_alias_file_is_flat_and_its_scalars_become_text() -> None:
    assert alias_source("a: 1\nb: yes\nc: ~\nd: x\n") == {"a": "1", "b": "yes", "c": "", "d": "x"}
    assert alias_source("") == alias_source("~") == {}
    for text in ("a: [1]", "a: {b: c}", "- a", "a: b: c"):
        with pytest.raises(TaskFileError):
            alias_source(text)


def test_the_alias_block_ends_at_the_next_key_and_may_be_in_flow_style(read: Read) -> None:
    assert word(read, "$a", "alias: {values: {a: AA}}\n") == "AA"
    assert word(read, "$a", "alias: {\n  values: {a: AA}\n}\n") == "AA"
    assert word(read, "$a", "alias:\n\n  values:\n# c\n    a: AA\n\n") == "AA"


BAD_BLOCKS = {
    "twice": ("alias:\n  values: {a: b}\nstepTimeout: 1\nalias:\n", "line 5: alias is already given in line 2"),
    "text": ("alias: x\n", "line 2: alias: this is the text 'x', not a mapping"),
    "values as a list": ("alias:\n  values: [a]\n", "line 3: alias.values: this is a list"),
    "nested": ("alias:\n  values:\n    a: [b]\n", "line 4: alias.values: a is a list; it must be text"),
    "src as text": ("alias:\n  src: a\n", "src is the text 'a'; it must be a list"),
    "no YAML": ("alias:\n  values: {a\n", "this is not YAML"),
    "template": ("alias:\n  values: {a: '{{ fail `no` }}'}\n", "template: 3:"),
}


@pytest.mark.parametrize(("block", "message"), BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_a_bad_alias_block_is_refused_with_its_line(block: str, message: str, refusal: Callable[..., str]) -> None:
    assert message in refusal(f"{HEAD}{block}steps: []\n")


def test_aliases_cannot_make_a_file_large(refusal: Callable[..., str]) -> None:
    text = f"{HEAD}alias:\n  values: {{a: {'x' * 1000}}}\nb: '{'$a' * 10_000}'\n"
    assert "aliases make more than" in refusal(text)


IMAGES = {
    "bash echo": "mcr.microsoft.com/acr/bash:7fcc50e echo",
    "az": "mcr.microsoft.com/acr/azure-cli:7fcc50e",
    "mine x": "my/img:2 x",
    "late": "da6:1",
    "bashful": "bashful",
    "'bash\techo'": "bash\techo",
}


@pytest.mark.parametrize(("cmd", "expected"), IMAGES.items())
def test_the_first_word_of_a_cmd_is_an_alias_without_directive(cmd: str, expected: str, data: Any) -> None:
    text = f"{HEAD}alias:\n  src: [u]\n  values: {{mine: my/img:2}}\nsteps:\n- cmd: {cmd}\n"
    task = load(text, data, render=templates.render, sources={"u": {"late": "{{.Run.ID}}:1"}})
    assert task.steps[0].text == expected


def test_an_alias_of_the_run_is_no_image_until_the_file_makes_it_one(read: Read, refusal: Callable[..., str]) -> None:
    assert "image 'ID'" in refusal(f"{HEAD}steps:\n- cmd: ID x\n")
    assert read(f"{HEAD}alias:\n  values: {{ID: img}}\nsteps:\n- cmd: ID x\n").steps[0].text == "img x"


def test_no_image_alias_holds_in_build_push_or_an_old_version(read: Read) -> None:
    build, push = read(f"{HEAD}steps:\n- build: bash\n- push: [bash]\n").steps
    assert build.build is not None
    assert (build.build.context, push.images) == ("bash", ("bash:latest",))
    step: Step = read("steps:\n- cmd: bash\n").steps[0]
    assert step.text == "bash"
