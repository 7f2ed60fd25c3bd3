"""HTTP: every part's state, for `baselift doctor`."""

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Incoming, Role
from functions.edge import REGISTRY, answering, reply, scope

bp = func.Blueprint()


@bp.function_name("diagnostics")
@bp.route(route=f"{REGISTRY}/diagnostics", methods=["GET"])
@answering(Role.READER)
async def diagnostics(req: func.HttpRequest) -> func.HttpResponse:
    """Who asks, what runs here, and a line for each part of the app."""
    await scope(req)
    access = wiring.access()
    caller = await access.check(Incoming(req.method, req.url, req.headers), Role.READER)
    head = {
        "version": _version(),
        "access": {"mode": access.settings.mode, "caller": caller.name, "role": caller.role.name.lower()},
    }
    return reply(head | {"checks": [asdict(check) for check in await wiring.diagnosis().checks()]})


def _version() -> str:
    """Of the package; unknown where the app runs from its files, as it does on Azure."""
    try:
        return version("baselift")
    except PackageNotFoundError:
        return "unknown"
