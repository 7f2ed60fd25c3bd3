"""`baselift task retention`, and what `task show` says of it."""

from typing import Any

import pytest
from cli.inside import Inside
from live_app import Live

TASK = "keeps-tags"


@pytest.fixture
def retention(live: Live, source: str, tmp_path: Any) -> Inside:
    """The command, and a task to use it on."""
    step = {"type": "Docker", "contextPath": source, "dockerFilePath": "Dockerfile", "imageNames": ["kept:{{.Run.ID}}"]}
    body = {"location": "local", "properties": {"platform": {"os": "linux"}, "step": step}}
    assert live.ask("PUT", f"tasks/{TASK}", body).status == 200
    return Inside(live.url, tmp_path)


def test_it_is_set_and_shown(retention: Inside):
    assert retention("task", "retention", "set", "-n", TASK, "--keep", "10").json["keep"] == 10
    head, _, row = retention("task", "retention", "show", "-n", TASK, "-o", "table").out.splitlines()
    assert (head.split(), row.split()[0]) == (["KEEP", "NEXT", "LOOK", "LEFT", "PROBLEM"], "10")
    assert retention("task", "show", "-n", TASK).json["retention"]["keep"] == 10
    assert retention("task", "retention", "set", "-n", TASK, "--off").json["keep"] is None
    (row,) = retention("task", "retention", "show", "-n", TASK, "-o", "tsv").rows
    assert row[0] == "all"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 1, "give one of --keep and --off"),
        (("--keep", "3", "--off"), 1, "give one of --keep and --off"),
        (("--keep", "0"), 2, "'--keep': 0 is not in the range 1<=x<=10000"),
        (("--keep", "some"), 2, "'--keep': 'some' is not a valid integer range"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Any, words: tuple[str, ...], code: int, message: str):
    done = Inside("http://127.0.0.1:9", tmp_path)("task", "retention", "set", "-n", TASK, *words)
    assert (done.code, message in done.err) == (code, True), done.err
