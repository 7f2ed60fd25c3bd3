"""The function app: registers the blueprints."""

import azure.functions as func

from functions import builder, groups, health, images, login, reconcile, registries, runs, scans, tasks, zz_not_found

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for part in (builder, groups, health, images, login, reconcile, registries, runs, scans, tasks, zz_not_found):
    app.register_functions(part.bp)
