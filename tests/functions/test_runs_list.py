"""The list of runs, by the official SDK; its runs are put into the running app's storage by the app's own use cases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from live_app import REGISTRY, WHERE, Live

from baselift import wiring
from baselift.app import run_rows
from baselift.app.world import World
from baselift.azure.storage import Storage
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status
from baselift.settings import load

COUNT = 215
PAGE = 100
EVEN, ODD = "listing-even", "listing-odd"
DIGEST = f"sha256:{'0' * 64}"
STATES = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.TIMEOUT, Status.ERROR)


async def put_run(world: World, number: int) -> str:
    seq, identifier = await run_rows.take_sequence(world, REGISTRY)
    now = datetime.now(UTC)
    outputs = (ImageDescriptor("r.example", f"image{number}", identifier, DIGEST),)
    run = Run(
        registry=REGISTRY,
        seq=seq,
        id=identifier,
        cause=Cause("request", f"listing-{number}", now.isoformat()),
        request={"type": "DockerBuildRequest", "platform": {"os": "linux", "architecture": "amd64"}},
        created=now,
        run_type="AutoBuild",
        task=ODD if number % 2 else EVEN,
        started=now,
        outputs=outputs,
    ).ended(STATES[number % len(STATES)], now + timedelta(seconds=1))
    await run_rows.add(world, run)
    await run_rows.point(world, run)
    return identifier


@pytest.fixture(scope="module")
async def stored(live: Live, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Ids of the runs, oldest first."""
    storage = Storage.connect({"AzureWebJobsStorage": live.stack.azurite.connection_string})
    world = world_on(storage, live, tmp_path_factory.mktemp("listing"))
    try:
        return [await put_run(world, number) for number in range(COUNT)]
    finally:
        await storage.close()


def world_on(storage: Storage, live: Live, directory: Path) -> World:
    settings = load(
        {
            "AzureWebJobsStorage": live.stack.azurite.connection_string,
            "BASELIFT_LOGIN_SERVER": live.host,
            "BASELIFT_SECRET_KEY": (live.directory / "secret.key").read_text(),
            "BASELIFT_WEBHOOK_SECRET": live.webhook_secret,
            "BASELIFT_STATE": str(directory),
        }
    )
    return wiring.build(settings, storage)


def listed(live: Live, **query: Any) -> list[str]:
    return [run.name for run in live.client.runs.list(*WHERE, **query)]


def test_top_gives_that_many_of_the_newest_and_no_link(live, stored):
    newest = stored[::-1]
    for top in (1, 15, 150):
        assert listed(live, top=top) == newest[:top]
    answer = live.ask("GET", "runs?$top=3").json
    assert set(answer) == {"value"}
    assert [run["name"] for run in answer["value"]] == newest[:3]


def test_without_top_every_run_comes_page_by_page_newest_first(live, stored):
    pages = list(live.client.runs.list(*WHERE).by_page())
    sizes = [[run.name for run in page] for page in pages]
    names = [name for page in sizes for name in page]
    assert names[:COUNT] == stored[::-1]
    assert len(names) == len(set(names))
    assert [len(page) for page in sizes[:-1]] == [PAGE] * (len(sizes) - 1)
    assert len(sizes) >= 3


def test_the_link_to_the_next_page_is_absolute_and_keeps_the_filter(live, stored):
    answer = live.ask("GET", f"runs?$filter=TaskName%20eq%20'{ODD}'").json
    link = answer["nextLink"]
    assert link.startswith(f"{live.url}/subscriptions/")
    second = live.send("GET", link.removeprefix(live.url)).json
    assert set(second) == {"value"}
    names = [run["name"] for run in answer["value"] + second["value"]]
    assert names == stored[1::2][::-1]


def test_a_link_is_not_good_for_another_filter(live, stored):
    token = live.ask("GET", "runs").json["nextLink"].partition("skiptoken=")[2].partition("&")[0]
    for path in (f"runs?$skiptoken={token}&$filter=Status%20eq%20'Failed'", "runs?$skiptoken=nonsense"):
        answer = live.ask("GET", path)
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert answer.json["error"]["target"] == "$skiptoken"


@pytest.mark.parametrize(("task", "first"), [(EVEN, 0), (ODD, 1), (ODD.upper(), 1)])
def test_runs_of_a_task(live, stored, task, first):
    assert listed(live, filter=f"TaskName eq '{task}'") == stored[first::2][::-1]


def test_runs_in_a_state_of_a_task(live, stored):
    wanted = [name for number, name in enumerate(stored) if number % 2 == 0 and number % len(STATES) == 1]
    assert listed(live, filter=f"TaskName eq '{EVEN}' and Status eq 'Failed'", top=1000) == wanted[::-1]
    assert listed(live, filter=f"TaskName eq '{EVEN}' and Status eq 'Failed'", top=2) == wanted[::-1][:2]


def test_runs_that_made_an_image(live, stored):
    assert listed(live, filter=f"contains(OutputImageManifests, 'image7@{DIGEST}')") == [stored[7]]


def test_a_task_without_runs_has_an_empty_list(live):
    assert listed(live, filter="TaskName eq 'never-run'") == []
    assert live.ask("GET", "runs?$filter=TaskName%20eq%20'never-run'").json == {"value": []}


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("$top=0", "$top"),
        ("$top=-1", "$top"),
        ("$top=1001", "$top"),
        ("$top=ten", "$top"),
        ("$top=%D9%A3", "$top"),
        ("$filter=Status", "$filter"),
        ("$filter=Status%20eq", "$filter"),
        ("$filter=Status%20eq%20'Sleeping'", "$filter"),
        ("$filter=Nonsense%20eq%20'x'", "$filter"),
        ("$filter='", "$filter"),
        ("$filter=%00", "$filter"),
        ("$filter=CreateTime%20gt%20yesterday", "$filter"),
        (f"$filter={'(' * 50}", "$filter"),
        (f"$filter={'a' * 5000}", "$filter"),
        ("$filter=TaskName%20eq%20'a'%3Bdrop%20table", "$filter"),
    ],
)
def test_a_query_that_means_nothing_is_refused_with_its_parameter(live, query, target):
    answer = live.ask("GET", f"runs?{query}")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.json["error"]["target"] == target


def test_the_sdk_shows_a_refused_filter_as_its_error(live):
    with pytest.raises(HttpResponseError) as refused:
        listed(live, filter="Status eq Sleeping")
    assert refused.value.error.target == "$filter"
    assert "Succeeded" in refused.value.error.message
