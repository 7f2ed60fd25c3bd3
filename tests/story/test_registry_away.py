"""The registry is away at the wrong moment."""

import contextlib
from collections.abc import Iterator

import pytest
from parts.ports import LOOPBACK
from parts.registry import Notifications, Registry
from parts.stack import Stack
from story.user import APP, BASE, User, app_file

SLOW = "/bin/busybox sleep 2"


@contextlib.contextmanager
def back(stack: Stack, user: User) -> Iterator[None]:
    """The registry again, on its old port and data."""
    url = f"http://{LOOPBACK}:{stack.app.port}/webhooks/distribution"
    told = Notifications(url, (user.state / "webhook.secret").read_text())
    registry = Registry.start(user.state / "registry", stack.registry.port, notifications=told)
    yield
    registry.stop()


@contextlib.contextmanager
def elsewhere(user: User) -> Iterator[str]:
    """The registry's data behind another port, which the app does not know; it tells nobody of pushes."""
    registry = Registry.start(user.state / "registry")
    yield registry.host
    registry.stop()


@pytest.mark.campaign
def test_a_push_to_a_registry_that_went_away_fails_with_the_reason_and_the_next_run_succeeds(staged, git_server):
    with staged() as (stack, user):
        user.build_base("1")
        user.create_task(git_server.create("unpushed", {"Dockerfile": app_file(SLOW)}))
        identifier = user.ask()
        user.begun(identifier)
        stack.registry.stop()

        run = user.ended(identifier)
        text = user.log(identifier)
        assert run["status"] == "Failed", text
        *_, last = text.splitlines()
        assert last.startswith(f"Run ID: {identifier} failed after ")
        assert user.registry in last
        assert "connect" in last.lower()
        assert "Traceback" not in text

        with back(stack, user):
            assert user.ended(user.ask())["status"] == "Succeeded"
            assert user.shown(f"{APP}:latest") == "1"


@pytest.mark.campaign
def test_a_movement_whose_event_came_while_the_registry_was_away_is_found_when_it_is_back(staged, git_server):
    with staged() as (stack, user):
        user.build_base("1")
        user.build_base("2", "baseimages/node:next")
        user.create_task(git_server.create("away", {"Dockerfile": app_file()}))
        stack.registry.stop()
        with elsewhere(user) as host:
            user.retag("baseimages/node:next", "9-alpine", host)

        # 202: the registry gave no answer soon, and is asked again later.
        assert user.notify(BASE) in (202, 503)
        assert user.runs() == []
        assert user.healthy()
        with back(stack, user):
            run = user.caused()
            user.await_rounds()
            assert [each["runId"] for each in user.runs()] == [run["runId"]]
            assert user.shown(f"{APP}:latest") == "2"
