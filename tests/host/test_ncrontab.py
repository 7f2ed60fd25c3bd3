"""NCRONTAB schedules against a table of occurrences."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.host.ncrontab import NcrontabError, parse

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("*/5 * * * *", "2026-01-01T00:00:00", ["2026-01-01T00:05:00", "2026-01-01T00:10:00"]),
        ("0 */5 * * * *", "2026-01-01T00:04:59", ["2026-01-01T00:05:00", "2026-01-01T00:10:00"]),
        ("* * * * * *", "2026-12-31T23:59:59", ["2027-01-01T00:00:00", "2027-01-01T00:00:01"]),
        ("30 0 12 * * *", "2026-03-01T12:00:30", ["2026-03-02T12:00:30"]),
        ("0 0 9-17/4 * * Mon-Fri", "2026-11-20T13:00:00", ["2026-11-20T17:00:00", "2026-11-23T09:00:00"]),
        ("0 0 0 29 2 *", "2026-01-01T00:00:00", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        ("0 0 0 31 * *", "2026-01-31T00:00:00", ["2026-03-31T00:00:00", "2026-05-31T00:00:00"]),
        ("0 0 0 13 * Fri", "2026-01-01T00:00:00", ["2026-02-13T00:00:00", "2026-03-13T00:00:00"]),
        ("0 0 0 1 Jan,jul *", "2026-01-01T00:00:00", ["2026-07-01T00:00:00", "2027-01-01T00:00:00"]),
        ("0 50/5 8 * * sunday", "2026-11-22T08:50:00", ["2026-11-22T08:55:00", "2026-11-29T08:50:00"]),
        ("0 0,30 * * * 0", "2026-11-22T23:30:00", ["2026-11-29T00:00:00"]),
    ],
)
def test_the_occurrences_of_a_schedule(text, after, expected):
    moment, found = datetime.fromisoformat(after), []
    for _ in expected:
        moment = parse(text).after(moment)
        found.append(moment.isoformat())
    assert found == expected


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 30 2 * * *", "2026-10-24T12:00+02:00", ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]),
        ("0 0,30 2 * * *", "2026-10-25T02:29+01:00", ["2026-10-26T02:00:00+01:00"]),
        (
            "0 */30 2-3 * * *",
            "2026-10-25T02:00+02:00",
            ["2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00", "2026-10-25T03:00+01:00"],
        ),
        ("0 30 2 * * *", "2026-03-28T12:00+01:00", ["2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]),
    ],
)  # fmt: skip
def test_occurrences_where_clocks_change(text, after, expected):
    moment, found = datetime.fromisoformat(after).astimezone(BERLIN), []
    for _ in expected:
        moment = parse(text).after(moment)
        found.append(moment)
    assert [str(each) for each in found] == [str(datetime.fromisoformat(each)) for each in expected]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("* * * *", "4 fields"),
        ("* * * * * * *", "7 fields"),
        ("60 * * * * *", "second '60' .* 0 to 59"),
        ("* * * * 7", "weekday '7' .* 0 to 6"),
        ("* * 0 * *", "day '0' .* 1 to 31"),
        ("*/0 * * * *", "minute step '0'"),
        ("5-1 * * * *", "'5-1' runs backwards"),
        ("* * L * *", "day 'L'"),
        ("* * * Ju *", "month 'Ju'"),
        ("1,, * * * *", "minute ''"),
        ("* * 30 2 *", "never occurs"),
        ("² * * * *", "minute '²'"),
    ],
)
def test_what_is_no_schedule_is_named(text, names):
    with pytest.raises(NcrontabError, match=names):
        parse(text)


@given(
    st.datetimes(min_value=datetime.fromisoformat("2020-01-01"), max_value=datetime.fromisoformat("2040-01-01")),
    st.sampled_from(["*/7 3,9 * * * *", "0 */20 1-4 * * *", "5 4 3 * * Mon", "* * * * *", "0 15 2 28 * *"]),
)
def test_the_next_occurrence_is_later_in_every_zone(moment, text):
    for zone in (UTC, BERLIN, ZoneInfo("Australia/Lord_Howe")):
        start = moment.replace(tzinfo=zone)
        assert parse(text).after(start).astimezone(UTC) > start.astimezone(UTC)
