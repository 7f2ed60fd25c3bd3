"""Batches: all or nothing, within Azure's rules."""

import pytest

from baselift.app.ports import Conflict, Row, Stale, Write

from .reading import all_of


def inserts(keys, values=None):
    return [Write("insert", Row("p", key, values or {"n": 1})) for key in keys]


async def test_a_batch_does_every_kind_of_write(store, name):
    await store.tables.batch(name, inserts(["a", "b", "c", "d"]))
    a, b = await store.tables.get(name, "p", "a"), await store.tables.get(name, "p", "b")
    etags = await store.tables.batch(
        name,
        [
            Write("replace", Row("p", "a", {"n": 2}, a.etag)),
            Write("delete", Row("p", "b", {}, b.etag)),
            Write("replace", Row("p", "c", {"n": 3})),
            Write("delete", Row("p", "d", {})),
            Write("upsert", Row("p", "e", {"n": 4})),
            Write("insert", Row("p", "f/g", {"n": 5})),
        ],
    )
    rows = await all_of(store.tables.query(name, partition="p"))
    assert [(row.key, row.values["n"]) for row in rows] == [("a", 2), ("c", 3), ("e", 4), ("f/g", 5)]
    assert [etag for etag in etags if etag] == [row.etag for row in rows]


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (Write("insert", Row("p", "there", {"n": 2})), Conflict),
        (Write("replace", Row("p", "there", {"n": 2}, "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"")), Stale),
        (Write("replace", Row("p", "gone", {"n": 2})), Stale),
        (Write("delete", Row("p", "gone", {})), Stale),
    ],
    ids=["exists", "changed", "replace gone", "delete gone"],
)
async def test_a_batch_with_one_refused_write_does_nothing(store, name, last, error):
    await store.tables.insert(name, Row("p", "there", {"n": 1}))
    with pytest.raises(error, match=f"{name}/p"):
        await store.tables.batch(name, [*inserts(["a", "b"]), last])
    assert [row.key for row in await all_of(store.tables.query(name))] == ["there"]


async def test_a_batch_holds_a_hundred_rows(store, name):
    await store.tables.batch(name, inserts([f"{number:03}" for number in range(100)]))
    assert len(await all_of(store.tables.query(name, partition="p"))) == 100


@pytest.mark.parametrize(
    ("writes", "message"),
    [
        ([], "0 rows"),
        (inserts([f"{number:03}" for number in range(101)]), "101 rows"),
        ([*inserts(["a"]), Write("insert", Row("q", "b", {}))], "partition"),
        ([*inserts(["a", "b"]), Write("delete", Row("p", "a", {}))], "more than once"),
        (inserts([f"{number:02}" for number in range(11)], {"text": "x" * 400_000}), "at most 4194304|4 MiB"),
        (inserts([f"{number:02}" for number in range(5)], {"text": "ü" * 160_000}), "at most 4194304|4 MiB"),
    ],
    ids=["none", "101", "partitions", "twice", "4 MiB", "4 MiB escaped"],
)
async def test_a_wrong_batch_is_refused(store, name, writes, message):
    with pytest.raises(ValueError, match=message):
        await store.tables.batch(name, writes)
    assert await all_of(store.tables.query(name)) == []


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_batch_of_nearly_four_mebibytes_is_kept(store, name):
    await store.tables.batch(name, inserts([str(number) for number in range(8)], {"text": "x" * 500_000}))
    assert len(await all_of(store.tables.query(name, partition="p"))) == 8


async def test_a_row_azure_would_refuse_spoils_the_batch(store, name):
    with pytest.raises(ValueError, match="op"):
        await store.tables.batch(name, [*inserts(["a"]), Write("upsert", Row("p", "b", {"op": 1}))])
    assert await store.tables.get(name, "p", "a") is None
