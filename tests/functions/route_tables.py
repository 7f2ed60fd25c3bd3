"""Every HTTP route by who may call it, and a request to each that would do something."""

from live_app import GROUP, REGISTRY, SUBSCRIPTION

S = "subscriptions/{subscription}"
G = f"{S}/resourceGroups/{{resourceGroup}}"
R = f"{G}/providers/Microsoft.ContainerRegistry/registries/{{registry}}"
UI = "ui/{registry}"

OPEN = {
    "GET health",
    "GET metadata/endpoints",
    "GET adfs/.well-known/openid-configuration",
    "POST adfs/oauth2/token",
    "POST adfs/oauth2/devicecode",
    "OPTIONS webhooks/{dialect}",  # asks for leave to send; what is sent shows the secret
    "POST webhooks/{dialect}",  # by the secret of the settings
    "POST sources/{registry}/{task}",  # by the secret of the task's webhook
}
PAGES = {
    "GET ui",
    f"GET {UI}",
    f"GET {UI}/graph",
    f"GET {UI}/runs",
    f"GET {UI}/runs/{{run}}",
    f"GET {UI}/runs/{{run}}/log",
    f"GET {UI}/runs/{{run}}/log.txt",
    f"GET {UI}/tasks",
    f"GET {UI}/tasks/{{task}}",
    f"GET {UI}/tasks/{{task}}/badge.svg",
    f"GET {UI}/waves",
    f"GET {UI}/waves/{{wave}}",
}
"""For readers; who may not see one gets a page that says so."""
FORMS = {
    f"POST {UI}/pause",
    f"POST {UI}/unpause",
    f"POST {UI}/runs/{{run}}/again",
    f"POST {UI}/runs/{{run}}/cancel",
    f"POST {UI}/tasks/{{task}}/disable",
    f"POST {UI}/tasks/{{task}}/enable",
    f"POST {UI}/tasks/{{task}}/run",
    f"POST {UI}/waves/{{wave}}/cancel",
    f"POST {UI}/waves/{{wave}}/resume",
}
"""For contributors, by a form that the dashboard gave them: without one nobody gets through."""
OPEN_PAGES = {
    "GET {home:maxlength(0)?}",
    "GET ui/-/login",
    "GET ui/-/sign-in",
    "GET ui/-/signed-in",
    "POST ui/-/login",
    "POST ui/-/logout",
    "GET ui/-/static/{file}",
}
BY_SECRET = {"POST webhooks/{dialect}", "POST sources/{registry}/{task}"}
SIGNED = {
    "GET blobs/{container}/{*name}": "logs",
    "HEAD blobs/{container}/{*name}": "logs",
    "PUT blobs/{container}/{*name}": "sources",
}
"""By the signature of a link; and the container that the link is of."""
READER = {
    "GET tenants",
    "GET subscriptions",
    f"GET {S}",
    f"GET {S}/resources",
    f"GET {S}/resourceGroups",
    f"GET {S}/providers/Microsoft.ContainerRegistry/registries",
    f"POST {S}/providers/Microsoft.ContainerRegistry/checkNameAvailability",
    f"GET {G}",
    f"HEAD {G}",
    f"GET {G}/providers/Microsoft.ContainerRegistry/registries",
    f"GET {R}",
    f"GET {R}/diagnostics",
    f"GET {R}/listUsages",
    f"GET {R}/tasks",
    f"GET {R}/tasks/{{task}}",
    f"GET {R}/tasks/{{task}}/source",
    f"GET {R}/tasks/{{task}}/edges",
    f"GET {R}/tasks/{{task}}/retention",
    f"GET {R}/tasks/{{task}}/explain",
    f"GET {R}/explain",
    f"GET {R}/graph",
    f"GET {R}/pauses",
    f"GET {R}/preview",
    f"GET {R}/stale",
    f"GET {R}/waves",
    f"GET {R}/waves/{{wave}}",
    f"GET {R}/webhooks",
    f"GET {R}/webhooks/{{webhook}}",
    f"POST {R}/webhooks/{{webhook}}/listEvents",
    f"GET {R}/runs",
    f"GET {R}/runs/{{run}}",
    f"POST {R}/runs/{{run}}/listLogSasUrl",
    f"GET {R}/taskRuns",
    f"GET {R}/taskRuns/{{taskRun}}",
    f"GET {R}/agentPools",
    f"GET {R}/agentPools/{{agentPool}}",
    f"POST {R}/agentPools/{{agentPool}}/listQueueStatus",
    *(f"{method} {{*path}}" for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")),
}
CONTRIBUTOR = {
    f"PUT {G}",
    f"DELETE {G}",
    f"PUT {R}",
    f"PATCH {R}",
    f"DELETE {R}",
    f"POST {R}/listCredentials",
    f"POST {R}/listBuildSourceUploadUrl",
    f"POST {R}/scheduleRun",
    f"PATCH {R}/runs/{{run}}",
    f"POST {R}/runs/{{run}}/cancel",
    f"PUT {R}/tasks/{{task}}",
    f"PATCH {R}/tasks/{{task}}",
    f"DELETE {R}/tasks/{{task}}",
    f"POST {R}/tasks/{{task}}/listDetails",
    f"POST {R}/tasks/{{task}}/listSource",
    f"PATCH {R}/tasks/{{task}}/source",
    f"PUT {R}/tasks/{{task}}/edges",
    f"PUT {R}/tasks/{{task}}/retention",
    f"PUT {R}/pauses",
    f"DELETE {R}/pauses",
    f"POST {R}/waves/{{wave}}/resume",
    f"POST {R}/waves/{{wave}}/cancel",
    f"PUT {R}/webhooks/{{webhook}}",
    f"PATCH {R}/webhooks/{{webhook}}",
    f"DELETE {R}/webhooks/{{webhook}}",
    f"POST {R}/webhooks/{{webhook}}/getCallbackConfig",
    f"POST {R}/webhooks/{{webhook}}/ping",
    f"PUT {R}/taskRuns/{{taskRun}}",
    f"PATCH {R}/taskRuns/{{taskRun}}",
    f"DELETE {R}/taskRuns/{{taskRun}}",
    f"POST {R}/taskRuns/{{taskRun}}/listDetails",
    f"PUT {R}/agentPools/{{agentPool}}",
    f"PATCH {R}/agentPools/{{agentPool}}",
    f"DELETE {R}/agentPools/{{agentPool}}",
}
"""Everything else: what changes something, starts something, or shows secrets."""

NEVER = "0 0 0 1 1 *"
ABSENT_SOURCE = "tasks-source/absent.tar.gz"
RUN = {"type": "DockerBuildRequest", "sourceLocation": ABSENT_SOURCE, "dockerFilePath": "Dockerfile"}
RUN |= {"isPushEnabled": False}
STEP = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": "http://localhost:9/r.git"}
TASK = {"location": "local", "properties": {"step": STEP | {"isPushEnabled": False}}}
TASK_RUN = {"location": "local", "properties": {"runRequest": RUN, "forceUpdateTag": "other"}}
POOL = {"location": "local", "properties": {"count": 7}}
WEBHOOK = {"serviceUri": "http://localhost:9/told", "actions": ["wave_started"]}
BODIES = {
    f"POST {R}/scheduleRun": RUN,
    f"PUT {R}/tasks/{{task}}": TASK | {"tags": {"by": "a stranger"}},
    f"PATCH {R}/tasks/{{task}}": {"tags": {"by": "a stranger"}},
    f"PUT {R}/taskRuns/{{taskRun}}": TASK_RUN,
    f"PATCH {R}/taskRuns/{{taskRun}}": {"properties": {"forceUpdateTag": "another"}},
    f"PUT {R}/agentPools/{{agentPool}}": POOL,
    f"PATCH {R}/agentPools/{{agentPool}}": POOL,
    f"PATCH {R}/runs/{{run}}": {"isArchiveEnabled": True},
    f"PUT {R}/webhooks/{{webhook}}": {"location": "local", "properties": WEBHOOK},
    f"PATCH {R}/webhooks/{{webhook}}": {"properties": WEBHOOK},
    f"PUT {R}": {"location": "local", "properties": {"loginServer": "stranger.example"}},
    f"PATCH {R}": {"tags": {"by": "a stranger"}},
    f"PATCH {R}/tasks/{{task}}/source": {"newSecret": True},
}
"""What would do something, so that a request that is let in shows."""
HERE = {"subscription": SUBSCRIPTION, "resourceGroup": GROUP, "registry": REGISTRY, "dialect": "distribution"}
HERE |= {"task": "standing", "taskRun": "standing", "agentPool": "standing", "*path": "no/such/thing"}
HERE |= {"wave": "1767225600-00000000", "webhook": "standing"}
HERE |= {"container": "logs", "*name": "baselift/some.log"}
