"""A push that Event Grid tells of, seen by an OTLP collector: event and run are one trace."""

import json
from pathlib import Path
from typing import Any

from live_app import WHERE, Live, live_app, until
from story.collector import Collector, collecting

TRACE, SPAN = "1a" * 16, "2b" * 8
WEBHOOK = "/runtime/webhooks/EventGrid?functionName=image_pushed"
NEVER = "0 0 0 1 1 *"
"""The reconciler would find the movement too, and perhaps first."""
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "200"}


def follow(live: Live) -> None:
    """A task on a base image of the registry, once its source is read."""
    step = {
        "type": "Docker",
        "dockerFilePath": "Dockerfile",
        "contextPath": live.git.create("traced", {"Dockerfile": f"FROM {live.host}/base:1\n"}),
        "imageNames": ["traced:1"],
    }
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
    live.client.tasks.create(*WHERE, "traced", {"location": "local", "properties": {"step": step, "trigger": trigger}})
    until(lambda: live.client.tasks.get(*WHERE, "traced").properties.step.base_image_dependencies)


def move(live: Live) -> dict[str, Any]:
    """Put the base's tag elsewhere; what Event Grid says of that."""
    found = live.send_registry("GET", "base/manifests/1")
    kind = {"Content-Type": found.headers["content-type"]}
    changed = found.json | {"annotations": {"org.example.version": "2"}}
    put = live.send_registry("PUT", "base/manifests/1", json.dumps(changed).encode(), kind)
    assert put.status == 201
    target = {"repository": "base", "tag": "1", "digest": put.headers["docker-content-digest"]}
    data = {"id": "1", "action": "push", "target": target, "request": {"id": "1", "host": live.host, "method": "PUT"}}
    kind = "Microsoft.ContainerRegistry.ImagePushed"
    times = {"eventTime": "2026-11-24T02:36:02Z", "dataVersion": "1.0", "metadataVersion": "1"}
    return {"id": "1", "topic": "/t", "subject": "s", "eventType": kind, "data": data, **times}


def deliver(live: Live, event: dict[str, Any]) -> None:
    headers = {
        "aeg-event-type": "Notification",
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "x-functions-key": live.host_keys()["eventgrid_extension"],
    }
    assert live.send("POST", WEBHOOK, [event], headers).status == 202


def rebuilt(collector: Collector) -> Any:
    found = [span for span in collector.spans("run") if attributes(span)["baselift.reason"] == "image"]
    return found[0] if found else None


def attributes(span: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def test_the_run_that_a_push_causes_is_in_the_trace_of_its_event(tmp_path: Path) -> None:
    with collecting() as collector:
        settings = QUICK | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "lift-test"}
        with live_app(tmp_path / "state", notifications=False, reconcile=NEVER, settings=settings) as live:
            live.push_base("base:1", "1")
            follow(live)
            deliver(live, move(live))
            run = until(lambda: rebuilt(collector))
            secret = live.webhook_secret.encode()
        pushes = [span for span in collector.spans("push") if span.trace_id.hex() == TRACE]
        assert attributes(pushes[0])["baselift.teller"] == "event eventgrid"
        assert pushes[0].parent_span_id.hex() == SPAN
        assert run.trace_id.hex() == TRACE
        assert run.parent_span_id == pushes[0].span_id
        assert attributes(run)["baselift.task"] == "traced"
        assert attributes(run)["baselift.status"] == "Succeeded"
        told = {"baselift.runs", "baselift.push.queued", "baselift.push.rebuilt"}
        assert told <= collector.metrics()
        assert collector.services() == {"lift-test"}
        assert [path for path, content in collector.bodies if secret in content] == []
