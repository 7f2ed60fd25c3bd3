"""Every page in every state, light, dark and at a phone's width: for everyone to use, and for a person to look at.

The pictures go to the directory that BASELIFT_PICTURES names, else to pytest's own.
"""

import asyncio
import hashlib
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from browser.visitor import LAPTOP, PHONE, Scheme, visitor
from live_app import API_VERSION, BLOB_VERSION, REGISTRY_ID, Live, live_app
from parts.gallery import FAILING, NEW, SLOW, SYSTEM, Gallery
from playwright.sync_api import Browser

from baselift import settings, wiring
from baselift.app import base_rows, edges, task_names, task_rows
from baselift.app.task_rows import Edges, StoredTask
from baselift.app.world import World
from baselift.azure.storage import Storage
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor

pytestmark = pytest.mark.campaign
LOOKS: dict[str, tuple[tuple[int, int], Scheme]] = {
    "light": (LAPTOP, "light"),
    "dark": (LAPTOP, "dark"),
    "phone": (PHONE, "light"),
}
EMPTY = ("", "/graph", "/waves", "/tasks", "/runs", "/tasks?q=absent", "/runs?status=failed")
ABSENT = ("/tasks/absent", "/runs/ca1", "/waves/absent")
NODES, SEED = 300, 20260228
LARGE = "large.localhost:1"
LONG = 100 << 20
BLOCK = 4 << 20


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("BASELIFT_PICTURES")
    directory = Path(given) if given else tmp_path_factory.mktemp("pictures")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An app with nothing in it, until tests further down put something there."""
    with live_app(tmp_path_factory.mktemp("empty") / "state") as parts:
        yield parts


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Gallery, str]]:
    """A family of images whose base moved: one run is under way, one failed."""
    with live_app(tmp_path_factory.mktemp("full") / "state") as parts:
        gallery = Gallery(parts.stack)
        gallery.build()
        gallery.base(SYSTEM, NEW)
        gallery.until("it runs", lambda: _in(gallery, SLOW, "Running"))
        failed = gallery.until("it failed", lambda: _in(gallery, FAILING, "Failed"))
        yield parts, gallery, str(failed)


def _in(gallery: Gallery, task: str, status: str) -> str | None:
    run = gallery.moved(task)
    return run if run and gallery.status(run) == status else None


def see(chrome: Browser, live: Live, page: str, look: str, name: str, pictures: Path, *, found: bool = True) -> None:
    size, scheme = LOOKS[look]
    with visitor(chrome, live.url, size, scheme) as visit:
        answer = visit.page.goto(f"{live.url}{page}")
        assert answer is not None
        assert (answer.status == 200) is found, page
        if not found:
            visit.problems.clear()  # Chromium itself says of a 404 that it is one
        visit.check()
        visit.page.screenshot(path=pictures / f"{name}-{look}.png")


@pytest.mark.parametrize("look", LOOKS)
def test_pages_with_nothing_on_them(chrome, plain, pictures, look):
    for number, page in enumerate((*EMPTY, *ABSENT)):
        see(chrome, plain, f"/ui/baselift{page}", look, f"empty-{number}", pictures, found=page in EMPTY)


async def _large(live: Live) -> None:
    """Three hundred tasks in layers, as scans would have recorded them."""
    given = {
        "AzureWebJobsStorage": live.stack.azurite.connection_string,
        "BASELIFT_LOGIN_SERVER": live.host,
        "BASELIFT_SECRET_KEY": "A" * 43 + "=",
        "BASELIFT_WEBHOOK_SECRET": "unused",
    }
    storage, chance = Storage.connect(given), random.Random(SEED)
    world = wiring.build(settings.load(given), storage)
    try:
        for number in range(NODES):
            below = [chance.randrange(number) for _ in range(chance.randint(1, 2))] if number > 8 else []
            await _add(world, number, sorted(set(below)))
    finally:
        await storage.close()


async def _add(world: World, number: int, bases: list[int]) -> None:
    name, step = f"service-{number:03d}", {"type": "Docker", "imageNames": [f"team{number % 7}/service{number}:live"]}
    base = {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}
    document = {"name": name, "properties": {"status": "Enabled", "step": step, "trigger": {"baseImageTrigger": base}}}
    await task_names.add(world, "large", name)
    uses = tuple(_use(f"team{base % 7}/service{base}", "live") for base in bases) or (_use("os/base", "1"),)
    await task_rows.insert(world, StoredTask("large", name, document, Edges(uses, "2026-01-01T00:00:00+00:00"), 1, ""))
    for use in uses:
        await base_rows.watch(world, edges.reference(use.image), use.image.digest or "")


def _use(repository: str, tag: str) -> BaseUse:
    digest = "sha256:" + hashlib.sha256(repository.encode()).hexdigest()
    image = Reference(LARGE, repository, tag)
    return BaseUse("Runtime", ImageDescriptor(image.registry, image.repository, tag, digest), 1)


@pytest.fixture(scope="module")
def large(plain: Live) -> str:
    """The name of a registry of three hundred images."""
    registered = {"location": "local", "properties": {"loginServer": LARGE}}
    where = plain.send("PUT", _registry("large"), registered)
    assert where.status in (200, 201), where.content
    with ThreadPoolExecutor(1) as other:  # this thread has the browser's event loop
        other.submit(lambda: asyncio.run(_large(plain))).result()
    return "large"


def _registry(name: str) -> str:
    return f"{REGISTRY_ID.rpartition('/')[0]}/{name}?api-version={API_VERSION}"


@pytest.mark.parametrize("look", LOOKS)
def test_a_graph_of_three_hundred_images(chrome, plain, large, pictures, look):
    see(chrome, plain, f"/ui/{large}/graph", look, "large-graph", pictures)
    see(chrome, plain, "/ui/large/graph?focus=service-150", look, "large-around", pictures)
    see(chrome, plain, "/ui/large/tasks", look, "large-tasks", pictures)
    see(chrome, plain, "/ui", look, "registries", pictures)


@pytest.mark.parametrize("look", LOOKS)
def test_a_log_of_a_hundred_megabytes(chrome, plain, long, pictures, look):
    see(chrome, plain, f"/ui/baselift/runs/{long}", look, "long-log", pictures)
    see(chrome, plain, f"/ui/baselift/runs/{long}?from=0", look, "long-log-begin", pictures)
    see(chrome, plain, f"/ui/baselift/runs/{long}?q=line+0009999", look, "long-log-search", pictures)


@pytest.fixture(scope="module")
def long(plain: Live) -> str:
    """A run with a log of a hundred megabytes."""
    run = plain.ended(plain.build({"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}))
    plain.log(run.name)  # when it is there it is complete, and nobody's any more
    _lengthen(plain, run.name)
    return str(run.name)


def _lengthen(live: Live, run: str) -> None:
    """Write a hundred megabytes behind a run's log."""
    text = b"".join(b"\x1b[32mline\x1b[0m %07d of a very long log\r\n" % number for number in range(BLOCK // 50))
    storage = BlobServiceClient.from_connection_string(live.stack.azurite.connection_string, api_version=BLOB_VERSION)
    with storage, live.log_blob(run) as link:
        blob = storage.get_blob_client(link.container_name, link.blob_name)
        for _ in range(-(-LONG // len(text))):
            blob.append_block(text)


@pytest.mark.parametrize("look", LOOKS)
def test_pages_while_things_run_and_fail(chrome, full, pictures, look):
    live, gallery, failed = full
    running = gallery.moved(SLOW)
    for name, page in {
        "overview": "",
        "graph": "/graph",
        "around": f"/graph?focus={SLOW}&moves={SYSTEM}",
        "waves": "/waves",
        "wave": f"/waves/{gallery.wave()}",
        "tasks": "/tasks",
        "task-failing": f"/tasks/{FAILING}",
        "task-timer": "/tasks/nightly-report",
        "task-untracked": "/tasks/ledger",
        "runs": "/runs",
        "run-failed": f"/runs/{failed}",
        "run-running": f"/runs/{running}",
        "search": f"/runs/{failed}?q=exit",
    }.items():
        see(chrome, live, f"/ui/baselift{page}", look, f"busy-{name}", pictures)
