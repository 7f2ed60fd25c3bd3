"""Rows: what every store of tables does."""

import asyncio
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from baselift.app.ports import Conflict, Row, Stale

from .reading import all_of

STRANGE = [
    "library/node",
    "a\\b",
    "a#b?c",
    "100%",
    "%2F",
    "it's",
    " lead and trail ",
    "two  spaces",
    "~}|{",
    "ünïcödé",
    "日本",
    "😀",
    "a+b&c=d",
    "../..",
    "a;b,c(d)",
    '"quoted"',
    "",
]


@pytest.mark.parametrize("key", STRANGE)
async def test_any_text_without_control_characters_is_a_key(store, name, key):
    await store.tables.insert(name, Row(key, key, {"text": key}))
    row = await store.tables.get(name, key, key)
    assert (row.partition, row.key, row.values) == (key, key, {"text": key})
    (found,) = await all_of(store.tables.query(name, partition=key, keys=(key, key + "~")))
    assert found == row
    etag = await store.tables.replace(name, row)
    await store.tables.delete(name, key, key, etag)
    assert await store.tables.get(name, key, key) is None


@pytest.mark.parametrize("where", [("a\nb", "k"), ("p", "a\x7fb"), ("k" * 513, "k"), ("p", "ü" * 74)])
async def test_a_key_that_cannot_be_stored_is_refused(store, name, where):
    with pytest.raises(ValueError, match="key"):
        await store.tables.insert(name, Row(*where, {}))
    with pytest.raises(ValueError, match="key"):
        await store.tables.get(name, *where)


@pytest.mark.parametrize("key", ["k" * 512, "/" * 256, "ü" * 73])
async def test_a_key_may_take_one_kibibyte(store, name, key):
    await store.tables.insert(name, Row(key, key, {"n": 1}))
    assert (await store.tables.get(name, key, key)).values == {"n": 1}


@pytest.mark.parametrize("table", ["ab", "1abc", "a-b-c", "a" * 64, ""])
async def test_a_bad_table_name_is_named(store, table):
    with pytest.raises(ValueError, match="table"):
        await store.tables.insert(table, Row("p", "k", {}))
    with pytest.raises(ValueError, match="table"):
        await store.tables.get(table, "p", "k")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "text",
        "line\nbreak\ttab",
        "2026-11-24T00:00:00Z",
        "NaN",
        0,
        -1,
        2**31,
        2**63 - 1,
        -(2**63),
        True,
        False,
        0.5,
        1.0,
        -1e300,
        datetime(2026, 11, 24, 1, 2, 3, 456789, UTC),
        datetime(1601, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    ],
    ids=repr,
)
async def test_a_value_comes_back_in_its_type(store, name, value):
    await store.tables.insert(name, Row("p", "k", {"value": value}))
    found = (await store.tables.get(name, "p", "k")).values["value"]
    assert found == value
    assert type(found) is type(value)
    (row,) = await all_of(store.tables.query(name, partition="p"))
    assert row.values == {"value": value}
    assert type(row.values["value"]) is type(value)


async def test_a_time_comes_back_in_utc(store, name):
    value = datetime(2026, 11, 24, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    await store.tables.insert(name, Row("p", "k", {"at": value}))
    found = (await store.tables.get(name, "p", "k")).values["at"]
    assert found == value
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["x" * 30_000, "x" * 30_001, "ab" * 200_000, "ü" * 100_000, "😀" * 40_000, "日" * 30_001],
    ids=lambda text: f"{len(text)} {text[0]}",
)
async def test_a_long_text_comes_back_whole(store, name, text):
    etag = await store.tables.insert(name, Row("p", "k", {"text": text, "other": 1}))
    assert (await store.tables.get(name, "p", "k")).values == {"text": text, "other": 1}
    await store.tables.replace(name, Row("p", "k", {"text": "short"}, etag))
    assert (await store.tables.get(name, "p", "k")).values == {"text": "short"}


@pytest.mark.parametrize("text", ["x" * 524_400, "😀" * 262_200], ids=["ascii", "emoji"])
async def test_a_row_over_one_mebibyte_is_refused_with_its_name(store, name, text):
    with pytest.raises(ValueError, match=f"{name}/p/k takes"):
        await store.tables.insert(name, Row("p", "k", {"text": text}))


async def test_a_row_of_nearly_one_mebibyte_is_kept(store, name):
    text = "x" * 522_000
    await store.tables.insert(name, Row("p", "k", {"text": text}))
    assert (await store.tables.get(name, "p", "k")).values["text"] == text


@pytest.mark.parametrize(
    "values",
    [
        {"n": 2**63},
        {"n": -(2**63) - 1},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"at": datetime(1600, 12, 31, tzinfo=UTC)},
        {"text": "half \ud800"},
        {"op": "ours"},
        {"PartitionKey": "x"},
        {"two__parts": "x"},
        {"a-b": "x"},
        {"": "x"},
        {f"p{number}": number for number in range(253)},
    ],
    ids=lambda values: f"{str(values)[:30]!a}",
)
async def test_a_row_azure_would_refuse_is_refused(store, name, values):
    with pytest.raises(ValueError, match=f"{name}/p/k"):
        await store.tables.insert(name, Row("p", "k", values))


@pytest.mark.parametrize("value", [None, b"bytes", [1], {"a": 1}])
async def test_a_value_of_another_type_is_refused(store, name, value):
    with pytest.raises(TypeError, match=f"{name}/p/k: property value"):
        await store.tables.insert(name, Row("p", "k", {"value": value}))


async def test_what_is_missing_reads_as_nothing(store, name):
    assert await store.tables.get(name, "p", "k") is None
    assert await all_of(store.tables.query(name, partition="p")) == []
    await store.tables.delete(name, "p", "k")
    await store.tables.delete(name, "p", "k", 'W/"1"')


async def test_a_row_is_inserted_once(store, name):
    etag = await store.tables.insert(name, Row("p", "k", {"n": 1}))
    with pytest.raises(Conflict, match=f"{name}/p/k"):
        await store.tables.insert(name, Row("p", "k", {"n": 2}))
    row = await store.tables.get(name, "p", "k")
    assert (row.values, row.etag) == ({"n": 1}, etag)


async def test_an_etag_changes_with_every_write_even_of_the_same_values(store, name):
    etags = [await store.tables.insert(name, Row("p", "k", {"n": 1}))]
    etags.append(await store.tables.replace(name, Row("p", "k", {"n": 1}, etags[-1])))
    etags.append(await store.tables.upsert(name, Row("p", "k", {"n": 1})))
    assert len(set(etags)) == 3
    assert (await store.tables.get(name, "p", "k")).etag == etags[-1]


async def test_a_row_that_changed_is_not_replaced(store, name):
    old = await store.tables.insert(name, Row("p", "k", {"n": 1}))
    await store.tables.replace(name, Row("p", "k", {"n": 2}, old))
    with pytest.raises(Stale, match=f"{name}/p/k"):
        await store.tables.replace(name, Row("p", "k", {"n": 3}, old))
    assert (await store.tables.get(name, "p", "k")).values == {"n": 2}


async def test_a_row_that_is_gone_is_not_replaced(store, name):
    etag = await store.tables.insert(name, Row("p", "k", {"n": 1}))
    await store.tables.delete(name, "p", "k")
    with pytest.raises(Stale):
        await store.tables.replace(name, Row("p", "k", {"n": 2}, etag))
    with pytest.raises(Stale):
        await store.tables.replace(name + "other", Row("p", "k", {"n": 2}, etag))


async def test_a_row_that_was_not_read_is_not_replaced(store, name):
    await store.tables.insert(name, Row("p", "k", {}))
    with pytest.raises(ValueError, match="no etag"):
        await store.tables.replace(name, Row("p", "k", {"n": 2}))


async def test_an_upsert_writes_over_whatever_is_there(store, name):
    await store.tables.upsert(name, Row("p", "k", {"n": 1, "old": True}))
    await store.tables.upsert(name, Row("p", "k", {"n": 2}, "an etag that counts for nothing"))
    assert (await store.tables.get(name, "p", "k")).values == {"n": 2}


async def test_a_delete_with_an_etag_spares_a_row_that_changed(store, name):
    old = await store.tables.insert(name, Row("p", "k", {"n": 1}))
    new = await store.tables.upsert(name, Row("p", "k", {"n": 2}))
    with pytest.raises(Stale):
        await store.tables.delete(name, "p", "k", old)
    await store.tables.delete(name, "p", "k", new)
    assert await store.tables.get(name, "p", "k") is None


async def test_what_was_read_is_a_copy(store, name):
    values = {"n": 1}
    await store.tables.insert(name, Row("p", "k", values))
    values["n"] = 2
    (await store.tables.get(name, "p", "k")).values["n"] = 3
    assert (await store.tables.get(name, "p", "k")).values == {"n": 1}


async def test_a_hundred_increments_at_once_are_all_counted(store, name):
    await store.tables.insert(name, Row("p", "k", {"n": 0}))

    async def increment(dice):
        while True:
            row = await store.tables.get(name, "p", "k")
            try:
                await store.tables.replace(name, Row("p", "k", {"n": row.values["n"] + 1}, row.etag))
            except Stale:
                await asyncio.sleep(dice.random() * 0.3)
            else:
                return

    lanes = asyncio.Semaphore(10)

    async def in_lane(number):
        async with lanes:
            await increment(random.Random(number))

    await asyncio.gather(*(in_lane(number) for number in range(100)))
    assert (await store.tables.get(name, "p", "k")).values == {"n": 100}


async def test_of_many_inserts_at_once_one_succeeds(store, name):
    async def insert(number):
        try:
            await store.tables.insert(name, Row("p", "k", {"n": number}))
        except Conflict:
            return None
        return number

    answers = await asyncio.gather(*(insert(number) for number in range(20)))
    won = (await store.tables.get(name, "p", "k")).values["n"]
    assert [each for each in answers if each is not None] == [won]
