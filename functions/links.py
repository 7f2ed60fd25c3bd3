"""Links to logs and sources, as the settings want them: to the storage, or to the app, which carries them there."""

from datetime import UTC, datetime

import azure.functions as func

from baselift import wiring
from functions.edge import root

UPLOAD_SECONDS = 3600
LOG_SECONDS = 10 * 3600
"""Clients read a log by the one link they got when its run was queued: it outlives the longest run, of eight hours."""


async def log_link(req: func.HttpRequest, name: str) -> str:
    """A link under which the log can be read."""
    if wiring.settings().blob_proxy:
        return _own(req, "logs", name, "r", LOG_SECONDS)
    return await wiring.world().blobs.read_url(name, LOG_SECONDS)


async def upload_link(req: func.HttpRequest, name: str) -> str:
    """A link under which the source can be uploaded."""
    if wiring.settings().blob_proxy:
        return _own(req, "sources", name, "cw", UPLOAD_SECONDS)
    return await wiring.world().blobs.upload_url(name, UPLOAD_SECONDS)


def _own(req: func.HttpRequest, container: str, name: str, permission: str, seconds: int) -> str:
    until = datetime.now(UTC).timestamp() + seconds
    return wiring.blob_links().link(root(req), container, name, permission, until)
