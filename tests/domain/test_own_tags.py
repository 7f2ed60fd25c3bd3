"""Which image names are one run's own, and which of them are to go."""

from datetime import UTC, datetime

import pytest

from baselift.domain import images, own_tags, templates
from baselift.domain.images import Reference
from baselift.domain.own_tags import Fate, Keeping, OwnTag
from baselift.domain.runs import run_id

RUN = "cb1z"


def own(*names: str, run: str = RUN) -> list[str]:
    def rendered(identifier: str) -> list[Reference]:
        data = {"Run": {"ID": identifier}, "Build": {"ID": identifier}}
        return [images.parse(templates.render(f"host.io/{name}", data)) for name in names]

    return [each.removeprefix("host.io/") for each in own_tags.of_run(run, rendered(run), rendered(own_tags.twin(run)))]


@pytest.mark.parametrize(
    "name", ["app:{{.Run.ID}}", "app:v1-{{ .Run.ID }}-slim", "app:{{.Build.ID}}", "app:{{$r := .Run}}{{$r.ID}}"]
)
def test_a_name_that_changes_with_the_id_and_shows_all_of_it_is_the_runs_own(name: str):
    assert own(name) != []


@pytest.mark.parametrize(
    "name", ["app:latest", "app:{{trunc 2 .Run.ID}}", "app:{{trunc 3 .Run.ID}}", "app:cb1z", "{{.Run.ID}}/app:1"]
)
def test_any_other_name_is_not_although_it_may_look_like_it(name: str):
    assert own(name) == []


def test_a_twin_is_another_valid_id_with_no_digit_in_common():
    for seq in (1, 35, 36, 99_999):
        run = run_id("da", seq)
        twin = own_tags.twin(run)
        assert twin[:2] == "da"
        assert len(twin) == len(run)
        assert all(mine != its for mine, its in zip(run[2:], twin[2:], strict=True))


def fates(keep: int, *pushed: tuple[int, str], before: int = 99) -> str:
    """Run 5 was over at second 5, and so on; `before` too is a second."""
    keeping = Keeping(keep, datetime.fromtimestamp(before, UTC))
    tags = (
        OwnTag(seq, f"ca{seq}", images.parse(f"host.io/{name}"), "sha256:0", datetime.fromtimestamp(seq, UTC))
        for seq, name in pushed
    )
    return "".join({Fate.STAYS: "s", Fate.GOES: "g", Fate.AGAIN: "a"}[keeping.fate(tag)] for tag in tags)


def test_the_newest_runs_keep_all_their_tags_in_each_repository():
    assert (
        fates(2, (9, "a:9"), (9, "a:9-slim"), (9, "b:9"), (8, "a:8"), (7, "a:7"), (7, "b:7"), (6, "b:6")) == "ssssgsg"
    )


def test_a_tag_that_a_later_run_put_again_is_no_longer_the_earlier_runs():
    assert fates(1, (9, "a:x"), (8, "a:x"), (7, "a:7")) == "sag"


def test_a_tag_stays_a_while_after_a_newer_one_took_its_place():
    pushed = [(seq, f"a:{seq}") for seq in (9, 7, 5, 3)]
    assert [fates(2, *pushed, before=second) for second in (4, 6, 7, 8, 9)] == ["ssss", "ssss", "sssg", "sssg", "ssgg"]
