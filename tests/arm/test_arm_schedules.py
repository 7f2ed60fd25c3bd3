"""NCRONTAB syntax."""

import pytest

from baselift.arm import schedules

GOOD = ["* * * * *", "*/5 * * * *", "0 21 * * *", "0 9-17/2 1,15 JAN-MAR,dec mon-FRI", "5/10 0 29 2 1", " 0  0 31 7 * "]
BAD = [
    ("", "not 0"),
    ("* * * *", "not 4"),
    ("0 * * * * *", "not 6"),
    ("60 * * * *", "minute is 0 to 59; '60' is not"),
    ("* 24 * * *", "hour is 0 to 23"),
    ("* * 0 * *", "day is 1 to 31"),
    ("* * * 13 *", "month is 1 to 12 or JAN to DEC"),
    ("* * * * 7", "weekday is 0 to 6 or SUN to SAT"),
    ("* * * * JAN", "weekday is 0 to 6"),
    ("*/0 * * * *", "step of at least 1"),
    ("9-5 * * * *", "range that rises"),
    ("*-5 * * * *", "the minute '*-5' is none"),
    ("1,,2 * * * *", "the minute '' is none"),
    ("٣ * * * *", "the minute '٣' is none"),
    ("0 0 31 2,4 *", "a date that exists"),
]


@pytest.mark.parametrize("text", GOOD)
def test_a_schedule_of_five_fields_is_taken(text):
    assert schedules.check(text) is None


@pytest.mark.parametrize(("text", "message"), BAD)
def test_anything_else_is_refused_with_the_field(text, message):
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        schedules.check(text)
