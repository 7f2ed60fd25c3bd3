"""The TLS side of a running host: its certificate, renewed while it runs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from baselift.host import certificates
from baselift.host.errors import HostError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from baselift.host.certificates import Certificates

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 6 * 3600.0


class Https:
    """The TLS context of a host.

    Raises:
        HostError: a name is none, or the directory cannot be used.
    """

    def __init__(self, directory: Path, names: tuple[str, ...], look_seconds: float = _LOOK_SECONDS) -> None:
        self._directory = directory
        self._names = names
        self._look_seconds = look_seconds
        self.files: Certificates = certificates.provide(directory, names)
        self.context: ssl.SSLContext = self.files.context()

    async def keep_fresh(self) -> None:
        """Renew the certificate before its end; new connections see the new one."""
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                certificates.provide(self._directory, self._names).load_into(self.context)
            except (HostError, OSError):
                _log.exception("The certificate could not be looked after; the one in use stays")
