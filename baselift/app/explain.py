"""Why a task or an image was built, and why not: event, movement, rule, run and outputs, from what was kept of each.

Plain values, the same for the API, the command and pages. Nothing is decided here.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from baselift.app import base_rows, edge_states, reasons, run_rows, task_rows
from baselift.app.change_task import get_task
from baselift.app.edges import reference
from baselift.app.reasons import Reason
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import images, tasks
from baselift.domain.edges.rules import RULES
from baselift.domain.edges.states import WATCHING, EdgeState
from baselift.domain.images import Reference
from baselift.domain.runs import ImageDescriptor, Run

T = TypeVar("T")

STEPS = 50
"""Decisions shown at most, and runs read for them."""
TASKS = 50
"""Dependents of an image shown at most."""
RUNS = 1000
"""Runs read at most to find the one that pushed an image."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run and what came of it."""

    id: str
    task: str
    status: str
    error: str
    outputs: Sequence[str]
    """Images that were pushed, with tag and digest."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decision, with its run. Times are RFC 3339; texts are empty where there is nothing to say."""

    at: str
    last: str
    count: int
    source: str
    """Who told: `event …`, `webhook …`, `reconciler`, `scan`, `run end`, `wave`, `timer`, `source`, `person`."""
    task: str
    base: str
    before: str
    after: str
    generation: int
    fire: bool
    rule: str
    text: str
    meaning: str
    """What the rule means, and what to do about it."""
    run: Outcome | None
    wave: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the edge of one task stands."""

    task: str
    edge: EdgeState


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why" and "why not"."""

    subject: str
    """`task NAME` or `image REFERENCE`."""
    answer: Sequence[str]
    """Sentences: what was built last and why, then each edge and why nothing is built for it now."""
    edges: Sequence[Standing]
    steps: Sequence[Step]
    """What was decided, the latest first."""


async def explain_task(world: World, registry: str, name: str) -> Explanation:
    """Why a task was built, and why not. Raises NotFound."""
    task = await get_task(world, registry, name)
    states = await edge_states.states_of(world, task)
    runs = [run async for run in _first(run_rows.newest_of_task(world, registry, task.name), STEPS)]
    found = await reasons.of_task(world, registry, task.name)
    for image in {reference(use.image) for use in task.edges.bases if use.image.tag}:
        found += await reasons.of_image(world, image)
        found += [each for each in await reasons.new_tags(world, image) if each.base != str(image)]
    steps = await _steps(world, registry, found, runs)
    problem = [f"its bases could not be read: {states.problem}"] if states.problem else []
    unread = [] if states.found or problem else ["its source is being read for bases"]
    answer = [*_built(steps), *problem, *unread, *map(_stands, states.edges)]
    return Explanation(f"task {task.name}", answer, [Standing(task.name, edge) for edge in states.edges], steps)


async def explain_image(world: World, registry: str, text: str) -> Explanation:
    """Why an image was built, and what its pushes did and did not cause.

    Args:
        world: the world.
        registry: name of the registry whose tasks and runs are asked about.
        text: the image; without a host it is looked for in the registry first, then on Docker Hub.

    Raises:
        InvalidReference: the text is no image reference.
    """
    image, maker = await _find(world, registry, text)
    standing, found = await _dependents(world, registry, image)
    found += await reasons.of_image(world, image)
    if maker is not None and maker.task is not None:
        found += [each for each in await reasons.of_task(world, registry, maker.task) if each.run == maker.id]
    steps = await _steps(world, registry, found, [maker] if maker else [])
    answer = [*_pushed(image, maker), *(f"task {each.task}: {_stands(each.edge)}" for each in standing)]
    if not standing:
        answer.append("no task of the registry is based on it")
    return Explanation(f"image {image}", answer, standing, steps)


async def _dependents(world: World, registry: str, image: Reference) -> tuple[list[Standing], list[Reason]]:
    standing: list[Standing] = []
    found: list[Reason] = []
    async for dependent in _first(base_rows.dependents(world, image), TASKS):
        task = await task_rows.get(world, registry, dependent.edge.task)
        if task is not None and dependent.edge.registry.lower() == registry.lower():
            standing += [Standing(task.name, edge) for edge in await _edges(world, task) if edge.base == str(image)]
            decided = await reasons.of_task(world, registry, task.name)
            found += [each for each in decided if each.base == str(image)]
    return standing, found


async def _edges(world: World, task: StoredTask) -> Sequence[EdgeState]:
    return (await edge_states.states_of(world, task)).edges


async def _find(world: World, registry: str, text: str) -> tuple[Reference, Run | None]:
    """The image that is meant, and the run that pushed it last, as far as runs are read."""
    address = await world.registrations.address(registry)
    spellings = dict.fromkeys((tasks.qualified(text, address), text))
    if images.parse(text).registry != images.HUB:
        spellings = dict.fromkeys((text,))
    candidates = [await world.registrations.home(images.parse(each).tagged()) for each in spellings]
    for image in candidates:
        maker = await _maker(world, registry, image)
        if maker is not None or await base_rows.get(world, image) or await reasons.of_image(world, image, 1):
            return image, maker
    return candidates[0], None


async def _maker(world: World, registry: str, image: Reference) -> Run | None:
    async for run in _first(run_rows.newest(world, registry), RUNS):
        for made in run.outputs:
            if (made.registry, made.repository) == (image.registry, image.repository) and (
                made.digest == image.digest if image.digest else made.tag == image.tag
            ):
                return run
    return None


async def _steps(world: World, registry: str, found: Iterable[Reason], runs: Sequence[Run]) -> list[Step]:
    """Decisions, and the runs that none is kept of, in one order."""
    known = {run.id: run for run in runs}
    kept = sorted(set(found), key=lambda reason: reason.last, reverse=True)[:STEPS]
    told = {reason.run for reason in kept}
    for missing in told - {""} - known.keys():
        if stored := await run_rows.get(world, registry, missing):
            known[missing] = stored.run
    steps = [_step(reason, known.get(reason.run)) for reason in kept]
    steps += [_asked(run) for run in runs if run.id not in told]
    return sorted(steps, key=lambda step: step.last, reverse=True)[:STEPS]


def _step(reason: Reason, run: Run | None) -> Step:
    return Step(
        at=reason.at,
        last=reason.last,
        count=reason.count,
        source=reason.source,
        task=reason.task,
        base=reason.base,
        before=reason.before,
        after=reason.after,
        generation=reason.generation,
        fire=reason.fire,
        rule=reason.rule,
        text=reason.text,
        meaning=RULES.get(reason.rule, ""),
        run=_outcome(run) if run else None,
        wave=reason.wave,
    )


_ASKED = {"request": ("requested", "person"), "timer": ("timer", "timer"), "source": ("source", "source")}
"""Rule and teller of a run that no moved base caused, by the kind of its cause."""


def _asked(run: Run) -> Step:
    """A run that no decision about a base is kept of: its cause is the reason."""
    rule, source = _ASKED.get(run.cause.kind, ("moved", ""))
    moved = run.cause.images[0] if run.cause.images else None
    at = run.created.isoformat()
    return Step(
        at=at,
        last=at,
        count=1,
        source=source,
        task=run.task or "",
        base=moved.reference if moved else "",
        before="",
        after=(moved.digest or "") if moved else "",
        generation=0,
        fire=True,
        rule=rule,
        text=", ".join(run.cause.details.values()) or RULES[rule],
        meaning=RULES[rule],
        run=_outcome(run),
        wave="",
    )


def _outcome(run: Run) -> Outcome:
    outputs = tuple(_full(image) for image in run.outputs)
    return Outcome(run.id, run.task or "", run.status.value, run.error or "", outputs)


def _full(image: ImageDescriptor) -> str:
    return image.reference + (f"@{image.digest}" if image.digest else "")


def _built(steps: Sequence[Step]) -> list[str]:
    for step in steps:
        if (run := step.run) is not None:
            error = f": {run.error}" if run.error else ""
            return [f"last run {run.id} ({run.status}{error}), because {step.text}"]
    return ["it was never run"]


def _pushed(image: Reference, maker: Run | None) -> list[str]:
    if maker is None:
        return [f"none of the latest runs pushed {image}"]
    step = _asked(maker)
    return [f"pushed by run {maker.id}" + (f" of task {maker.task}" if maker.task else "") + f": {step.text}"]


def _stands(edge: EdgeState) -> str:
    how = f" by {edge.how}" if edge.state == WATCHING else ""
    where = f", at {edge.now}" if edge.now else ""
    return f"{edge.base} ({edge.kind.lower()}) is {edge.state}{how}{where}: {edge.text}"


async def _first(found: AsyncIterator[T], count: int) -> AsyncIterator[T]:
    async for each in found:
        yield each
        count -= 1
        if not count:
            return
