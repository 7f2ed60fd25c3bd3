"""Queue triggers and queue outputs, on a real queue service."""

import asyncio
import base64
from contextlib import suppress

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from baselift.host.lease import Lease
from baselift.host.outputs import QueueWriter, Wakeups
from baselift.host.queues import Backoff
from baselift.host.settings import Settings
from baselift.host.storage import Storage

from .support import client_of, queue_of, queues_of, seen, settings_for, until


def encoded(text):
    return base64.b64encode(text.encode()).decode()


async def jobs_of(session):
    return [item for item in (await seen(session))["seen"] if "job" in item]


async def drained(queue):
    return (await queue.get_queue_properties()).approximate_message_count == 0


async def first_message(queue):
    try:
        return await queue.receive_message()
    except ResourceNotFoundError:
        return None


async def test_messages_of_an_output_binding_are_run_once_each_and_deleted(storage):
    async with client_of(storage) as app, queue_of(storage, app.settings["JOBS"]) as queue:
        async with app.post("/sendmany?n=9") as response:
            assert response.status == 202

        async def all_ran():
            return len(await jobs_of(app)) == 9

        await until(all_ran)
        await until(lambda: drained(queue))
        ran = await jobs_of(app)
        assert sorted(item["job"] for item in ran) == [f"job {number}" for number in range(9)]
        assert {(item["count"], item["id"]) for item in ran} == {(1, True)}
        # batchSize + newBatchThreshold of the app's host.json
        assert (await seen(app))["most"] <= 6


async def test_a_queue_that_appears_later_is_read(storage):
    async with client_of(storage) as app, queue_of(storage, app.settings["JOBS"]) as queue:
        await asyncio.sleep(0.3)
        await queue.create_queue()
        await queue.send_message(encoded("late"))
        await until(lambda: jobs_of(app))


async def test_a_message_that_keeps_failing_moves_to_the_poison_queue_as_it_was(storage):
    jobs = settings_for(storage)["JOBS"]
    async with client_of(storage, JOBS=jobs) as app, queues_of(storage, jobs, f"{jobs}-poison") as (queue, poison):
        await queue.create_queue()
        await queue.send_message(encoded("bad"))
        moved = await until(lambda: first_message(poison))
        assert moved.content == encoded("bad")
        assert [item["count"] for item in await jobs_of(app)] == [1, 2]
        await until(lambda: drained(queue))


async def test_an_unreadable_message_moves_to_the_poison_queue_without_a_call(storage):
    jobs = settings_for(storage)["JOBS"]
    async with client_of(storage, JOBS=jobs) as app, queues_of(storage, jobs, f"{jobs}-poison") as (queue, poison):
        await queue.create_queue()
        await queue.send_message("not base64!")
        assert (await until(lambda: first_message(poison))).content == "not base64!"
        assert await jobs_of(app) == []


async def test_without_encoding_a_message_is_its_text(storage):
    override = {"AzureFunctionsJobHost__extensions__queues__messageEncoding": "none"}
    async with client_of(storage, **override) as app, queue_of(storage, app.settings["JOBS"]) as queue:
        await queue.create_queue()
        await queue.send_message("plain")
        assert (await until(lambda: jobs_of(app)))[0]["job"] == "plain"


async def test_an_output_queue_is_made_and_its_name_filled_from_the_route(storage):
    async with client_of(storage) as app, queue_of(storage, "out-routed") as queue:
        for body in (b"one", b'["two", {"n": 3}]'):
            async with app.post("/sent/routed", data=body) as response:
                assert response.status == 202
        got = [base64.b64decode(message.content) async for message in queue.receive_messages(max_messages=10)]
        assert sorted(got) == [b"one", b"two", b'{"n": 3}']


async def test_a_returned_value_of_a_sync_function_becomes_a_message(storage):
    async with client_of(storage), queue_of(storage, "relay") as queue, queue_of(storage, "relayed") as relayed:
        with suppress(ResourceExistsError):
            await queue.create_queue()
        await queue.send_message(encoded("hello"))
        assert base64.b64decode((await until(lambda: first_message(relayed))).content) == b"HELLO"


async def test_a_call_cut_off_by_the_stop_gives_its_message_back(storage):
    async with client_of(storage, grace=0.2) as app, queue_of(storage, app.settings["JOBS"]) as queue:
        await queue.create_queue()
        await queue.send_message(encoded("long"))
        await until(lambda: jobs_of(app))
        name = app.settings["JOBS"]
    async with queue_of(storage, name) as queue:
        again = await until(lambda: first_message(queue), 5)
        assert (again.content, again.dequeue_count) == (encoded("long"), 2)


async def test_a_stop_lets_running_calls_end_within_the_grace(storage):
    async with client_of(storage) as app, queue_of(storage, app.settings["JOBS"]) as queue:
        name = app.settings["JOBS"]
        async with app.post("/sendmany?n=1"):
            await until(lambda: jobs_of(app))
    async with queue_of(storage, name) as queue:
        assert await drained(queue)


async def test_a_renewed_message_can_still_be_deleted_and_is_not_seen_by_others(storage):
    async with queue_of(storage, "renewed") as queue:
        await queue.create_queue()
        await queue.send_message("held")
        lease = Lease(queue, await queue.receive_message(visibility_timeout=1), interval=0.3)
        renewal = asyncio.create_task(lease.keep())
        await asyncio.sleep(1.5)
        assert await queue.receive_message() is None
        await lease.stop(renewal)
        await lease.delete()
        assert await drained(queue)


async def test_a_lease_lost_to_another_reader_ends_quietly(storage):
    async with queue_of(storage, "lost") as queue:
        await queue.create_queue()
        await queue.send_message("held")
        message = await queue.receive_message(visibility_timeout=1)
        await queue.delete_message(message)
        lease = Lease(queue, message, interval=0.05)
        await asyncio.wait_for(lease.keep(), 10)
        await lease.delete()
        await lease.release(0)


async def test_an_enqueue_of_this_process_wakes_the_readers_of_that_queue_only(storage):
    account, wakeups = Storage(Settings({"AzureWebJobsStorage": storage})), Wakeups()
    reader, other = wakeups.event(account.queue("", "woken")), wakeups.event(account.queue("", "asleep"))
    await QueueWriter(account, wakeups, base64_encoded=True).put(account.queue(None, "woken"), "x")
    assert (reader.is_set(), other.is_set()) == (True, False)
    await account.close()


def test_the_wait_grows_from_100_ms_to_the_limit_and_starts_over():
    backoff = Backoff(2.0)
    waits = [backoff.next() for _ in range(10)]
    assert waits[0] == 0.1
    assert 0.18 <= waits[1] <= 0.22
    assert waits[-1] == 2.0
    assert waits == sorted(waits)
    backoff.reset()
    assert backoff.next() == 0.1
