"""The bases of a task whose steps are in a task file: known as soon as its source is read, before any run."""

from pathlib import Path

from app.model import Model, image, version
from app.site import REGISTRY

from baselift.app import task_rows
from baselift.app.on_push import on_push

BASE, TOOL, LATER = image("base:1"), image("tool:1"), image("later:1")
FILE = """version: v1.1.0
steps:
  - build: -t $Registry/first:1 -f Dockerfile.first .
  - cmd: $Registry/first:1 true
  - build: -t $Registry/second:1 -f Dockerfile.second .
"""
FIRST = f"FROM {TOOL} AS tool\nFROM {BASE}\nCOPY --from=tool /t /t\n"
SECOND = f"FROM {image('first:1')}\nCOPY --from={LATER} /l /l\n"


async def test_the_bases_of_every_build_step_are_edges_before_the_first_run(tmp_path: Path):
    model = Model(tmp_path)
    for each in (BASE, TOOL, LATER):
        model.registry.move(str(each), version(1))
    files = {"acb.yaml": FILE, "Dockerfile.first": FIRST, "Dockerfile.second": SECOND}
    step = {"type": "FileTask", "taskFilePath": "acb.yaml", "imageNames": None, "dockerFilePath": None}
    await model.put_task("myapp", "", files=files, kind="All", **step)
    await model.drain()
    task = await task_rows.get(model.world, REGISTRY, "myapp")
    assert task is not None
    found = {(use.kind, use.image.reference) for use in task.edges.bases}
    # What the first step makes is no base of the second: it cannot move before it is made.
    assert found == {("Runtime", str(BASE)), ("Buildtime", str(TOOL)), ("Buildtime", str(LATER))}
    assert await model.runs() == []
    for each in (BASE, TOOL, LATER):
        model.registry.move(str(each), version(2))
        runs = await on_push(model.world, each)
        assert [image.reference for image in runs[0].cause.images] == [str(each)]
