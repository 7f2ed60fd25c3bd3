"""What Docker's own parsers say: each case is an input and their answer, or null where they refuse it.

`references` is printed by distribution/reference, `words` and `stages` by BuildKit's `shell`, `parser` and
`instructions`. Cases in which Baselift differs on purpose are not among them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from baselift.domain.expansion import Expander, ExpansionError
from baselift.domain.images import InvalidReference, parse
from baselift.domain.stages import DockerfileError, read

ASSETS = Path(__file__).parents[1] / "assets"
VARIABLES = {
    "A": "a", "B": "node:18", "E": "", "P": "lib/x/y.tar.gz", "S": "a b", "n1": "7", "U_x": "é", "Q": "*a?", "D": "$A",
}  # fmt: skip


def cases(path: str) -> list[Any]:
    found: list[Any] = json.loads((ASSETS / path).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("text", "full"), cases("images/references.json"))
def test_a_reference_is_read_as_docker_reads_it(text: str, full: str | None) -> None:
    try:
        found = str(parse(text).tagged())
    except InvalidReference:
        found = None
    assert found == full


@pytest.mark.parametrize(("word", "escape", "expanded"), cases("dockerfiles/words.json"))
def test_a_word_is_expanded_as_buildkit_expands_it(word: str, escape: str, expanded: str | None) -> None:
    try:
        found = Expander(escape).expand(word, VARIABLES)
    except ExpansionError:
        found = None
    assert found == expanded


@pytest.mark.parametrize(("text", "arguments", "stages"), cases("dockerfiles/stages.json"))
def test_a_dockerfile_has_the_stages_that_buildkit_finds(
    text: str, arguments: Mapping[str, str], stages: list[Any] | None
) -> None:
    try:
        found = [
            [stage.name, stage.base.name, sorted({source.name for source in stage.copies})]
            for stage in read(text, arguments, "", "linux/amd64")
        ]
    except DockerfileError:
        found = None
    assert found == stages
