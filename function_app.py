"""The function app: registers the blueprints, where it may run."""

import os

import azure.functions as func

from baselift import wiring
from functions import (
    agent_pools,
    blobs,
    builder,
    dashboard,
    dashboard_actions,
    dashboard_login,
    dashboard_sign_in,
    dashboard_waves,
    diagnostics,
    edges,
    explain,
    graphs,
    groups,
    health,
    images,
    login,
    looks,
    notifications,
    reconcile,
    registries,
    runs,
    scans,
    schedules,
    sources,
    tag_retention,
    task_runs,
    tasks,
    waves,
    zz_not_found,
)

wiring.check_place()

PARTS = (
    agent_pools,
    blobs,
    builder,
    dashboard,
    dashboard_actions,
    dashboard_login,
    dashboard_sign_in,
    dashboard_waves,
    diagnostics,
    edges,
    explain,
    graphs,
    groups,
    health,
    images,
    login,
    looks,
    notifications,
    reconcile,
    registries,
    runs,
    scans,
    schedules,
    sources,
    tag_retention,
    task_runs,
    tasks,
    waves,
    zz_not_found,
)

ROLES = {
    "api": tuple(part for part in PARTS if part is not builder),
    "builder": (builder, health, zz_not_found),
}

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for part in ROLES.get(os.environ.get("BASELIFT_ROLE", "all"), PARTS):
    app.register_functions(part.bp)
