"""HTTP: a JSON 404 for every path that no other function has.

Routes are tried in the order of the functions' names: this one's must come last.
"""

import azure.functions as func

from baselift.access.caller import Role
from functions.edge import answering, failed

bp = func.Blueprint()


@bp.function_name("zz_not_found")
@bp.route(route="{*path}")
@answering(Role.READER)
async def zz_not_found(req: func.HttpRequest) -> func.HttpResponse:
    """Nothing is here."""
    return failed(404, "InvalidResourceType", f"There is nothing at {req.method} /{req.route_params.get('path', '')}.")
