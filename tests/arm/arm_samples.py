"""Bodies as the Azure CLI 2.91 sends them, and what the tests make of them."""

import copy
import itertools
from typing import Any

from baselift.arm import tasks
from baselift.arm.names import Scope

SCOPE = Scope("11111111-2222-3333-4444-555555555555", "rg", "myregistry")
NOW = "2026-11-24T02:36:02.123456+00:00"
LATER = "2026-11-25T00:00:00+00:00"
CONTEXT = "https://github.com/u/r.git#main"
IDENTITY = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"

DOCKER: dict[str, Any] = {
    "location": "eastus",
    "properties": {
        "status": "Enabled",
        "isSystemTask": False,
        "timeout": 3600,
        "platform": {"os": "linux", "architecture": "amd64"},
        "agentConfiguration": {"cpu": 2},
        "credentials": {},
        "step": {
            "type": "Docker",
            "imageNames": ["helloworld:{{.Run.ID}}"],
            "isPushEnabled": True,
            "noCache": False,
            "dockerFilePath": "Dockerfile-app",
            "arguments": [
                {"type": "Argument", "name": "A", "value": "1", "isSecret": False},
                {"type": "Argument", "name": "T", "value": "s3cret-arg", "isSecret": True},
            ],
            "contextPath": CONTEXT,
            "contextAccessToken": "s3cret-pat",
        },
        "trigger": {
            "sourceTriggers": [
                {
                    "name": "defaultSourceTriggerName",
                    "status": "Enabled",
                    "sourceTriggerEvents": ["commit"],
                    "sourceRepository": {
                        "sourceControlType": "Github",
                        "repositoryUrl": CONTEXT,
                        "branch": "main",
                        "sourceControlAuthProperties": {
                            "token": "s3cret-hook",
                            "refreshToken": "s3cret-refresh",
                            "tokenType": "PAT",
                            "scope": "repo",
                        },
                    },
                }
            ],
            "timerTriggers": [
                {"name": "t1", "status": "Enabled", "schedule": "*/5 * * * *"},
                {"name": "nightly", "status": "Enabled", "schedule": "0 21 * * *"},
            ],
            "baseImageTrigger": {
                "baseImageTriggerType": "Runtime",
                "status": "Enabled",
                "name": "defaultBaseimageTriggerName",
                "updateTriggerPayloadType": "Default",
            },
        },
    },
}
FILE: dict[str, Any] = {
    "location": "eastus",
    "properties": {
        "step": {
            "type": "FileTask",
            "taskFilePath": "acb.yaml",
            "contextPath": CONTEXT,
            "values": [{"type": "SetValue", "name": "V", "value": "s3cret-set", "isSecret": True}],
        }
    },
}
ENCODED: dict[str, Any] = {
    "location": "eastus",
    "properties": {"step": {"type": "EncodedTask", "encodedTaskContent": "dmVyc2lvbjogdjEuMS4wCg==", "values": []}},
}
SYSTEM: dict[str, Any] = {
    "location": "eastus",
    "properties": {"isSystemTask": True, "timeout": 3600, "status": "Enabled"},
}
REGISTRIES = {
    "other.azurecr.io": {
        "userName": {"type": "Opaque", "value": "s3cret-user"},
        "password": {"type": "Opaque", "value": "s3cret-password"},
    },
    "vault.azurecr.io": {
        "userName": {"type": "Vaultsecret", "value": "https://v.vault.azure.net/secrets/u"},
        "password": {"type": "Vaultsecret", "value": "https://v.vault.azure.net/secrets/p"},
        "identity": "[system]",
    },
}


def guids():
    """Ids that tell one call from another."""
    numbers = itertools.count(1)
    return lambda: f"00000000-0000-0000-0000-{next(numbers):012d}"


def created(body: Any = DOCKER, **properties: Any) -> dict[str, Any]:
    """The stored document of a new task `task1`, some properties changed."""
    changed = copy.deepcopy(body)
    changed["properties"].update(properties)
    return tasks.create(changed, None, scope=SCOPE, name="task1", now=NOW, ids=guids(), by="someone")


def patched(document: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """The document after a PATCH of these properties."""
    return tasks.merge(document, {"properties": properties}, now=LATER, ids=guids(), by="another")


def put(path: str, value: Any, body: Any = DOCKER) -> dict[str, Any]:
    """A copy of the body with the field at ``a.b.0.c`` set; absent when the value is `...`."""
    changed = copy.deepcopy(body)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    owner = changed
    for part in way:
        owner = owner[part] if isinstance(part, int) else owner.setdefault(part, {})
    if value is ...:
        del owner[last]
    else:
        owner[last] = value
    return changed


UNPUSHED = put("properties.step", {**DOCKER["properties"]["step"], "isPushEnabled": False})
