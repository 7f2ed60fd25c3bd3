"""A write may happen although its answer is lost: it still happens once, and is reported as done."""

import asyncio

import pytest

from baselift.app.ports import Conflict, Row, Stale, Write

from .reading import all_of


@pytest.fixture(params=[True, False], ids=["warm", "cold"])
async def lossy(request, faulty, storage, table_proxy, name):
    """A store whose next answer is lost, with one row; `warm` has an idle connection, where aiohttp retries a PUT."""
    await (faulty if request.param else storage).tables.insert(name, Row("p", "old", {"n": 1}))
    table_proxy.drop = 1
    return faulty


async def test_an_insert_whose_answer_is_lost_succeeds_once(lossy, table_proxy, name):
    etag = await lossy.tables.insert(name, Row("p", "k", {"n": 1}))
    assert table_proxy.dropped == 1
    row = await lossy.tables.get(name, "p", "k")
    assert (row.values, row.etag) == ({"n": 1}, etag)


async def test_an_insert_over_a_row_is_a_conflict_even_when_an_answer_is_lost(lossy, table_proxy, name):
    with pytest.raises(Conflict):
        await lossy.tables.insert(name, Row("p", "old", {"n": 1}))
    assert table_proxy.dropped == 1


async def test_a_replace_whose_answer_is_lost_succeeds_once(lossy, table_proxy, name):
    table_proxy.drop = 0
    row = await lossy.tables.get(name, "p", "old")
    table_proxy.drop = 1
    etag = await lossy.tables.replace(name, Row("p", "old", {"n": 2}, row.etag))
    assert table_proxy.dropped == 1
    found = await lossy.tables.get(name, "p", "old")
    assert (found.values, found.etag) == ({"n": 2}, etag)


async def test_a_replace_of_a_row_that_changed_is_stale_even_when_an_answer_is_lost(lossy, table_proxy, storage, name):
    row = await storage.tables.get(name, "p", "old")
    await storage.tables.upsert(name, Row("p", "old", {"n": 5}))
    with pytest.raises(Stale):
        await lossy.tables.replace(name, Row("p", "old", {"n": 2}, row.etag))
    assert table_proxy.dropped == 1
    assert (await storage.tables.get(name, "p", "old")).values == {"n": 5}


async def test_increments_are_exact_though_answers_are_lost(lossy, table_proxy, name):
    for number in range(1, 9):
        row = await lossy.tables.get(name, "p", "old")
        table_proxy.drop = number % 2
        await lossy.tables.replace(name, Row("p", "old", {"n": row.values["n"] + 1}, row.etag))
    assert (await lossy.tables.get(name, "p", "old")).values == {"n": 9}
    assert table_proxy.dropped >= 4


@pytest.mark.parametrize("kind", ["insert", "upsert"])
async def test_a_batch_whose_answer_is_lost_succeeds_once(lossy, table_proxy, name, kind):
    etags = await lossy.tables.batch(name, [Write(kind, Row("p", key, {"n": 2})) for key in ("a", "b", "c")])
    assert table_proxy.dropped == 1
    found = await all_of(lossy.tables.query(name))
    assert [row.key for row in found] == ["a", "b", "c", "old"]
    assert [row.etag for row in found[:3]] == list(etags)


async def test_a_batch_of_deletes_whose_answer_is_lost_succeeds(lossy, table_proxy, name):
    await lossy.tables.batch(name, [Write("delete", Row("p", "old", {}))])
    assert table_proxy.dropped == 1
    assert await all_of(lossy.tables.query(name)) == []


async def test_a_delete_whose_answer_is_lost_succeeds(lossy, table_proxy, storage, name):
    row = await storage.tables.get(name, "p", "old")
    await lossy.tables.delete(name, "p", "old", row.etag)
    assert table_proxy.dropped == 1
    assert await storage.tables.get(name, "p", "old") is None


async def test_reads_go_on_though_answers_are_lost(lossy, table_proxy, name):
    assert (await lossy.tables.get(name, "p", "old")).values == {"n": 1}
    table_proxy.drop = 1
    assert [row.key for row in await all_of(lossy.tables.query(name))] == ["old"]
    assert table_proxy.dropped == 2


@pytest.mark.parametrize("size", [3, 3 << 20])
async def test_a_block_whose_answer_is_lost_is_in_the_log_once(faulty, blob_proxy, name, size):
    await faulty.blobs.create_log(name)
    lease = await faulty.blobs.lease(name, 60)
    await faulty.blobs.append(name, b"one", lease)
    blob_proxy.drop = 1
    await faulty.blobs.append(name, b"2" * size, lease)
    await faulty.blobs.append(name, b"end", lease)
    assert blob_proxy.dropped == 1
    assert (await faulty.blobs.read_log(name))[0] == b"one" + b"2" * size + b"end"


async def test_a_lease_whose_answer_is_lost_is_held(faulty, blob_proxy, name):
    await faulty.blobs.create_log(name)
    blob_proxy.drop = 2
    lease = await faulty.blobs.lease(name, 60)
    assert blob_proxy.dropped == 2
    await faulty.blobs.append(name, b"x", lease)


async def test_a_service_that_stays_away_is_an_error_within_seconds(faulty, table_proxy, name):
    await faulty.tables.insert(name, Row("p", "k", {}))
    table_proxy.drop = 10_000
    with pytest.raises(Exception, match=r"(?i)disconnect|connection"):
        await asyncio.wait_for(faulty.tables.upsert(name, Row("p", "k", {})), 15)
    table_proxy.drop = 0
    await faulty.tables.upsert(name, Row("p", "k", {"n": 1}))
