"""`script/serve` is stopped and started again on the same state."""

import re
from pathlib import Path

import pytest
from story.serving import Serve
from story.user import APP, BASE, TASK, User, app_file

PLACES = ("/tmp", "/var/tmp", "/var/lib/containers", "/run/containers", "~/.cache", "~/.local/share/containers")
OF_BUILDERS = re.compile(r"/tmp/(buildah|containers?[-_]|storage-run|podman|libpod|run-|oci)")
SLOW = "/bin/busybox sleep 4"


def outside() -> set[str]:
    """What is in the places that builders use by themselves; of /tmp, which others use too, what has their names."""
    found = (str(entry) for place in PLACES if (top := Path(place).expanduser()).is_dir() for entry in top.iterdir())
    return {each for each in found if not each.startswith("/tmp/") or OF_BUILDERS.match(each)}


def everything(user: User) -> dict[str, object]:
    """All that a user can ask for: tasks, runs, logs, and the digests of images."""
    runs = user.runs(task=None)
    return {
        "task": user.api(f"tasks/{TASK}"),
        "runs": runs,
        "logs": {run["runId"]: user.log_with_state(run["runId"]) for run in runs},
        "digests": [user.digest(image) for image in (BASE, f"{APP}:latest")],
    }


@pytest.mark.campaign
def test_after_a_stop_and_a_start_everything_is_still_there_and_run_ids_go_on(serve, git_server):
    serve.start()
    user = serve.user
    user.build_base("1")
    user.create_task(git_server.create("kept", {"Dockerfile": app_file()}))
    assert user.ended(user.ask())["status"] == "Succeeded"
    user.build_base("2")
    run = user.caused()
    user.ended(run["runId"])
    user.stands_on(user.digest(BASE))
    before = everything(user)

    assert serve.stop() == (0, "")
    serve.gone()
    serve.start()

    assert everything(user) == before
    user.await_rounds()
    assert everything(user) == before
    assert user.shown(f"{APP}:{run['runId']}") == "2"
    identifier = user.ask()
    assert user.ended(identifier)["status"] == "Succeeded"
    assert number(identifier) > max(number(each["runId"]) for each in before["runs"])


def number(identifier: str) -> tuple[int, str]:
    return len(identifier), identifier


@pytest.mark.campaign
def test_a_stop_during_a_build_leaves_nothing_running_mounted_or_outside_and_the_next_start_ends_it(
    tmp_path, git_server
):
    homes = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")}
    for directory in homes.values():
        directory.mkdir()
    serve = Serve(tmp_path, {name: str(directory) for name, directory in homes.items()})
    before = outside()
    try:
        serve.start()
        user = serve.user
        user.build_base("1")
        user.create_task(git_server.create("stopped", {"Dockerfile": app_file(SLOW)}))
        identifier = user.ask()
        user.begun(identifier)
        builders = serve.builders()
        assert any("buildah" in each.line for each in builders)

        assert serve.stop() == (0, "")

        assert [each for each in builders if each.alive] == []
        serve.gone()
        assert list((serve.state / "builder" / "runs").iterdir()) == []
        assert [path for directory in homes.values() for path in directory.rglob("*")] == []
        assert outside() - before == set()
        serve.start()
        run = user.ended(identifier)
        assert (run["status"], run["outputImages"][0]["digest"]) == ("Succeeded", user.digest(f"{APP}:latest"))
    finally:
        serve.close()
