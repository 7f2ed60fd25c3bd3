"""Single values, log lines and badges as people see them."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.web import ansi, badge, logs, values
from baselift.web.values import Chip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.85, "850 ms"),
        (0, "0 ms"),
        (-1, "0 ms"),
        (12.4, "12 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (86400 * 3, "3 d"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert values.duration(seconds) == text


def test_counts_and_names():
    assert (values.count(1, "image"), values.count(1200, "image"), values.count(2, "entry", "entries")) == (
        "1 image",
        "1,200 images",
        "2 entries",
    )
    assert (values.named("Here", "t", "here"), values.named("There", "t", "here")) == ("t", "There/t")


def test_references_and_digests_are_cut_to_what_people_compare():
    digest = "sha256:" + "0123456789ab" + "0" * 52
    assert values.short_digest(digest) == "0123456789ab"
    assert values.short_digest(None) == ""
    assert values.brief(f"from {digest} on") == "from sha256:0123456789ab on"
    assert values.local("here:5000/a/b:1", "here:5000") == "a/b:1"
    assert values.local("docker.io/library/node:22", "here") == "node:22"


def test_commands_between_backticks_are_code_and_still_text():
    assert str(values.ticks("do `run <b>` & wait")) == "do <code>run &lt;b&gt;</code> &amp; wait"
    assert str(values.ticks("one ` <b>")) == "one ` &lt;b&gt;"
    assert str(values.ticks("")) == ""


def test_a_time_is_shown_in_utc_until_the_readers_zone_is_known():
    found = values.moment(datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))))
    assert (found.machine, found.text) == ("2026-02-28T23:00:00Z", "2026-02-28 23:00:00 UTC")
    assert values.moment("2026-03-01T00:00:00+00:00").machine == "2026-03-01T00:00:00Z"
    assert values.moment("yesterday") is None
    assert values.moment(None) is None


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("\x1b[1;31mred\x1b[0m ok", '<span class="bold f1">red</span> ok'),
        ("\x1b[38;5;196mx", '<span class="f1">x</span>'),
        ("\x1b[38;5;3mx", '<span class="f3">x</span>'),
        ("\x1b[48;5;232mx", '<span class="k0">x</span>'),
        ("\x1b[38;2;0;170;0mx", '<span class="f2">x</span>'),
        ("\x1b[38;9mx\x1b[38mx\x1b[38;5;999mx", "xxx"),
        ("\x1b[97;104mx\x1b[39;49mx", '<span class="f15 k12">x</span>x'),
        ("\x1b[3;4;7;2mx\x1b[22;23;24;27mx", '<span class="dim italic underline inverse">x</span>x'),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("\x1b]0;title\x07\x1b[2Kshown\x1b(B\x07", "shown"),
        ("\x1b]8;;javascript:alert(1)\x07link", "link"),
    ],
)
def test_colours_become_classes_and_nothing_else_gets_through(text, html):
    assert str(ansi.line(text)) == html


@given(st.text(alphabet=st.sampled_from("\x1b[]0123456789;:mKx<>&\"'\r\x07\\ ")))
def test_no_line_makes_markup_but_spans(text):
    found = str(ansi.line(text)).replace("</span>", "")
    rest = found.split('<span class="')
    assert "<" not in rest[0]
    assert all("<" not in part and '">' in part for part in rest[1:])
    assert "\x1b" not in found + ansi.plain(text)


def piece(data, start=0, total=None, complete=True, whole=True):
    total = start + len(data) if total is None else total
    return logs.piece(data, start, total, complete=complete, whole=whole)


def test_a_piece_has_whole_lines_until_the_log_is_complete():
    growing = piece(b"one\r\ntwo\r\nthr", complete=False)
    assert (growing.plain, growing.end, growing.complete) == (["one", "two"], 10, False)
    ended = piece(b"one\ntwo")
    assert (ended.plain, ended.end, ended.complete) == (["one", "two"], 7, True)
    middle = piece(b"rest of a line\nnext\nhal", start=100, total=500, whole=False)
    assert (middle.start, middle.plain, middle.end) == (115, ["next"], 120)
    assert piece(b"", complete=False).lines == []


def test_a_line_that_fills_a_piece_is_shown_cut():
    found = piece(b"x" * logs.CHUNK, total=10 * logs.CHUNK, complete=False)
    assert (found.end, len(found.plain[0])) == (logs.CHUNK, 4001)


def test_matches_say_where_their_line_begins():
    data = b"first\n\x1b[1mSec\x1b[0mond <b>\nthird\n"
    (match,) = logs.matches(data, 1000, "second")
    assert (match.offset, str(match.line)) == (1006, '<span class="bold">Sec</span>ond &lt;b&gt;')


@pytest.mark.parametrize(("tone", "colour"), [("good", "#1a7f4b"), ("bad", "#b3261e"), ("off", "#5b5e66")])
def test_a_badge_says_in_words_what_its_colour_says(tone, colour):
    picture = badge.draw("<i>", Chip(tone, "current"))
    assert colour in picture
    assert 'aria-label="&lt;i&gt;: current"' in picture
