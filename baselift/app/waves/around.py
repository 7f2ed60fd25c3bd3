"""What an image or a task is built on, and what is built on it, without reading the other tasks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from baselift.app import base_rows, task_rows
from baselift.app.task_rows import StoredTask
from baselift.app.waves import producers
from baselift.app.waves.graph import node
from baselift.app.waves.walk import outputs, together
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.images import InvalidReference, Reference
from baselift.domain.waves.graph import Graph, key


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A part of the graph."""

    graph: Graph
    whole: bool
    """False where there is more around it than was asked for."""


async def around(world: World, registry: str, focus: str, most: int) -> Surroundings | None:
    """The tasks around a task, by its name, or around an image, by its reference; None where neither is known.

    Reads `most` tasks at most, the nearest first: half of them may be those that it is built on.
    """
    task = await task_rows.get(world, registry, focus)
    image = None if task else _reference(focus)
    made = await producers.of_image(world, str(image)) if image else []
    centre = [task] if task else made
    found = _Found(world, most, {key(each.registry, each.name): each for each in centre})
    await found.up(_bases(centre), most // 2)
    await found.down([*await _outputs(world, centre), *([image] if image else [])])
    if not found.tasks:
        return None
    nodes = await together(found.tasks.values(), lambda each: node(world, each))
    return Surroundings(Graph(nodes), found.whole)


@dataclass(slots=True)
class _Found:
    world: World
    most: int
    tasks: dict[str, StoredTask] = field(default_factory=dict)
    whole: bool = True

    async def up(self, ahead: Sequence[str], most: int) -> None:
        """Take in the tasks that push some images, and those that push what they are built on."""
        asked = set[str]()
        while ahead := [image for image in dict.fromkeys(ahead) if image not in asked]:
            asked.update(ahead)
            pushing = await together(ahead, lambda image: producers.of_image(self.world, image))
            ahead = _bases(self._taken((task for tasks in pushing for task in tasks), most))

    async def down(self, ahead: Sequence[Reference]) -> None:
        """Take in the tasks that are built on some images, and those on what they push."""
        asked = set[Reference]()
        while ahead := [image for image in dict.fromkeys(ahead) if image not in asked]:
            asked.update(ahead)
            names = [name for image in ahead for name in await self._dependents(image)]
            read = await together(dict.fromkeys(names), lambda name: task_rows.get(self.world, *name))
            ahead = await _outputs(self.world, self._taken(filter(None, read), self.most))

    async def _dependents(self, image: Reference) -> list[tuple[str, str]]:
        room, found = self.most - len(self.tasks), list[tuple[str, str]]()
        if not room:
            self.whole = False
            return []
        async for stored in base_rows.dependents(self.world, image):
            if key(stored.edge.registry, stored.edge.task) in self.tasks:
                continue
            if len(found) >= room:
                self.whole = False
                break
            found.append((stored.edge.registry, stored.edge.task))
        return found

    def _taken(self, tasks: Iterable[StoredTask], most: int) -> list[StoredTask]:
        taken = []
        for task in tasks:
            name = key(task.registry, task.name)
            if name in self.tasks:
                continue
            if len(self.tasks) >= most:
                self.whole = False
                break
            self.tasks[name] = task
            taken.append(task)
        return taken


def _reference(text: str) -> Reference | None:
    try:
        return images.parse(text).tagged()
    except InvalidReference:
        return None


def _bases(tasks: Iterable[StoredTask]) -> list[str]:
    return [base for task in tasks for base in producers.bases(task)]


async def _outputs(world: World, tasks: Sequence[StoredTask]) -> list[Reference]:
    return [image for task in tasks for image in await outputs(world, task)]
