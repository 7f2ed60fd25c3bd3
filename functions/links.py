"""Links to logs and sources, as the settings want them: to the storage, or to the app, which carries them there."""

from datetime import UTC, datetime

import azure.functions as func

from baselift import wiring
from functions.edge import root

LINK_SECONDS = 3600


async def log_link(req: func.HttpRequest, name: str) -> str:
    """A link under which the log can be read."""
    if wiring.settings().blob_proxy:
        return _own(req, "logs", name, "r")
    return await wiring.world().blobs.read_url(name, LINK_SECONDS)


async def upload_link(req: func.HttpRequest, name: str) -> str:
    """A link under which the source can be uploaded."""
    if wiring.settings().blob_proxy:
        return _own(req, "sources", name, "cw")
    return await wiring.world().blobs.upload_url(name, LINK_SECONDS)


def _own(req: func.HttpRequest, container: str, name: str, permission: str) -> str:
    until = datetime.now(UTC).timestamp() + LINK_SECONDS
    return wiring.blob_links().link(root(req), container, name, permission, until)
