"""Queues, sending side."""

import pytest


async def test_messages_arrive_in_order_and_whole(store, name):
    for text in ("first", '{"run": "da6"}', "<ü&😀>\n"):
        await store.queues.send(name, text)
    assert await store.received(name) == ["first", '{"run": "da6"}', "<ü&😀>\n"]


async def test_a_delayed_message_is_not_visible(store, name):
    await store.queues.send(name, "now")
    await store.queues.send(name, "later", delay=3600.5)
    assert await store.received(name) == ["now"]


async def test_a_queues_depth_counts_delayed_messages_and_is_0_where_there_is_no_queue(store, name):
    assert await store.queues.depth(name) == 0
    await store.queues.send(name, "now")
    await store.queues.send(name, "later", delay=3600)
    assert await store.queues.depth(name) == 2


async def test_a_message_holds_48_kibibytes(store, name):
    await store.queues.send(name, "x" * 49_152)
    assert await store.received(name) == ["x" * 49_152]
    with pytest.raises(ValueError, match=name):
        await store.queues.send(name, "x" * 49_153)
    with pytest.raises(ValueError, match=name):
        await store.queues.send(name, "ü" * 24_577)


@pytest.mark.parametrize("queue", ["ab", "Upper", "a_b", "-abc", "abc-", "a--b", "a" * 64, ""])
async def test_a_bad_queue_name_is_named(store, queue):
    with pytest.raises(ValueError, match=f"queue '{queue}'"):
        await store.queues.send(queue, "text")


@pytest.mark.parametrize("delay", [-1, 604_801])
async def test_a_delay_is_between_0_and_7_days(store, name, delay):
    with pytest.raises(ValueError, match="delay"):
        await store.queues.send(name, "text", delay=delay)


async def test_a_message_never_expires(storage, name):
    await storage.queues.send(name, "text")
    (message,) = await storage.queues._client(name).peek_messages()
    assert message.expires_on.year == 9999
