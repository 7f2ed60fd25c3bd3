"""`baselift task source`, and the source trigger of `task create` and `task update`."""

import re
from typing import Any

import pytest
from live_app import WHERE

from baselift.cli.source import changed, created

CONTEXT = "https://git.example/team/app.git"
AUTH = {"token": "s3cret", "tokenType": "PAT", "scope": "repo"}
FULL = ("--commit-trigger-enabled", "true", "--pull-request-trigger-enabled", "true")


def options(**given: Any) -> dict[str, Any]:
    """The options of a command, None where they are not given."""
    names = ("commit_trigger_enabled", "pull_request_trigger_enabled", "git_access_token", "context")
    return dict.fromkeys(names) | given


@pytest.mark.parametrize(
    ("given", "events"),
    [
        ({}, None),
        ({"git_access_token": "s3cret"}, ["commit"]),
        ({"git_access_token": "s3cret", "commit_trigger_enabled": False}, None),
        ({"commit_trigger_enabled": True}, ["commit"]),
        ({"pull_request_trigger_enabled": True}, ["pullrequest"]),
        ({"git_access_token": "s3cret", "pull_request_trigger_enabled": True}, ["commit", "pullrequest"]),
    ],
)
def test_a_new_task_has_a_trigger_where_it_is_asked_for_or_a_token_is_given(given, events):
    made = created(options(context=CONTEXT, **given))
    assert [each["sourceTriggerEvents"] for each in made.get("sourceTriggers", [])] == ([events] if events else [])


@pytest.mark.parametrize(
    ("context", "kind", "branch"),
    [
        (CONTEXT, "VisualStudioTeamService", ""),
        (f"{CONTEXT}#main:dir", "VisualStudioTeamService", "main"),
        ("https://github.com/u/r.git#:dir", "Github", ""),
        ("github.com/u/r", "Github", ""),
        ("https://github.com.evil.example/u/r.git", "VisualStudioTeamService", ""),
    ],
)
def test_a_trigger_names_the_contexts_repository_and_branch(context, kind, branch):
    (trigger,) = created(options(context=context, git_access_token="s3cret"))["sourceTriggers"]
    assert trigger["sourceRepository"] == {
        "sourceControlType": kind,
        "repositoryUrl": context,
        "branch": branch,
        "sourceControlAuthProperties": AUTH,
    }


@pytest.mark.parametrize(
    ("status", "before", "given", "change"),
    [
        ("Enabled", ["commit"], {}, None),
        ("Enabled", ["commit"], {"pull_request_trigger_enabled": True}, ("Enabled", ["commit", "pullrequest"])),
        ("Enabled", ["commit", "pullrequest"], {"commit_trigger_enabled": False}, ("Enabled", ["pullrequest"])),
        ("Enabled", ["commit"], {"commit_trigger_enabled": False}, ("Disabled", None)),
        ("Disabled", ["pullrequest"], {"commit_trigger_enabled": True}, ("Enabled", ["commit"])),
    ],
)
def test_an_update_changes_the_events_that_are_given(status, before, given, change):
    old = {"name": "mine", "status": status, "sourceTriggerEvents": before}
    found = changed(options(**given), {"trigger": {"sourceTriggers": [old]}}).get("sourceTriggers", [])
    events = {} if change is None or change[1] is None else {"sourceTriggerEvents": change[1]}
    assert found == ([] if change is None else [{"name": "mine", "status": change[0], **events}])


def test_an_update_of_a_task_without_a_trigger_makes_one_only_where_it_is_asked_for():
    task = {"step": {"contextPath": CONTEXT}}
    assert changed(options(git_access_token="s3cret"), task) == {}
    assert changed(options(commit_trigger_enabled=False), task) == {}
    (made,) = changed(options(commit_trigger_enabled=True), task)["sourceTriggers"]
    assert made["sourceRepository"]["repositoryUrl"] == CONTEXT


def test_a_tasks_webhook_from_the_command_line(baselift, live, source):
    def run(*words: str) -> Any:
        done = baselift("task", *words, "-n", "sourced")
        assert done.code == 0, done.err
        return done

    made = run("create", "-c", source, "--no-push", "true", "--git-access-token", "s3cret", *FULL).json
    shown = run("source").json
    assert shown["url"] == f"{live.url}/sources/baselift/sourced"
    assert re.fullmatch("[0-9a-f]{64}", shown["secret"])
    (kept,) = live.client.tasks.get_details(*WHERE, "sourced").properties.trigger.source_triggers
    assert (kept.source_trigger_events, kept.source_repository.source_control_auth_properties.token) == (
        ["commit", "pullrequest"],
        "s3cret",
    )
    assert made["trigger"]["sourceTriggers"][0]["sourceRepository"]["sourceControlAuthProperties"]["token"] is None

    changed = run("source", "--paths", "src, docs/*.md", "--new-secret").json
    assert (changed["paths"], changed["contextOnly"]) == (["src", "docs/*.md"], False)
    assert changed["secret"] != shown["secret"]
    run("update", "--commit-trigger-enabled", "false")
    lines = run("source", "--paths", "context", "-o", "table").out.splitlines()
    heads = ("URL", "SECRET", "PATHS", "LAST DELIVERY")
    assert [line.startswith(head) for line, head in zip(lines, heads, strict=False)] == [True] * 4
    assert lines[2].endswith("in the context's directory")
    assert "pull requests come by webhook only" in lines[-1]
    wrong = baselift("task", "source", "-n", "sourced", "--paths", "../x")
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err.startswith("ERROR: (InvalidRequest) paths[0] is '../x'")
