"""What a layer depends on is in the label before its instruction, unless the engine sees it itself."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from baselift.domain.layer_keys import LABEL, Inputs, NotExactError, keyed
from baselift.domain.variables import BaseConfig
from baselift.engines.contents import Contents

IMAGES = {"base:1": "r/base@sha256:1", "tool:1": "r/tool@sha256:2"}


def labels(text: str, directory: Path, **changes: object) -> list[str]:
    """The values of the labels, in order; the last is that at the end."""
    return re.findall(rf"^LABEL {LABEL}=(\S+)$", written(text, directory, **changes), re.MULTILINE)


def written(text: str, directory: Path, **changes: object) -> str:
    given: dict[str, object] = {
        "arguments": {},
        "target": None,
        "platform": "linux/amd64",
        "bases": lambda _: BaseConfig(),
        "images": IMAGES,
        "contexts": ["inline"],
        "content": Contents({"": directory, "inline": directory}, directory / ".dockerignore").digest,
        "salt": "engine",
    }
    return keyed(text.encode(), Inputs(**{**given, **changes})).decode()  # type: ignore[arg-type]


def test_labels_stand_before_what_the_engine_does_not_see(tmp_path: Path) -> None:
    text = "FROM base:1\nRUN one\nENV A=b\nRUN --mount=type=secret,id=s two\nCOPY a /a\nRUN three\nENV C=$A\nCMD d"
    kinds = [line.partition(" ")[0] for line in written(text, tmp_path).splitlines()]
    assert kinds == ["FROM", "LABEL", "RUN", "ENV", "RUN", "LABEL", "COPY", "RUN", "LABEL", "ENV", "CMD", "LABEL"]


@pytest.mark.parametrize(("target", "at"), [("one", 2), (None, 4), ("0", 2)])
def test_the_end_is_that_of_the_target(tmp_path: Path, target: str | None, at: int) -> None:
    lines = written("FROM base:1 AS one\nFROM \\\n base:1\n", tmp_path, target=target).splitlines()
    assert [number for number, line in enumerate(lines, 1) if line.endswith("=end")] == [at]


CHANGED: Mapping[str, tuple[str, dict[str, object]]] = {
    "the base": ("RUN a", {"images": {"base:1": "r/base@sha256:3"}}),
    "the platform": ("RUN a", {"platform": "linux/arm64"}),
    "the engine": ("COPY a /", {"salt": "other"}),
    "a proxy": ("RUN a", {"arguments": {"https_proxy": "http://p"}}),
    "a variable": ("ARG V=1\nWORKDIR $V", {"arguments": {"V": "2"}}),
    "a variable of a flag": ("ARG V=1\nCOPY --chown=$V a /", {"arguments": {"V": "2"}}),
    "variables with blanks": ('ARG V="1 2"\nRUN a', {"arguments": {"V": "3 2"}}),
    "an image behind COPY": ("COPY --from=tool:1 /a /a", {"images": {**IMAGES, "tool:1": "r/tool@sha256:3"}}),
    "an image behind a mount": ("RUN --mount=from=tool:1,target=/t a", {"images": {**IMAGES, "tool:1": "@3"}}),
    "a cache's beginning": ("RUN --mount=type=cache,from=tool:1,target=/t a", {"images": {**IMAGES, "tool:1": "@3"}}),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_changes_beside_the_text_changes_a_label(what: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    text, change = CHANGED[what]
    before, after = labels(f"FROM base:1\n{text}\n", tmp_path), labels(f"FROM base:1\n{text}\n", tmp_path, **change)
    assert len(before) == len(after)
    assert before != after
    assert before == labels(f"FROM base:1\n{text}\n", tmp_path)


FILES: Mapping[str, tuple[str, str]] = {
    "COPY . /": ("b", "b a/c new .dockerignore link"),
    "COPY a /": ("a/c", "a/c new"),
    "COPY b /": ("b", "b .dockerignore"),
    "COPY b* /": ("b", "b bb"),
    "COPY [bc] /": ("b", "b bb"),
    "COPY a/*/../c /": ("a/c", "a/c"),
    "COPY ../../b /": ("b", "b"),
    "COPY link /": ("b", "b a/c bb"),
    'COPY ["b", "/"]': ("b", "b"),
    "ADD **/c /": ("a/c", "a/c b"),
    "RUN --mount=target=/x x": ("b", "b a/c new"),
    "RUN --mount=source=a,target=/x,type=bind x": ("a/c", "a/c"),
    "RUN --mount=src=$A,target=/x x": ("b", "b a/c"),
    "RUN --mount=from=inline,source=a,target=/x x": ("a/c", "a/c"),
}


@pytest.mark.parametrize("text", FILES)
def test_files_that_may_be_taken_change_a_label_and_others_do_not(text: str, tmp_path: Path) -> None:
    for name in ("a/c", "b", "z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "link").symlink_to("b")
    before = labels(f"FROM base:1\n{text}\n", tmp_path)
    for name in FILES[text][1].split():
        file = tmp_path / ("a/new" if name == "new" else name)
        was = file.read_text() if file.exists() else None
        file.unlink(missing_ok=True)
        file.write_text("2")
        assert labels(f"FROM base:1\n{text}\n", tmp_path) != before, name
        file.unlink()
        if name == "link":
            file.symlink_to("b")
        elif was is not None:
            file.write_text(was)
    assert labels(f"FROM base:1\n{text}\n", tmp_path) == before
    (tmp_path / "z").write_text("2")
    whole = text.split()[1] in (".", "[bc]", "link", "**/c", "--mount=target=/x", "--mount=src=$A,target=/x")
    assert (labels(f"FROM base:1\n{text}\n", tmp_path) == before) != whole


def test_a_stage_behind_a_mount_counts_with_all_that_it_depends_on(tmp_path: Path) -> None:
    text = "FROM base:1 AS one\nARG V=1\nRUN echo $V\nFROM one AS two\nCOPY a /\nFROM base:1\nRUN --mount=from={} x\n"
    for place in ("two", "1"):
        (tmp_path / "a").write_text("1")
        before = labels(text.format(place), tmp_path)[-2]
        assert labels(text.format(place), tmp_path, arguments={"V": "2"})[-2] != before
        (tmp_path / "a").write_text("2")
        assert labels(text.format(place), tmp_path)[-2] != before
    before = labels(text.format("one"), tmp_path)[-2]
    (tmp_path / "a").write_text("3")
    assert labels(text.format("one"), tmp_path)[-2] == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM base:1 AS a\nONBUILD RUN x\nFROM a\nRUN y\n", "the stage has ONBUILD"),
        ("FROM base:1\nADD https://x.io/y /\n", "ADD of an address"),
        ("FROM base:1\nRUN --mount=from=other:1,target=/x y\n", "'other:1'"),
    ],
)
def test_what_cannot_be_known_is_said(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotExactError, match=re.escape(said)):
        labels(text, tmp_path)


def test_a_base_with_triggers_cannot_be_known(tmp_path: Path) -> None:
    with pytest.raises(NotExactError, match="ONBUILD"):
        labels("FROM base:1\nRUN y\n", tmp_path, bases=lambda _: BaseConfig(triggers=("COPY . /",)))


def test_a_mode_an_owner_and_a_link_count(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    seen = [labels("FROM base:1\nCOPY . /\n", tmp_path)]
    file.chmod(0o700)
    seen.append(labels("FROM base:1\nCOPY . /\n", tmp_path))
    file.unlink()
    for target in ("b", "c"):
        file.unlink(missing_ok=True)
        file.symlink_to(target)
        seen.append(labels("FROM base:1\nCOPY . /\n", tmp_path))
    assert len({tuple(each) for each in seen}) == len(seen)
