"""Who this host is in the storage it shares with others."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from baselift.host.settings import Settings

_LONGEST = 32


def host_id(app_dir: Path, settings: Settings) -> str:
    """The setting AzureFunctionsWebHost__hostid, else the machine's name and a number that the app's path gives."""
    chosen = settings.get("AzureFunctionsWebHost__hostid")
    if chosen:
        return chosen
    machine = "".join(letter for letter in platform.node() if letter.isascii() and letter.isalnum())
    number = int.from_bytes(hashlib.sha256(str(app_dir).encode()).digest()[:4])
    return f"{machine}-{number}"[:_LONGEST].lower().rstrip("-")
