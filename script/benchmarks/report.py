"""What was measured, and how it is told: percentiles, the ratio to the floor, the aim and whether it is met."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEAD = ("name", "p50", "p95", "floor p50", "floor p95", "ratio", "added", "aim", "met")


@dataclass(frozen=True)
class Aim:
    """The promise about a figure; what is None is not promised. `p50`, `p95` and `added` are milliseconds."""

    ratio: float | None = None
    """The figure's p50 over the floor's."""
    added: float | None = None
    """The figure's p50 less the floor's."""
    p50: float | None = None
    p95: float | None = None
    slowest: float | None = None
    """Milliseconds that no sample exceeds."""

    def __str__(self) -> str:
        parts = [f"≤ {self.ratio:g} x"] if self.ratio is not None else []
        parts += [f"+ ≤ {milliseconds(self.added)}"] if self.added is not None else []
        parts += [f"p50 ≤ {milliseconds(self.p50)}"] if self.p50 is not None else []
        parts += [f"p95 ≤ {milliseconds(self.p95)}"] if self.p95 is not None else []
        parts += [f"slowest ≤ {milliseconds(self.slowest)}"] if self.slowest is not None else []
        return ", ".join(parts) or "none"


@dataclass(frozen=True)
class Figure:
    """One subject and its floor, both as samples in milliseconds, at least one each."""

    name: str
    samples: Sequence[float]
    floor: Sequence[float]
    floor_is: str
    """What the floor does, for people."""
    aim: Aim = Aim()
    unit: str = "ms"
    """Of all its numbers: ``ms``, or ``MB`` for memory."""

    @property
    def ratio(self) -> float:
        """The median over the floor's median."""
        return percentile(self.samples, 50) / percentile(self.floor, 50)

    @property
    def added(self) -> float:
        """Milliseconds that the median has over the floor's."""
        return percentile(self.samples, 50) - percentile(self.floor, 50)

    @property
    def met(self) -> bool | None:
        """Whether every part of the aim is met; None where nothing is promised."""
        got = (
            (self.ratio, self.aim.ratio),
            (self.added, self.aim.added),
            (percentile(self.samples, 50), self.aim.p50),
            (percentile(self.samples, 95), self.aim.p95),
            (max(self.samples), self.aim.slowest),
        )
        promised = [value <= limit for value, limit in got if limit is not None]
        return all(promised) if promised else None

    def document(self) -> dict[str, Any]:
        """The figure for a JSON file, with every sample."""
        return {
            "name": self.name,
            "p50_ms": percentile(self.samples, 50),
            "p95_ms": percentile(self.samples, 95),
            "floor_p50_ms": percentile(self.floor, 50),
            "floor_p95_ms": percentile(self.floor, 95),
            "floor_is": self.floor_is,
            "ratio": self.ratio,
            "added_ms": self.added,
            "aim": str(self.aim),
            "met": self.met,
            "samples_ms": list(self.samples),
            "floor_samples_ms": list(self.floor),
        }


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all samples do not exceed (nearest rank).

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("a percentile needs one sample at least")
    rank = math.ceil(percent / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]


def milliseconds(value: float) -> str:
    """A time for people: three digits, in ms below ten seconds."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.1f} s"
    return f"{value:.1f} ms" if abs(value) < 100 else f"{value:.0f} ms"


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines with aligned columns, and under them what each floor is."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", *(f"floor of {each.name}: {each.floor_is}" for each in figures)])


def _row(figure: Figure) -> tuple[str, ...]:
    times = [percentile(samples, percent) for samples in (figure.samples, figure.floor) for percent in (50, 95)]
    met = {True: "yes", False: "NO", None: "-"}[figure.met]
    shown = [*map(milliseconds, times), f"{figure.ratio:.2f} x", milliseconds(figure.added), str(figure.aim)]
    # Memory stays below what would be shown as seconds.
    return (figure.name, *(text.replace(" ms", f" {figure.unit}") for text in shown), met)
