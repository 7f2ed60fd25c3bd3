"""Settings of what the app does on its own."""

from datetime import timedelta

import pytest

from baselift import upkeep
from baselift.upkeep import InvalidUpkeep, Upkeep


def test_nothing_need_be_set():
    assert upkeep.load({}) == Upkeep(timedelta(seconds=20), {"": 600.0}, 200, timedelta(days=30))


def test_everything_can_be_set():
    found = upkeep.load(
        {
            "BASELIFT_SETTLE_SECONDS": "1.5",
            "BASELIFT_POLL_SECONDS": "60, Docker.io=3600 ,localhost:5000=0",
            "BASELIFT_BUILD_WINDOW": "0",
            "BASELIFT_RETENTION_DAYS": "7",
            "BASELIFT_NOTIFY_PAUSES": "1, 2.5",
        }
    )
    periods = {"": 60.0, "docker.io": 3600.0, "localhost:5000": 0.0}
    assert found == Upkeep(timedelta(seconds=1.5), periods, 0, timedelta(days=7), notify_pauses=[1.0, 2.5])


def test_a_period_of_one_registry_leaves_the_others_theirs():
    assert upkeep.load({"BASELIFT_POLL_SECONDS": "docker.io=5"}).periods == {"": 600.0, "docker.io": 5.0}


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("BASELIFT_SETTLE_SECONDS", "soon", "a number of seconds, 0 or more"),
        ("BASELIFT_SETTLE_SECONDS", "-1", "a number of seconds, 0 or more"),
        ("BASELIFT_SETTLE_SECONDS", "nan", "a number of seconds, 0 or more"),
        ("BASELIFT_BUILD_WINDOW", "2.5", "a whole number of runs, 0 or more"),
        ("BASELIFT_NOTIFY_PAUSES", "5,soon", "at most 20 numbers of seconds from 0 to 86400, separated by commas"),
        ("BASELIFT_NOTIFY_PAUSES", "5,nan", "at most 20 numbers of seconds from 0 to 86400, separated by commas"),
        (
            "BASELIFT_NOTIFY_PAUSES",
            "1," * 20 + "1",
            "at most 20 numbers of seconds from 0 to 86400, separated by commas",
        ),
        ("BASELIFT_RETENTION_DAYS", "inf", "a number of days, 0 or more"),
        ("BASELIFT_POLL_SECONDS", "=5", "SECONDS or HOST=SECONDS, in whole seconds"),
        ("BASELIFT_POLL_SECONDS", "docker.io=", "SECONDS or HOST=SECONDS, in whole seconds"),
        ("BASELIFT_POLL_SECONDS", "60,often", "SECONDS or HOST=SECONDS, in whole seconds"),
        ("BASELIFT_POLL_SECONDS", "-5", "SECONDS or HOST=SECONDS, in whole seconds"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(name, value, right):
    with pytest.raises(InvalidUpkeep) as caught:
        upkeep.load({name: value})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name} ")
    assert value.rpartition(",")[2] in problem
    assert problem.endswith(f"it must be {right}")


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InvalidUpkeep) as caught:
        upkeep.load({"BASELIFT_BUILD_WINDOW": "x", "BASELIFT_RETENTION_DAYS": "y", "BASELIFT_POLL_SECONDS": "z"})
    assert len(caught.value.problems) == 3
