"""Runs that agents elsewhere carry out, with the process killed and messages doubled wherever that hurts."""

import asyncio
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from app.quick import Quick
from app.site import REGISTRY

from baselift.app import run_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.execute_run import execute_run
from baselift.app.ports import Busy
from baselift.app.reconcile import reconcile
from baselift.app.remote_builds import RemotePlace, RemoteState
from baselift.app.remote_log import shown
from baselift.app.request_run import Ask, log_name, request_run
from baselift.app.world import BUILDS, World
from baselift.domain.builds import Failure, Source
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status

OUTPUT = ImageDescriptor("localhost:1", "app", "1", "sha256:" + "1" * 64)


class Killed(BaseException):
    """The process dies: nothing of ours runs after it."""


@dataclass
class Agents:
    """Agents of a registry on the other side of the network."""

    status: Status = Status.RUNNING
    text: bytes = b""
    complete: bool = False
    runs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: int = 0
    canceled: int = 0
    names: list[str] = field(default_factory=list)
    fault: BaseException | None = None
    """What happens once a run was scheduled, before anybody hears of it."""

    async def upload(self, place: RemotePlace, archive: Path) -> str:
        assert (place.group, place.name) == ("local", REGISTRY)
        with tarfile.open(archive) as tar:
            self.names = tar.getnames()
        return f"source-{len(self.runs)}.tar.gz"

    async def schedule(self, _: RemotePlace, key: str, request: Mapping[str, Any]) -> str:
        assert self.runs.setdefault(key, request) == request
        self.asked += 1
        self._fail()
        return f"r{list(self.runs).index(key)}"

    async def look(self, *_: Any) -> RemoteState:
        self._fail()
        over = self.status is Status.SUCCEEDED
        return RemoteState(self.status, (OUTPUT,) if over else (), None if over else "no space")

    async def log(self, _: RemotePlace, __: str, offset: int) -> tuple[bytes, bool]:
        return self.text[offset:], self.complete

    async def cancel(self, *_: Any) -> None:
        self.canceled += 1
        self.status, self.complete = Status.CANCELED, True

    def end(self, status: Status = Status.SUCCEEDED, text: bytes = b"") -> None:
        self.status, self.text, self.complete = status, self.text + text, True

    def _fail(self) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault


class Sources:
    async def fetch(self, _: Any, __: Any, into: Path, *___: Any) -> Source:
        into.mkdir(parents=True)
        (into / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        return Source(into, "c" * 40, 0)


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
def far(tmp_path: Path, agents: Agents) -> Quick:
    quick = Quick(tmp_path)
    quick.world = replace(quick.world, remote=agents, sources=Sources(), scratch=tmp_path / "runs")  # type: ignore[arg-type]
    return quick


async def turn(far: Quick, world: World | None = None) -> int:
    """Handle the messages that can be seen now, after time for the next look has passed; how many there were."""
    far.clock.turn(6)
    texts = far.store.receive(BUILDS, 32)
    for text in texts:
        await execute_run(world or far.world, *text.split())
    return len(texts)


async def only(far: Quick) -> Run:
    (run,) = await far.runs()
    return run


async def text_of(far: Quick, run: Run) -> str:
    return (await far.store.read_log(log_name(run)))[0].decode()


async def test_a_run_ends_with_what_the_agents_made_and_no_message_is_held(far: Quick, agents: Agents) -> None:
    await far.ask()
    await turn(far)
    run = await only(far)
    assert (run.status, run.owner, run.leased(far.clock())) == (Status.RUNNING, "", True)
    assert agents.names == ["Dockerfile"]
    agents.end(text=b"Step 1/2\r\n")
    assert await turn(far) == 1
    run = await only(far)
    assert (run.status, run.outputs, run.commit) == (Status.SUCCEEDED, (OUTPUT,), "c" * 40)
    assert (await text_of(far, run)).count("Step 1/2\r\n") == 1
    assert far.store.messages(BUILDS) == []


@pytest.mark.parametrize("fault", [Killed(), asyncio.CancelledError(), Busy("away"), RuntimeError("a bug")])
async def test_a_run_that_was_scheduled_and_not_heard_of_is_not_scheduled_twice(
    far: Quick, agents: Agents, fault: BaseException
) -> None:
    await far.ask()
    agents.fault = fault
    try:
        await turn(far)
    except type(fault):
        assert not isinstance(fault, Busy)
    far.clock.turn(60)
    await reconcile(far.world)
    agents.end()
    while await turn(far):
        pass
    assert (agents.asked, len(agents.runs)) == (2, 1)
    assert (await only(far)).status is Status.SUCCEEDED


async def test_doubled_messages_do_not_multiply(far: Quick, agents: Agents) -> None:
    run = await far.ask()
    await far.store.send(BUILDS, f"{REGISTRY} {run.id}")
    for _ in range(3):
        await turn(far)
        await far.store.send(BUILDS, f"{REGISTRY} {run.id}")
    assert await far.store.depth(BUILDS) == 2, "the one just sent, and the next look"
    assert agents.asked == 1


async def test_a_lost_message_is_healed_by_the_reconciler(far: Quick, agents: Agents) -> None:
    await far.ask()
    await turn(far)
    far.clock.turn(6)
    assert len(far.store.receive(BUILDS, 32)) == 1
    await reconcile(far.world)
    assert far.store.messages(BUILDS) == []
    far.clock.turn(40)
    await reconcile(far.world)
    agents.end()
    assert await turn(far) == 1
    assert (await only(far)).status is Status.SUCCEEDED


async def test_lines_come_once_though_the_row_was_not_written_after_them(far: Quick, agents: Agents) -> None:
    await far.ask()
    await turn(far)
    before = await only(far)
    agents.text = b"one\r\ntwo\r\nhal"
    await turn(far)
    after = await only(far)
    assert after.remote is not None
    assert before.remote is not None
    assert after.remote.read == len(b"one\r\ntwo\r\n")
    lagging = replace(after, remote=replace(after.remote, read=before.remote.read, written=before.remote.written))
    await _put(far, lagging)
    agents.end(text=b"f\nlast")
    await turn(far)
    lines = (await text_of(far, after)).splitlines()
    assert [lines.count(each) for each in ("one", "two", "half", "last")] == [1, 1, 1, 1]


async def _put(far: Quick, run: Run) -> None:
    stored = await run_rows.by_seq(far.world, run.registry, run.seq)
    assert stored is not None
    await run_rows.save(far.world, stored, run)


async def test_a_cancel_is_passed_on_and_the_run_ends_with_the_one_there(far: Quick, agents: Agents) -> None:
    run = await far.ask()
    await turn(far)
    await cancel_run(far.world, REGISTRY, run.id)
    await reconcile(far.world)
    assert (await only(far)).status is Status.RUNNING
    await turn(far)
    await turn(far)
    assert ((await only(far)).status, agents.canceled) == (Status.CANCELED, 1)


async def test_what_succeeded_before_the_cancel_came_has_succeeded(far: Quick, agents: Agents) -> None:
    run = await far.ask()
    await turn(far)
    await cancel_run(far.world, REGISTRY, run.id)
    agents.end()
    await turn(far)
    assert ((await only(far)).status, agents.canceled) == (Status.SUCCEEDED, 0)


async def test_a_run_out_of_time_is_ended_there_and_here(far: Quick, agents: Agents) -> None:
    await far.ask()
    await turn(far)
    far.clock.turn(3601)
    await reconcile(far.world)
    await turn(far)
    run = await only(far)
    assert (run.status, agents.canceled) == (Status.TIMEOUT, 1)
    assert "3600 s" in (run.error or "")


async def test_agents_that_are_away_until_the_timeout_end_no_sooner(far: Quick, agents: Agents) -> None:
    await far.ask()
    await turn(far)
    for _ in range(8):
        agents.fault = Busy("registry 'x' answered 503", 1)
        assert await turn(far) == 1
        assert (await only(far)).status is Status.RUNNING
    far.clock.turn(3601)
    agents.fault = Busy("registry 'x' answered 503")
    await reconcile(far.world)
    await turn(far)
    run = await only(far)
    assert (run.status, "503" in (run.error or "")) == (Status.TIMEOUT, True)


async def test_what_the_agents_refuse_fails_and_is_ended_there(far: Quick, agents: Agents) -> None:
    await far.ask()
    await turn(far)
    agents.fault = Failure("registry 'x' answered 403: AuthorizationFailed")
    await turn(far)
    run = await only(far)
    assert (run.status, run.error) == (Status.FAILED, "registry 'x' answered 403: AuthorizationFailed")
    assert agents.canceled == 1


async def test_a_failure_there_has_its_reason_here_and_a_log_without_an_end_is_not_waited_for_long(
    far: Quick, agents: Agents
) -> None:
    await far.ask()
    await turn(far)
    agents.status, agents.text = Status.FAILED, b"bad\n"
    await turn(far)
    assert (await only(far)).status is Status.RUNNING
    far.clock.turn(60)
    await reconcile(far.world)
    await turn(far)
    assert ((await only(far)).status, (await only(far)).error) == (Status.FAILED, "no space")


def test_secrets_are_stars_in_every_line() -> None:
    assert shown(b"a hush b\nhush\r\n\nx", ["hush"]) == b"a *** b\r\n***\r\n\r\nx\r\n"


async def test_a_run_of_agents_knows_its_own_tags(far: Quick, agents: Agents) -> None:
    cause = Cause("request", "1", far.clock().isoformat())
    request = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "imageNames": ["app:{{.Run.ID}}", "app:1"]}
    await request_run(far.world, Ask(REGISTRY, cause, request, "AutoBuild", "taskhello"))
    agents.end()
    await turn(far)
    run = await only(far)
    assert (run.status, run.own_tags) == (Status.SUCCEEDED, (f"localhost:1/app:{run.id}",))
