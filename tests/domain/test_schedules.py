"""NCRONTAB: syntax, and when a schedule is due."""

from datetime import UTC, datetime

import pytest

from baselift.domain import schedules

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
    assert schedules.parse(text).minutes


@pytest.mark.parametrize(("text", "message"), BAD)
def test_anything_else_is_refused_with_the_field(text, message):
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        schedules.parse(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0 9 * * Monday", "0 9 * * 1"),
        ("0 9 * sept-December thurs", "0 9 * 9-12 4"),
        ("*/120 9 * * *", "0 9 * * *"),
        ("005 9 1,*/15 * *", "5 9 1,16,31 * *"),
        ("5-5/2 9 * * *", "5 9 * * *"),
        ("0 9 * * sun-SAT", "0 9 * * *"),
    ],
)
def test_names_numbers_and_steps_are_read_as_ncrontab_reads_them(text, same):
    assert schedules.parse(text) == schedules.parse(same)


@pytest.mark.parametrize("word", ["M", "Mo", "Mondays", "MON-", "-MON", "1-", "/2", "*/", "?", "L", "1#2", "+1", "1,"])
def test_a_weekday_that_is_none_is_refused(word):
    with pytest.raises(ValueError, match="weekday"):
        schedules.parse(f"0 9 * * {word}")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "moment", "due"),
    [
        ("* * * * *", "2026-11-24T10:00", "2026-11-24T10:01"),
        ("0 21 * * *", "2026-11-24T21:00", "2026-11-25T21:00"),
        ("0 21 * * *", "2026-11-24T20:59:59", "2026-11-24T21:00"),
        ("*/20 9-10 * * *", "2026-11-24T09:40", "2026-11-24T10:00"),
        ("5/10 * * * *", "2026-11-24T09:55", "2026-11-24T10:05"),
        ("0 0 13 * FRI", "2026-01-01T00:00", "2026-02-13T00:00"),
        ("0 0 29 2 *", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("30 23 31 DEC *", "2026-12-31T23:30", "2027-12-31T23:30"),
        ("0 0 1 1 SUN", "2026-11-24T00:00", "2034-01-01T00:00"),
    ],
)
def test_the_next_occurrence(schedule, moment, due):
    assert schedules.parse(schedule).after(at(moment)) == at(due)


def test_day_and_weekday_must_both_match():
    friday = schedules.parse("0 0 13 * FRI")
    moment = at("2026-01-01T00:00")
    for _ in range(5):
        moment = friday.after(moment)
        assert (moment.day, moment.isoweekday()) == (13, 5)


@pytest.mark.parametrize(
    ("since", "moment", "due"),
    [
        ("2026-11-24T10:00", "2026-11-24T10:00", None),
        ("2026-11-24T10:00", "2026-11-24T13:05", "2026-11-24T13:00"),
        ("2026-11-20T10:00", "2026-11-24T00:30", "2026-11-24T00:00"),
        ("2026-11-24T09:59", "2026-11-24T10:00", "2026-11-24T10:00"),
    ],
)
def test_of_what_was_missed_the_latest_counts(since, moment, due):
    latest = schedules.parse("0 * * * *").latest(at(since), at(moment))
    assert latest == (at(due) if due else None)
