"""Builds in a network of their own."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from engine_parts import Bench, content

from baselift.domain.builds import Failure
from baselift.engines.isolated import Isolated


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """As the app has it under script/serve: what it makes, nobody else may read."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
async def test_a_run_step_finds_its_own_hosts_file(bench: Bench):
    order = bench.order("FROM BASE\nRUN cat /etc/hosts > /seen\n")
    image = await Isolated(bench.engine).build(order, bench.scratch(), bench.take)
    assert "127.0.0.1" in content(image, "seen")


async def test_a_run_step_does_not_reach_what_listens_on_this_machine(bench: Bench):
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        order = bench.order(f"FROM BASE\nRUN nc -w 2 127.0.0.1 {port} < /dev/null\n")
        with pytest.raises(Failure):
            await Isolated(bench.engine).build(order, bench.scratch(), bench.take)
        assert await bench.engine.build(order, bench.scratch(), bench.take)
