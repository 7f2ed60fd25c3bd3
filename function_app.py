"""The function app: registers the blueprints."""

import azure.functions as func

from functions import (
    agent_pools,
    blobs,
    builder,
    groups,
    health,
    images,
    login,
    reconcile,
    registries,
    runs,
    scans,
    schedules,
    task_runs,
    tasks,
    zz_not_found,
)

PARTS = (
    agent_pools,
    blobs,
    builder,
    groups,
    health,
    images,
    login,
    reconcile,
    registries,
    runs,
    scans,
    schedules,
    task_runs,
    tasks,
    zz_not_found,
)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for part in PARTS:
    app.register_functions(part.bp)
