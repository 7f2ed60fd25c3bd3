"""Sprig's path functions: Go's package path."""

import re

from baselift.domain.templates.functions import Registry

FUNCTIONS = Registry()


@FUNCTIONS.add("clean", "string")
def clean(path: str) -> str:
    """The shortest path that means the same."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".") and not (part == ".." and rooted):
            parts.append(part)
    return "/" * rooted + "/".join(parts) or "."


@FUNCTIONS.add("base", "string")
def base(path: str) -> str:
    """The last element."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


@FUNCTIONS.add("dir", "string")
def directory(path: str) -> str:
    """All but the last element, cleaned."""
    return clean(path[: path.rfind("/") + 1])


@FUNCTIONS.add("ext", "string")
def extension(path: str) -> str:
    """The last element from its last dot on."""
    found = re.search(r"\.[^./]*\Z", path)
    return found.group() if found else ""


FUNCTIONS.add("isAbs", "string")(lambda path: path.startswith("/"))
