import contextlib
import hashlib
import http.client
import http.server
import json
import queue
import threading
from base64 import b64encode
from collections.abc import Iterator

import pytest
from parts.errors import PartError
from parts.htpasswd import write_htpasswd
from parts.registry import Notifications, Registry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SECRET = "shown-to-the-app-only"
Event = tuple[str, str, dict]


def call(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        response.read()
        return response


def push_blob(port: int, repository: str, data: bytes) -> dict:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    location = call(port, "POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    assert location.startswith("/v2/")
    octets = {"Content_Type": "application/octet-stream"}
    assert call(port, "PUT", f"{location}&digest={digest}", data, **octets).status == 201
    return {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(data)}


def push_image(port: int, repository: str, tag: str) -> str:
    config = push_blob(port, repository, b"{}")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
    path = f"/v2/{repository}/manifests/{tag}"
    response = call(port, "PUT", path, json.dumps(manifest).encode(), Content_Type=MANIFEST)
    assert response.status == 201
    return response.headers["Docker-Content-Digest"]


@pytest.fixture
def sink() -> Iterator[tuple[int, "queue.Queue[Event]"]]:
    """A web server that keeps what is posted to it: (path, Authorization, body)."""
    events: queue.Queue[Event] = queue.Queue()

    class Sink(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            events.put((self.path, self.headers["Authorization"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, args=(0.05,)).start()
    yield server.server_address[1], events
    server.shutdown()
    server.server_close()


def test_a_push_is_told_with_the_secret_and_neither_its_blobs_nor_a_pull_are(tmp_path, sink):
    port, events = sink
    told = Notifications(f"http://127.0.0.1:{port}/webhooks/distribution", SECRET)
    part = Registry.start(tmp_path, notifications=told)
    try:
        digest = push_image(part.port, "base", "1")
        assert call(part.port, "GET", "/v2/base/manifests/1", Accept=MANIFEST).status == 200
        push_image(part.port, "base", "2")
        received = [events.get(timeout=30) for _ in range(2)]
    finally:
        part.stop()

    assert {(path, shown) for path, shown, _ in received} == {("/webhooks/distribution", f"Bearer {SECRET}")}
    seen = [(event["action"], event["target"]["tag"]) for _, _, body in received for event in body["events"]]
    assert seen == [("push", "1"), ("push", "2")]
    assert received[0][2]["events"][0]["target"]["digest"] == digest
    assert received[0][2]["events"][0]["target"]["references"]
    assert SECRET not in part.child.log.read_text()
    assert (tmp_path / "config.yml").stat().st_mode & 0o777 == 0o600


def test_a_restart_on_the_same_directory_has_every_image(tmp_path):
    first = Registry.start(tmp_path)
    digest = push_image(first.port, "base", "1")
    first.stop()

    second = Registry.start(tmp_path)
    try:
        found = call(second.port, "HEAD", "/v2/base/manifests/1", Accept=MANIFEST)
    finally:
        second.stop()

    assert found.headers["Docker-Content-Digest"] == digest


def test_an_image_can_be_deleted(registry):
    digest = push_image(registry.port, "deleted", "1")

    assert call(registry.port, "DELETE", f"/v2/deleted/manifests/{digest}").status == 202
    assert call(registry.port, "HEAD", "/v2/deleted/manifests/1", Accept=MANIFEST).status == 404


def test_with_users_only_their_passwords_are_let_in(tmp_path):
    users = write_htpasswd(tmp_path / "users", {"ann": "right"})
    part = Registry.start(tmp_path / "state", htpasswd=users)
    try:
        answers = [call(part.port, "GET", "/v2/").status]
        for password in ("wrong", "right"):
            shown = "Basic " + b64encode(f"ann:{password}".encode()).decode()
            answers.append(call(part.port, "GET", "/v2/", Authorization=shown).status)
    finally:
        part.stop()

    assert answers == [401, 401, 200]


def test_the_callers_environment_does_not_configure_it(tmp_path, monkeypatch):
    monkeypatch.setenv("REGISTRY_HTTP_ADDR", "0.0.0.0:0")
    part = Registry.start(tmp_path)
    try:
        assert call(part.port, "GET", "/v2/").status == 200
    finally:
        part.stop()


def test_a_port_in_use_is_named(registry, tmp_path):
    with pytest.raises(PartError, match=f"registry port {registry.port} is in use"):
        Registry.start(tmp_path, registry.port)


def test_stopping_leaves_no_process(tmp_path, processes_naming):
    part = Registry.start(tmp_path)
    assert processes_naming(tmp_path)

    part.stop()

    assert processes_naming(tmp_path) == []
