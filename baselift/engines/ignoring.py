"""What a .dockerignore leaves out, said so that buildah leaves out the same as Docker.

By itself buildah reads .containerignore first, and finds nothing that ``!dir/**/name`` takes in again below a directory
that is left out.
"""

from pathlib import Path
from typing import Final

from e2b_dockerfile_utils import PatternMatcher

from baselift.domain.builds import BuildOrder, Failure

_DEFAULT: Final = ".dockerignore"
_LARGEST: Final = 1 << 20
_SPECIAL: Final = frozenset("\\*?[]#!")


def ignore_text(order: BuildOrder, own: str | None) -> str:
    """An ignore file for buildah; `own` is the Dockerfile's own one, relative to the source's root.

    Raises:
        Failure: the file is too large or has a pattern that cannot be read, or a directory cannot be read.
    """
    name = own or _DEFAULT
    patterns = _patterns(order, name)
    try:
        matcher = PatternMatcher(patterns)
    except ValueError as error:
        raise Failure(f"{name}: {error}") from None
    if any(pattern.startswith("!") for pattern in patterns):
        try:
            patterns = [_literal(path) for path in _left_out(order.source.root, matcher)]
        except (OSError, RecursionError) as error:
            raise Failure(f"{name}: what it leaves out cannot be found: {error}") from None
    return "".join(f"{pattern}\n" for pattern in patterns)


def _patterns(order: BuildOrder, name: str) -> list[str]:
    root = order.source.root.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to((order.source.around or root).resolve()) or not path.is_file():
        return []
    if path.stat().st_size > _LARGEST:
        raise Failure(f"{name} is larger than {_LARGEST} bytes, the limit")
    lines = path.read_text("utf-8-sig", "replace").split("\n")
    stripped = (line.strip() for line in lines if not line.startswith("#"))
    return [line for line in stripped if line]


def _left_out(root: Path, matcher: PatternMatcher) -> list[str]:
    """What to leave out, a directory for all that is in it; each path relative to the root."""
    found: list[str] = []
    for path in sorted(root.iterdir()):
        found += _of(root, path, matcher)[1]
    return found


def _of(root: Path, path: Path, matcher: PatternMatcher) -> tuple[bool, list[str]]:
    """Whether anything at or below a path stays, and what to leave out of it."""
    relative = path.relative_to(root).as_posix()
    out = bool(matcher.matches(relative))
    if not path.is_dir() or path.is_symlink() or (out and not matcher.may_match_under(relative)):
        return not out, [relative] if out else []
    below = [_of(root, each, matcher) for each in sorted(path.iterdir())]
    if out and not any(stays for stays, _ in below):
        return False, [relative]
    return True, [each for _, left in below for each in left]


def _literal(path: str) -> str:
    """A pattern for this path alone; a sign that no line can hold matches as any sign."""
    return "".join(map(_sign, path))


def _sign(sign: str) -> str:
    if sign == " ":
        return "[ ]"  # a line is read without the blanks at its ends
    if not sign.isprintable():
        return "?"
    return f"\\{sign}" if sign in _SPECIAL else sign
