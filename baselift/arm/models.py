"""The API's models as tables (API 2025-03-01-preview): one place for fields, types, defaults and limits."""

from collections.abc import Mapping
from typing import Any

from baselift.arm import rules
from baselift.arm.shapes import Choice, Each, Field, Flag, Model, Table, Text, Variants, Whole

WORD = Text(most=64)
LINE = Text()
TOKEN = Text(most=16_384, lines=True, quiet=True)
VALUE = Text(least=0, most=65_536, lines=True, quiet=True)
ENCODED = Text(most=350_000, quiet=True, check=rules.encoded)
PATH = Text(check=rules.relative_path)
CONTEXT = Text(most=2048, quiet=True, check=rules.context)
SWITCH = Choice(("Enabled", "Disabled"))
TIMEOUT = Field(Whole(300, 28_800, "seconds"), default=3600)
LOCATION = Field(Text(most=90), required=True, fixed=True)
TAGS = Field(Table(Text(least=0, most=256), key=Text(most=512), most=50, whole=True), default={})


def _needs_names(step: Mapping[str, Any]) -> None:
    if step["isPushEnabled"] and not step["imageNames"]:
        raise ValueError("isPushEnabled is true but imageNames is empty: name an image, or set isPushEnabled to false")


def _needs_source(field: str, step: Mapping[str, Any]) -> None:
    if step[field] == "/dev/null":
        raise ValueError(f"{field} is '/dev/null', but this type needs a source; only EncodedTask goes without")


def _needs_login(registry: Mapping[str, Any]) -> None:
    whole = "userName" in registry and "password" in registry
    if not whole and ("identity" not in registry or "userName" in registry or "password" in registry):
        raise ValueError("userName and password are needed together, or an identity alone")


def _needs_step(properties: Mapping[str, Any]) -> None:
    if "step" not in properties and not properties["isSystemTask"]:
        raise ValueError("step is required")


PLATFORM = Model(
    {
        "os": Field(Choice(("Linux",), echo=True, note="; Baselift builds no Windows images"), default="linux"),
        "architecture": Field(Choice(("amd64", "x86", "386", "arm", "arm64")), default="amd64"),
        "variant": Field(Choice(("v6", "v7", "v8"))),
    }
)
AGENT = Model({"cpu": Field(Whole(1, 256), default=2)})
NAMED_VALUE = Model(
    {
        "name": Field(Text(most=256, check=rules.argument_name), required=True),
        "value": Field(VALUE, required=True),
        "isSecret": Field(Flag(), default=False),
    }
)
NAMED_VALUES = Field(Each(NAMED_VALUE), default=[])

SECRET = Model(
    {
        "value": Field(Text(most=16_384, lines=True, quiet=True), required=True),
        "type": Field(Choice(("Opaque", "Vaultsecret")), default="Opaque"),
    }
)
CUSTOM_REGISTRY = Model(
    {"userName": Field(SECRET), "password": Field(SECRET), "identity": Field(LINE)}, rule=_needs_login
)
CREDENTIALS = Model(
    {
        "sourceRegistry": Field(
            Model({"identity": Field(LINE, clearable=True), "loginMode": Field(Choice(("None", "Default")))})
        ),
        "customRegistries": Field(Table(CUSTOM_REGISTRY, key=Text(most=255, check=rules.registry_host))),
    }
)

_IMAGE_NAMES = Field(Each(Text(most=512, check=rules.image_name), most=50), default=[])
_DOCKER = {
    "imageNames": _IMAGE_NAMES,
    "isPushEnabled": Field(Flag(), default=True),
    "noCache": Field(Flag(), default=False),
    "dockerFilePath": Field(PATH, required=True),
    "target": Field(Text(most=256)),
    "arguments": NAMED_VALUES,
}
_FILE = {"taskFilePath": Field(PATH, required=True), "valuesFilePath": Field(PATH), "values": NAMED_VALUES}
_ENCODED = {
    "encodedTaskContent": Field(ENCODED, required=True),
    "encodedValuesContent": Field(ENCODED),
    "values": NAMED_VALUES,
}
_ACCESS = {
    "contextAccessToken": Field(TOKEN),
    "baseImageDependencies": Field(Each(Model({})), read_only=True),
}


def _docker_step(step: Mapping[str, Any]) -> None:
    _needs_source("contextPath", step)
    _needs_names(step)


def _file_step(step: Mapping[str, Any]) -> None:
    _needs_source("contextPath", step)


STEP = Variants(
    {
        "Docker": Model({**_DOCKER, "contextPath": Field(CONTEXT, required=True), **_ACCESS}, rule=_docker_step),
        "FileTask": Model({**_FILE, "contextPath": Field(CONTEXT, required=True), **_ACCESS}, rule=_file_step),
        "EncodedTask": Model({**_ENCODED, "contextPath": Field(CONTEXT), **_ACCESS}),
    }
)

AUTH = Model(
    {
        "tokenType": Field(Choice(("PAT", "OAuth")), default="PAT"),
        "token": Field(TOKEN, required=True),
        "refreshToken": Field(TOKEN),
        "scope": Field(LINE),
        "expiresIn": Field(Whole(0, 2**31 - 1, "seconds")),
    }
)
SOURCE = Model(
    {
        "sourceControlType": Field(Choice(("Github", "VisualStudioTeamService")), default="Github"),
        "repositoryUrl": Field(Text(most=2048, quiet=True, check=rules.repository), required=True),
        "branch": Field(Text(most=1024)),
        "sourceControlAuthProperties": Field(AUTH),
    }
)
TIMER_TRIGGER = Model(
    {
        "name": Field(WORD, required=True, key=True),
        "schedule": Field(Text(most=256, check=rules.schedule), required=True),
        "status": Field(SWITCH, default="Enabled"),
    }
)
SOURCE_TRIGGER = Model(
    {
        "name": Field(WORD, required=True, key=True),
        "status": Field(SWITCH, default="Enabled"),
        "sourceTriggerEvents": Field(Each(Choice(("commit", "pullrequest")), most=2), required=True),
        "sourceRepository": Field(SOURCE, required=True),
    }
)
BASE_TRIGGER = Model(
    {
        "name": Field(WORD, required=True, key=True),
        "baseImageTriggerType": Field(Choice(("Runtime", "All")), default="Runtime"),
        "status": Field(SWITCH, default="Enabled"),
        "updateTriggerEndpoint": Field(Text(most=2048, quiet=True, check=rules.web_address)),
        "updateTriggerPayloadType": Field(Choice(("Default", "Token")), default="Default"),
    }
)
TRIGGER = Model(
    {
        "timerTriggers": Field(Each(TIMER_TRIGGER, most=48, by="name")),
        "sourceTriggers": Field(Each(SOURCE_TRIGGER, most=48, by="name")),
        "baseImageTrigger": Field(BASE_TRIGGER),
    }
)

IDENTITY = Model(
    {
        "type": Field(
            Choice(("SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned", "None")), required=True, key=True
        ),
        "principalId": Field(LINE, read_only=True),
        "tenantId": Field(LINE, read_only=True),
        "userAssignedIdentities": Field(
            Table(
                Model({"clientId": Field(LINE, read_only=True), "principalId": Field(LINE, read_only=True)}),
                key=Text(most=512, check=rules.resource_id),
                most=50,
            )
        ),
    }
)

TASK = Model(
    {
        "location": LOCATION,
        "tags": TAGS,
        "identity": Field(IDENTITY),
        "properties": Field(
            Model(
                {
                    "provisioningState": Field(WORD, read_only=True),
                    "creationDate": Field(WORD, read_only=True),
                    "status": Field(SWITCH, default="Enabled"),
                    "isSystemTask": Field(Flag(), default=False, fixed=True),
                    "timeout": TIMEOUT,
                    "platform": Field(PLATFORM, default={}),
                    "agentConfiguration": Field(AGENT, default={}),
                    "agentPoolName": Field(WORD),
                    "logTemplate": Field(LINE),
                    "step": Field(STEP),
                    "trigger": Field(TRIGGER, default={}),
                    "credentials": Field(CREDENTIALS, default={}),
                },
                rule=_needs_step,
            ),
            required=True,
        ),
    }
)

_ANY_RUN = {
    "isArchiveEnabled": Field(Flag(), default=False),
    "agentPoolName": Field(WORD),
    "logTemplate": Field(LINE),
}
_OWN_RUN = {
    **_ANY_RUN,
    "timeout": TIMEOUT,
    "platform": Field(PLATFORM, default={}),
    "agentConfiguration": Field(AGENT, default={}),
    "credentials": Field(CREDENTIALS, default={}),
}
OVERRIDE = Model(
    {
        "contextPath": Field(CONTEXT),
        "file": Field(PATH),
        "arguments": NAMED_VALUES,
        "target": Field(Text(most=256)),
        "values": NAMED_VALUES,
        "updateTriggerToken": Field(TOKEN),
    }
)


def _docker_run(request: Mapping[str, Any]) -> None:
    _needs_source("sourceLocation", request)
    _needs_names(request)


def _file_run(request: Mapping[str, Any]) -> None:
    _needs_source("sourceLocation", request)


RUN_REQUEST = Variants(
    {
        "DockerBuildRequest": Model(
            {**_DOCKER, "sourceLocation": Field(CONTEXT, required=True), **_OWN_RUN}, rule=_docker_run
        ),
        "FileTaskRunRequest": Model(
            {**_FILE, "sourceLocation": Field(CONTEXT, required=True), **_OWN_RUN}, rule=_file_run
        ),
        "EncodedTaskRunRequest": Model({**_ENCODED, "sourceLocation": Field(CONTEXT), **_OWN_RUN}),
        "TaskRunRequest": Model(
            {
                "taskId": Field(LINE, required=True),
                "overrideTaskStepProperties": Field(OVERRIDE, default={}),
                **_ANY_RUN,
            }
        ),
    }
)
RUN_UPDATE = Model({"isArchiveEnabled": Field(Flag())})

TASK_RUN = Model(
    {
        "location": Field(Text(most=90)),
        "tags": TAGS,
        "identity": Field(IDENTITY),
        "properties": Field(
            Model(
                {
                    "provisioningState": Field(WORD, read_only=True),
                    "runRequest": Field(RUN_REQUEST, required=True),
                    "runResult": Field(Model({}), read_only=True),
                    "forceUpdateTag": Field(LINE),
                }
            ),
            required=True,
        ),
    }
)
AGENT_POOL = Model(
    {
        "location": LOCATION,
        "tags": TAGS,
        "properties": Field(
            Model(
                {
                    "count": Field(Whole(0, 100), default=1),
                    "tier": Field(Choice(("S1", "S2", "S3", "I6")), default="S1", fixed=True),
                    "os": Field(
                        Choice(("Linux",), note="; Baselift builds no Windows images"), default="Linux", fixed=True
                    ),
                    "virtualNetworkSubnetResourceId": Field(LINE, fixed=True),
                    "provisioningState": Field(WORD, read_only=True),
                }
            ),
            default={},
        ),
    }
)
