"""What is paused: a registry, a task or a base, until somebody ends it, or outside the windows it has.

A paused base's movements are not carried out, however many there are: when the pause ends, the newest counts, once.
Members of waves that belong to a paused registry or task wait; what depends on them waits with them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from baselift.app.ports import Row
from baselift.app.world import World
from baselift.domain import schedules

PAUSES, PARTITION = "pauses", "pause"


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause, or the windows of something that is paused outside them."""

    kind: str
    """`registry`, `task` or `base`."""
    registry: str
    """Name of the registry resource; empty for a base, which belongs to none."""
    name: str
    """Name of the task, canonical reference of the base; empty for a registry."""
    since: str
    """RFC 3339 time."""
    window: str = ""
    """Schedule of the windows' beginnings, five NCRONTAB fields, UTC; empty for a pause without windows."""
    minutes: int = 0
    """How long a window lasts."""
    note: str = ""

    @property
    def key(self) -> str:
        """What is paused; names are case-insensitive."""
        return f"{self.kind}|{self.registry.lower()}|{self.name.lower()}"

    def holds(self, now: datetime) -> bool:
        """True while nothing may start."""
        if not self.window:
            return True
        return schedules.parse(self.window).latest(now - timedelta(minutes=self.minutes), now) is None

    def __str__(self) -> str:
        name = self.name or self.registry
        windows = f", but for {self.minutes} minutes from '{self.window}' (UTC) on" if self.window else ""
        return f"{self.kind} {name} is paused{windows}"


async def put(world: World, pause: Pause) -> None:
    """Pause something, or change how."""
    await world.tables.upsert(PAUSES, Row(PARTITION, pause.key, asdict(pause)))


async def remove(world: World, pause: Pause) -> None:
    """End a pause; one that is not there is no error."""
    await world.tables.delete(PAUSES, PARTITION, pause.key)


async def every(world: World) -> Sequence[Pause]:
    """All pauses."""
    return [_pause(row) async for row in world.tables.query(PAUSES, partition=PARTITION)]


def of_base(pauses: Sequence[Pause], image: str, now: datetime) -> Pause | None:
    """The pause that holds the movements of a base."""
    wanted = Pause("base", "", image, "").key
    return next((pause for pause in pauses if pause.key == wanted and pause.holds(now)), None)


def of_member(pauses: Sequence[Pause], registry: str, task: str, now: datetime) -> Pause | None:
    """The pause that holds a task of a registry."""
    wanted = {Pause("registry", registry, "", "").key, Pause("task", registry, task, "").key}
    return next((pause for pause in pauses if pause.key in wanted and pause.holds(now)), None)


def _pause(row: Row) -> Pause:
    return Pause(**{each.name: row.values[each.name] for each in fields(Pause)})  # type: ignore[arg-type]
