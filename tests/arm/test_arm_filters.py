"""`$filter`, `$top` and page links of the run list."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.arm import filters, paging
from baselift.arm.errors import ApiError
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
RUN = Run(
    registry="myregistry",
    seq=10,
    id="daa",
    cause=Cause("request", "1"),
    request={},
    created=NOON,
    run_type="AutoBuild",
    status=Status.FAILED,
    task="It-s",
    finished=NOON + timedelta(minutes=1),
    outputs=(ImageDescriptor("localhost:5000", "app", "daa", DIGEST), ImageDescriptor("localhost:5000", "b", "daa")),
)
QUICK = replace(RUN, task=None, status=Status.QUEUED, finished=None, outputs=(), run_type="QuickBuild", id="d9", seq=9)

MATCHES = [
    (None, True, True),
    ("  ", True, True),
    ("TaskName eq 'it-s'", True, False),
    ("taskname EQ 'IT-S'", True, False),
    ("TaskName ne 'it-s'", False, True),
    ("TaskName eq null", False, True),
    ("TaskName ne null", True, False),
    ("TaskName eq 'other' or Status eq 'failed'", True, False),
    ("Status eq 'Failed' and TaskName eq 'it-s'", True, False),
    ("Status eq 'Failed' and TaskName eq 'other'", False, False),
    ("RunType eq 'QuickBuild'", False, True),
    ("RunId eq 'DAA'", True, False),
    ("RunId gt 'd9'", True, False),
    ("RunId ge 'd9'", True, True),
    ("RunId lt 'daa'", False, True),
    ("RunId le 'd9'", False, True),
    ("CreateTime eq 2026-11-24T12:00:00Z", True, True),
    ("CreateTime ge 2026-11-24T12:00:00.0000001Z", True, True),
    ("CreateTime gt '2026-11-24T11:59:59.9999999+00:00'", True, True),
    ("CreateTime lt '2026-11-24T14:00:00+02:00'", False, False),
    ("CreateTime ge 2026-11-24", True, True),
    ("CreateTime ge 2026-11-25", False, False),
    ("FinishTime gt 2026-11-24T12:00:00Z", True, False),
    ("FinishTime le 2026-11-24T12:01:00", True, False),
    ("FinishTime eq null", False, True),
    ("IsArchiveEnabled eq false", True, True),
    ("IsArchiveEnabled eq true", False, False),
    ("IsArchiveEnabled ne 'true'", True, True),
    ("AgentPoolName eq 'p'", False, False),
    ("AgentPoolName eq null", True, True),
    (f"contains(OutputImageManifests, 'app@{DIGEST}')", True, False),
    (f"contains(OutputImageManifests,'localhost:5000/app@{DIGEST}')", True, False),
    (f"OutputImageManifests eq 'app@{DIGEST}'", True, False),
    ("contains(OutputImageManifests, 'app')", False, False),
    ("contains(TaskName, 'T-')", True, False),
    # and binds tighter than or; parentheses change that
    ("RunId eq 'd9' or RunId eq 'daa' and Status eq 'Queued'", False, True),
    ("(RunId eq 'd9' or RunId eq 'daa') and Status eq 'Queued'", False, True),
    ("(RunId eq 'daa' or RunId eq 'd9') and Status eq 'Failed'", True, False),
    ("RunId eq 'daa' or (RunId eq 'd9' and Status eq 'Failed')", True, False),
    ("(((TaskName eq 'it-s')))", True, False),
]


@pytest.mark.parametrize(("text", "task_run", "quick_run"), MATCHES, ids=[str(row[0]) for row in MATCHES])
def test_a_filter_matches_the_runs_it_describes(text, task_run, quick_run):
    found = filters.parse(text)
    assert (found.matches(RUN), found.matches(QUICK)) == (task_run, quick_run)


def test_a_doubled_quote_is_a_quote():
    assert filters.parse("TaskName eq 'it''s'").matches(replace(RUN, task="it's"))


def test_a_long_chain_is_no_trouble():
    text = " or ".join(["RunId eq 'd1'"] * 230 + ["RunId eq 'daa'"])
    assert len(text) < filters.MAX_LENGTH
    assert filters.parse(text).matches(RUN)
    assert not filters.parse(text).matches(QUICK)


BAD = [
    ("Foo eq 'x'", 1, "expected RunId, RunType, Status,"),
    ("TaskName", 9, "expected eq or ne or gt or ge or lt or le, found the end"),
    ("TaskName like 'x'", 10, "expected eq or ne"),
    ("TaskName eq", 12, "expected a value, found the end"),
    ("TaskName eq x", 13, "expected a text in single quotes"),
    ("TaskName eq 'x", 13, "expected a property, an operator, a text in single quotes"),
    ("TaskName eq 'x' Status", 17, "expected 'and', 'or' or the end"),
    ("TaskName eq 'x' and", 20, "expected RunId"),
    ("(TaskName eq 'x'", 17, "expected ')'"),
    ("not TaskName eq 'x'", 1, "expected RunId"),
    ("Status eq 'Done'", 11, "expected 'Queued' or 'Started'"),
    ("RunType eq 'x'", 12, "expected 'QuickBuild'"),
    ("CreateTime gt 'noon'", 15, "expected a time such as"),
    ("CreateTime gt 2026-99-99", 15, "expected a time such as"),
    ("IsArchiveEnabled eq 1", 21, "expected a property"),
    ("IsArchiveEnabled eq yes", 21, "expected true or false"),
    ("contains(CreateTime, 'x')", 10, "expected OutputImageManifests or another text"),
    ("contains(TaskName 'x')", 19, "expected ','"),
    ("contains(TaskName, x)", 20, "expected a text in single quotes"),
    ("TaskName add 1", 14, "expected a property"),
    ("(" * 33 + "RunId eq 'a'" + ")" * 33, 34, "expected at most 32 parentheses"),
]


@pytest.mark.parametrize(("text", "position", "message"), BAD, ids=[row[0][:40] for row in BAD])
def test_a_bad_filter_is_refused_at_its_position(text, position, message):
    with pytest.raises(ApiError) as caught:
        filters.parse(text)
    assert caught.value.message.startswith(f"$filter, position {position}: {message}")
    assert (caught.value.status, caught.value.target) == (400, "$filter")


def test_a_filter_over_the_limit_is_refused():
    with pytest.raises(ApiError, match=r"\$filter has 5000 characters: at most 4096"):
        filters.parse("(" * 5000)


HINTS = [
    (None, None, None),
    ("TaskName eq 'AbC'", "abc", None),
    ("TaskName ne 'abc'", None, None),
    ("Status eq 'failed'", None, {"Failed"}),
    ("TaskName eq 'abc' and Status eq 'Failed'", "abc", {"Failed"}),
    ("TaskName eq 'abc' and (Status eq 'Failed' or Status eq 'Error')", "abc", {"Failed", "Error"}),
    ("TaskName eq 'abc' or TaskName eq 'abc'", "abc", None),
    ("TaskName eq 'abc' or TaskName eq 'def'", None, None),
    ("TaskName eq 'abc' or Status eq 'Failed'", None, None),
    ("Status eq 'Failed' and Status eq 'Error'", None, set()),
    ("contains(TaskName, 'abc')", None, None),
]


@pytest.mark.parametrize(("text", "task", "statuses"), HINTS)
def test_a_filter_says_what_every_match_must_have(text, task, statuses):
    found = filters.parse(text)
    assert found.task == task
    assert found.statuses == (None if statuses is None else frozenset(map(Status, statuses)))


QUOTED_AND_ODD = ["'x'", "'Failed'", "'", "2026-11-24", "2026-11-24T25:00", "é", "\0"]
WORDS = ["TaskName", "Status", "RunId", "CreateTime", "contains", "eq", "gt", "and", "or", "(", ")", ",", "null"]
PIECES = st.sampled_from([*WORDS, *QUOTED_AND_ODD])


@given(st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_filter_or_a_clear_error(text):
    try:
        found = filters.parse(text)
    except ApiError:
        return
    assert found.matches(RUN) in (True, False)


def test_the_hints_never_contradict_a_match():
    for text, *_ in MATCHES:
        found = filters.parse(text)
        for run in (RUN, QUICK):
            if found.matches(run):
                assert found.task in (None, (run.task or "").lower())
                assert found.statuses is None or run.status in found.statuses


@pytest.mark.parametrize(("text", "number"), [(None, None), ("1", 1), ("0015", 15), ("1000", 1000)])
def test_top_is_a_number_up_to_a_thousand(text, number):
    assert filters.top(text) == number


@pytest.mark.parametrize("text", ["", "0", "1001", "-1", "1.5", "x", "٣", "9" * 9999])
def test_any_other_top_is_refused(text):
    with pytest.raises(ApiError, match=r"\$top is .*: it must be a whole number from 1 to 1000"):
        filters.top(text)


def test_a_page_token_gives_its_position_back_for_the_same_query():
    token = paging.encode("9999999990", "myregistry", "Status eq 'Failed'")
    assert paging.decode(token, "myregistry", "Status eq 'Failed'") == "9999999990"


@pytest.mark.parametrize("query", [("myregistry", None), ("other", "Status eq 'Failed'")])
def test_a_page_token_of_another_query_is_refused(query):
    token = paging.encode("9999999990", "myregistry", "Status eq 'Failed'")
    with pytest.raises(ApiError, match="begin again without it"):
        paging.decode(token, *query)


@pytest.mark.parametrize("position", ["", "x", "-5", "1.5", "9" * 19, "\u0661"])
def test_a_page_token_of_no_position_is_refused(position):
    with pytest.raises(ApiError, match="is not a link of this list"):
        paging.decode(paging.encode(position, "myregistry"), "myregistry")


@given(st.text(max_size=60))
def test_a_made_up_page_token_is_refused(token):
    with pytest.raises(ApiError, match="is not a link of this list"):
        paging.decode(token, "myregistry")


def test_the_next_link_keeps_the_query():
    link = paging.link("https://host/api/runs", {"$filter": "Status eq 'Failed'"}, "abc")
    assert link == "https://host/api/runs?%24filter=Status+eq+%27Failed%27&%24skiptoken=abc"
