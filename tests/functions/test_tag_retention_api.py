"""How many runs' tags a task keeps: over HTTP, and beside the resource that clients write."""

from typing import Any

import pytest
from live_app import Live, until

TASK = "keeps-tags"
PATH = f"tasks/{TASK}/retention"


@pytest.fixture
def task(live: Live, source: str) -> dict[str, Any]:
    """A task as a client writes it: again, with nothing about tags."""
    step = {"type": "Docker", "contextPath": source, "dockerFilePath": "Dockerfile", "imageNames": ["kept:{{.Run.ID}}"]}
    body = {"location": "local", "properties": {"platform": {"os": "linux"}, "step": step}}
    assert live.ask("PUT", f"tasks/{TASK}", body).status == 200
    return body


def test_it_is_off_until_somebody_asks_and_no_client_that_writes_the_task_turns_it_off(live: Live, task: Any):
    off = {"keep": None, "problem": "", "next": "", "left": []}
    assert live.ask("GET", PATH).json == off
    answer = live.ask("PUT", PATH, {"keep": 3})
    assert (answer.status, answer.json["keep"], answer.json["left"]) == (200, 3, [])
    assert live.ask("PUT", f"tasks/{TASK}", task).status == 200
    assert "retention" not in live.ask("GET", f"tasks/{TASK}").json
    # The reconciler has looked after it without a problem.
    until(lambda: live.ask("GET", PATH).json["next"] > answer.json["next"] or None)
    assert live.ask("GET", PATH).json["problem"] == ""
    assert live.ask("PUT", PATH, {"keep": None}).json == off


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "keep is missing"),
        ({}, "keep is missing"),
        ({"keep": 0}, "keep is 0: it must be a whole number from 1 to 10000, or null to keep all"),
        ({"keep": 10_001}, "keep is 10001"),
        ({"keep": True}, "keep is True"),
        ({"keep": 1.5}, "keep is 1.5"),
        ({"keep": "3"}, "keep is '3'"),
    ],
)
def test_a_wrong_number_is_refused_by_the_name_of_the_field(live: Live, body: Any, message: str):
    answer = live.ask("PUT", "tasks/whatever/retention", body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert message in answer.message


def test_a_task_that_is_not_there_is_not_found(live: Live):
    assert live.ask("GET", "tasks/absent-task/retention").status == 404
    assert live.ask("PUT", "tasks/absent-task/retention", {"keep": 1}).status == 404
