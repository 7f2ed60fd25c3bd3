"""The app's settings: read once from the environment into one frozen value; half-configured refuses to start."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baselift import exporters
from baselift.access.settings import AccessSettings, InvalidAccess
from baselift.access.settings import load as load_access
from baselift.domain.builds import Failure, Limits
from baselift.domain.limits import parse as parse_limits
from baselift.domain.limits import parse_bytes
from baselift.upkeep import InvalidUpkeep, Upkeep
from baselift.upkeep import load as load_upkeep

VAULT_SUFFIXES = ("vault.azure.net", "vault.usgovcloudapi.net", "vault.azure.cn")


class SettingsError(Exception):
    """Settings are missing or wrong; the message lists all of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured. docs/settings.md explains each."""

    subscription: str
    resource_group: str
    registry_name: str
    login_server: str
    registry_aliases: tuple[str, ...]
    state: Path
    secret_key: str
    old_secret_keys: tuple[str, ...]
    webhook_secret: str
    plain_http_hosts: frozenset[str]
    build_network: str
    """`own` or `host`."""
    run_limits: Limits
    layer_bytes: int
    """What the layers of all tasks may take on disk; 0: none are kept."""
    engine: str
    """`auto`, `buildah`, `docker` or `acr`."""
    acr_endpoint: str
    acr_seconds: float
    lease_seconds: float
    source_seconds: float
    vault_suffixes: tuple[str, ...]
    blob_proxy: bool
    platform_login: bool
    location: str
    access: AccessSettings
    upkeep: Upkeep
    environment: Mapping[str, str]
    """The whole environment, for the storage connection's many forms."""


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: naming every setting that is missing or wrong, and what would be right.
    """
    env = dict(os.environ if environment is None else environment)
    problems, access, upkeep = [*_missing(env), *_wrong(env), *exporters.problems(env)], None, None
    try:
        access = load_access(env)
    except InvalidAccess as error:
        problems += error.problems
    try:
        upkeep = load_upkeep(env)
    except InvalidUpkeep as error:
        problems += error.problems
    if problems or access is None or upkeep is None:
        raise SettingsError("settings: " + "; ".join(problems))
    return Settings(
        subscription=env.get("BASELIFT_SUBSCRIPTION", "00000000-0000-0000-0000-000000000000"),
        resource_group=env.get("BASELIFT_RESOURCE_GROUP", "local"),
        registry_name=env.get("BASELIFT_REGISTRY_NAME", "baselift"),
        login_server=env["BASELIFT_LOGIN_SERVER"].lower(),
        registry_aliases=tuple(word.lower() for word in _words(env, "BASELIFT_REGISTRY_ALIASES")),
        state=Path(env.get("BASELIFT_STATE", ".baselift/builder")),
        secret_key=env["BASELIFT_SECRET_KEY"],
        old_secret_keys=_words(env, "BASELIFT_OLD_SECRET_KEYS"),
        webhook_secret=env["BASELIFT_WEBHOOK_SECRET"],
        plain_http_hosts=frozenset(word.lower() for word in _words(env, "BASELIFT_PLAIN_HTTP_HOSTS")),
        build_network=env.get("BASELIFT_BUILD_NETWORK", "own"),
        run_limits=parse_limits(env.get("BASELIFT_RUN_LIMITS", "")),
        layer_bytes=parse_bytes(env.get("BASELIFT_LAYER_CACHE", "10G")),
        engine=env.get("BASELIFT_ENGINE", "auto"),
        acr_endpoint=env.get("BASELIFT_ACR_ENDPOINT", "https://management.azure.com").rstrip("/"),
        acr_seconds=float(env.get("BASELIFT_ACR_SECONDS", "5")),
        lease_seconds=float(env.get("BASELIFT_LEASE_SECONDS", "60")),
        source_seconds=float(env.get("BASELIFT_SOURCE_SECONDS", "60")),
        vault_suffixes=_words(env, "BASELIFT_VAULT_SUFFIXES") or VAULT_SUFFIXES,
        blob_proxy=env.get("BASELIFT_BLOB_PROXY", "").lower() == "true",
        platform_login=env.get("BASELIFT_PLATFORM_LOGIN", "").lower() == "true",
        access=access,
        upkeep=upkeep,
        location=env.get("BASELIFT_LOCATION", "local"),
        environment=env,
    )


# Sources and secrets go there: in clear text no farther than this machine.
_ENDPOINT = re.compile(r"https://[^\s/?#@]+(/[^\s?#]*)?|http://(127\.0\.0\.1|localhost)(:\d+)?/?")

_REQUIRED = {
    "BASELIFT_LOGIN_SERVER": "host[:port] of the registry",
    "BASELIFT_SECRET_KEY": "32 random bytes, base64",
    "BASELIFT_WEBHOOK_SECRET": "what registries send as 'Authorization: Bearer ...'",
}


def _missing(env: Mapping[str, str]) -> list[str]:
    missing = [f"{name} is missing ({meaning})" for name, meaning in _REQUIRED.items() if not env.get(name)]
    if not any(name == "AzureWebJobsStorage" or name.startswith("AzureWebJobsStorage__") for name in env):
        missing.append("AzureWebJobsStorage is missing (connection string, or AzureWebJobsStorage__accountName)")
    return missing


def _wrong(env: Mapping[str, str]) -> list[str]:
    # An unresolved Key Vault reference stays in place as its own text: as a secret it would be guessable.
    wrong = [f"{name} is an unresolved Key Vault reference" for name, value in env.items() if _unresolved(name, value)]
    wrong += [f"{name} must be 32 bytes in base64" for name, key in _keys(env) if not _is_key(key)]
    network = env.get("BASELIFT_BUILD_NETWORK", "own")
    if network not in ("own", "host"):
        wrong.append(f"BASELIFT_BUILD_NETWORK is '{network}'; it must be own or host")
    try:
        parse_limits(env.get("BASELIFT_RUN_LIMITS", ""))
    except Failure as failure:
        wrong.append(f"BASELIFT_RUN_LIMITS: {failure}")
    try:
        parse_bytes(env.get("BASELIFT_LAYER_CACHE", "0"))
    except Failure as failure:
        wrong.append(f"BASELIFT_LAYER_CACHE: {failure}")
    if (engine := env.get("BASELIFT_ENGINE", "auto")) not in ("auto", "buildah", "docker", "acr"):
        wrong.append(f"BASELIFT_ENGINE is '{engine}'; it must be auto, buildah, docker or acr")
    endpoint = env.get("BASELIFT_ACR_ENDPOINT", "https://management.azure.com")
    if not _ENDPOINT.fullmatch(endpoint):
        wrong.append(f"BASELIFT_ACR_ENDPOINT is '{endpoint}'; it must be https://HOST, or http:// on this machine")
    if (role := env.get("BASELIFT_ROLE", "all")) not in ("all", "api", "builder"):
        wrong.append(f"BASELIFT_ROLE is '{role}'; it must be all, api or builder")
    wrong += [
        f"{name} is '{given}'; it must be true or false"
        for name in ("BASELIFT_BLOB_PROXY", "BASELIFT_PLATFORM_LOGIN")
        if (given := env.get(name, "")).lower() not in ("", "true", "false")
    ]
    if env.get("BASELIFT_PLATFORM_LOGIN", "").lower() == "true" and env.get("BASELIFT_ACCESS") != "entra":
        wrong.append("BASELIFT_PLATFORM_LOGIN is true, which goes with BASELIFT_ACCESS=entra only")
    for name in ("BASELIFT_LEASE_SECONDS", "BASELIFT_SOURCE_SECONDS", "BASELIFT_ACR_SECONDS"):
        if not _positive(seconds := env.get(name, "60")):
            wrong.append(f"{name} is '{seconds}'; it must be a number of seconds above 0")
    return wrong


def _unresolved(name: str, value: str) -> bool:
    ours = name.startswith(("APPLICATIONINSIGHTS_", "BASELIFT_", "AzureWebJobs", "OTEL_"))
    return ours and value.startswith("@Microsoft.KeyVault(")


def _keys(env: Mapping[str, str]) -> list[tuple[str, str]]:
    current = [("BASELIFT_SECRET_KEY", env["BASELIFT_SECRET_KEY"])] if env.get("BASELIFT_SECRET_KEY") else []
    return current + [("BASELIFT_OLD_SECRET_KEYS", key) for key in _words(env, "BASELIFT_OLD_SECRET_KEYS")]


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32  # noqa: PLR2004  # AES-256
    except binascii.Error:
        return False


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def _words(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in env.get(name, "").split(",") if word.strip())
