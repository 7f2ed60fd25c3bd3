"""How a host is run, beside its app and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line turns on.

    With `enable_auth` requests need keys. With `https_dir` the host speaks https only, with a certificate of the
    private CA in that directory, also for `https_names`.
    """

    enable_auth: bool = False
    https_dir: Path | None = None
    https_names: tuple[str, ...] = ()
