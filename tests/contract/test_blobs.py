"""Logs and sources."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from baselift.app.ports import Conflict
from baselift.azure.storage import Storage
from baselift.memory import MemoryStore


@pytest.fixture
async def log(store, name):
    path = f"reg/{name}/rawtext ü.log"
    await store.blobs.create_log(path)
    return path


async def test_a_log_grows_under_its_lease(store, log):
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"one\r\n", lease)
    await store.blobs.append(log, b"two\r\n", lease)
    assert await store.blobs.read_log(log) == (b"one\r\ntwo\r\n", {})


async def test_a_log_that_exists_is_left_as_it_is(store, log):
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"one\r\n", lease)
    await store.blobs.create_log(log)
    await store.blobs.append(log, b"two\r\n", lease)
    assert (await store.blobs.read_log(log))[0] == b"one\r\ntwo\r\n"


@pytest.mark.parametrize(("offset", "rest"), [(0, b"0123456789"), (4, b"456789"), (10, b""), (11, b""), (10**6, b"")])
async def test_a_log_is_read_from_an_offset(store, log, offset, rest):
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"0123456789", lease)
    await store.blobs.mark(log, {"complete": "successful"})
    assert await store.blobs.read_log(log, offset) == (rest, {"complete": "successful"})


@pytest.mark.parametrize(
    ("offset", "size", "part"), [(0, 4, b"0123"), (4, 100, b"456789"), (10, 5, b""), (0, 10, b"0123456789")]
)
async def test_a_part_of_a_log_comes_with_its_whole_length(store, log, offset, size, part):
    assert await store.blobs.read_part(log, offset, size) == (b"", 0, {})
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"0123456789", lease)
    await store.blobs.mark(log, {"complete": "successful"})
    assert await store.blobs.read_part(log, offset, size) == (part, 10, {"complete": "successful"})
    assert await store.blobs.read_part("nobody/wrote", offset, size) == (b"", 0, {})


@pytest.mark.parametrize(("size", "end"), [(0, b""), (3, b"789"), (10, b"0123456789"), (99, b"0123456789")])
async def test_a_log_is_read_from_its_end(store, log, size, end):
    assert await store.blobs.tail(log, size) == (b"", {})
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"0123456789", lease)
    await store.blobs.mark(log, {"complete": "failed"})
    assert await store.blobs.tail(log, size) == (end, {"complete": "failed"})
    assert await store.blobs.tail("nobody/wrote", size) == (b"", {})


async def test_an_empty_log_and_a_missing_one_read_as_empty(store, log):
    assert await store.blobs.read_log(log) == (b"", {})
    assert await store.blobs.read_log(log, 5) == (b"", {})
    assert await store.blobs.read_log("nobody/wrote") == (b"", {})
    assert await store.blobs.read_log("nobody/wrote", 5) == (b"", {})


async def test_a_lease_is_taken_over_and_the_earlier_holder_writes_no_more(store, log):
    old = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"old\r\n", old)
    new = await store.blobs.lease(log, -1)
    with pytest.raises(Conflict, match="lease"):
        await store.blobs.append(log, b"zombie\r\n", old)
    with pytest.raises(Conflict, match="lease"):
        await store.blobs.renew(log, old)
    await store.blobs.append(log, b"new\r\n", new)
    await store.blobs.renew(log, new)
    assert (await store.blobs.read_log(log))[0] == b"old\r\nnew\r\n"


async def test_a_lost_lease_is_given_back_without_harm(store, log):
    old = await store.blobs.lease(log, 60)
    new = await store.blobs.lease(log, 60)
    await store.blobs.release(log, old)
    await store.blobs.append(log, b"still held", new)
    await store.blobs.release(log, new)
    await store.blobs.release("nobody/wrote", new)
    with pytest.raises(Conflict):
        await store.blobs.append(log, b"not held", new)


async def test_of_many_who_take_a_lease_one_holds_it(store, log):
    leases = await asyncio.gather(*(store.blobs.lease(log, 60) for _ in range(4)), return_exceptions=True)
    taken = [lease for lease in leases if isinstance(lease, str)]
    wrote = await asyncio.gather(*(store.blobs.append(log, b"x", lease) for lease in taken), return_exceptions=True)
    assert len([each for each in wrote if each is None]) == 1
    assert all(each is None or isinstance(each, Conflict) for each in wrote)
    assert (await store.blobs.read_log(log))[0] == b"x"


async def test_appends_at_once_under_one_lease_are_all_kept(store, log):
    lease = await store.blobs.lease(log, 60)
    await asyncio.gather(*(store.blobs.append(log, b"%d," % number, lease) for number in range(20)))
    data, _ = await store.blobs.read_log(log)
    assert sorted(int(each) for each in data.split(b",")[:-1]) == list(range(20))


async def test_a_finished_log_is_marked_whoever_holds_it(store, log):
    lease = await store.blobs.lease(log, -1)
    await store.blobs.mark(log, {"complete": "failed", "attempt": "2"})
    assert (await store.blobs.read_log(log))[1] == {"complete": "failed", "attempt": "2"}
    with pytest.raises(Conflict):
        await store.blobs.append(log, b"late", lease)
    await store.blobs.mark(log, {"complete": "successful"})
    assert (await store.blobs.read_log(log))[1] == {"complete": "successful"}


@pytest.mark.parametrize("metadata", [{"a-b": "x"}, {"": "x"}, {"k": "ü"}, {"k": "a\nb"}])
async def test_metadata_that_no_header_can_carry_is_refused(store, log, metadata):
    with pytest.raises(ValueError, match="metadata"):
        await store.blobs.mark(log, metadata)


async def test_a_block_holds_1_byte_to_4_mebibytes(store, log):
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"x" * (4 << 20), lease)
    for data in (b"", b"x" * ((4 << 20) + 1)):
        with pytest.raises(ValueError, match="block"):
            await store.blobs.append(log, data, lease)
    assert len((await store.blobs.read_log(log, 1))[0]) == (4 << 20) - 1


async def test_a_log_that_is_missing_is_named(store, name):
    missing = f"reg/{name}"
    for call in (
        store.blobs.lease(missing, 60),
        store.blobs.renew(missing, "00000000-0000-0000-0000-000000000000"),
        store.blobs.append(missing, b"x", "00000000-0000-0000-0000-000000000000"),
        store.blobs.mark(missing, {}),
    ):
        with pytest.raises(KeyError, match=missing):
            await call


async def test_a_source_is_downloaded_as_it_was_uploaded(store, name, tmp_path):
    data = bytes(range(256)) * 5000
    await store.upload(f"{name}/source.tar.gz", data)
    into = tmp_path / "source"
    await store.blobs.download(f"{name}/source.tar.gz", into, len(data))
    assert into.read_bytes() == data


async def test_a_source_over_the_limit_is_not_downloaded(store, name, tmp_path):
    await store.upload(name, b"12345")
    with pytest.raises(ValueError, match=f"{name} has 5 bytes"):
        await store.blobs.download(name, tmp_path / "source", 4)
    assert not (tmp_path / "source").exists()


async def test_an_empty_source_is_downloaded(store, name, tmp_path):
    await store.upload(name, b"")
    await store.blobs.download(name, tmp_path / "source", 4)
    assert (tmp_path / "source").read_bytes() == b""


async def test_a_missing_source_is_named(store, name, tmp_path):
    with pytest.raises(KeyError, match=name):
        await store.blobs.download(name, tmp_path / "source", 4)


async def test_a_link_to_a_log_reads_it_and_no_more(storage: Storage, client, name):
    path = f"reg/{name}/a b.log"
    await storage.blobs.create_log(path)
    await storage.blobs.append(path, b"text", await storage.blobs.lease(path, 60))
    url = await storage.blobs.read_url(path, 60)
    async with client.get(url, headers={"Range": "bytes=1-"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"ext")
    async with client.delete(url) as answer:
        assert answer.status == 403
    async with client.get(url.split("?")[0]) as answer:
        assert answer.status in (401, 403, 404)


async def test_a_link_is_good_for_its_time_and_a_little_before_now(storage: Storage, client, name):
    await storage.blobs.create_log(name)
    query = parse_qs(urlsplit(await storage.blobs.read_url(name, 600)).query)
    start, end = (datetime.fromisoformat(query[each][0]) for each in ("st", "se"))
    now = datetime.now(UTC)
    assert start < now - timedelta(minutes=4)
    assert timedelta(seconds=580) < end - now < timedelta(seconds=601)
    async with client.get(await storage.blobs.read_url(name, -1)) as answer:
        assert answer.status == 403


async def test_a_link_for_an_upload_reads_nothing(storage: Storage, client, name):
    url = await storage.blobs.upload_url(name, 60)
    async with client.put(url, data=b"source", headers={"x-ms-blob-type": "BlockBlob"}) as answer:
        assert answer.status == 201
    async with client.get(url) as answer:
        assert answer.status == 403


async def test_links_have_the_scheme_of_the_service(storage: Storage, azurite, name):
    url = await storage.blobs.upload_url(name, 60)
    assert re.match(rf"http://127\.0\.0\.1:{azurite.ports['blob']}/{azurite.name}/sources/{name}\?", url)


async def test_a_lease_in_memory_runs_out_by_the_given_clock(name):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryStore(lambda: now)
    await store.create_log(name)
    lease = await store.lease(name, 1)
    now += timedelta(seconds=14)
    await store.append(name, b"x", lease)
    now += timedelta(seconds=1)
    with pytest.raises(Conflict):
        await store.append(name, b"y", lease)
    await store.renew(name, lease)
    await store.append(name, b"z", lease)
    assert await store.read_log(name) == (b"xz", {})


async def test_messages_in_memory_show_by_the_given_clock(name):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryStore(lambda: now)
    await store.send(name, "later", delay=10)
    await store.send(name, "now")
    assert store.receive(name) == ["now"]
    assert store.receive(name) == []
    assert store.due() == now + timedelta(seconds=10)
    now += timedelta(seconds=10)
    assert store.messages(name) == ["later"]
    assert store.receive(name) == ["later"]
    assert store.due() is None


async def test_a_log_is_deleted_whoever_holds_it(store, log):
    lease = await store.blobs.lease(log, 60)
    await store.blobs.append(log, b"one\r\n", lease)
    await store.blobs.delete_log(log)
    assert await store.blobs.read_log(log) == (b"", {})
    await store.blobs.delete_log(log)
    await store.blobs.delete_log("nobody/wrote")
    await store.blobs.create_log(log)
    assert await store.blobs.read_log(log) == (b"", {})


async def test_uploads_are_listed_with_their_time_and_deleted(store, name):
    await store.upload(f"{name}/ü 1.tar.gz", b"one")
    await store.upload(f"{name}/2.tar.gz", b"two")
    found = {each: changed async for each, changed in store.blobs.uploads() if each.startswith(name)}
    assert set(found) == {f"{name}/ü 1.tar.gz", f"{name}/2.tar.gz"}
    assert all(abs(datetime.now(UTC) - changed) < timedelta(hours=1) for changed in found.values())
    await store.blobs.delete_upload(f"{name}/2.tar.gz")
    await store.blobs.delete_upload(f"{name}/2.tar.gz")
    assert [each async for each, _ in store.blobs.uploads() if each.startswith(name)] == [f"{name}/ü 1.tar.gz"]
