"""Log lines as HTML: colours of terminals as classes, every other escape sequence left out, all text escaped.

ECMA-48 section 8.3.117 (SGR). Colours out of 256 or of 16 million become the nearest of the sixteen that the reader's
theme has, since a style of its own for each would need what the pages' content security policy forbids.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from markupsafe import Markup, escape

_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]{0,64})m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # operating system commands and other strings
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_SIXTEEN = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip
_CUBE = (0, 95, 135, 175, 215, 255)


@dataclass(frozen=True, slots=True)
class _Style:
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    front: int | None = None
    back: int | None = None


_PLAIN = _Style()
_KEPT = 256
"""Styles that are remembered: a log has few, again and again."""


def line(text: str) -> Markup:
    """One line of a log. Colours end with the line: each can be shown without those before it."""
    # A carriage return begins the line anew, as progress bars do it: what stands is what came last.
    text = text.rstrip("\r").rpartition("\r")[2]
    return Markup("".join(_pieces(text)))  # noqa: S704  # the pieces are escaped


def plain(text: str) -> str:
    """The line without its escape sequences."""
    return _SEQUENCE.sub("", text.rstrip("\r").rpartition("\r")[2])


def _pieces(text: str) -> Iterator[str]:
    """HTML of the line's parts. Text and not `Markup`, which takes as long to put together as all the rest."""
    style, at = _PLAIN, 0
    for found in _SEQUENCE.finditer(text):
        if found.start() > at:
            yield _piece(text[at : found.start()], style)
        at = found.end()
        if found["sgr"] is not None:
            style = _after(style, found["sgr"])
    if at < len(text):
        yield _piece(text[at:], style)


def _piece(text: str, style: _Style) -> str:
    shown, classes = str(escape(text)), _classes(style)
    return f'<span class="{classes}">{shown}</span>' if classes else shown


@lru_cache(_KEPT)
def _classes(style: _Style) -> str:
    flags = [name for name in ("bold", "dim", "italic", "underline", "inverse") if getattr(style, name)]
    flags += [] if style.front is None else [f"f{style.front}"]
    return " ".join(flags + ([] if style.back is None else [f"k{style.back}"]))


@lru_cache(_KEPT)
def _after(style: _Style, parameters: str) -> _Style:
    codes = [int(word or 0) for word in re.split("[;:]", parameters)]
    while codes:
        code = codes.pop(0)
        if code in (38, 48):
            colour = _extended(codes)
            style = replace(style, front=colour) if code == 38 else replace(style, back=colour)  # noqa: PLR2004
        else:
            style = _simple(style, code)
    return style


def _simple(style: _Style, code: int) -> _Style:
    if code == 0:
        return _PLAIN
    if code in _FLAGS:
        return replace(style, **_FLAGS[code])  # type: ignore[arg-type]
    for first, offset, side in ((30, 0, "front"), (90, 8, "front"), (40, 0, "back"), (100, 8, "back")):
        if first <= code < first + 8:
            return replace(style, **{side: code - first + offset})  # type: ignore[arg-type]
    return style


_FLAGS: dict[int, dict[str, bool | None]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"inverse": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"inverse": False},
    39: {"front": None},
    49: {"back": None},
}


def _extended(codes: list[int]) -> int | None:
    """The colour that follows 38 or 48, taken off the codes."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:  # noqa: PLR2004
        return _of_256(codes.pop(0))
    if kind == 2 and len(codes) >= 3:  # noqa: PLR2004
        red, green, blue = codes[:3]
        del codes[:3]
        return _nearest(red, green, blue)
    return None


def _of_256(number: int) -> int | None:
    if number < 16:  # noqa: PLR2004
        return number
    if number < 232:  # noqa: PLR2004
        number -= 16
        return _nearest(_CUBE[number // 36], _CUBE[number // 6 % 6], _CUBE[number % 6])
    if number < 256:  # noqa: PLR2004
        return _nearest(*[8 + 10 * (number - 232)] * 3)
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    def distance(index: int) -> int:
        other = _SIXTEEN[index]
        return (other[0] - red) ** 2 + (other[1] - green) ** 2 + (other[2] - blue) ** 2

    return min(range(16), key=distance)
