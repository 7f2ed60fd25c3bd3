"""The settle window, and which manifests of an index concern a build."""

from datetime import UTC, datetime, timedelta

import pytest

from baselift.domain import images
from baselift.domain.platforms import choose
from baselift.domain.settling import LONGEST, Settling, joined
from baselift.domain.staleness import Base, Dependent

START = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
WINDOW = timedelta(seconds=20)
IMAGE = images.parse("node:22")


def test_the_window_begins_with_the_first_push_and_ends_in_time():
    first = joined(None, "a", START, WINDOW)
    assert first == Settling("a", START, START + WINDOW)
    assert not first.over(START + WINDOW - timedelta(microseconds=1))
    assert first.over(START + WINDOW)


def test_the_same_index_seen_again_changes_nothing():
    first = joined(None, "a", START, WINDOW)
    assert joined(first, "a", START + timedelta(seconds=19), WINDOW) is first


def test_another_index_begins_the_window_again_up_to_its_limit():
    pending, now = joined(None, "0", START, WINDOW), START
    for number in range(1, 100):
        now += timedelta(seconds=10)
        pending = joined(pending, str(number), now, WINDOW)
        assert pending.since == START
        assert pending.until == min(now + WINDOW, START + LONGEST * WINDOW)
    assert pending.over(START + LONGEST * WINDOW)


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (["linux/amd64", "linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
        (["linux/arm64", "linux/arm64/v8"], "linux/arm64/v8", "linux/arm64/v8"),
        (["linux/arm64"], "linux/arm64/v8", "linux/arm64"),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"),
        (["linux/arm/v6", "linux/arm/v5"], "linux/arm", "linux/arm/v6"),
        (["linux/arm/v6"], "linux/arm/v7", None),
        (["Linux/AMD64"], "linux/amd64", "Linux/AMD64"),
        (["windows/amd64"], "linux/amd64", None),
        ([], "linux/amd64", None),
    ],
)
def test_a_platform_is_chosen(there, wanted, chosen):
    assert choose(there, wanted) == chosen


def test_the_manifest_of_a_plain_image_serves_every_platform():
    assert Base(IMAGE, "d", 1, {"": "d"}).manifest("linux/s390x") == "d"
    assert Base(IMAGE, "d", 1, {"": "x", "linux/amd64": "a"}).manifest("linux/s390x") is None
    assert Base(IMAGE, "d", 1).manifest("linux/amd64") is None


def test_an_edge_that_was_asked_for_stands_on_what_the_base_is_now():
    edge = Dependent("r", "t", "Runtime", "d1", 1, manifests={"linux/amd64": "a1", "linux/arm64": "b1"})
    asked = edge.asked(Base(IMAGE, "d2", 7, {"linux/amd64": "a2"}))
    assert (asked.digest, asked.generation, asked.manifests) == ("d2", 7, {"linux/amd64": "a2"})
