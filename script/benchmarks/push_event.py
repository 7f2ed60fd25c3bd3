"""From the push of a base image to the run it causes."""

import time

from benchmarks.images import Tag
from benchmarks.measure import alternate, timed
from benchmarks.report import Aim, Figure
from benchmarks.site import BASE, TAG, Site

MOVEMENTS = 30
AIM = Aim(p95=1000)
FLOOR = "HEAD of the tag, 5 reads and 5 writes of rows, one after the other, by the bare SDKs"


async def push_event(site: Site) -> list[Figure]:
    """From the answer to PUT of a manifest under the tag, to the run's row being readable; one dependent."""
    tag = Tag(site.session, f"{site.stack.registry.url}/v2/{BASE}", TAG)
    manifests = await two_versions(site, tag)
    floor = await _floor(site, tag)

    async def moved(number: int) -> float:
        await site.quiet()
        seq = await site.next_run()
        await tag.move(manifests[number % 2])
        begun = time.perf_counter()
        await site.until_readable(seq)
        taken = (time.perf_counter() - begun) * 1000
        await site.quiet()
        return taken

    samples, bare = await alternate(MOVEMENTS, moved, floor.sample)
    return [Figure("push event → run queued", samples, bare, FLOOR, AIM)]


async def two_versions(site: Site, tag: Tag) -> list[bytes]:
    """The manifests of two versions of the base image, in its repository."""
    return [await _version(site, tag, version) for version in ("9.11.4", "9.11.5")]


async def _version(site: Site, tag: Tag, version: str) -> bytes:
    file = site.sample / "Dockerfile-base"
    file.write_text(f"FROM scratch\nCOPY busybox /bin/sh\nENV NODE_VERSION={version}\n")
    site.push_base(site.sample, f"{site.host}/{BASE}:{version}")
    return await tag.manifest(version)


class _Floor:
    """The calls that one movement with one dependent needs, on copies of the app's own rows."""

    def __init__(self, site: Site, tag: Tag, rows: dict[str, dict[str, str]]) -> None:
        self._site, self._tag, self._rows = site, tag, rows

    async def sample(self, number: int) -> float:
        return await timed(lambda: self._calls(f"{number:06d}"))

    async def _calls(self, key: str) -> None:
        bare, rows = self._site.bare, self._rows
        base = await bare.read("floor", rows["bases"])
        await self._tag.digest()
        await bare.replace(base)
        await bare.rows("dependents", f"PartitionKey eq '{rows['dependents']['PartitionKey']}'")
        await bare.read("tasks", rows["tasks"])
        await bare.replace(await bare.read("floor", rows["seqs"]))
        await bare.replace(await bare.read("floor", rows["edge"]))
        await bare.upsert(rows["runs"], f"active{key}")
        await bare.insert(rows["runs"], f"run{key}")


async def _floor(site: Site, tag: Tag) -> _Floor:
    await site.api.run_task("taskhelloworld")
    await site.quiet()
    rows = {table: dict((await site.bare.rows(table, "", 1))[0]) for table in ("bases", "dependents", "tasks", "runs")}
    rows["seqs"] = dict((await site.bare.rows("seqs", "", 1))[0])
    rows["edge"] = rows["dependents"]
    for name in ("bases", "seqs", "edge"):
        rows[name] = dict(await site.bare.insert(rows[name], name))
    return _Floor(site, tag, rows)
