import json
import os
import signal
import socket
import ssl
import stat
import urllib.error
import urllib.request

import pytest

PARTS = ("azurite", "docker-registry", "func")


def listening() -> tuple[socket.socket, str]:
    taken = socket.create_server(("127.0.0.1", 0))
    return taken, str(taken.getsockname()[1])


def refused(served) -> str:
    out, err = served.process.communicate(timeout=60)
    assert (served.ready + out, served.process.returncode) == ("", 1)
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("which", ["--port", "--registry-port"])
def test_a_port_in_use_is_refused_with_one_line(serve, tmp_path, which):
    taken, port = listening()
    with taken:
        message = refused(serve(tmp_path / "state", which, port))

    assert message.startswith("script/serve: ")
    assert f"port {port} is in use; choose another, or 0 for a free one" in message


def test_what_is_no_port_is_refused(serve, tmp_path):
    served = serve(tmp_path / "state", "--port", "65536")

    assert served.process.wait(30) == 2
    assert served.process.stderr.read().endswith("'65536' is no port; give a number from 0 to 65535\n")


def test_a_second_one_on_the_same_state_is_refused_and_the_first_goes_on(serve, tmp_path):
    first = serve(tmp_path / "state")
    message = refused(serve(tmp_path / "state"))

    assert f"{tmp_path / 'state'} is in use by another script/serve (process {first.process.pid})" in message
    with urllib.request.urlopen(f"{first.url}/health", timeout=20) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"BASELIFT_BUILDS": "many"}, "BASELIFT_BUILDS is 'many'"),
        ({"BASELIFT_HOST": "other"}, "BASELIFT_HOST is 'other'; it must be 'embedded' or 'func'"),
        ({"AZURITE": "/no/azurite"}, "azurite: /no/azurite is not on this machine"),
    ],
)
def test_a_wrong_setting_is_refused_and_what_had_started_is_stopped(serve, tmp_path, processes_naming, settings, says):
    assert says in refused(serve(tmp_path / "state", **settings))
    assert processes_naming(tmp_path / "state") == []


def test_a_directory_that_holds_other_things_is_refused_and_left_as_it_is(serve, tmp_path):
    state = tmp_path / "documents"
    state.mkdir(mode=0o755)
    (state / "letter").write_text("dear")

    assert f"--state {state} has other things in it" in refused(serve(state))
    assert [path.name for path in state.iterdir()] == ["letter"]
    assert state.stat().st_mode & 0o777 == 0o755


def test_a_file_as_state_is_refused(serve, tmp_path):
    (tmp_path / "file").touch()

    assert f"--state {tmp_path / 'file'} is a file" in refused(serve(tmp_path / "file"))


def test_it_says_where_it_is_ready_and_writes_it_down(serve, tmp_path):
    served = serve(tmp_path / "state", BASELIFT_REGISTRY_NAME="mine")
    written = json.loads((tmp_path / "state" / "endpoint.json").read_text())

    assert served.ready == f"baselift ready: {written['url']}\n"
    assert (written["registry_name"], written["ca"]) == ("mine", None)
    with urllib.request.urlopen(f"http://{written['registry']}/v2/", timeout=20) as answer:
        assert answer.status == 200


def test_with_https_the_app_and_the_registrys_notifications_use_the_ca_of_the_state(serve, tmp_path):
    state = tmp_path / "state"
    served = serve(state, "--https", "--access", "clients", BASELIFT_HOST="embedded")
    written = json.loads((state / "endpoint.json").read_text())

    assert served.ready == f"baselift ready: {written['url']}\n"
    assert written["url"].startswith("https://localhost:")
    assert written["client"] == {"id": "local", "secret_file": str(state / "client.secret")}
    trusting = ssl.create_default_context(cafile=written["ca"])
    with urllib.request.urlopen(f"{written['url']}/health", timeout=20, context=trusting) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{written['url']}/subscriptions", timeout=20, context=trusting)
    notified = json.loads((state / "registry/config.yml").read_text())["notifications"]["endpoints"][0]["url"]
    assert notified == f"https://127.0.0.1:{written['url'].rsplit(':', 1)[1]}/webhooks/distribution"


def test_https_needs_the_embedded_host(serve, tmp_path):
    assert "--https needs the embedded host" in refused(serve(tmp_path / "state", "--https"))


def test_the_git_repositories_of_a_directory_are_served_where_asked(serve, tmp_path):
    (tmp_path / "git").mkdir()
    serve(tmp_path / "state", "--git-root", str(tmp_path / "git"))
    git = json.loads((tmp_path / "state" / "endpoint.json").read_text())["git"]

    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{git}/none.git/info/refs?service=git-upload-pack", timeout=20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_it_started(serve, tmp_path, processes_naming, number):
    served = serve(tmp_path / "state")
    running = " ".join(process.line for process in processes_naming(tmp_path / "state"))
    assert all(part in running for part in PARTS)

    served.process.send_signal(number)
    out, err = served.process.communicate(timeout=90)

    assert (out, err, served.process.returncode) == ("", "", 0)
    assert processes_naming(tmp_path / "state") == []


def test_a_part_that_ends_stops_the_others_and_is_named(serve, tmp_path, processes_naming):
    served = serve(tmp_path / "state")
    registry = next(each for each in processes_naming(tmp_path / "state") if each.line.startswith("docker-registry"))

    os.kill(registry.pid, signal.SIGKILL)
    _, err = served.process.communicate(timeout=90)

    assert served.process.returncode == 1
    assert "registry ended with code -9" in err
    assert processes_naming(tmp_path / "state") == []


def test_after_a_kill_the_next_one_waits_for_the_parts_to_end_and_has_the_same_secrets(
    serve, tmp_path, processes_naming
):
    state = tmp_path / "state"
    first = serve(state)
    names = ("azurite/account", "registry/http.secret", "secret.key", "webhook.secret")
    before = {name: (state / name).read_text() for name in names}
    old = {process.pid for process in processes_naming(state)} - {first.process.pid}
    assert len(old) == len(PARTS)

    first.process.kill()
    second = serve(state)

    assert second.ready.startswith("baselift ready: ")
    assert not old & {process.pid for process in processes_naming(state)}
    assert {name: (state / name).read_text() for name in names} == before


def test_nothing_in_the_state_is_open_to_other_users(serve, tmp_path):
    served = serve(tmp_path / "state")
    served.process.terminate()
    served.process.communicate(timeout=90)

    everything = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    exposed = [path for path in everything if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    assert exposed == []


def test_nothing_is_written_outside_the_state(serve, tmp_path):
    outside = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")}
    for directory in outside.values():
        directory.mkdir()

    served = serve(tmp_path / "state", **{name: str(directory) for name, directory in outside.items()})
    served.process.terminate()
    served.process.communicate(timeout=90)

    assert [path for directory in outside.values() for path in directory.rglob("*")] == []
