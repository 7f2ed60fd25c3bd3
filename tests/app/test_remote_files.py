"""Task files that agents elsewhere carry out: what they are asked, and what is refused before they are."""

import base64
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from app.model import HOST, Model, version
from app.site import REGISTRY

from baselift.app.remote_builds import RemotePlace, RemoteState
from baselift.app.request_run import Ask, request_run
from baselift.domain import templates
from baselift.domain.runs import Cause, Run, Status

CONTEXT = "https://git.example/steps.git"


@dataclass
class Agents:
    """Agents that do at once what they are asked."""

    asked: list[Mapping[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    async def upload(self, _: RemotePlace, archive: Path) -> str:
        with tarfile.open(archive) as tar:
            self.files = {name: tar.extractfile(name).read().decode() for name in tar.getnames()}  # type: ignore[union-attr]
        return "source.tar.gz"

    async def schedule(self, _: RemotePlace, __: str, request: Mapping[str, Any]) -> str:
        self.asked.append(request)
        return "r1"

    async def look(self, *_: Any) -> RemoteState:
        return RemoteState(Status.SUCCEEDED, (), None)

    async def log(self, *_: Any) -> tuple[bytes, bool]:
        return b"", True

    async def cancel(self, *_: Any) -> None:
        raise AssertionError

    @property
    def steps(self) -> list[dict[str, Any]]:
        (request,) = self.asked
        assert request["type"] == "EncodedTaskRunRequest"
        text = templates.render(base64.b64decode(request["encodedTaskContent"]).decode(), {})
        return json.loads(text)["steps"]


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
def model(tmp_path: Path, agents: Agents) -> Model:
    made = Model(tmp_path)
    made.world = replace(made.world, remote=agents)  # type: ignore[arg-type]
    made.registry.move(f"{HOST}/base:1", version(1))
    made.registry.move(f"{HOST}/base:2", version(2))
    return made


async def run(model: Model, steps: str, files: Mapping[str, str] | None = None, **request: Any) -> Run:
    """Have the steps carried out on a source of these files."""
    content = base64.b64encode(f"steps:\n{steps}".encode()).decode()
    asked = {"type": "EncodedTaskRunRequest", "encodedTaskContent": content} | request
    if files is not None:
        model.sources.files[CONTEXT] = files
        asked["sourceLocation"] = CONTEXT
    else:
        model.sources.files[None] = {}  # type: ignore[index]
    ask = Ask(REGISTRY, Cause("request", "one", model.clock().isoformat()), asked, "QuickRun")
    await request_run(model.world, ask)
    await model.settle()
    (ended,) = await model.runs()
    return ended


async def test_bases_of_every_build_are_pinned_and_recorded(model: Model, agents: Agents) -> None:
    steps = "- build: -t x:1 .\n- build: -t y:1 -f Other .\n"
    ended = await run(model, steps, {"Dockerfile": f"FROM {HOST}/base:1\n", "Other": f"FROM {HOST}/base:2\nRUN a\n"})
    assert ended.status is Status.SUCCEEDED, ended.error
    assert agents.files["Dockerfile"] == f"FROM {HOST}/base@{version(1)}\n"
    assert agents.files["Other"] == f"FROM {HOST}/base@{version(2)}\nRUN a\n"
    assert [(use.image.tag, use.image.digest) for use in ended.bases] == [("1", version(1)), ("2", version(2))]


async def test_templates_are_carried_out_here_so_that_our_own_run_id_counts(model: Model, agents: Agents) -> None:
    ended = await run(model, "- cmd: bash echo {{.Run.ID}} '{{`{{.Run.ID}}`}}'\n")
    assert ended.status is Status.SUCCEEDED, ended.error
    (step,) = agents.steps
    assert step["cmd"] == f"bash echo {ended.id} '{{{{.Run.ID}}}}'"
    assert "sourceLocation" not in agents.asked[0]


async def test_an_image_that_the_run_builds_itself_is_left_as_it_is(model: Model, agents: Agents) -> None:
    steps = f"- build: -t {HOST}/own:1 -f Own .\n- build: .\n"
    ended = await run(model, steps, {"Own": f"FROM {HOST}/base:1\n", "Dockerfile": f"FROM {HOST}/own:1\n"})
    assert ended.status is Status.SUCCEEDED, ended.error
    assert agents.files["Dockerfile"] == f"FROM {HOST}/own:1\n"
    assert [use.image.tag for use in ended.bases] == ["1"]


FILES = {"Dockerfile": f"ARG TAG\nFROM {HOST}/base:$TAG\n"}
REFUSED = {
    "two bases": ("- build: --build-arg TAG=1 .\n- build: --build-arg TAG=2 .\n", FILES, {}, "on different bases"),
    "remote": ("- build: https://git.example/x.git\n", FILES, {}, "step 'acb_step_0': its context"),
    "made later": ("- cmd: bash make\n- build: -f made .\n", FILES, {}, "step 'acb_step_1': Dockerfile 'made' is not"),
    "no such base": ("- build: --build-arg TAG=9 .\n", FILES, {}, "base:9 (line 2) does not exist"),
    "a secret": (
        "- cmd: bash echo {{.Values.key}}\n",
        None,
        {"values": [{"name": "key", "value": "hush-17", "isSecret": True}]},
        "its secrets would be readable",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_done_there_is_refused_before_it_is_asked(model: Model, agents: Agents, name: str) -> None:
    steps, files, request, words = REFUSED[name]
    ended = await run(model, steps, files, **request)
    assert ended.status is Status.FAILED
    assert words in (ended.error or "")
    assert "hush" not in (ended.error or "")
    assert agents.asked == []
