"""The multi-step samples, as they stand in samples/tasks, on real parts."""

from pathlib import Path

import pytest
from app.site import Site
from app.test_run_file import succeeded

from baselift.domain import images

SAMPLES = Path(__file__).parents[2] / "samples" / "tasks"


@pytest.fixture
async def tasks(site: Site) -> Site:
    """A site whose app is the samples, with the tutorial's base in the registry."""
    await site.push_base("1", images.parse(f"{site.registry.host}/baseimages/node:9-alpine"))
    files = {str(path.relative_to(SAMPLES)): path.read_text() for path in SAMPLES.rglob("*") if path.is_file()}
    site.write_app(**files)
    return site


async def sample(site: Site, name: str, **request: object) -> tuple[dict[str, str], str]:
    """Run a sample; the repositories that it pushed with their digests, and its log."""
    file = {"type": "FileTaskRunRequest", "taskFilePath": f"{name}.yaml", "sourceLocation": site.context}
    ended, log = await succeeded(site, "", **file, **request)
    return {f"{each.repository}:{each.tag}": each.digest for each in ended.outputs}, log


def rows(log: str) -> list[str]:
    return log.splitlines()


async def test_build_run_test_and_push(tasks: Site):
    pushed, log = await sample(tasks, "build-push-run-test")
    assert "asked http://web:8080/: the web is well" in rows(log)
    (run,) = await tasks.runs()
    assert set(pushed) == {f"sample-web:{run.id}", "sample-web:tested"}
    assert len(set(pushed.values())) == 1
    assert log.index("marked as successful") < log.index("Pushing image")


async def test_parallel_builds(tasks: Site):
    pushed, log = await sample(tasks, "parallel-builds")
    (run,) = await tasks.runs()
    assert set(pushed) == {f"sample-{name}:{run.id}" for name in ("api", "worker", "site")}
    assert len(set(pushed.values())) == 3
    begun = [rows(log).index(line) for line in rows(log) if line.startswith("Executing step ID: ")]
    ended = [number for number, line in enumerate(rows(log)) if "marked as successful" in line]
    assert max(begun[:3]) < min(ended)


async def test_a_service_and_its_test(tasks: Site):
    _, log = await sample(tasks, "service-and-test")
    assert "greetings from greeter" in rows(log)


async def test_values_and_a_secret(tasks: Site):
    secret = {"name": "token", "value": "marker-hunter2", "isSecret": True}
    values = [{"name": "colour", "value": "blue", "isSecret": False}, secret]
    _, log = await sample(tasks, "values-and-secrets", valuesFilePath="values.yaml", values=values)
    assert "colour=blue region=west registry=baselift" in rows(log)
    assert "the token is there" in rows(log)
    assert "marker-hunter2" not in log
