"""`baselift login`: a client's secret, a login in a browser, and to whom the token goes."""

import json
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from cli.conftest import Command
from cli.inside import Inside
from live_app import Live, live_app

from baselift.cli import connection, logins, tokens
from baselift.cli.bearer import origin
from baselift.cli.errors import CommandError
from baselift.cli.logins import Login

ID = "local"


@pytest.fixture(scope="module")
def guarded(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An app of mode `clients`. Started after the other app, which must not see its settings."""
    _ = live
    settings = {"BASELIFT_ACCESS": "clients"}
    with live_app(tmp_path_factory.mktemp("guarded") / "state", settings=settings) as started:
        yield started


@pytest.fixture
def secret(guarded: Live) -> str:
    return (guarded.directory / "client.secret").read_text()


def command(live: Live, directory: Path, **settings: str) -> Inside:
    """The command of a user whose configuration is in the directory."""
    return Inside(live.url, directory, {"XDG_CONFIG_HOME": str(directory / "config"), **settings})


def kept(directory: Path) -> list[Path]:
    return [path for path in (directory / "config").rglob("*") if path.is_file()]


def test_a_login_is_kept_for_its_owner_alone_and_ends_with_logout(guarded, secret, tmp_path):
    baselift = Command(guarded.url, tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    before = baselift("task", "list")
    assert (before.code, before.out) == (1, "")
    assert before.err.startswith("ERROR: (AuthenticationFailed) ")
    assert before.err.endswith("Run `baselift login`.\n")
    done = baselift("login", "--client-id", ID, typed=f"{secret}\n")
    assert (done.code, done.out) == (0, f"Logged in to {guarded.url} as local.\n")
    assert secret not in done.out + done.err
    (file,) = kept(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert secret not in file.read_text()
    assert baselift("task", "list").code == 0
    assert baselift("logout").out == f"Logged out of {guarded.url}.\n"
    assert kept(tmp_path) == []
    assert baselift("task", "list").code == 1
    assert baselift("logout").out == f"There is no login to {guarded.url}.\n"


def test_the_secret_comes_from_a_file_or_the_environment(guarded, secret, tmp_path):
    (tmp_path / "file").write_text(f"{secret}\n")
    words = ("login", "--client-id", ID, "--client-secret-file", str(tmp_path / "file"))
    assert command(guarded, tmp_path)(*words).code == 0
    other = command(guarded, tmp_path / "other", BASELIFT_CLIENT_SECRET=secret)
    assert other("login", "--client-id", ID).code == 0
    assert command(guarded, tmp_path / "other")("task", "list").code == 0


@pytest.mark.parametrize(
    ("words", "settings", "why"),
    [
        (("--client-id", ID), {"BASELIFT_CLIENT_SECRET": "wrong"}, "The client id or the client secret is wrong."),
        (("--client-id", "nobody"), {"BASELIFT_CLIENT_SECRET": "wrong"}, "client 'nobody'"),
        ((), {}, "--client-id is needed"),
        (("--client-id", ID, "--client-secret-file", "/absent"), {}, "cannot be read from /absent"),
    ],
)
def test_a_login_that_fails_is_one_line_and_keeps_nothing(guarded, tmp_path, words, settings, why):
    done = command(guarded, tmp_path, **settings)("login", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert why in done.err
    assert kept(tmp_path) == []


def test_a_build_server_needs_no_login(guarded, secret, tmp_path):
    settings = {"BASELIFT_CLIENT_ID": ID, "BASELIFT_CLIENT_SECRET": secret}
    assert command(guarded, tmp_path, **settings)("task", "list").code == 0
    assert kept(tmp_path) == []
    done = command(guarded, tmp_path, BASELIFT_CLIENT_ID=ID)("task", "list")
    assert (done.code, done.err) == (
        1,
        "ERROR: BASELIFT_CLIENT_ID and BASELIFT_CLIENT_SECRET go together: set both or none\n",
    )


def test_the_own_server_of_a_checkout_lets_its_command_in(guarded, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "ENDPOINT", guarded.directory / "endpoint.json")
    done = Inside("", tmp_path, {"XDG_CONFIG_HOME": str(tmp_path)})("task", "list")
    assert (done.code, done.json) == (0, [])


def test_a_server_that_asks_for_no_login_says_so(live, tmp_path):
    done = command(live, tmp_path)("login")
    assert (done.code, done.out) == (0, f"{live.url} asks for no login.\n")


def changed(file: Path, **fields: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_a_login_that_has_expired_or_is_no_good_says_what_to_do(guarded, secret, tmp_path):
    baselift = command(guarded, tmp_path)
    assert baselift("login", "--client-id", ID, typed=secret).code == 0
    (file,) = kept(tmp_path)
    changed(file, expires=time.time() + 30)
    assert baselift("task", "list").err == f"ERROR: the login to {guarded.url} has expired: run `baselift login`\n"
    changed(file, expires=time.time() + 3600, token="a.b.c")
    assert baselift("task", "list").err.endswith("log in again. Run `baselift login`.\n")
    changed(file, origin="https://elsewhere:443")
    assert "is damaged (it is of https://elsewhere:443)" in baselift("task", "list").err
    file.write_text("{}")
    assert "is damaged" in baselift("task", "list").err
    file.chmod(0o644)
    assert baselift("login", "--client-id", ID, typed=secret).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    assert "is open to others (mode 640)" in baselift("task", "list").err


class Elsewhere:
    """A server that is not ours: notes who comes with what, and sends them on."""

    def __init__(self, to: str = "") -> None:
        self.seen: list[str | None] = []
        noted, seen = to, self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.headers["Authorization"])
                self.send_response(307 if noted else 404)
                if noted:
                    self.send_header("Location", f"{noted}{self.path}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def servers() -> Iterator[tuple[Elsewhere, Elsewhere]]:
    """One that sends everybody on to the other."""
    last = Elsewhere()
    first = Elsewhere(last.url)
    yield first, last
    first.stop()
    last.stop()


def test_a_token_goes_to_its_own_server_and_does_not_follow_a_redirect(servers, tmp_path, monkeypatch):
    first, last = servers
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BASELIFT_URL", first.url)
    logins.write(Login(first.url, "me", "t0ken", time.time() + 3600))
    client = connection.Connection("baselift").client
    with pytest.raises(HttpResponseError):
        client.runs.get("local", "baselift", "da1")
    assert first.seen == ["Bearer t0ken"]
    assert last.seen == [None]


def test_a_login_to_one_server_is_none_to_another(servers, tmp_path, monkeypatch):
    first, last = servers
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BASELIFT_URL", last.url)
    logins.write(Login(first.url, "me", "t0ken", time.time() + 3600))
    with pytest.raises(HttpResponseError):
        connection.Connection("baselift").registries()
    assert last.seen == [None]


def test_no_token_goes_over_a_network_without_tls(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BASELIFT_URL", "http://builds.example:7071")
    logins.write(Login("http://builds.example:7071", "me", "t0ken", time.time() + 3600))
    with pytest.raises(CommandError, match=r"http://builds\.example:7071 without TLS: use https"):
        connection.Connection("baselift").registries()
    with pytest.raises(CommandError, match="without TLS"):
        tokens.granted(connection.endpoint(), tokens.Secret("me", "s3cret"))


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("HTTPS://Host/path?x", "https://host:443"),
        ("http://host", "http://host:80"),
        ("https://host:443", "https://host:443"),
        ("http://[::1]:7071/", "http://[::1]:7071"),
        ("https://user@host:1", "https://host:1"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, where):
    assert origin(url) == where


@pytest.mark.parametrize("url", ["host:1", "ftp://host", "https://", "https://host:x", "https://host:99999"])
def test_what_has_no_origin_is_refused(url):
    with pytest.raises(ValueError, match=r"."):
        origin(url)
