"""The base images a Dockerfile builds on, found without building it.

Rules are BuildKit's: global ARG scope before the first FROM, Docker's word expansion in FROM, literal ``--from`` in
COPY and RUN mounts, only stages reachable from the target. Pure: text in, values out. ``ONBUILD`` triggers of a base
image from a registry live in its configuration and are not seen here; a ``# syntax=`` frontend is not a base image.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Final, Literal

from baselift.domain.images import InvalidReference, Reference, parse
from baselift.domain.stages import DockerfileError, Source, Stage, read

__all__ = ["DockerfileError", "Edge", "Scan", "reachable", "scan", "target_stage"]

Kind = Literal["Runtime", "Buildtime"]
_SCRATCH: Final = "scratch"
_INDEX_DIGITS: Final = 6
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Edge:
    """One image that the target needs.

    `reference` is the first spelling in the file after expansion, `image` the canonical form with ``latest`` where
    neither tag nor digest is written, `line` the 1-based line of that first spelling.
    """

    kind: Kind
    reference: str
    image: Reference
    line: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What the target stage depends on.

    `edges` are unique by image, the runtime edge first, the others in the order of their lines. `spellings` has every
    expanded reference of reachable stages as written, each with its image: the keys by which a builder pins bases.
    """

    edges: tuple[Edge, ...]
    spellings: Mapping[str, Reference]

    @property
    def runtime(self) -> Edge | None:
        """The base of the target's chain of stages; None when that chain starts from scratch."""
        return next((edge for edge in self.edges if edge.kind == "Runtime"), None)

    @property
    def buildtime(self) -> tuple[Edge, ...]:
        """Every other image."""
        return tuple(edge for edge in self.edges if edge.kind == "Buildtime")


def scan(
    text: str | bytes,
    *,
    arguments: Mapping[str, str] = _NONE,
    target: str | None = None,
    platform: str = "linux/amd64",
) -> Scan:
    """Find the images that a build of `target` (the last stage when None or empty) uses.

    `arguments` are build arguments: they reach only an ARG that the file declares, and Docker's predefined platform
    arguments. `platform` is ``os/architecture[/variant]``, of the image and of the builder.

    Raises:
        DockerfileError: not a Dockerfile, an unknown target, a bad substitution, or an invalid reference; the message
            has the line and what would be right.
    """
    stages = read(text, arguments, target or "", platform)
    reached = reachable(stages, target_stage(stages, target))
    base = reached[0]
    while base.base.stage is not None:
        base = stages[base.base.stage]
    sources = sorted(_images(reached), key=lambda source: (source is not base.base, source.line))
    edges: dict[Reference, Edge] = {}
    spellings: dict[str, Reference] = {}
    for source in sources:
        if source.name in spellings:
            continue
        image = _image(source)
        kind: Kind = "Runtime" if source is base.base else "Buildtime"
        spellings[source.name] = image
        edges.setdefault(image, Edge(kind, source.name, image, source.line))
    return Scan(tuple(edges.values()), MappingProxyType(spellings))


def target_stage(stages: list[Stage], target: str | None) -> Stage:
    """The stage that a build ends with, the last when `target` is None or empty.

    Raises:
        DockerfileError: there is no such stage.
    """
    if not target:
        return stages[-1]
    for stage in reversed(stages):
        if stage.name == target.lower():
            return stage
    if target.isascii() and target.isdigit() and len(target) <= _INDEX_DIGITS and int(target) < len(stages):
        return stages[int(target)]
    names = ", ".join(stage.name or str(stage.index) for stage in stages[:20])
    raise DockerfileError(f"target '{target}' is not a stage of the Dockerfile; its stages are: {names}")


def reachable(stages: list[Stage], target: Stage) -> list[Stage]:
    """The target first, then every stage it needs, each once.

    Raises:
        DockerfileError: a stage needs itself.
    """
    # A depth-first walk without recursion: a stage that is met again while it is still open closes a cycle.
    found, open_stages = [target], {target.index}
    closed = set[int]()
    path = [(target, _stage_sources(target))]
    while path:
        stage, sources = path[-1]
        source = next(sources, None)
        if source is None or source.stage is None:
            open_stages.discard(stage.index)
            closed.add(stage.index)
            path.pop()
        elif source.stage in open_stages:
            raise DockerfileError(f"stage '{source.name}' needs itself; copy from another stage", source.line)
        elif source.stage not in closed:
            needed = stages[source.stage]
            found.append(needed)
            open_stages.add(needed.index)
            path.append((needed, _stage_sources(needed)))
    return found


def _stage_sources(stage: Stage) -> Iterator[Source]:
    sources = chain((stage.base,), stage.inherited, stage.copies)
    return (source for source in sources if source.stage is not None)


def _images(stages: list[Stage]) -> list[Source]:
    # Children of one stage inherit the same triggers: taken once, however many children there are.
    inherited = {stage.base.stage: stage.inherited for stage in stages}
    own = ((stage.base, *stage.copies) for stage in stages)
    sources = chain.from_iterable((*own, *inherited.values()))
    return [source for source in sources if source.stage is None and source.name != _SCRATCH]


def _image(source: Source) -> Reference:
    try:
        return parse(source.name).tagged()
    except InvalidReference as error:
        raise DockerfileError(str(error), source.line) from None
