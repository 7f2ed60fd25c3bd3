"""What the workbook and the alerts ask for is what the code tells, and what the guide explains."""

import json
import re
from datetime import UTC, datetime

import pytest
from app.listening import Listener
from infra.bicep import INFRA

from baselift.app import run_telemetry
from baselift.app.telemetry import GAUGE, METRICS
from baselift.domain.runs import Cause, Run, Status
from baselift.domain.waves.states import WaveState

ROOT = INFRA.parent
WORKBOOK = json.loads((INFRA / "workbook.json").read_text())
ALERTS = dict(
    re.findall(r"'([\w-]+)': \{\n\s+text: '[^']+'\n\s+query: '([^']+)'", (INFRA / "modules/alerts.bicep").read_text())
)
PROPERTY = re.compile(r"Properties(?:\.(\w+)|\[\"([\w.]+)\"\])")


def queries() -> dict[str, str]:
    """Every query of the workbook, and of the alerts, by name."""
    asked = {item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if item["type"] == 3}
    return asked | {f"alert {name}": query for name, query in ALERTS.items()}


def metrics(query: str) -> list[str]:
    return re.findall(r'"(baselift(?:\.\w+)+)"', query) if query.startswith("AppMetrics") else []


def wrong(query: str) -> list[str]:
    """What a query asks of metrics that they do not have."""
    names = metrics(query)
    asked = {first or second for first, second in PROPERTY.findall(query)}
    unknown = [name for name in names if name not in METRICS]
    known = {attribute for name in names for attribute in getattr(METRICS.get(name), "attributes", ())}
    return unknown + sorted(asked - known) + ([] if names else ["no metric"])


@pytest.mark.parametrize("name", [name for name, query in queries().items() if query.startswith("AppMetrics")])
def test_a_query_asks_for_what_the_code_tells(name: str) -> None:
    assert wrong(queries()[name]) == []


@pytest.mark.parametrize(
    ("old", "new"), [("baselift.runs", "baselift.run"), ("Properties.status", "Properties.state"), ("Name ==", "N ==")]
)
def test_a_query_for_something_else_is_noticed(old: str, new: str) -> None:
    query = queries()["runs-by-status"]
    assert old in query
    broken = query.replace(old, new).replace('"baselift.runs"', "" if new == "N ==" else '"baselift.runs"')
    assert wrong(broken)


def test_the_workbook_shows_every_metric() -> None:
    assert {name for query in queries().values() for name in metrics(query)} == METRICS.keys()


def test_gauges_are_never_added_up() -> None:
    for name, query in queries().items():
        if any(METRICS[metric].kind == GAUGE for metric in metrics(query)):
            assert "sum(" not in query, name


def test_the_workbook_asks_of_runs_what_their_spans_have() -> None:
    heard, now = Listener(), datetime.now(UTC)
    run = Run("baselift", 1, "da1", Cause("timer", "t1"), {}, now, "AutoBuild", task="hello")
    run_telemetry.changed(heard.telemetry, run, run.ended(Status.FAILED, now))
    query = queries()["failed-runs"]
    asked = {second for _, second in PROPERTY.findall(query)}
    (span,) = heard.spans("run")
    assert asked
    assert asked <= set(span.attributes or {})
    assert f'Name == "{span.name}"' in query


def test_the_alerts_are_those_that_the_guide_names() -> None:
    assert set(ALERTS) >= {"poison-queue", "reconciler-late", "wave-halted"}
    assert f'"{WaveState.HALTED}"' in ALERTS["wave-halted"]


@pytest.mark.parametrize("name", [name for name, query in ALERTS.items() if query.startswith("AppTraces")])
def test_an_alert_that_reads_the_log_looks_for_what_the_code_writes(name: str) -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "baselift").rglob("*.py")))
    sought = re.findall(r'"([^"]+)"', ALERTS[name])
    assert sought
    assert [text for text in sought if text not in code] == []


def test_every_query_is_of_a_table_that_is_checked() -> None:
    assert {query.partition("\n")[0].partition(" ")[0] for query in queries().values()} <= {
        "AppMetrics",
        "AppRequests",
        "AppTraces",
    }


def test_the_workbook_is_whole() -> None:
    assert WORKBOOK["version"] == "Notebook/1.0"
    names = [item["name"] for item in WORKBOOK["items"]]
    assert len(names) == len(set(names))
    assert {item["type"] for item in WORKBOOK["items"]} == {1, 3, 9}
    asked = [item["content"] for item in WORKBOOK["items"] if item["type"] == 3]
    assert {each["timeContextFromParameter"] for each in asked} == {"TimeRange"}
    assert "loadTextContent('../workbook.json')" in (INFRA / "modules/workbook.bicep").read_text()


def test_the_guide_explains_every_metric_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `(baselift\.[\w.]+)` \| (\w+) \| ([^|]+) \| ([^|]*) \|", guide(), re.MULTILINE)
    told = {name: (kind, unit.strip(), attributes(listed)) for name, kind, unit, listed in rows}
    assert told == {name: (each.kind, each.unit, set(each.attributes)) for name, each in METRICS.items()}


def guide() -> str:
    return (ROOT / "docs/azure.md").read_text()


def attributes(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))
