"""Open a run's task file: fetch the secrets it declares, then read it with them filled in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from baselift.app import task_file
from baselift.app.clear import of_vault, together
from baselift.app.world import World
from baselift.domain import images, own_tags
from baselift.domain.builds import Failure, Source
from baselift.domain.taskfile import Secret, TaskFile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """A task file that is ready to run."""

    file: TaskFile
    secrets: Sequence[str] = field(repr=False)
    """Values that no log may show: those of the request, and those from Key Vault."""
    own_tags: Sequence[str] = ()
    """References that the file names and that have the run's id in their tag."""


async def open_task_file(
    world: World,
    request: Mapping[str, Any],
    source: Source,
    facts: Mapping[str, str],
    twin: Mapping[str, str] | None = None,
) -> Opened:
    """The task file that a request names. `request` is in clear.

    `twin` is what `facts` would be for a run with another id: with it the run's own tags are found.

    Raises:
        Failure: the file is wrong, or a Key Vault does not give a secret; the message names it and holds no value.
    """
    now, hidden = world.now(), task_file.hidden(request)

    def declare() -> Sequence[Secret]:
        try:
            return task_file.declared(request, source, facts, now)
        except Failure:
            return _told(lambda: task_file.declared(hidden, source, facts, now), same=hidden == request)

    declared = await asyncio.to_thread(declare)
    reads = [of_vault(world, f"secret '{each.id}'", each.keyvault, each.client_id) for each in declared]
    values = await together(reads)
    known = dict(zip((each.id for each in declared), values, strict=True))

    def read() -> TaskFile:
        try:
            return task_file.read(request, source, facts, now, known)
        except Failure:
            stand_ins = dict.fromkeys(known, task_file.HIDDEN)
            same = not known and hidden == request
            return _told(lambda: task_file.read(hidden, source, facts, now, stand_ins), same=same)

    secrets = (*task_file.secret_values(request), *filter(None, values))
    file = await asyncio.to_thread(read)
    if twin is None or not any(facts["ID"] in name for name in _names(file)):
        return Opened(file, secrets)
    other = await asyncio.to_thread(_try, lambda: task_file.read(request, source, twin, now, known))
    return Opened(file, secrets, await _own_tags(world, facts["ID"], file, other) if other else ())


def _try(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Failure:
        return None


def _names(file: TaskFile) -> list[str]:
    """Every image that the file's steps name in order to push it."""
    return [name for step in file.steps for name in (*(step.build.tags if step.build else ()), *step.images)]


async def _own_tags(world: World, run_id: str, file: TaskFile, other: TaskFile) -> tuple[str, ...]:
    try:
        names, twins = [
            [await world.registrations.home(images.parse(name).tagged()) for name in _names(each)]
            for each in (file, other)
        ]
    except images.InvalidReference:
        # The step that names it tells of it.
        return ()
    return own_tags.of_run(run_id, names, twins)


def _told(read: Callable[[], T], *, same: bool) -> T:
    """Say what is wrong, which may quote a secret, of the file with a word in their places; `same`: it has none.

    Raises:
        Failure: always.
    """
    found = read()
    if same:
        return found
    raise Failure("task file: it is wrong only with its secrets filled in, so what is wrong is not shown")
