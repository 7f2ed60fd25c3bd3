"""Tags of older runs are deleted where somebody asked for it: these and no others, whatever happens meanwhile."""

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from app.crashing import Process, until_death
from app.quick import Quick
from app.site import HOSTS, REGISTRY, SCOPE, Site
from parts.registry import Registry

from baselift.app import base_rows, run_rows, task_rows
from baselift.app.archive_run import archive_run
from baselift.app.change_task import change_task, delete_task
from baselift.app.numbers import SEQS
from baselift.app.owntags import expire, remove, rows
from baselift.app.owntags.expire import expire_tags
from baselift.app.owntags.keep import TagKeeping, keep_tags, tag_keeping
from baselift.app.ports import Row
from baselift.app.registrations import Registration, Registrations
from baselift.app.retention import expire as expire_runs
from baselift.app.world import NotFound, World
from baselift.arm import tasks
from baselift.domain.builds import Image
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status, run_id
from baselift.domain.staleness import Dependent
from baselift.registry.client import Registries
from baselift.registry.retry import Retry

TASK = "taskhello"
HOUR, DAY = 3600, 24 * 3600
EVERY = 8
"""A test kills at every so many calls; the two of them at different ones."""
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Kept:
    """A task whose runs are over, and a real registry that has what they pushed."""

    def __init__(self, directory: Path, host: str, registries: Registries) -> None:
        self.quick, self.host, self.registries = Quick(directory), host, registries
        self.clock, self.store = self.quick.clock, self.quick.store
        world = self.quick.world
        registered = Registrations(self.store, [Registration(REGISTRY, "local", host)], world.unseal, self.clock)
        self.world = replace(world, registries=registries, registrations=registered)
        self.repository = Reference(host, f"kept/{secrets.token_hex(4)}")
        self.last = 0

    async def expire_runs(self) -> None:
        """What deletes old runs; it goes by the numbers that were given."""
        await self.store.upsert(SEQS, Row(REGISTRY, "seq", {"next": self.last + 1}))
        await expire_runs(self.world)

    async def put_task(self, name: str = TASK, **properties: Any) -> None:
        def change(old: dict[str, Any] | None) -> dict[str, Any]:
            step = {"type": "Docker", "imageNames": ["a:{{.Run.ID}}"], "dockerFilePath": "Dockerfile"}
            body = {
                "location": "local",
                "properties": {"platform": {"os": "linux"}, "step": step | {"contextPath": "https://git.example/a.git"}}
                | properties,
            }
            return tasks.create(body, old, scope=SCOPE, name=name, now=self.clock().isoformat(), ids=lambda: "id")

        await change_task(self.world, REGISTRY, name, change)

    async def push(self, *tags: str, content: str = "") -> str:
        """Push an image under tags; the same content is the same image."""
        text = content or secrets.token_hex(8)
        config = {"architecture": "amd64", "os": "linux", "comment": text, "rootfs": {"type": "layers", "diff_ids": []}}
        digest = await self.registries.publish(Image(json.dumps(config).encode(), (), {}), self.repository, None)
        for tag in tags:
            await self.registries.tag(self.repository.at(digest), tag)
        return digest

    async def run(
        self, content: str = "", *, status: Status = Status.SUCCEEDED, task: str = TASK, **changes: Any
    ) -> Run:
        """A run that pushed one image under its id and under `latest`."""
        self.last += 1
        name = run_id("cb", self.last)
        digest = await self.push(name, "latest", content=content)
        repository = (self.repository.registry, self.repository.repository)
        outputs = tuple(ImageDescriptor(*repository, tag, digest) for tag in (name, "latest"))
        now = self.clock()
        made = Run(REGISTRY, self.last, name, Cause("request", name), {}, now, "AutoBuild", status=status, task=task)
        own = (str(self.image(name)),)
        made = replace(made, outputs=outputs, own_tags=own, finished=now if status.final else None, **changes)
        await run_rows.point(self.world, made)
        await run_rows.add(self.world, made)
        found = await task_rows.get(self.world, REGISTRY, task)
        if found is not None and found.keep:
            await rows.record(self.world, made)
        return made

    def image(self, tag: str) -> Reference:
        return replace(self.repository, tag=tag)

    async def tags(self) -> list[str]:
        found = await self.registries.standing(self.repository, 100)
        assert found is not None
        return sorted(tag for tag, digests in found.items() if digests)

    async def keep(self, runs: int) -> None:
        await keep_tags(self.world, REGISTRY, TASK, runs)

    async def later(self, seconds: float = 9 * HOUR, rounds: int = 3) -> TagKeeping:
        self.clock.turn(seconds)
        for _ in range(rounds):
            await expire_tags(self.world)
        return await tag_keeping(self.world, REGISTRY, TASK)

    async def why(self, run: Run) -> str:
        found = await tag_keeping(self.world, REGISTRY, TASK)
        return next((left.why for left in found.left if left.image == str(self.image(run.id))), "")


@pytest.fixture
async def kept(tmp_path: Path, registry: Registry, registries: Registries) -> Kept:
    made = Kept(tmp_path, registry.host, registries)
    await made.put_task()
    return made


async def test_tags_of_the_newest_runs_stay_and_those_of_older_ones_go(kept: Kept):
    for _ in range(4):
        await kept.run()
    await kept.push("cb1-by-hand", "v1")
    assert (await kept.later()).keep is None
    assert len(await kept.tags()) == 7
    await kept.keep(2)
    found = await kept.later(0)
    assert (found.keep, found.problem, found.left) == (2, "", [])
    assert await kept.tags() == ["cb1-by-hand", "cb3", "cb4", "latest", "v1"]
    await kept.run()
    await kept.later(7 * HOUR)
    assert await kept.tags() == ["cb1-by-hand", "cb3", "cb4", "cb5", "latest", "v1"]
    await kept.later(HOUR)
    assert await kept.tags() == ["cb1-by-hand", "cb4", "cb5", "latest", "v1"]
    assert len(await kept.quick.rows(rows.TAGS)) == 2


async def test_only_what_a_run_of_this_task_pushed_that_succeeded_goes(kept: Kept):
    await kept.put_task("other")
    await kept.run(task="other")
    await kept.run(status=Status.FAILED)
    await kept.run()
    await kept.run()
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["cb1", "cb2", "cb4", "latest"]


async def test_an_image_that_another_tag_names_stays_until_none_does(kept: Kept):
    first = await kept.run(content="same")
    await kept.run(content="same")
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["cb1", "cb2", "latest"]
    assert "tag 'cb2', which stays, needs the same image" in await kept.why(first)
    await kept.push("latest")
    await kept.run()
    await kept.push("latest")
    await kept.later(DAY)
    assert await kept.tags() == ["cb3", "latest"]


async def test_an_image_that_an_index_of_another_tag_needs_stays(kept: Kept):
    first = await kept.run()
    await kept.run()
    entries = [{"mediaType": MANIFEST, "digest": first.outputs[0].digest, "size": 1}]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    url = f"http://{kept.host}/v2/{kept.repository.repository}/manifests/all"
    async with ClientSession() as session, session.put(url, json=document, headers={"Content-Type": INDEX}) as answer:
        assert answer.status == 201
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["all", "cb1", "cb2", "latest"]
    assert "tag 'all'" in await kept.why(first)


async def test_a_tag_that_somebody_moved_is_left_for_good(kept: Kept):
    first = await kept.run()
    await kept.run()
    other = await kept.push(first.id)
    await kept.keep(1)
    await kept.later()
    assert f"somebody moved it to {other}" in await kept.why(first)
    await kept.registries.tag(kept.repository.at(str(first.outputs[0].digest)), first.id)
    await kept.later(3 * DAY)
    await kept.keep(1)
    await kept.later(3 * DAY)
    assert await kept.tags() == ["cb1", "cb2", "latest"]
    # It is forgotten once its run is, which might tell of it anew.
    await kept.later(40 * DAY)
    assert len(await kept.quick.rows(rows.TAGS)) == 1
    await kept.expire_runs()
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["cb1", "cb2", "latest"]


async def test_what_is_kept_for_a_reason_stays_as_long_as_there_is_one(kept: Kept):
    archived, used = await kept.run(), await kept.run()
    await kept.run()
    await archive_run(kept.world, REGISTRY, archived.id, archived=True)
    image = kept.image(used.id)
    await base_rows.add_dependent(kept.world, image, Dependent(REGISTRY, "child", "Runtime", "sha256:0", 1))
    await kept.keep(1)
    await kept.later()
    assert await kept.why(archived) == "run cb1 is archived"
    assert await kept.why(used) == "task 'child' is built on it"
    assert await kept.tags() == ["cb1", "cb2", "cb3", "latest"]
    await archive_run(kept.world, REGISTRY, archived.id, archived=False)
    await base_rows.remove_dependent(kept.world, image, REGISTRY, "child")
    await kept.later(DAY)
    assert await kept.tags() == ["cb3", "latest"]


async def test_no_image_goes_while_a_run_of_the_task_may_push_it_again(kept: Kept):
    await kept.run()
    await kept.run()
    going = await kept.run(status=Status.RUNNING)
    await kept.keep(1)
    await kept.later()
    assert len(await kept.tags()) == 4
    stored = await run_rows.get(kept.world, REGISTRY, going.id)
    assert stored is not None
    await run_rows.save(kept.world, stored, stored.run.ended(Status.FAILED, kept.clock()))
    await kept.later()
    assert await kept.tags() == ["cb2", "cb3", "latest"]


async def test_no_image_goes_when_a_run_began_while_the_tags_were_looked_at(kept: Kept):
    await kept.run(content="same")
    await kept.run()

    class Meanwhile:
        """Another run builds the first one's image again."""

        def __getattr__(self, name: str) -> Any:
            return getattr(kept.registries, name)

        async def standing(self, *given: Any) -> Any:
            found = await kept.registries.standing(*given)
            await kept.run(content="same")
            return found

    await kept.keep(1)
    world, kept.world = kept.world, replace(kept.world, registries=Meanwhile())
    await kept.later(rounds=1)
    kept.world = world
    assert await kept.tags() == ["cb1", "cb2", "cb3", "latest"]


async def test_tags_are_remembered_longer_than_runs(kept: Kept):
    await kept.keep(2)
    for _ in range(3):
        await kept.run()
    kept.clock.turn(40 * DAY)
    await kept.expire_runs()
    assert await kept.quick.rows(run_rows.RUNS) == []
    await kept.later()
    assert await kept.tags() == ["cb2", "cb3", "latest"]
    await kept.run()
    await kept.later()
    assert await kept.tags() == ["cb3", "cb4", "latest"]


async def test_a_change_of_the_resource_keeps_it_and_the_end_of_the_task_ends_it(kept: Kept):
    await kept.keep(1)
    await kept.put_task(timeout=600)
    assert (await tag_keeping(kept.world, REGISTRY, TASK)).keep == 1
    await kept.run()
    await kept.run()
    await delete_task(kept.world, REGISTRY, TASK)
    with pytest.raises(NotFound):
        await kept.later()
    assert await kept.quick.rows(rows.TAGS) == await kept.quick.rows(rows.KEEPERS) == []
    await kept.put_task()
    assert (await kept.later()).keep is None
    assert await kept.tags() == ["cb1", "cb2", "latest"]


async def test_off_forgets_and_who_asks_anew_at_that_moment_is_heard(kept: Kept):
    await kept.keep(1)
    await kept.run()
    await kept.keep(0)
    await rows.arrange(kept.world, REGISTRY, TASK)
    await expire_tags(kept.world)
    assert len(await kept.quick.rows(rows.KEEPERS)) == 1
    assert await kept.later() == TagKeeping(None)
    assert await kept.quick.rows(rows.TAGS) == await kept.quick.rows(rows.KEEPERS) == []


async def test_a_round_is_bounded_and_the_next_ones_come_to_the_end(kept: Kept, monkeypatch):
    monkeypatch.setattr(expire, "RUNS", 3)
    monkeypatch.setattr(remove, "IMAGES", 2)
    for _ in range(8):
        await kept.run()
    await kept.keep(1)
    kept.clock.turn(9 * HOUR)
    left = []
    for _ in range(6):
        await expire_tags(kept.world)
        left.append(len(await kept.tags()))
    assert left == [7, 5, 3, 2, 2, 2]
    counted = Process()
    await expire_tags(counted.world(kept.world))
    assert counted.calls == []


async def test_too_many_tags_to_look_at_are_a_reason_to_leave_them(kept: Kept, monkeypatch):
    monkeypatch.setattr(remove, "MOST", 2)
    first = await kept.run()
    await kept.run()
    await kept.keep(1)
    await kept.later()
    assert "more than 2 to look at" in await kept.why(first)
    assert len(await kept.tags()) == 3


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_dies_leaves_nothing_behind_and_takes_nothing_more(
    tmp_path: Path, registry: Registry, registries: Registries, after: bool
):
    async def fresh() -> Kept:
        kept = Kept(tmp_path, registry.host, registries)
        await kept.put_task()
        for _ in range(3):
            await kept.run()
        await kept.push("v1")
        await kept.keep(1)
        kept.clock.turn(9 * HOUR)
        return kept

    whole = Process()
    assert await until_death(expire_tags(whole.world((await fresh()).world)))
    assert whole.calls.count("registry.delete") == 2
    for at in range(4 * after, len(whole.calls), EVERY):
        process, kept = Process(at, after), await fresh()
        assert not await until_death(expire_tags(process.world(kept.world)))
        await kept.later()
        assert await kept.tags() == ["cb3", "latest", "v1"]
        assert len(await kept.quick.rows(rows.TAGS)) == 1


async def test_two_at_once_do_no_harm(kept: Kept):
    for _ in range(6):
        await kept.run()
    await kept.keep(2)
    kept.clock.turn(9 * HOUR)
    await asyncio.gather(*(expire_tags(kept.world) for _ in range(4)))
    await kept.later()
    assert await kept.tags() == ["cb5", "cb6", "latest"]


async def test_a_registry_in_which_nothing_may_be_deleted_is_told_of_and_left_alone(
    tmp_path: Path, registries: Registries
):
    part = Registry.start(tmp_path / "registry", deletes=False)
    try:
        kept = Kept(tmp_path / "state", part.host, registries)
        await kept.put_task()
        await kept.run()
        await kept.run()
        await kept.keep(1)
        found = await kept.later(rounds=1)
        assert f"{part.host} deletes nothing: its operator has to allow it" in found.problem
        counted = Process()
        for _ in range(5):
            await expire_tags(counted.world(kept.world))
        assert counted.calls == []
        pauses = []
        for _ in range(6):
            kept.clock.turn(2 * DAY)
            await expire_tags(kept.world)
            (keeper,) = [each async for each in rows.keepers(kept.world)]
            pauses.append(round((keeper.due - kept.clock().timestamp()) / HOUR))
        assert pauses == [2, 4, 8, 16, 24, 24]
        assert len(await kept.tags()) == 3
    finally:
        part.stop()


class Untagging:
    """The registry as one that deletes single tags, and as one that is away.

    What the real one lacks is done as its next version does it: the link that a tag is goes from the store.
    """

    def __init__(self, registry: Registry, store: Path) -> None:
        self._url, self._store = registry.url, store / "data" / "docker" / "registry" / "v2" / "repositories"
        self.calls: list[str] = []
        self.away, self.answers, self.locked = False, True, ""

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.calls.append(request.method)
        repository, _, name = request.path.removeprefix("/v2/").partition("/manifests/")
        if not self.answers:
            await asyncio.sleep(5)
        if self.away:
            return web.Response(status=503)
        if request.method == "DELETE" and name == self.locked:
            return web.Response(status=403)
        if request.method == "DELETE" and not name.startswith("sha256:"):
            shutil.rmtree(self._store / repository / "_manifests" / "tags" / name)
            return web.Response(status=202)
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        body = await request.read()
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(request.method, self._url + request.path_qs, data=body, headers=headers) as got,
        ):
            given = {
                name: got.headers[name]
                for name in ("Content-Type", "Docker-Content-Digest", "Location")
                if name in got.headers
            }
            return web.Response(status=got.status, body=await got.read(), headers=given)


@asynccontextmanager
async def serving(handler: Untagging) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_registry_that_deletes_single_tags_needs_no_look_at_the_others_and_may_be_away(
    tmp_path: Path, registry: Registry, parts_directory: Path
):
    client = Registries(plain_http_hosts=HOSTS, retry=Retry(attempts=1))
    double = Untagging(registry, parts_directory / "registry")
    try:
        async with serving(double) as host:
            kept = Kept(tmp_path, host, client)
            await kept.put_task()
            for _ in range(3):
                await kept.run(content="same")
            await kept.keep(1)
            double.answers = False
            kept.world = replace(kept.world, round=timedelta(seconds=0.2))
            found = await kept.later(rounds=1)
            assert found.problem == "the registry did not answer within 0.2 s"
            kept.world = replace(kept.world, round=timedelta(seconds=30))
            double.away, double.answers = True, True
            found = await kept.later(DAY, rounds=1)
            assert "503" in found.problem
            double.away, double.calls = False, []
            await expire_tags(kept.world)
            assert double.calls == []
            found = await kept.later(2 * 60)
            assert (found.problem, found.left) == ("", [])
            assert double.calls == ["HEAD", "DELETE"] * 2
            assert await kept.tags() == ["cb3", "latest"]
    finally:
        await client.close()


FILE = """version: v1.1.0
steps:
  - build: -t $Registry/{name}/app:v-$ID -t {{{{.Run.Registry}}}}/{name}/app:latest .
  - push: [$Registry/{name}/app:v-$ID, "{{{{.Run.Registry}}}}/{name}/app:latest"]
"""


async def test_a_build_and_a_task_file_tell_which_tags_are_the_runs_own_also_when_the_builder_dies(site: Site):
    await site.put_task("built", imageNames=[f"{site.name}/app:{{{{.Run.ID}}}}", f"{site.name}/app:cb1"])
    site.write_app(**{"acb.yaml": FILE.format(name=site.name)})
    step = {"type": "FileTask", "taskFilePath": "acb.yaml", "imageNames": None, "dockerFilePath": None}
    await site.put_task("filed", **step)
    for name in ("built", "filed"):
        await keep_tags(site.world, REGISTRY, name, 1)
        await site.ask(name)
    process = Process()

    async def die_instead(world: World, _: Run) -> None:
        process.dead = True
        await world.tables.get("any", "any", "any")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baselift.app.end_run.own_tags.record", die_instead)
        assert not await until_death(site.drain(process.world(site.world)))
    assert Status.SUCCEEDED in [run.status for run in await site.runs()]
    assert [row async for row in site.store.query(rows.TAGS)] == []
    await site.settle()
    filed, built = await site.runs()
    assert [filed.status, built.status] == [Status.SUCCEEDED] * 2, (filed.error, built.error)
    assert built.own_tags == (f"{site.registry.host}/{site.name}/app:{built.id}",)
    assert filed.own_tags == (f"{site.registry.host}/{site.name}/app:v-{filed.id}",)
    found = {row.values["image"] async for row in site.store.query(rows.TAGS)}
    assert found == {*built.own_tags, *filed.own_tags}


async def test_one_tag_that_the_registry_does_not_give_away_keeps_no_other(
    tmp_path: Path, registry: Registry, parts_directory: Path, registries: Registries
):
    double = Untagging(registry, parts_directory / "registry")
    double.locked = "cb1"
    async with serving(double) as host:
        kept = Kept(tmp_path, host, registries)
        await kept.put_task()
        runs = [await kept.run() for _ in range(4)]
        await kept.keep(1)
        found = await kept.later(rounds=1)
        assert "403" in found.problem
        assert "403" in await kept.why(runs[0])
        assert await kept.tags() == ["cb1", "cb4", "latest"]
        double.locked = ""
        assert (await kept.later()).problem == ""
        assert await kept.tags() == ["cb4", "latest"]
