"""What a container or a build may use at most."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselift.domain.failures import Failure

PIDS = 4096
LEAST_MEMORY = 64 * 2**20
LEAST_PIDS = 32
LEAST_DISK = 2**20
"""Less than these, and what starts a container has no room itself."""

_PART = re.compile(r"(cpus|memory|pids|disk)=([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGT]?)")
_BYTES = re.compile(r"([0-9]{1,15})([KMGT]?)", re.ASCII)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True)
class Limits:
    """`cpus` in processors, `memory` in bytes without swap, `pids` in processes and threads, `disk` in bytes.

    None: no limit.
    """

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = PIDS
    disk: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            Failure: a limit is too small to run anything.
        """
        for name, value, least in (
            ("cpus", self.cpus, 0.01),
            ("memory", self.memory, LEAST_MEMORY),
            ("pids", self.pids, LEAST_PIDS),
            ("disk", self.disk, LEAST_DISK),
        ):
            if value is not None and not value >= least:
                raise Failure(f"{name} limit {value}: at least {least} is needed")

    def within(self, outer: "Limits") -> "Limits":
        """The stricter of both, limit by limit."""
        both = {name: (getattr(self, name), getattr(outer, name)) for name in ("cpus", "memory", "pids", "disk")}
        given = {name: [value for value in pair if value is not None] for name, pair in both.items()}
        return Limits(**{name: min(values) if values else None for name, values in given.items()})


def parse(text: str) -> Limits:
    """Limits as people write them: ``cpus=1.5,memory=4G,pids=1000,disk=20G``; what is not named has its default.

    Raises:
        Failure: naming what is wrong, and what would be right.
    """
    found = dict[str, float]()
    for part in filter(None, (each.strip() for each in text.split(","))):
        matched = _PART.fullmatch(part)
        if (
            not matched
            or (matched[1] in ("cpus", "pids") and matched[3])
            or (matched[1] != "cpus" and "." in matched[2])
        ):
            raise Failure(f"'{part}' is not like cpus=1.5, memory=4G, pids=1000 or disk=20G")
        found[matched[1]] = float(matched[2]) if matched[1] == "cpus" else int(matched[2]) * _UNITS[matched[3]]
    return Limits(**found)  # type: ignore[arg-type]


def parse_bytes(text: str) -> int:
    """An amount as people write it: ``512M``, ``10G``, ``0``.

    Raises:
        Failure: it is something else.
    """
    if not (matched := _BYTES.fullmatch(text)):
        raise Failure(f"'{text}' is not like 0, 512M or 10G")
    return int(matched[1]) * _UNITS[matched[2]]


def of_agent(request: Mapping[str, Any]) -> Limits:
    """What the ``agentConfiguration`` of a run request allows: as many processors as it asks for."""
    cpus = (request.get("agentConfiguration") or {}).get("cpu")
    return Limits(cpus=float(cpus) if cpus else None)
