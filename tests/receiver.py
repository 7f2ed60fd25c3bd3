"""Somebody else's system: a server on this machine that is told of runs and waves."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """Refuses each event so many times before it takes it."""

    refusals: int
    port: int = 0
    tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By path and event."""
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers, their names in lower case, and bodies."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.taken]

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> int:
        self.tries[path, headers["webhook-id"]] += 1
        if self.tries[path, headers["webhook-id"]] <= self.refusals:
            return 503
        self.taken.append((headers, body))
        return 204


@contextmanager
def receiving(refusals: int = 0) -> Iterator[Receiver]:
    """The server, while it runs."""
    made = Receiver(refusals)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(made.answer(self.path, headers, body))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="receiver")
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
