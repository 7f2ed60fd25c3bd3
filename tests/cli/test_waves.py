"""`baselift wave`, `preview`, `graph`, `stale` and `pause`, over a family of images that is really built."""

from collections.abc import Callable
from typing import Any

import pytest
from live_app import REGISTRY_ID, WHERE, Live, until

BASE, FIRST = "family/base:1", "1"
FAMILY = {
    "middle": "FROM {host}/family/base:1\nRUN echo $VERSION > /middle\n",
    "left": "FROM {host}/family/middle:1\nRUN /bin/busybox cp /middle /left\n",
    "right": "FROM {host}/family/middle:1\nRUN /bin/busybox cp /middle /right\n",
    "leaf": (
        "FROM {host}/family/left:1 AS left\nFROM {host}/family/right:1\nCOPY --from=left /left /left\n"
        "RUN echo leaf sees $(/bin/busybox cat /left) and $(/bin/busybox cat /right)\n"
    ),
}


def settled(live: Live) -> list[Any] | None:
    """The waves, when all are over."""
    waves = live.ask("GET", "waves").json["value"]
    return waves if all(wave["properties"]["state"] == "finished" for wave in waves) else None


@pytest.fixture(scope="module")
def family(live: Live) -> list[str]:
    """Tasks of a diamond, each run once, in order."""
    live.push_base(BASE, FIRST)
    for name, dockerfile in FAMILY.items():
        address = live.git.create(f"family-{name}", {"Dockerfile": dockerfile.format(host=live.host)})
        step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": address}
        step |= {"imageNames": [f"family/{name}:1"]}
        trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "All", "status": "Enabled"}}
        platform = {"os": "linux", "architecture": "amd64"}
        body = {"location": "local", "properties": {"platform": platform, "step": step, "trigger": trigger}}
        assert live.ask("PUT", f"tasks/family-{name}", body).status == 200
        request = {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/family-{name}"}
        run = live.ended(live.client.registries.schedule_run(*WHERE, request))
        assert run.properties.status == "Succeeded", live.log(run.name)
    until(lambda: settled(live))
    return [f"family-{name}" for name in FAMILY]


def newest(live: Live, known: set[str]) -> Callable[[], Any]:
    """The wave that is not known, when it is over."""

    def look() -> Any:
        found = [wave for wave in live.ask("GET", "waves").json["value"] if wave["name"] not in known]
        return found[0] if found and found[0]["properties"]["state"] == "finished" else None

    return look


def test_a_diamond_follows_its_base_in_one_wave_each_image_once_on_the_new_middle(live, baselift, family):
    known = {wave["name"] for wave in live.ask("GET", "waves").json["value"]}
    live.push_base(BASE, "2")
    wave = until(newest(live, known), 90)
    shown = baselift("wave", "show", wave["name"])
    assert shown.code == 0
    members = {member["task"]: member for member in shown.json["members"]}
    assert {name: member["state"] for name, member in members.items()} == dict.fromkeys(family, "succeeded")
    assert members["family-leaf"]["after"] == ["family-left", "family-right"]
    runs = [members[name]["runId"] for name in family]
    caused = [run for run in live.client.runs.list(*WHERE, top=40) if run.properties.task in family]
    of_wave = [run for run in caused if run.name in runs]
    assert len(of_wave) == len(family)
    assert {run.properties.image_update_trigger is not None for run in of_wave} == {True}
    assert "leaf sees 2 and 2" in live.log(members["family-leaf"]["runId"])
    listed = baselift("wave", "list", "--output", "tsv")
    assert [wave["name"], "finished"] in [row[:2] for row in listed.rows]
    table = baselift("wave", "show", wave["name"], "--output", "table")
    assert "family-leaf" in table.out


def test_a_preview_names_who_would_be_built_in_order(live, baselift, family):
    done = baselift("preview", BASE, "--output", "json")
    assert done.json["members"][0]["task"] == "family-middle"
    assert {member["task"]: member["level"] for member in done.json["members"]} == dict(
        zip(family, (0, 1, 1, 2), strict=True)
    )
    assert done.json["criticalPath"][-1] == "family-leaf"
    assert "4 to rebuild in 3 levels" in baselift("preview", BASE).out
    assert "1 to rebuild in 1 level, about" in baselift("preview", "family/left:1").out
    assert baselift("preview", BASE, "--output", "mermaid").out.startswith("flowchart LR\n")
    assert baselift("preview", BASE, "--output", "dot").out.startswith("digraph")
    nobody = baselift("preview", "family/leaf:1")
    assert (nobody.code, nobody.out) == (0, f"Nothing would be rebuilt if {live.host}/family/leaf:1 moved.\n")
    wrong = baselift("preview", "UPPER case")
    assert wrong.code == 1
    assert wrong.err.startswith("ERROR: (")


def test_the_graph_has_the_edges_between_tasks(live, baselift, family):
    edges = {(each["parent"], each["child"]) for each in baselift("graph").json["edges"]}
    assert edges >= {("family-middle", "family-left"), ("family-left", "family-leaf"), ("family-right", "family-leaf")}
    assert "family-leaf" in baselift("graph", "--output", "mermaid").out


@pytest.mark.campaign
def test_what_is_paused_is_stale_until_the_pause_ends(live, baselift, family):
    assert baselift("stale").code == 0
    paused = baselift("pause", "--task", "family-middle", "--note", "not now")
    assert [(each["kind"], each["name"], each["note"]) for each in paused.json] == [
        ("task", "family-middle", "not now")
    ]
    known = {wave["name"] for wave in live.ask("GET", "waves").json["value"]}
    live.push_base(BASE, "3")
    until(lambda: [wave for wave in live.ask("GET", "waves").json["value"] if wave["name"] not in known] or None)
    behind = baselift("stale", "--output", "tsv")
    assert (behind.code, [row[:2] for row in behind.rows]) == (1, [["family-middle", f"{live.host}/{BASE}"]])
    assert baselift("unpause", "--task", "family-middle").json == []
    until(newest(live, known), 90)
    assert baselift("stale").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("wave", "show", "1767225600-00000000"), "does not exist"),
        (("wave", "show", "../x"), "does not exist"),
        (("wave", "resume", "nonsense"), "does not exist"),
        (("pause", "--task", "absent-task"), "does not exist"),
        (("pause", "--window", "0 2 * *", "--minutes", "30"), "five fields"),
        (("pause", "--window", "0 2 * * *"), "go together"),
        (("pause", "--task", "a", "--base", "b"), "one of --task and --base"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(baselift, words, told):
    done = baselift(*words)
    assert done.code != 0
    assert told in done.err
    assert len(done.err.splitlines()) == 1
