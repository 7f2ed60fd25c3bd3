"""Which engine is used: the first of those allowed that can run here, and each one's lack is told."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from baselift import wiring
from baselift.domain.builds import Failure, Image
from baselift.engines.chosen import Candidate, FirstOf
from baselift.engines.probe import probe

NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "BASELIFT_LOGIN_SERVER": "r.example",
    "BASELIFT_SECRET_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "BASELIFT_WEBHOOK_SECRET": "x",
}


async def test_the_first_engine_that_can_run_here_is_used_and_each_lack_is_told() -> None:
    asked = list[str]()

    def candidate(name: str, problem: Exception | None) -> Candidate:
        async def ready() -> None:
            asked.append(name)
            await asyncio.sleep(0)
            if problem:
                raise problem

        async def build(*_) -> Image:
            return Image(name.encode(), [], {})

        @asynccontextmanager
        async def containers(*_):
            yield name

        return Candidate(name, ready, build, containers)

    first, second = candidate("one", FileNotFoundError("unshare")), candidate("two", None)
    engine = FirstOf(first, second)
    built = await asyncio.gather(*(engine.build(None, None, None) for _ in range(3)))
    assert {each.config for each in built} == {b"two"}
    async with engine.containers({}, []) as opened:
        assert opened == "two"
    assert asked == ["one", "two"]
    with pytest.raises(Failure, match=r"^no engine can run here\. one: unshare\. two: no socket$"):
        await FirstOf(first, candidate("two", Failure("no socket"))).build(None, None, None)


@pytest.mark.parametrize(
    ("engine", "named"), [("auto", ["buildah", "docker"]), ("buildah", ["buildah"]), ("docker", ["docker"])]
)
async def test_the_setting_says_which_engines_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, named: list[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    given = wiring.load(NEEDED | {"BASELIFT_ENGINE": engine, "BASELIFT_STATE": str(tmp_path)})
    with pytest.raises(Failure) as caught:
        await wiring._local(given).build(None, None, None)
    assert [each for each in ("buildah", "docker") if f"{each}: " in str(caught.value)] == named
    found = await wiring.probe(given)
    lacks = {"buildah": "install buildah util-linux", "docker": "the Docker engine does not answer"}
    assert [each for each, lack in lacks.items() if lack in found.reason] == named
    assert not found.ok


async def test_elsewhere_than_on_linux_a_probe_of_buildah_names_the_other_engines(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert (await probe(tmp_path)).reason == "buildah runs on Linux only: use the engine 'docker', or 'acr'"
