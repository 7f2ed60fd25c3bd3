"""Templates and static files. Everything that is printed is escaped, whatever it is."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from baselift.web import values

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file as it is served."""

    body: bytes
    type: str
    version: str
    """Changes with the content: addresses that carry it may be kept for ever."""


def page(template: str, data: Mapping[str, Any]) -> str:
    """A template filled in. `data` must have every name that it uses."""
    return _environment().get_template(template).render(data)


@cache
def asset(name: str) -> Asset | None:
    """A static file by its name; None when there is none."""
    path = next((path for path in (_HERE / "static").iterdir() if path.name == name), None)
    if path is None or path.suffix not in _TYPES:
        return None
    body = path.read_bytes()
    return Asset(body, _TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:12])


def asset_path(name: str) -> str:
    """Where a static file is, under the dashboard's own address."""
    found = asset(name)
    return f"-/static/{name}" + (f"?v={found.version}" if found else "")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"short": values.short_digest, "local": values.local, "brief": values.brief, "ticks": values.ticks}
    made.globals |= {"asset_path": asset_path}
    return made
