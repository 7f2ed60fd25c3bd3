"""A git server on loopback: the bare repositories of one directory over smart HTTP, read only (`git http-backend`)."""

import base64
import contextlib
import os
import secrets
import subprocess
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from parts.ports import LOOPBACK, chosen_port
from parts.repositories import Files, Repository

MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True)
class GitServer:
    """A running git server, a thread of this process."""

    root: Path
    port: int
    token: str | None = field(repr=False)
    server: "_Server"

    @classmethod
    def start(cls, root: Path, port: int = 0, token: str | None = None) -> "GitServer":
        """Serves the repositories under ``root``; with a token only to who shows it as a Basic password.

        Raises:
            PartError: the port is in use.
        """
        root.mkdir(parents=True, exist_ok=True)
        server = _Server((LOOPBACK, chosen_port(port, "git server")), _Handler)
        server.root, server.token = root.absolute(), token
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="git server").start()
        return cls(root, server.server_address[1], token, server)

    @property
    def url(self) -> str:
        """The server's root; a repository is at ``{url}/{name}.git``."""
        return f"http://localhost:{self.port}"

    def address(self, name: str) -> str:
        """The URL of a repository."""
        return f"{self.url}/{name}.git"

    def create(self, name: str, files: Files) -> str:
        """Makes a repository with one commit of these files, and returns its URL."""
        Repository.create(self._path(name), files)
        return self.address(name)

    def commit(self, name: str, files: Files, *, branch: str = "master") -> str:
        """Commits changed files (None removes one) to a repository, and returns the commit's id."""
        return Repository(self._path(name)).commit(files, branch=branch)

    def _path(self, name: str) -> Path:
        return self.root / f"{name}.git"

    def stop(self) -> None:
        """Ends the server; requests under way are finished first."""
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    root: Path
    token: str | None = None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.send_error(HTTPStatus.LENGTH_REQUIRED, f"a body of a stated length up to {MAX_BODY} bytes is needed")
            return
        self._serve(self.rfile.read(int(length)))

    def log_message(self, *_: object) -> None:
        """Nothing is logged: requests may hold tokens."""

    def _serve(self, body: bytes) -> None:
        if not self._allowed():
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=self._cgi(body), capture_output=True, check=False
        )
        self._answer(done.stdout)

    def _allowed(self) -> bool:
        token = cast("_Server", self.server).token
        if token is None:
            return True
        given = _password(self.headers.get("Authorization", ""))
        return secrets.compare_digest(given.encode(), token.encode())

    def _cgi(self, body: bytes) -> dict[str, str]:
        where = urlsplit(self.path)
        return {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(cast("_Server", self.server).root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": where.path,
            "QUERY_STRING": where.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": self.client_address[0],
        }

    def _answer(self, output: bytes) -> None:
        head, _, body = output.partition(b"\r\n\r\n")
        fields = [line.partition(": ") for line in head.decode("latin-1").splitlines()]
        status = next((int(value.split()[0]) for name, _, value in fields if name.lower() == "status"), HTTPStatus.OK)
        self.send_response(status)
        for name, _, value in fields:
            if name.lower() not in {"status", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _password(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    with contextlib.suppress(ValueError):
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    return ""
