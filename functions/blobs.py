"""HTTP: logs and sources for clients that cannot reach the storage, where BASELIFT_BLOB_PROXY is true.

Who has a link may come in: its signature is all the authorization there is, as with a shared access signature.
"""

from datetime import UTC, datetime

import azure.functions as func

from baselift import wiring
from baselift.arm import errors
from functions.edge import answering, failed

RELAY_SECONDS = 300
"""How long the storage's own link is good, with which a request is carried on."""
ROUTE = "blobs/{container}/{*name}"

_CODES = {400: "InvalidRequest", 413: "RequestEntityTooLarge"}

bp = func.Blueprint()


@bp.function_name("blob_read")
@bp.route(route=ROUTE, methods=["GET", "HEAD"])
@answering(None)
async def blob_read(req: func.HttpRequest) -> func.HttpResponse:
    """A log, or a part of it."""
    name = _admitted(req, "logs", "r")
    return await _carried(req, await wiring.world().blobs.read_url(name, RELAY_SECONDS))


@bp.function_name("blob_write")
@bp.route(route=ROUTE, methods=["PUT"])
@answering(None)
async def blob_write(req: func.HttpRequest) -> func.HttpResponse:
    """A source: whole, a block of it, or the list of its blocks."""
    name = _admitted(req, "sources", "cw")
    return await _carried(req, await wiring.world().blobs.upload_url(name, RELAY_SECONDS))


def _admitted(req: func.HttpRequest, container: str, permission: str) -> str:
    """The blob's name. Raises ApiError 404, Denied 403."""
    name = req.route_params.get("name") or ""
    if not wiring.settings().blob_proxy or req.route_params["container"] != container:
        raise errors.not_found("blob", name)
    wiring.blob_links().check(container, name, permission, req.params, datetime.now(UTC).timestamp())
    return name


async def _carried(req: func.HttpRequest, url: str) -> func.HttpResponse:
    from baselift.azure.relay import Message, Unrelayed  # noqa: PLC0415  # indexing must not load it

    message = Message(req.method, dict(req.params), dict(req.headers), req.get_body())
    try:
        answer = await wiring.relay().send(url, message)
    except Unrelayed as error:
        return failed(error.status, _CODES.get(error.status, "ServiceUnavailable"), str(error))
    headers = dict(answer.headers)
    kind = headers.pop("content-type", "application/octet-stream")
    if req.method != "HEAD":
        headers.pop("content-length", None)
    return func.HttpResponse(answer.body, status_code=answer.status, headers=headers | {"Content-Type": kind})
