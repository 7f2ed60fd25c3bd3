"""Dockerfiles in, edges out: each case is what BuildKit would pull."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.domain.dockerfile import DockerfileError, scan

ASSETS = Path(__file__).parent.parent / "assets" / "dockerfiles"
HUB = "docker.io/library/"
DIGEST = "sha256:" + "ab" * 32


class Case(NamedTuple):
    name: str
    text: str | bytes
    runtime: str | None
    buildtime: tuple[str, ...] = ()
    args: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}


A, B, C = f"{HUB}a:latest", f"{HUB}b:latest", f"{HUB}c:latest"
TWO = "FROM a AS one\nFROM b AS two\n"
CASES = [
    Case("one FROM", "FROM alpine:3.19\n", f"{HUB}alpine:3.19"),
    Case("no newline at the end", "FROM a", A),
    Case("lower case keywords", "from a as x\nfrom X\n", A),
    Case("scratch is no edge", "FROM scratch\nCOPY a /\n", None),
    Case("scratch runtime with a build stage", "FROM a AS x\nFROM scratch\nCOPY --from=x / /\n", None, (A,)),
    Case("scratch in copy", "FROM a\nCOPY --from=scratch / /\n", A),
    Case("platform flag", "FROM --platform=linux/arm64 a\n", A),
    Case("platform flag with a name", "FROM --platform=$BUILDPLATFORM a AS x\nFROM x\n", A),
    Case("copy from an image", "FROM a\nCOPY --from=b:1 /x /y\n", A, (f"{HUB}b:1",)),
    Case("copy flag in quotes", 'FROM a\nCOPY "--from=x" "--from=b" /x /y\n', A),
    Case("copy value in quotes", 'FROM a\nCOPY --from="b" /x /y\n', A, (B,)),
    Case("copy with other flags", "FROM a\nCOPY --chown=1:1 --link --from=b /x /y\n", A, (B,)),
    Case("copy in JSON form", 'FROM a\nCOPY --from=b ["/x y", "/z"]\n', A, (B,)),
    Case("mount from an image", "FROM a\nRUN --mount=type=bind,from=b,target=/b ls\n", A, (B,)),
    Case("mount options in quotes", 'FROM a\nRUN --mount="type=bind,from=b,target=/b" ls\n', A, (B,)),
    Case("mount field in quotes", "FROM a\nRUN --mount='type=bind,\"from=b\",target=/b' ls\n", A, (B,)),
    Case("mount key upper case", "FROM a\nRUN --mount=type=bind,FROM=b,target=/b ls\n", A, (B,)),
    Case("mount of bind by default", "FROM a\nRUN --mount=from=b,target=/b ls\n", A, (B,)),
    Case("cache mount from a stage", "FROM b AS s\nFROM a\nRUN --mount=type=cache,from=s,target=/c ls\n", A, (B,)),
    Case("several mounts", "FROM a\nRUN --mount=from=b,target=/b --mount=from=c,target=/c ls\n", A, (B, C)),
    Case("memory mount has no image", "FROM a\nRUN --mount=type=tmpfs,from=b,target=/b ls\n", A),
    Case("secret mount has no image", "FROM a\nRUN --mount=type=secret,id=k ls\n", A),
    Case("mount by stage number", "FROM b\nFROM a\nRUN --mount=from=0,target=/b ls\n", A, (B,)),
    Case("mount in JSON form", 'FROM a\nRUN --mount=from=b,target=/b ["ls"]\n', A, (B,)),
    Case("mount-like text in a command", "FROM a\nRUN echo --mount=from=b COPY --from=c\n", A),
    Case("unreachable stage", TWO, B),
    Case("stage in use by FROM", "FROM a AS x\nRUN y\nFROM x AS z\nFROM z\n", A),
    Case("unused conditional stage", "ARG W=x\nFROM a AS x\nFROM b AS y\nFROM ${W}\n", A),
    Case("conditional stage by argument", "ARG W=x\nFROM a AS x\nFROM b AS y\nFROM ${W}\n", B, args={"W": "y"}),
    Case("copies of an unreachable stage", "FROM a AS x\nCOPY --from=c / /\nFROM b\n", B),
    Case("copies of the base stage count", "FROM a AS x\nCOPY --from=c / /\nFROM x\n", A, (C,)),
    Case("chain of copies", "FROM a AS x\nFROM b AS y\nCOPY --from=x / /\nFROM c\nCOPY --from=y / /\n", C, (A, B)),
    Case("default value", "FROM ${V:-a}\n", A),
    Case("default value without colon", "FROM ${V-a}\n", A),
    Case("default for an empty variable", "ARG V=\nFROM ${V:-a}\n", A),
    Case("alternative value", "ARG V=1\nFROM ${V:+a}\n", A),
    Case("alternative value without colon", "ARG V=\nFROM ${V+a}\n", A),
    Case("shortest suffix removed", "ARG V=a.b.c\nFROM r.io/${V%.*}\n", "r.io/a.b:latest"),
    Case("longest suffix removed", "ARG V=a.b.c\nFROM r.io/${V%%.*}\n", "r.io/a:latest"),
    Case("shortest prefix removed", "ARG V=a.b.c\nFROM r.io/${V#*.}\n", "r.io/b.c:latest"),
    Case("longest prefix removed", "ARG V=a.b.c\nFROM r.io/${V##*.}\n", "r.io/c:latest"),
    Case("first replaced", "ARG V=a.a.c\nFROM r.io/${V/a/b}\n", "r.io/b.a.c:latest"),
    Case("all replaced", "ARG V=a.a.c\nFROM r.io/${V//a/b}\n", "r.io/b.b.c:latest"),
    Case("required value that is set", "ARG V=a\nFROM ${V:?must_be_given}\n", A),
    Case("nested default", "ARG W=a\nFROM ${V:-${W}}\n", A),
    Case("several ARG in one line", "ARG X=a Y=b\nFROM $X$Y\n", f"{HUB}ab:latest"),
    Case("ARG of an ARG", "ARG BASE=r.io/x\nARG IMG=${BASE}:1\nFROM $IMG\n", "r.io/x:1"),
    Case("ARG of an ARG by argument", "ARG X=x\nARG I=r.io/$X:1\nFROM $I\n", "r.io/y:1", args={"X": "y"}),
    Case("last ARG wins", "ARG V=a\nARG V=b\nFROM $V\n", B),
    Case("ARG again without value keeps it", "ARG V=a\nARG V\nFROM $V\n", A),
    Case("argument beats both", "ARG V=a\nARG V=b\nFROM $V\n", C, args={"V": "c"}),
    Case("ARG without default, given", "ARG V\nFROM $V\n", A, args={"V": "a"}),
    Case("quotes of a default removed", 'ARG V="a"\nFROM $V\n', A),
    Case("quotes around the image", 'FROM "a"\n', A),
    Case("quotes around a variable", 'ARG V=a\nFROM "${V}"\n', A),
    Case("undeclared argument is unset", "FROM ${V:-a}\n", A, args={"V": "b"}),
    Case("stage ARG is not in scope", "FROM b\nARG V=c\nFROM ${V:-a}\n", A),
    Case("copy from another case", "FROM a AS Build\nFROM b\nCOPY --from=BUILD / /\n", B, (A,)),
    Case("copy by number", "FROM a\nFROM b\nCOPY --from=0 / /\n", B, (A,)),
    Case("a later name hides an earlier one", "FROM a AS x\nFROM b AS x\nFROM c\nCOPY --from=x / /\n", C, (B,)),
    Case("FROM of a number is an image", "FROM a\nFROM 0\n", f"{HUB}0:latest"),
    Case("a stage named as an image", "FROM a AS b\nFROM b\n", A),
    Case("a stage that takes its image's name", "FROM b AS b\nFROM b\n", B),
    Case("target", TWO, A, options={"target": "one"}),
    Case("target in another case", TWO, A, options={"target": "ONE"}),
    Case("target by number", TWO, A, options={"target": "0"}),
    Case("empty target", TWO, B, options={"target": ""}),
    Case("continuation in FROM", "FROM \\\n  a \\\n  AS x\nFROM x\n", A),
    Case("continuation with comment and blank", "FROM \\\n# no\n\n  a\n", A),
    Case("escape directive", "# escape=`\nFROM `\n a\nRUN dir C:\\\nCOPY --from=b / /\n", A, (B,)),
    Case("RUN continuation that says FROM", "FROM a\nRUN x \\\nFROM b \\\nARG V=c\n", A),
    Case("heredoc that says FROM", "FROM a\nRUN <<EOF\nFROM b\nCOPY --from=c / /\nEOF\n", A),
    Case("heredoc in COPY", "FROM a\nCOPY <<A <<-B /x/\nFROM b\nA\n\tFROM c\n\tB\nCOPY --from=b / /\n", A, (B,)),
    Case("comment that says FROM", "FROM a\n# FROM b\n", A),
    Case("platform argument", "FROM r.io/x:$TARGETARCH\n", "r.io/x:amd64"),
    Case("operating system", "FROM r.io/$TARGETOS/$BUILDOS\n", "r.io/linux/linux:latest"),
    Case("variant", "FROM x:$TARGETARCH$TARGETVARIANT\n", f"{HUB}x:armv7", options={"platform": "linux/arm/v7"}),
    Case("arm is v7", "FROM x:$TARGETVARIANT\n", f"{HUB}x:v7", options={"platform": "linux/arm"}),
    Case("no variant is unset", "FROM x:${TARGETVARIANT-none}\n", f"{HUB}x:none"),
    Case("platform argument overridden", "FROM x:$TARGETARCH\n", f"{HUB}x:s390x", args={"TARGETARCH": "s390x"}),
    Case("platform of the image", "FROM --platform=$TARGETPLATFORM a\n", A, options={"platform": "linux/arm64/v8"}),
    Case("target's name", "FROM x:$TARGETSTAGE AS one\nFROM b\n", f"{HUB}x:one", options={"target": "one"}),
    Case("one image in three spellings", "FROM a\nCOPY --from=a:latest / /\nCOPY --from=docker.io/library/a / /\n", A),
    Case("both is runtime", "FROM a AS x\nFROM a\nCOPY --from=x / /\nRUN --mount=from=a,target=/b ls\n", A),
    Case("digest", f"FROM a@{DIGEST}\n", f"{HUB}a@{DIGEST}"),
    Case("tag and digest", f"FROM a:1@{DIGEST}\n", f"{HUB}a:1@{DIGEST}"),
    Case("registry with a port", "FROM localhost:5000/a/b\n", "localhost:5000/a/b:latest"),
    Case("byte order mark", b"\xef\xbb\xbfFROM a\n", A),
    Case("Windows line ends", b"FROM a AS x\r\nFROM b\r\nCOPY --from=x / /\r\n", B, (A,)),
    Case("comment that is not UTF-8", b"# caf\xe9\nFROM a\n", A),
    Case("ADD of an URL", "FROM a\nADD https://example.com/x.git#v1 /x\nADD git@example.com:b/c.git /y\n", A),
    Case("syntax frontend is no edge", "# syntax=docker/dockerfile:1\nFROM a\n", A),
    Case("stage further down", "FROM a\nCOPY --from=x / /\nFROM b AS x\n", A, (B,), {}, {"target": "0"}),
    Case("trigger of a stage of this file", "FROM a AS x\nONBUILD COPY --from=b / /\nFROM x\n", A, (B,)),
    Case("trigger with a text", "FROM a AS x\nONBUILD RUN --mount=from=b <<E\nFROM c\nE\nFROM x\n", A, (B,)),
    Case("trigger that is a text", "FROM a\nRUN <<E\nONBUILD COPY <<F --from=b\nE\n", A),
    Case("trigger by another case", "FROM b AS s\nFROM a AS x\nONBUILD COPY --from=S / /\nFROM x\n", A, (B,)),
    Case("trigger without a child", "FROM a AS x\nONBUILD COPY --from=b / /\n", A),
    Case("the tutorial's application", (ASSETS / "application.Dockerfile").read_bytes(),
         "localhost:5000/baseimages/node:9-alpine", args={"REGISTRY_NAME": "localhost:5000"}),
    Case("many constructs at once", (ASSETS / "multistage.Dockerfile").read_bytes(),
         "registry.example.com:5000/base/distroless:static",
         ("registry.example.com:5000/golang:1.22-alpine", "docker.io/tools/lint:2", f"{HUB}busybox:1.36")),
    Case("backtick escapes", (ASSETS / "windows-escape.Dockerfile").read_bytes(),
         "mcr.example.com/windows/nanoserver:ltsc2022"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_dockerfile_has_the_edges_that_a_build_would_pull(case: Case) -> None:
    found = scan(case.text, arguments=case.args, **case.options)
    assert (str(found.runtime.image) if found.runtime else None) == case.runtime
    assert sorted(str(edge.image) for edge in found.buildtime) == sorted(case.buildtime)


ERRORS = [
    ("empty", "", "no FROM"),
    ("only comments", "# nothing\n\n", "no FROM"),
    ("only ARG", "ARG V=1\n", "no FROM"),
    ("instruction before FROM", "\nRUN x\nFROM a\n", "line 2: RUN before the first FROM"),
    ("unset variable", "ARG V\nFROM $V\n", "line 2: 'FROM $V' names no image"),
    ("argument that no ARG declares", "FROM $V\n", "line 1: 'FROM $V' names no image"),
    ("ARG of a stage in FROM", "FROM a\nARG V=b\nFROM $V\n", "line 3: 'FROM $V' names no image"),
    ("unset registry", "FROM $V/x\n", "line 1: image '/x'"),
    ("upper case image", "FROM Alpine\n", "lower-case"),
    ("word after the name", "FROM a AS b extra\n", "line 1: 'FROM a AS b extra' is not FROM image"),
    ("name without AS", "FROM a b\n", "is not FROM image"),
    ("FROM without image", "FROM\n", "line 1: 'FROM ' is not FROM image"),
    ("bad stage name", "FROM a AS 1x\n", "line 1: stage name '1x'"),
    ("flag that FROM lacks", "FROM --from=b a\n", "line 1: FROM has no flag '--from'"),
    ("empty platform", "FROM --platform=$NO a\n", "line 1: platform ''"),
    ("unknown instruction", "FROM a\nFETCH b\n", "line 2: unknown instruction: FETCH"),
    ("open heredoc", "FROM a\nRUN <<EOF\nls\n", "line 2: unterminated heredoc"),
    ("bad escape directive", "# escape=x\nFROM a\n", "line 1: invalid escape"),
    ("bad substitution", "FROM ${}\n", "line 1: '${}': bad substitution"),
    ("unknown modifier", "ARG V=a\nFROM ${V^}\n", "line 2: '${V^}': '^'"),
    ("open brace", "FROM ${V:-a\n", "line 1: '${V:-a': a closing '}'"),
    ("open quote", "FROM 'a\n", "line 1: ''a': a closing ' is missing"),
    ("required variable", "FROM ${V:?say_which}\n", "V: say_which"),
    ("variable in copy", "FROM a\nARG V=b\nCOPY --from=$V / /\n", "line 3: --from '$V': variables are not expanded"),
    ("variable in mount", "FROM a\nRUN --mount=from=${V},target=/b ls\n", "line 2: --from '${V}': variables"),
    ("stage number that does not exist", "FROM a\nCOPY --from=7 / /\n", "line 2: stage 7 does not exist"),
    ("negative stage number", "FROM a\nCOPY --from=-1 / /\n", "line 2: stage -1 does not exist"),
    ("endless stage number", "FROM a\nCOPY --from=" + "9" * 5000 + " / /\n", "line 2: stage 999"),
    ("stage that copies from itself", "FROM a AS x\nCOPY --from=x / /\n", "line 2: stage 'x' needs itself"),
    ("two stages that need each other", "FROM a AS x\nCOPY --from=y / /\nFROM x AS y\n", "needs itself"),
    ("mount options that do not parse", 'FROM a\nRUN --mount=type=bind,\\"from=b ls\n', "line 2"),
    ("bad image in copy", "FROM a\nCOPY --from=b:: / /\n", "line 2: image 'b::'"),
    ("NUL byte", b"FROM a\nRUN \0\n", "line 2: a NUL byte"),
    ("more than a mebibyte", b"#" * (1 << 20) + b"\nFROM a\n", "at most 1048576"),
    ("more than a mebibyte of text", "#é" * (1 << 19) + "\nFROM a\n", "at most 1048576"),
    ("ARG without name", "ARG =a\nFROM b\n", "line 1: ARG '=a' has no name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_what_cannot_be_built_is_named_with_its_line(text: str | bytes, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        scan(text)
    assert message in str(caught.value)


def test_an_undeclared_argument_does_not_reach_from() -> None:
    with pytest.raises(DockerfileError, match="names no image"):
        scan("FROM $V\n", arguments={"V": "a"})


def test_quotes_of_a_build_argument_are_part_of_its_value() -> None:
    with pytest.raises(DockerfileError, match="line 2: image '\"a\"'"):
        scan("ARG V\nFROM $V\n", arguments={"V": '"a"'})


def test_an_unknown_target_is_refused_with_the_stages_there_are() -> None:
    with pytest.raises(DockerfileError, match=r"target 'three' is not a stage.* one, two"):
        scan(TWO, target="three")
    with pytest.raises(DockerfileError, match="target '2'"):
        scan(TWO, target="2")


def test_a_platform_that_is_none_is_refused() -> None:
    with pytest.raises(DockerfileError, match="platform 'linux' is not os/architecture"):
        scan("FROM a", platform="linux")


def test_every_reachable_spelling_can_be_pinned() -> None:
    found = scan("ARG R=r.io\nFROM $R/a AS x\nFROM b:1\nCOPY --from=x / /\nCOPY --from=docker.io/library/b:1 / /\n")
    assert {spelling: str(image) for spelling, image in found.spellings.items()} == {
        "b:1": f"{HUB}b:1",
        "docker.io/library/b:1": f"{HUB}b:1",
        "r.io/a": "r.io/a:latest",
    }


def test_an_edge_says_where_it_is_written_and_the_runtime_edge_is_first() -> None:
    found = scan("# c\nFROM a AS x\n\nFROM \\\n  b\nCOPY --from=x / /\nCOPY --from=c / /\n")
    assert [(edge.kind, edge.reference, edge.line) for edge in found.edges] == [
        ("Runtime", "b", 4),
        ("Buildtime", "a", 2),
        ("Buildtime", "c", 7),
    ]


def test_hostile_patterns_and_values_end_quickly_in_an_answer() -> None:
    doubling = "ARG A=0123456789\n" + "".join("ARG A=$A$A$A$A$A$A$A$A$A$A\n" for _ in range(30)) + "FROM $A\n"
    stars = "ARG V=" + "a" * 5000 + "\nFROM ${V%%" + "*a" * 1000 + "b}\n"
    replaces = "ARG V=" + "a" * 3000 + "\nFROM " + "${V//a/" * 30 + "b" + "}" * 30 + "\n"
    nested = "FROM " + "${V:-" * 5000 + "a" + "}" * 5000 + "\n"
    directive = "#a=x" + " " * 500_000 + "y\nFROM $NO\n"
    stages = "FROM a\n" * 1001
    brackets = "FROM a\nRUN " + "[" * 200_000 + "\n"
    for text in (doubling, stars, replaces, nested, directive, stages, brackets):
        with pytest.raises(DockerfileError) as caught:
            scan(text)
        assert len(str(caught.value)) < 1200


SEEDS = [case.text.encode() if isinstance(case.text, str) else case.text for case in CASES]
PIECES = [
    *(b"FROM ", b"ARG ", b"--from=", b"--mount=", b"ONBUILD ", b"AS x", b"# escape=`\n", b"<<EOF\n", b"EOF\n"),
    *(b"${", b"}", b":-", b"//", b"\\\n", b'"', b"'", b"\n", b"0", b"`", b"$", b"[", b"\xff", b"\0", b"\xe2\x80\xa8"),
    b"9" * 5000,
]


def answers(data: bytes, target: str | None = None) -> None:
    """A scan or a DockerfileError: any other exception fails the test."""
    try:
        found = scan(data, target=target)
    except DockerfileError:
        return
    assert len({edge.image for edge in found.edges}) == len(found.edges)
    assert set(found.spellings.values()) == {edge.image for edge in found.edges}


def mutated(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.randint(1, 5)):
        place, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        choice = rng.random()
        middle = b"" if choice < 0.3 else data[place:end] * 2 if choice < 0.5 else rng.choice(PIECES)
        data = data[:place] + middle + data[end if choice < 0.5 else place :]
    return data


def test_a_damaged_dockerfile_gives_a_scan_or_a_clear_error() -> None:
    rng = random.Random(20)
    for _ in range(6000):
        answers(mutated(rng, rng.choice(SEEDS)), rng.choice([None, "x", "0", "²"]))


@settings(max_examples=400, deadline=None, database=None)
@given(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))
def test_random_bytes_give_a_scan_or_a_clear_error(data: bytes) -> None:
    answers(data)
    answers(b"FROM a\n" + data)


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(st.characters(), max_size=100))
def test_any_text_gives_a_scan_or_a_clear_error(text: str) -> None:
    try:
        scan(f"FROM a\nRUN {text}\n")
    except DockerfileError as error:
        str(error).encode()
