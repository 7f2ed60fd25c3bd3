"""Pieces of a run's log, by byte offset: a log may be longer than memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from baselift.web import ansi

CHUNK = 128 * 1024
"""Bytes of a piece."""
_LINE = 4000
"""Characters of a line that are shown; the download has them all."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a log: bytes `start` to `end` of `total` that there are now."""

    start: int
    end: int
    total: int
    complete: bool
    """True when nothing will follow what there is now."""
    lines: list[Markup]
    plain: list[str]


@dataclass(frozen=True, slots=True)
class Match:
    """A line that has what was looked for, and where it begins."""

    offset: int
    line: Markup


def piece(data: bytes, start: int, total: int, *, complete: bool, whole: bool) -> Piece:
    """The lines in `data`, which was read at byte `start`.

    Args:
        data: as read, up to `CHUNK` bytes.
        start: where it was read.
        total: length of the log at that time.
        complete: the run is over, and its log too.
        whole: `start` is where a line begins; else what precedes the first line's end is left out.
    """
    if not whole and start > 0:
        cut = data.find(b"\n") + 1
        start, data = start + cut, data[cut:]
    at_end = start + len(data) >= total
    if not (complete and at_end):
        # A line may not be here wholly, unless it alone fills the piece.
        kept = data.rfind(b"\n") + 1
        data = data[:kept] if kept else (data if len(data) >= CHUNK else b"")
    end = start + len(data)
    texts = [text.decode(errors="replace") for text in data.removesuffix(b"\n").split(b"\n")] if data else []
    shown = [text if len(text) <= _LINE else f"{text[:_LINE]}…" for text in texts]
    return Piece(
        start=start,
        end=end,
        total=total,
        complete=complete and end >= total,
        lines=[ansi.line(text) for text in shown],
        plain=[ansi.plain(text) for text in shown],
    )


def matches(data: bytes, start: int, query: str) -> Iterator[Match]:
    """Lines that have the query in them, in whatever case."""
    wanted, offset = query.lower(), start
    for raw in data.split(b"\n"):
        text = raw.decode(errors="replace")
        if wanted in ansi.plain(text).lower():
            yield Match(offset, ansi.line(text[:_LINE]))
        offset += len(raw) + 1
