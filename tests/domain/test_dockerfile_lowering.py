"""A Dockerfile said with what every buildah has: what becomes of it, without building."""

import random

import pytest

from baselift.domain.docker_fields import docker_fields
from baselift.domain.dockerfile import DockerfileError, scan
from baselift.domain.lowering import Lowered, lower
from baselift.domain.variables import BaseConfig

BASE = BaseConfig(
    {"HOME": "/root", "V": "base"}, ("/bin/bash", "-c"), ("ENV T=$V", "ARG X=trigger"), {"Test": ["NONE"]}
)


def lowered(text: str | bytes, base: BaseConfig = BASE, **given: str) -> Lowered:
    data = text.encode() if isinstance(text, str) else text
    target = given.pop("target", None)
    return lower(data, arguments=given, target=target, platform="linux/arm64", bases=lambda _: base)


def lines(text: str, **given: str) -> list[str]:
    return lowered(text, **given).text.decode().split("\n")


def written(text: str, **given: str) -> str:
    """The one file of a Dockerfile that begins with FROM and ends with COPY."""
    (file,) = lowered(f"{text}COPY <<EOF /x\n{given.pop('body', '$V $W ${X-unset}')}\nEOF\n", **given).files
    return file.content.decode().removesuffix("\n")


SAME = [
    "FROM a\nRUN echo '<<EOF'\nCMD [\"x\"]\nCOPY a b /c/\nADD a /b\n",
    "# escape=`\nFROM a\nRUN x `\n y\n",
    "FROM a\r\nRUN true\r\n",
    "FROM a\nENV A=${B#x}\nADD $NOTHING/x /y\n",
]


@pytest.mark.parametrize("text", SAME)
def test_what_every_buildah_has_stays_as_it_is(text: str) -> None:
    assert lowered(text, BaseConfig()).text == text.encode()


def test_lines_keep_their_numbers() -> None:
    text = "FROM a\nRUN <<A cat \\\n  && cat <<-B\n1\nA\n\t2\n\tB\nRUN three\nCOPY <<A x \\\n # c\n /d/\nA\nRUN four"
    found = lines(text)
    assert len(found) == text.count("\n") + 1
    assert [found.index("RUN three"), found.index("RUN four")] == [7, 12]
    assert found[1] == r'RUN ["/bin/bash", "-c", "<\u003cA cat   && cat <\u003c-B\n1\nA\n\t2\nB"]'
    assert found[8:10] == ["COPY x /d/", "COPY --from=inline 1/A /d/"]


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("FROM a\n", {}, "base  trigger"),
        ("FROM scratch\n", {}, "  unset"),
        ("FROM a\nENV V=1 W=$V\nARG X\n", {"X": "given"}, "1 base given"),
        ("FROM a\nARG V=arg W=${V}s\n", {}, "arg args trigger"),
        ("ARG W=outer\nFROM a\n", {}, "base  trigger"),
        ("ARG W=outer\nFROM a\nARG W\n", {}, "base outer trigger"),
        ("ARG W=outer\nFROM a\nARG W\n", {"W": "given"}, "base given trigger"),
        ("FROM a\nARG W\n", {}, "base  trigger"),
        ("FROM a\nARG TARGETARCH\nENV W=$TARGETARCH\n", {}, "base arm64 trigger"),
        ("FROM a AS x\nENV W=1\nARG X=2\nONBUILD ENV V=on\nFROM x\n", {}, "on 1 2"),
        ("FROM a\nENV W $T\n", {}, "base base trigger"),
    ],
)
def test_copy_sees_what_the_stage_and_what_it_builds_on_set(text: str, given: dict[str, str], said: str) -> None:
    assert written(text, **given) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("'$V' \"$V\"", "'base' \"base\""),
        (r"\$V \\ \n \"", r'$V \ n "'),
        ('${V:+${HOME}} ${W:-"d"}', '/root "d"'),
        ("it's", "it's"),
        ("$", "$"),
    ],
)
def test_quotes_are_characters_in_a_text_of_copy(body: str, said: str) -> None:
    assert written("FROM a\n", body=body) == said


def test_a_base_is_asked_only_for_what_matters() -> None:
    def never(name: str) -> BaseConfig:
        raise AssertionError(name)

    text = b'FROM a\nSHELL ["sh", "-c"]\nENV P=$PATH\nRUN <<E\nx\nE\nCMD x\nCOPY <<\'E\' <<F /d/\n$V\nE\nf\nF\n'
    asked = list[str]()
    lower(text.replace(b"ENV P=$PATH\n", b""), arguments={}, target=None, platform="linux/amd64", bases=never)

    def note(name: str) -> BaseConfig:
        asked.append(name)
        return BASE

    lower(text, arguments={}, target=None, platform="linux/amd64", bases=note)
    assert asked == ["a"]


def test_triggers_of_the_file_are_said_as_the_stage_above_would_run_them() -> None:
    text = (
        'FROM b AS B\nFROM a AS base\nONBUILD RUN <<-E\n\techo\n\tE\nSHELL ["ash", "-c"]\nENV V=2\n'
        "onbuild copy --link --from=B <<'F' x \\\n /d/\n$V\nF\nONBUILD ENV V=3\nONBUILD ADD <<G /g\n$V\nG\n"
        "ONBUILD CMD x\nFROM BASE\nONBUILD RUN <<E\nx\nE\n"
    )
    found = lowered(text)
    assert [line for line in found.text.decode().split("\n") if line] == [
        "FROM b AS b", "FROM a AS base", 'SHELL ["ash", "-c"]', "ENV V=2", "FROM base",
        'RUN ["ash", "-c", "echo\\n"]', "COPY --from=b x /d/", "COPY --from=inline 1/F /d/", "ENV V=3",
        "COPY --from=inline 2/G /g", 'CMD ["ash", "-c", "x"]',
    ]  # fmt: skip
    assert [file.content for file in found.files] == [b"$V\n", b"3\n"]
    assert found.warnings == ("line 8: --link is left out of COPY: the files are the same",)


@pytest.mark.parametrize(
    ("mount", "warned"),
    [
        ("target=/x,rw", True),
        ("type=bind,readwrite,target=/x", True),
        ("rw=true,type=bind,target=/x", True),
        ("target=/x,READONLY=false", True),
        ("type=bind,target=/x", False),
        ("type=bind,target=/x,rw=false", False),
        ("type=cache,target=/x,rw", False),
        ("target=/rw", False),
    ],
)
def test_a_bind_mount_that_can_be_written_is_warned_of(mount: str, warned: bool) -> None:
    found = lowered(f"FROM a\nRUN --mount={mount} true\n")
    said = "line 2: what RUN writes to its bind mount may be there for what follows, too"
    assert found.warnings == ((said,) if warned else ())


def test_a_trigger_with_a_text_is_kept_as_docker_does() -> None:
    data = b"# escape=`\nFROM a\nonbuild  RUN --network=none <<A cat `\n - <<-'B'\n1\nA\n\t2\n\tB\n"
    found = docker_fields(data, arguments={}, target=None, platform="linux/amd64", bases=lambda _: BaseConfig())
    assert found == {"OnBuild": ["RUN --network=none <<A cat  - <<-'B'\n1\nA\n\t2\nB"]}


def test_each_stage_on_a_stage_with_triggers_has_them_first() -> None:
    text = "FROM a AS x\nONBUILD RUN one\nONBUILD RUN two\nFROM x\nFROM x AS y\n# c\n\nRUN z\nFROM y"
    found = [line for line in lines(text) if line]
    own = ["RUN one", "RUN two"]
    assert found == ["FROM a AS x", "FROM x", *own, "FROM x AS y", "# c", *own, "RUN z", "FROM y"]
    assert lines("FROM a AS x\nONBUILD RUN one\nFROM x")[2:] == ["FROM x", "RUN one", ""]


def test_triggers_that_grow_without_bound_are_refused() -> None:
    text = "FROM a AS x\n" + f"ONBUILD RUN {'x' * 1000}\n" * 50 + "FROM x\n" * 50
    with pytest.raises(DockerfileError, match="line 22: ONBUILD brings more than 1048576 bytes"):
        lowered(text)


def test_a_stage_that_is_not_needed_asks_for_no_base_and_fetches_nothing() -> None:
    text = "FROM other\nRUN <<E\nx\nE\nADD https://x.example/y /y\nFROM a\nRUN <<E\nx\nE\n"
    asked = list[str]()

    def note(name: str) -> BaseConfig:
        asked.append(name)
        return BASE

    found = lower(text.encode(), arguments={}, target=None, platform="linux/amd64", bases=note)
    assert (asked, found.downloads) == (["a"], ())


@pytest.mark.parametrize("trigger", ["RUN <<E\nx\n", "COPY <<E\nE\n", "FROM <<E\nE\n"])
def test_a_trigger_with_a_text_without_an_end_or_a_place_is_refused(trigger: str) -> None:
    with pytest.raises(DockerfileError, match=r"line [234]: "):
        lowered(f"FROM a AS x\nONBUILD {trigger}FROM x\n")


def test_shells_follow_the_stages() -> None:
    found = lines(
        'FROM a\nCMD x\nFROM scratch AS s\nENTRYPOINT y "z"\nSHELL ["ash", "-e"]\n'
        "FROM s\nCMD x \\\n y\nCOPY --from=0 a b"
    )
    assert found[1] == 'CMD ["/bin/bash", "-c", "x"]'
    assert found[3] == 'ENTRYPOINT y "z"'
    assert found[6:8] == ['CMD ["ash", "-e", "x  y"]', ""]


def test_the_folder_has_a_name_that_the_file_does_not_use() -> None:
    found = lowered("FROM a AS inline\nCOPY <<E /inline-files\nE\n")
    assert found.folder == "inline-files-files"
    assert f"--from={found.folder} " in found.text.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HEALTHCHECK CMD a b", {"Test": ["CMD-SHELL", "a b"]}),
        ('HEALTHCHECK --timeout=1.5s --start-period=0s --start-interval=250ms CMD ["a"]',
         {"Test": ["CMD", "a"], "Timeout": 1_500_000_000, "StartInterval": 250_000_000}),
        ("HEALTHCHECK none", {"Test": ["NONE"]}),
    ],
)  # fmt: skip
def test_a_health_check_is_recorded_as_docker_does(text: str, shown: dict[str, object]) -> None:
    data = f"FROM a\n{text}\n".encode()
    found = docker_fields(data, arguments={}, target=None, platform="linux/amd64", bases=lambda _: BASE)
    assert found == {"Healthcheck": shown, "Shell": ["/bin/bash", "-c"]}


@pytest.mark.parametrize(
    "text", ["HEALTHCHECK", "HEALTHCHECK true", "HEALTHCHECK --retries=x CMD a", "HEALTHCHECK CMD"]
)
def test_a_wrong_health_check_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match="line 2: HEALTHCHECK"):
        docker_fields(
            f"FROM a\n{text}\n".encode(), arguments={}, target=None, platform="linux/amd64", bases=lambda _: BASE
        )


PIECES = [
    *("FROM a\n", "FROM a AS x\n", "FROM x\n", "RUN <<A\n", "RUN <<'A' cat <<-B\n", "COPY <<A f /d/\n", "A\n", "B\n"),
    *("\tB\n", "COPY --link a b\n", "ADD https://x/y /z\n", "ENV V=$V\n", "ARG V\n", "$V ${W:-", "}", "\\\n"),
    *("ONBUILD RUN x\n", "ONBUILD COPY <<A /x\n", "onbuild RUN <<B f \\\n"),
    *(
        "#!/bin/sh\n",
        'SHELL ["a"]\n',
        "CMD x\n",
        "\r\n",
        "é",
        "\ufeff",
        " ",
        "HEALTHCHECK CMD x\n",
    ),
    *("# escape=`\n", "`\n"),
]


def test_whatever_is_written_gives_a_dockerfile_with_as_many_lines_or_a_clear_error() -> None:
    rng, good = random.Random(7), 0
    for _ in range(4000):
        text = "FROM a\n" + "".join(rng.choices(PIECES, k=rng.randint(1, 12)))
        try:
            found = lowered(text)
        except DockerfileError as error:
            str(error).encode()
            continue
        good += 1
        assert found.text.count(b"\n") - text.count("\n") in (0, 1) or "onbuild" in text.lower()
        again = lowered(found.text)
        assert (again.text, again.files, again.downloads) == (found.text, (), ())
        before = {edge.reference for edge in scan(text.encode(), platform="linux/arm64").edges}
        after = {edge.reference for edge in scan(found.text, platform="linux/arm64").edges}
        assert after - before <= {found.folder}
        assert before <= after
    assert good > 400
