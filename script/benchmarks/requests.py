"""Requests through the host against the storage calls they need."""

from benchmarks.measure import alternate, timed
from benchmarks.report import Aim, Figure
from benchmarks.site import TASK, Site

TIMES = 50
RUNS = 15
AIM = Aim(ratio=3)
FAILING = "tasknosource"


async def http(site: Site) -> list[Figure]:
    """GET of a task, a list of 15 runs, and scheduleRun."""
    # Its runs end at once: what is measured is the asking.
    await site.api.put_task(FAILING, site.git.address("nothing"), {})
    await site.quiet()
    for _ in range(RUNS):
        await site.api.run_task(FAILING)
    await site.quiet()
    return [await _task(site), await _list(site), await _schedule(site)]


async def _task(site: Site) -> Figure:
    [row] = await site.bare.rows("tasks", f"RowKey eq '{TASK}'")
    samples, floor = await alternate(
        TIMES,
        lambda _: timed(lambda: site.api.call("GET", f"tasks/{TASK}")),
        lambda _: timed(lambda: site.bare.read("tasks", row)),
    )
    return Figure("GET task", samples, floor, "one read of a row", AIM)


async def _list(site: Site) -> Figure:
    [row] = await site.bare.rows("runs", "", 1)
    span = f"PartitionKey ge '{row['PartitionKey'].partition('|')[0]}|' and PartitionKey lt 'baselift}}'"
    samples, floor = await alternate(
        TIMES,
        lambda _: timed(lambda: site.api.call("GET", "runs", **{"$top": str(RUNS)})),
        lambda _: timed(lambda: site.bare.rows("runs", span, RUNS)),
    )
    return Figure(f"GET runs, top {RUNS}", samples, floor, f"one query of {RUNS} rows", AIM)


async def _schedule(site: Site) -> Figure:
    rows = {table: dict((await site.bare.rows(table, "", 1))[0]) for table in ("tasks", "keys", "seqs", "runs")}
    counter = dict(await site.bare.insert(rows["seqs"], "schedule"))

    async def asked(_: int) -> float:
        taken = await timed(lambda: site.api.run_task(FAILING))
        await site.quiet()
        return taken

    async def calls(key: str) -> None:
        await site.bare.read("tasks", rows["tasks"])
        await site.bare.replace(await site.bare.read("floor", counter))
        await site.bare.insert(rows["keys"], f"key{key}")
        await site.bare.upsert(rows["runs"], f"activated{key}")
        await site.bare.insert(rows["runs"], f"asked{key}")
        await site.bare.upsert(rows["runs"], f"pointed{key}")
        await site.bare.create_log(key)
        await site.bare.send(f"baselift {key}")

    samples, floor = await alternate(TIMES, asked, lambda number: timed(lambda: calls(f"{number:06d}")))
    floor_is = "2 reads and 5 writes of rows, an append blob, a message, one after the other, by the bare SDKs"
    return Figure("POST scheduleRun", samples, floor, floor_is, AIM)
