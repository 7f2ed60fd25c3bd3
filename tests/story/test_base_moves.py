"""A base image moves; its task, which nobody ever ran, is run once."""

import pytest
from story.user import APP, BASE, TASK, User, app_file


def prepared(user: User, git_server, name: str) -> None:
    """A base image of version 1 and a task on it that never ran."""
    user.build_base("1")
    user.create_task(git_server.create(name, {"Dockerfile": app_file()}))
    assert user.runs() == []


def check_one_run(user: User) -> None:
    """One run, and what it pushed stands on the base image as it is now."""
    run = user.caused()
    user.await_rounds()
    assert [each["runId"] for each in user.runs()] == [run["runId"]]
    moved = run["imageUpdateTrigger"]["images"]
    assert [(image["repository"], image["tag"], image["digest"]) for image in moved] == [
        (*BASE.rsplit(":", 1), user.digest(BASE))
    ]
    assert user.shown(f"{APP}:{run['runId']}") == "2", user.log_with_state(run["runId"])


def test_a_task_that_never_ran_runs_once_when_its_base_image_is_built_again(staged, git_server):
    with staged() as (_, user):
        prepared(user, git_server, "moved")
        user.build_base("2")

        check_one_run(user)
        table = user.command("task", "list-runs", "--name", TASK, "--output", "table")
        assert table.count("Image Update") == 1


@pytest.mark.campaign
def test_a_push_that_the_registry_tells_of_six_times_and_a_reconciler_sees_causes_one_run(staged, git_server):
    with staged() as (_, user):
        prepared(user, git_server, "told")
        user.build_base("2", "baseimages/node:next")
        user.retag("baseimages/node:next", "9-alpine")
        assert {user.notify(BASE) for _ in range(5)} <= {200, 202}

        check_one_run(user)
        assert user.notify(BASE) in (200, 202)
        user.await_rounds()
        assert len(user.runs()) == 1


@pytest.mark.campaign
def test_without_notifications_the_reconciler_finds_a_push_from_outside(staged, git_server):
    with staged(notifications=False) as (_, user):
        prepared(user, git_server, "untold")
        user.build_base("2", "baseimages/node:next")
        user.await_rounds()
        assert user.runs() == []
        user.retag("baseimages/node:next", "9-alpine")

        check_one_run(user)


@pytest.mark.campaign
def test_there_and_back_again_each_awaited_makes_two_runs_and_the_same_digest_again_none(staged, git_server):
    with staged() as (_, user):
        user.build_base("1", "baseimages/node:one")
        user.build_base("2", "baseimages/node:two")
        user.retag("baseimages/node:one", "9-alpine")
        user.create_task(git_server.create("back", {"Dockerfile": app_file()}))

        seen = []
        for tag in ("two", "two", "one", "one"):
            user.retag(f"baseimages/node:{tag}", "9-alpine")
            user.await_rounds(2)
            runs = user.runs()
            seen.append(len(runs))
            user.ended(runs[0]["runId"])

        assert seen == [1, 1, 2, 2]
        assert user.shown(f"{APP}:latest") == "1"
