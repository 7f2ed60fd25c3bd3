"""A git server on loopback, and repositories to serve."""

import base64
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

WHEN = 1_700_000_000
_ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "1600000000 +0000",
    "GIT_COMMITTER_NAME": "c",
    "GIT_COMMITTER_EMAIL": "c@example.com",
    "GIT_COMMITTER_DATE": f"{WHEN} +0000",
}


def git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, env=_ENV, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class GitServer:
    """Serves every repository below `root` with `git http-backend`."""

    root: Path
    port: int = 0
    token: str | None = None
    delay: float = 0
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Authorization header of each request."""
    redirects: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def url(self, name: str) -> str:
        return f"http://{self.host}/{name}"

    def repository(self, name: str, files: dict[str, str], branch: str = "main") -> Path:
        work = self.root / "work" / name
        work.mkdir(parents=True)
        git("init", "--quiet", "--template=", f"--initial-branch={branch}", cwd=work)
        self.commit(work, files)
        (self.root / "served" / name).symlink_to(work / ".git")
        return work

    def commit(self, work: Path, files: dict[str, str]) -> str:
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git("add", "--all", cwd=work)
        git("commit", "--quiet", "--allow-empty", "--message=x", cwd=work)
        return git("rev-parse", "HEAD", cwd=work)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or each answer waits for an acknowledgement
    owner: GitServer

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_GET  # noqa: N815 - the name that the base class looks up

    def _serve(self) -> None:
        owner = self.owner
        body = self._body()
        authorization = self.headers.get("Authorization")
        owner.requests.append((self.path, authorization))
        time.sleep(owner.delay)
        for prefix, location in owner.redirects.items():
            if self.path.startswith(prefix):
                self._answer(302, {"Location": location}, b"")
                return
        if owner.token and not self._may(authorization):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        self._backend(body)

    def _may(self, authorization: str | None) -> bool:
        kind, _, text = (authorization or "").partition(" ")
        return kind == "Basic" and base64.b64decode(text).decode().partition(":")[2] == self.owner.token

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _backend(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        env = _ENV | {
            "GIT_PROJECT_ROOT": str(self.owner.root / "served"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None: ...  # noqa: A002


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed in the middle is what some tests are about."""


@contextmanager
def serving(root: Path) -> Iterator[GitServer]:
    owner = GitServer(root)
    (root / "served").mkdir()
    httpd = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": owner}))
    owner.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield owner
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
        shutil.rmtree(root)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with serving(tmp_path_factory.mktemp("git")) as owner:
        yield owner


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with serving(tmp_path_factory.mktemp("other")) as owner:
        yield owner
