"""Base images written as digests in the Dockerfile itself."""

import pytest

from baselift.domain.dockerfile import scan
from baselift.domain.pinning import pinned
from baselift.domain.stages import DockerfileError

DIGEST = "@sha256:" + "1" * 64


def written(text: str, *images: str, target: str | None = None, **arguments: str) -> str:
    pins = {image: f"real/{image.partition(':')[0]}{DIGEST}" for image in images}
    made = pinned(text.encode(), arguments=arguments, target=target, platform="linux/amd64", pins=pins).decode()
    assert made.count("\n") == text.count("\n")
    return made.replace(DIGEST, "@D")


@pytest.mark.parametrize(
    ("text", "images", "expected"),
    [
        ("FROM a:1\n", ["a:1"], "FROM real/a@D\n"),
        ("from a AS a\nFROM a\n", ["a"], "from real/a@D AS a\nFROM a\n"),
        ("ARG V=2\nFROM a:$V AS one\n", ["a:2"], "ARG V=2\nFROM real/a@D AS one\n"),
        (
            "FROM --platform=linux/amd64 \\\n  a:1 AS one\n",
            ["a:1"],
            "FROM --platform=linux/amd64 \\\n  real/a@D AS one\n",
        ),
        (
            "FROM scratch\nCOPY --from=b:1 --chown=1 /b:1 /c\n",
            ["b:1"],
            "FROM scratch\nCOPY --from=real/b@D --chown=1 /b:1 /c\n",
        ),
        (
            "FROM a\nRUN --mount=type=bind,from=b,target=/b cat /b\n",
            ["a", "b"],
            "FROM real/a@D\nRUN --mount=type=bind,from=real/b@D,target=/b cat /b\n",
        ),
        (
            "FROM a AS s\nONBUILD COPY --from=b / /\nFROM s\n",
            ["a", "b"],
            "FROM real/a@D AS s\nONBUILD COPY --from=real/b@D / /\nFROM s\n",
        ),
        ("# \xe4\nFROM a\nCOPY --from=a x y\n", ["a"], "# \xe4\nFROM real/a@D\nCOPY --from=real/a@D x y\n"),
    ],
)
def test_images_are_replaced_where_they_are_named_and_nowhere_else(text: str, images: list[str], expected: str) -> None:
    assert written(text, *images) == expected


def test_arguments_decide_which_image_it_is() -> None:
    assert written("ARG B=a\nFROM $B\n", "c", B="c") == "ARG B=a\nFROM real/c@D\n"


def test_stages_after_the_target_stay() -> None:
    assert written("FROM a AS x\nFROM b\n", "a", "b", target="x") == "FROM real/a@D AS x\nFROM b\n"


def test_what_was_pinned_is_read_as_pinned() -> None:
    text = b"ARG V=1\nFROM reg/a:$V AS one\nFROM reg/b\nCOPY --from=reg/c /x /x\nCOPY --from=one /y /y\n"
    found = scan(text, arguments={}, target=None, platform="linux/amd64")
    pins = {spelling: f"real/{image.repository}{DIGEST}" for spelling, image in found.spellings.items()}
    made = pinned(text, arguments={}, target=None, platform="linux/amd64", pins=pins)
    again = scan(made, arguments={}, target=None, platform="linux/amd64")
    assert {edge.image.digest for edge in again.edges} == {DIGEST[1:]}
    assert len(again.edges) == len(found.edges) == 3


def test_what_is_no_dockerfile_is_refused() -> None:
    with pytest.raises(DockerfileError):
        written("RUN x\n", "a")
