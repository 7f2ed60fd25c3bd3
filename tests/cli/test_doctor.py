"""`baselift doctor` and what it asks."""

import os
import signal

import pytest
from cli.conftest import Command
from cli.inside import Inside
from live_app import REGISTRY_ID, live_app, until


def lines(done):
    """Check -> its line in a tsv answer: status, what, to do."""
    return {name: rest for name, *rest in done.rows}


def test_all_parts_of_a_server_are_well_and_events_arrive(live, base, baselift, tmp_path):
    _ = base
    doctor = Inside(live.url, tmp_path)
    until(lambda: lines(doctor("doctor", "-o", "tsv"))["events"][0] == "OK" or None)
    done = doctor("doctor", "-o", "tsv")
    found = lines(done)
    assert done.code == 0, done.out
    names = ["server", "access", "storage", "engine", "registry baselift", "reconcile", "events"]
    assert list(found) == [*names, "queue builds", "queue scans"]
    assert {status for status, *_ in found.values()} == {"OK"}
    assert found["server"][1].startswith(f"{live.url}, version ")
    assert found["access"][1] == "mode none, you are local, a contributor"
    assert found["engine"][1].startswith("buildah ")
    assert found["registry baselift"][1] == f"{live.host} answers"
    assert found["events"][1].startswith("distribution ")
    table = baselift("doctor").out.splitlines()
    assert table[0].split() == ["CHECK", "STATUS", "WHAT", "TO", "DO"]


def test_a_registry_that_is_away_fails_with_what_to_do(live, tmp_path):
    baselift = Inside(live.url, tmp_path)
    assert baselift("registry", "add", "faraway", "--login-server", "localhost:1").code == 0
    try:
        done = baselift("doctor", "-r", "baselift", "-o", "tsv")
        found = lines(done)
        status, what, to_do = found["registry faraway"]
        assert (done.code, status) == (1, "FAIL")
        assert "localhost:1 cannot be reached" in what
        assert to_do
        assert found["registry baselift"][0] == "OK"
    finally:
        baselift("registry", "remove", "faraway", "--yes")


def test_a_server_that_is_away_is_one_failed_check(tmp_path):
    done = Inside("http://127.0.0.1:1", tmp_path)("doctor", "-o", "tsv")
    assert done.code == 1
    assert [row[:2] for row in done.rows] == [["server", "FAIL"]]
    assert done.err == ""


def test_a_storage_that_says_nothing_is_told_within_seconds(live, tmp_path):
    storage = live.stack.azurite.child.process.pid
    os.kill(storage, signal.SIGSTOP)
    try:
        done = Inside(live.url, tmp_path)("doctor", "-o", "tsv")
    finally:
        os.kill(storage, signal.SIGCONT)
    assert done.code == 1
    assert [row[:2] for row in done.rows] == [["server", "OK"], ["storage", "FAIL"]]
    until(lambda: live.send("GET", "/health").status == 200 or None)


def test_diagnostics_are_of_a_registry_that_is_there(live):
    assert live.send("GET", f"{REGISTRY_ID}absent/diagnostics").status == 404
    answer = live.ask("GET", "diagnostics")
    assert set(answer.json) == {"version", "access", "checks"}
    assert all(set(check) == {"name", "status", "detail", "advice"} for check in answer.json["checks"])


def test_the_app_is_healthy_while_rounds_of_repairs_end(live):
    answer = live.send("GET", "/health")
    assert (answer.status, answer.json) == (200, {"status": "Healthy"})


@pytest.mark.campaign
def test_the_app_is_unhealthy_where_no_round_of_repairs_ends(tmp_path):
    """It takes the half minute that a round may take."""
    with live_app(tmp_path / "state", settings={"AzureWebJobs_reconcile_Disabled": "true"}) as still:
        assert still.send("GET", "/health").status == 200

        def red():
            answer = still.send("GET", "/health")
            return answer if answer.status == 503 else None

        found = until(red, 60)
        assert found.json == {
            "status": "Unhealthy",
            "part": "reconcile",
            "reason": "Reconciler: no round has ended yet.",
        }
        done = Command(still.url, tmp_path)("doctor", "-o", "tsv")
        assert (done.code, lines(done)["reconcile"][0]) == (1, "FAIL")
