"""The app as two processes on one storage: one answers, the other builds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live_app import BASE, BUSYBOX, Live, live_app
from parts.app import App
from parts.ports import free_ports
from parts.private import private_directory
from parts.settings import Places, app_environment, app_settings

LEASE = {"BASELIFT_LEASE_SECONDS": "5"}


@contextmanager
def builder(live: Live, directory: Path) -> Iterator[App]:
    """A process that builds what the live app is asked for, with a state of its own."""
    stack, (port,) = live.stack, free_ports(1)
    places = Places(stack.app.port, stack.registry.port, stack.azurite.connection_string)
    given = {**os.environ, **LEASE, "BASELIFT_ROLE": "builder"}
    settings = app_settings(live.directory, places, given)
    settings |= LEASE | {"BASELIFT_ROLE": "builder", "BASELIFT_STATE": str(private_directory(directory / "builder"))}
    app = App.start(port, app_environment(private_directory(directory), settings, given), directory / "app.log")
    try:
        yield app
    finally:
        if app.child.process.poll() is None:
            app.stop()


def build(live: Live, name: str, step: str = "true") -> object:
    text = f'{BASE}RUN ["/bin/busybox", "sh", "-c", "{step}"]\n'
    return live.build({"Dockerfile": text, "busybox": BUSYBOX}, f"{name}:1")


def kill(app: App) -> None:
    app.child.process.kill()
    app.child.process.wait()


def test_a_build_waits_for_a_builder_and_outlives_one(tmp_path):
    with live_app(tmp_path / "api", settings={"BASELIFT_ROLE": "api"}) as live:
        waiting = build(live, "waiting")
        with builder(live, tmp_path / "one") as one:
            assert live.ended(waiting).properties.status == "Succeeded"
            slow = build(live, "slow", "sleep 3; true")
            live.running(slow)
            kill(one)
            queued = build(live, "queued")
        assert live.client.runs.get("local", "baselift", queued.name).properties.status == "Queued"
        with builder(live, tmp_path / "two"):
            assert live.ended(queued).properties.status == "Succeeded"
            assert live.ended(slow).properties.status == "Succeeded"
            assert "Attempt 2" in live.log(slow.name)
