"""What is decided before an engine starts: a task file is rendered and planned, a Dockerfile read for its bases."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import yaml
from e2b_dockerfile_utils import parse_dockerfile_ast

from baselift.domain import dockerfile, taskfile, templates
from benchmarks.measure import alternate
from benchmarks.report import Aim, Figure

TIMES, STEPS, LINES = 200, 20, 200
RUN = {"ID": "da6", "Registry": "registry.example", "RegistryName": "registry", "Date": "20240102-030405z"}
HEAD = """version: v1.1.0
# Builds, tests and pushes many images.
stepTimeout: 900
env: [STAGE={{.Values.stage}}]
alias:
  values:
    tool: tool.example/tool:3
steps:
"""
STEP = """  - id: build-{number}
    build: -t $Registry/{{{{.Values.team | lower}}}}/part-{number}:$ID --build-arg LEVEL={{{{.Values.level}}}} -f Dockerfile.{number} .
    when: ["-"]
  - id: test-{number}
    cmd: tool --image $Registry/part-{number}:{{{{.Run.ID}}}} --word {{{{default "none" .Values.word | quote}}}}
    retries: 2
    when: [build-{number}]
"""  # noqa: E501
STAGE = """FROM base.example/tools:$VERSION AS stage{number}
ARG LEVEL=1
ENV PATH=/opt/bin:$PATH \\
    LEVEL=$LEVEL
COPY --from=stage{before} /out /out
RUN --mount=type=cache,target=/cache echo stage {number} && \\
    make -C /src LEVEL=$LEVEL
WORKDIR /src
# what follows is copied last
COPY . .
"""


def task() -> str:
    """The text of the task file."""
    return HEAD + "".join(STEP.format(number=number) for number in range(STEPS // 2))


def source() -> str:
    """The text of the Dockerfile."""
    head = "ARG VERSION=1\nFROM base.example/start:$VERSION AS stage0\nRUN make\n"
    text = head + "".join(STAGE.format(number=number, before=number - 1) for number in range(1, 20))
    return text + f"FROM base.example/end\nCOPY --from=stage{19} /out /\n" + 'CMD ["/out/run"]\n' * 5


def plan(text: str) -> taskfile.Schedule:
    """All that happens to a task file before its first step, but for reading it from disk."""
    return taskfile.Schedule(taskfile.graph(taskfile.load(text, _data(), render=templates.render)))


def _data() -> dict[str, Any]:
    values = taskfile.overlay(taskfile.values("stage: test\nteam: Blue\nlevel: 3\n"), {"word": "given"})
    return taskfile.template_data(RUN, values)


async def tasks() -> list[Figure]:
    """Both figures, in this process, as processor time."""
    text, content = task(), source()
    rendered = taskfile.rendering(text, _data(), render=templates.render).text
    planned, loaded = await _both(partial(plan, text), partial(yaml.safe_load, rendered))
    scanned, parsed = await _both(partial(dockerfile.scan, content.encode()), partial(parse_dockerfile_ast, content))
    return [
        Figure(f"plan a task of {STEPS} steps", planned, loaded, "PyYAML loads what is rendered", Aim(p50=20)),
        Figure(f"scan a Dockerfile of {LINES} lines", scanned, parsed, "the parser alone reads it", Aim(p50=2)),
    ]


async def _both(subject: Callable[[], Any], floor: Callable[[], Any]) -> list[list[float]]:
    async def sample(work: Callable[[], Any], _: int) -> float:
        # Nothing here waits, so the processor's time is the time; the clock would count what other processes take.
        begun = time.thread_time()
        work()
        return (time.thread_time() - begun) * 1000

    return await alternate(TIMES, partial(sample, subject), partial(sample, floor))
