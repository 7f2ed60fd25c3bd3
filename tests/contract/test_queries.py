"""Queries: ranges, order and pages."""

import base64
import itertools

import pytest
from azure.core.exceptions import HttpResponseError

from baselift.app.ports import Row, Write
from baselift.azure.storage import Storage

from .reading import all_of

KEYS = [
    "",
    "a",
    "a b",
    "a#",
    "a%",
    "a'",
    "a.",
    "a.b",
    "a.~",
    "a.ü",
    "a/",
    "a/b",
    "a0",
    "a?",
    "a\\",
    "a}",
    "a~",
    "aß",
    "b",
]


@pytest.fixture
async def table(store, name):
    await store.tables.batch(name, [Write("insert", Row("p", key, {"n": 1})) for key in reversed(KEYS)])
    for partition in ("o", "p/", "p0", "q|1", "q|2", "q}"):
        await store.tables.insert(name, Row(partition, "a", {"n": 2}))
    return name


async def test_rows_come_in_key_order(store, table):
    rows = await all_of(store.tables.query(table))
    assert [(row.partition, row.key) for row in rows] == sorted((row.partition, row.key) for row in rows)
    assert len(rows) == len(KEYS) + 6


async def test_a_range_of_keys_is_the_keys_between_its_ends(store, table):
    for low, high in itertools.product(KEYS, ("a/", "a~", "c")):
        rows = await all_of(store.tables.query(table, partition="p", keys=(low, high)))
        assert [row.key for row in rows] == [key for key in sorted(KEYS) if low <= key < high]


async def test_a_range_of_partitions_leaves_out_its_upper_end(store, table):
    rows = await all_of(store.tables.query(table, partitions=("q|", "q}")))
    assert [row.partition for row in rows] == ["q|1", "q|2"]
    rows = await all_of(store.tables.query(table, partitions=("p", "p0"), keys=("a", "a\x20")))
    assert [(row.partition, row.key) for row in rows] == [("p", "a"), ("p/", "a")]


@pytest.mark.parametrize("ahead", [1, 7, 19, 5000])
async def test_a_reader_gets_all_rows_whatever_it_said_it_would_take(store, table, ahead):
    rows = await all_of(store.tables.query(table, partition="p", ahead=ahead))
    assert [row.key for row in rows] == sorted(KEYS)


async def test_a_reader_of_some_properties_gets_no_others(store, name):
    given = Row("p/1", "a#", {"x": "1", "y": 2, "z": True})
    await store.tables.batch(name, [Write("insert", given), Write("insert", Row("p/1", "b", {"z": False}))])
    rows = await all_of(store.tables.query(name, partition="p/1", only=["z", "x", "none"]))
    assert [(row.partition, row.key, dict(row.values)) for row in rows] == [
        ("p/1", "a#", {"x": "1", "z": True}),
        ("p/1", "b", {"z": False}),
    ]
    assert [row.etag for row in rows] == [row.etag for row in await all_of(store.tables.query(name, partition="p/1"))]


async def test_an_empty_range_has_no_rows(store, table):
    assert await all_of(store.tables.query(table, partition="p", keys=("b", "a"))) == []
    assert await all_of(store.tables.query(table, partitions=("x", "y"))) == []
    assert await all_of(store.tables.query(table, partition="nobody")) == []


async def test_a_query_takes_a_partition_or_a_range(store, table):
    with pytest.raises(ValueError, match="one of them"):
        await all_of(store.tables.query(table, partition="p", partitions=("p", "q")))


async def test_a_query_goes_on_through_all_pages(store, name):
    keys = [f"{number:05}" for number in range(1250)]
    for start in range(0, len(keys), 100):
        writes = [Write("insert", Row("p/1", key, {"n": int(key)})) for key in keys[start : start + 100]]
        await store.tables.batch(name, writes)
    rows = await all_of(store.tables.query(name, partition="p/1"))
    assert [row.key for row in rows] == keys
    assert all(row.etag and row.values["n"] == int(row.key) for row in rows)
    some = await all_of(store.tables.query(name, partitions=("p/", "p0"), keys=("00050", "01200")))
    assert [row.key for row in some] == keys[50:1200]


async def test_a_row_that_was_queried_can_be_replaced(store, table):
    (row,) = await all_of(store.tables.query(table, partition="o"))
    await store.tables.replace(table, Row("o", "a", {"n": 9}, row.etag))
    assert (await store.tables.get(table, "o", "a")).values == {"n": 9}


async def test_a_reader_may_stop_and_write_while_it_reads(store, table):
    rows = store.tables.query(table, partition="p")
    first = await anext(rows)
    await store.tables.delete(table, first.partition, first.key, first.etag)
    await rows.aclose()
    assert await store.tables.get(table, first.partition, first.key) is None


async def test_a_wrong_key_is_an_error_and_no_empty_table(azurite, storage, name):
    await storage.tables.insert(name, Row("p", "k", {"n": 1}))
    wrong = azurite.connection().replace(azurite.key, base64.b64encode(b"another" * 9).decode())
    stranger = Storage.connect({"AzureWebJobsStorage": wrong})
    with pytest.raises(HttpResponseError, match=r"403|AuthorizationFailure|Forbidden"):
        await stranger.tables.get(name, "p", "k")
    with pytest.raises(HttpResponseError):
        await all_of(stranger.tables.query(name))
    await stranger.close()
