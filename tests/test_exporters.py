"""Where telemetry goes: by the settings, by a process that ends, and nowhere else."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from baselift.exporters import INSIGHTS, OTLP, PROTOCOL, connect, problems

SECRET = "hunter2"
TELL = """
import os
from baselift.exporters import connect
telemetry = connect(os.environ)
with telemetry.span("push", **{"baselift.image": "registry.example/base:1"}):
    telemetry.record("baselift.runs", registry="here", status="Succeeded", reason="image")
    telemetry.record("baselift.push.queued", 0.25)
    telemetry.record("baselift.edges.stale", 3, registry="here")
"""
IDLE = """
import sys
import function_app
from baselift import exporters
exporters.connect({})
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "azure.monitor", "google.protobuf"))])
"""


class Ingestion(ThreadingHTTPServer):
    """Takes what Application Insights' ingestion takes, and accepts all of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.envelopes: list[dict[str, Any]] = []

    @property
    def connection(self) -> str:
        key = "00000000-0000-0000-0000-000000000001"
        return f"InstrumentationKey={key};IngestionEndpoint=http://127.0.0.1:{self.server_port}/"

    def data(self, kind: str) -> list[dict[str, Any]]:
        return [each["data"]["baseData"] for each in self.envelopes if each["data"]["baseType"] == kind]


class _Handler(BaseHTTPRequestHandler):
    server: Ingestion

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        items = json.loads(content)
        self.server.envelopes += items
        answer = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    with Ingestion() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(code: str, **given: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "APPLICATIONINSIGHTS"))}
    done = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_application_insights_gets_numbers_and_spans_from_a_process_that_ends(ingestion: Ingestion) -> None:
    run(TELL, **{INSIGHTS: ingestion.connection})
    (span,) = ingestion.data("RemoteDependencyData")
    assert span["name"] == "push"
    assert span["properties"]["baselift.image"] == "registry.example/base:1"
    told = {
        data["metrics"][0]["name"]: (data["metrics"][0], data["properties"]) for data in ingestion.data("MetricData")
    }
    number, attributes = told["baselift.runs"]
    assert number["value"] == 1
    assert attributes == {"registry": "here", "status": "Succeeded", "reason": "image"}
    assert (told["baselift.push.queued"][0]["value"], told["baselift.push.queued"][0]["count"]) == (0.25, 1)
    assert told["baselift.edges.stale"][0]["value"] == 3


def test_without_settings_nothing_is_sent_and_no_sdk_is_imported() -> None:
    assert run(IDLE) == "[]\n"


@pytest.mark.parametrize(
    "given", [{}, {OTLP: ""}, {OTLP: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}], ids=["none", "empty", "off"]
)
def test_it_is_off(given: dict[str, str]) -> None:
    assert not connect(given).on


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({OTLP: "collector:4318"}, f"{OTLP} must be http(s)://HOST"),
        ({OTLP: f"https://user:{SECRET}@collector:4318"}, "without a user and a query"),
        ({OTLP: f"https://collector/?key={SECRET}"}, "without a user and a query"),
        ({OTLP: "http://collector:4317", PROTOCOL: "grpc"}, f"{PROTOCOL} is 'grpc'; it must be http/protobuf"),
        ({INSIGHTS: SECRET}, f"{INSIGHTS} must be what Azure shows"),
    ],
)
def test_a_wrong_setting_is_named_without_what_may_be_a_secret_in_it(given: dict[str, str], words: str) -> None:
    (problem,) = problems(given)
    assert words in problem
    assert SECRET not in problem


def test_right_settings_are_no_problem() -> None:
    assert problems({OTLP: "https://collector.example/otlp", INSIGHTS: "InstrumentationKey=1"}) == []
