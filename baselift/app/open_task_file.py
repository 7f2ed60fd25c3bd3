"""Open a run's task file: fetch the secrets it declares, then read it with them filled in."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from baselift.app import task_file
from baselift.app.clear import of_vault, together
from baselift.app.world import World
from baselift.domain.builds import Failure, Source
from baselift.domain.taskfile import TaskFile


@dataclass(frozen=True, slots=True)
class Opened:
    """A task file that is ready to run."""

    file: TaskFile
    secrets: Sequence[str] = field(repr=False)
    """Values that no log may show: those of the request, and those from Key Vault."""


async def open_task_file(world: World, request: Mapping[str, Any], source: Source, facts: Mapping[str, str]) -> Opened:
    """The task file that a request names. `request` is in clear.

    Raises:
        Failure: the file is wrong, or a Key Vault does not give a secret; the message names it and holds no value.
    """
    now = world.now()
    declared = await asyncio.to_thread(task_file.declared, request, source, facts, now)
    reads = [of_vault(world, f"secret '{each.id}'", each.keyvault, each.client_id) for each in declared]
    values = await together(reads)
    known = dict(zip((each.id for each in declared), values, strict=True))

    def read() -> TaskFile:
        try:
            return task_file.read(request, source, facts, now, known)
        except Failure:
            if not known:
                raise
        # What is wrong may quote a secret: say it of the file with a word in their places.
        task_file.read(request, source, facts, now, dict.fromkeys(known, "(secret)"))
        raise Failure("task file: it is wrong only with its secrets filled in, so what is wrong is not shown")

    secrets = (*task_file.secret_values(request), *filter(None, values))
    return Opened(await asyncio.to_thread(read), secrets)
