"""The settings that say who may call."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from baselift.access import clients, sign_in_settings
from baselift.access.checks import is_guid, is_origin
from baselift.access.clients import Client
from baselift.access.loopback import check_binding
from baselift.access.sign_in_settings import SignInSettings

NO_TENANT = "00000000-0000-0000-0000-000000000000"
OWN_AUDIENCE = "api://baselift"
ENTRA = "https://login.microsoftonline.com"
_FOREIGN = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
        "https://management.core.chinacloudapi.cn",
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",  # Azure Resource Manager by its application id
        "00000003-0000-0000-c000-000000000000",  # Microsoft Graph
    }
)
"""A token for one of these is good at Azure itself: an app that accepts it could act there as its callers.

Sources: the SDK's own table (``azure.mgmt.core.tools.get_arm_endpoints``) with the older names of its clouds
(``management.core``), and https://learn.microsoft.com/graph/deployments.
"""
_AUDIENCE = re.compile(r"[!-+\--~]{1,200}")
_SECONDS = range(60, 7 * 24 * 3600 + 1)


class Mode(StrEnum):
    """How callers are told apart."""

    NONE = "none"
    CLIENTS = "clients"
    ENTRA = "entra"


class InvalidAccess(ValueError):
    """Settings are missing or wrong; `problems` names each, with what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may call. docs/settings.md explains each."""

    mode: Mode
    tenant: str
    audiences: tuple[str, ...]
    """Those that tokens may be for; clients are told the first."""
    clients: tuple[Client, ...]
    authority: str
    token_seconds: int
    trust_proxy: bool
    sign_in: SignInSettings | None
    """How people get into the dashboard in mode `entra`, unless the platform or nobody lets them in."""


def load(env: Mapping[str, str]) -> AccessSettings:
    """Read BASELIFT_ACCESS, _CLIENTS, _TENANT, _AUDIENCE, _AUTHORITY, _TOKEN_SECONDS, _TRUST_PROXY and _SIGN_IN_*.

    Raises:
        InvalidAccess: naming every setting that is missing or wrong; no secret is in it.
    """
    given = {name: value.strip() for name, value in env.items() if value.strip()}
    if problems := list(_problems(given)):
        raise InvalidAccess(problems)
    return AccessSettings(
        mode=Mode(given.get("BASELIFT_ACCESS", Mode.NONE)),
        tenant=given.get("BASELIFT_TENANT", NO_TENANT).lower(),
        audiences=_audiences(given) or (OWN_AUDIENCE,),
        clients=clients.parse(given.get("BASELIFT_CLIENTS", "")),
        authority=given.get("BASELIFT_AUTHORITY", ENTRA),
        token_seconds=int(given.get("BASELIFT_TOKEN_SECONDS", "28800")),
        trust_proxy=given.get("BASELIFT_TRUST_PROXY", "false").lower() == "true",
        sign_in=sign_in_settings.load(given, _audiences(given)),
    )


def check_place(env: Mapping[str, str]) -> None:
    """Raise ValueError where all may call and others can: Functions hosts say in WEBSITE_HOSTNAME where they listen."""
    if host := env.get("WEBSITE_HOSTNAME"):
        check_binding(env.get("BASELIFT_ACCESS", Mode.NONE), host)


def _problems(env: Mapping[str, str]) -> Iterator[str]:
    mode = env.get("BASELIFT_ACCESS", Mode.NONE)
    if mode not in list(Mode):
        yield f"BASELIFT_ACCESS is '{mode}'; it must be one of {', '.join(Mode)}"
    yield from _missing(env, mode)
    yield from _wrong_clients(env)
    yield from _wrong_audiences(env)
    yield from _wrong_issuer(env)
    yield from _wrong_values(env)
    yield from sign_in_settings.problems(env, _audiences(env))


def _missing(env: Mapping[str, str], mode: str) -> Iterator[str]:
    try:
        check_place(env)
    except ValueError as error:
        yield str(error)
    if mode == Mode.CLIENTS and "BASELIFT_CLIENTS" not in env:
        yield "BASELIFT_CLIENTS is missing (id:role:hash, as 'baselift client new' prints it)"
    if mode == Mode.ENTRA and "BASELIFT_TENANT" not in env:
        yield "BASELIFT_TENANT is missing (the GUID of the Entra tenant)"
    if mode == Mode.ENTRA and "BASELIFT_AUDIENCE" not in env:
        yield "BASELIFT_AUDIENCE is missing (the application id URI of Baselift's own app registration, api://...)"


def _wrong_clients(env: Mapping[str, str]) -> Iterator[str]:
    given = env.get("BASELIFT_CLIENTS")
    try:
        if given and not clients.parse(given):
            yield f"BASELIFT_CLIENTS names no client: '{given}'"
    except ValueError as error:
        yield f"BASELIFT_CLIENTS: {error}"


def _wrong_audiences(env: Mapping[str, str]) -> Iterator[str]:
    for audience in _audiences(env):
        if not _AUDIENCE.fullmatch(audience):
            yield f"BASELIFT_AUDIENCE has '{audience}'; it must be up to 200 characters without blanks"
        elif audience.lower().rstrip("/") in _FOREIGN:
            yield (
                f"BASELIFT_AUDIENCE has '{audience}', which is Azure's own: callers would hand over tokens that are "
                "good there; it must be the application id URI of Baselift's own app registration"
            )
    if env.get("BASELIFT_AUDIENCE") and not _audiences(env):
        yield f"BASELIFT_AUDIENCE is '{env['BASELIFT_AUDIENCE']}'; it must be an audience such as {OWN_AUDIENCE}"


def _wrong_issuer(env: Mapping[str, str]) -> Iterator[str]:
    tenant = env.get("BASELIFT_TENANT", NO_TENANT)
    if not is_guid(tenant):
        yield f"BASELIFT_TENANT is '{tenant}'; it must be a GUID, because tokens name their tenant by it"
    authority = env.get("BASELIFT_AUTHORITY", ENTRA)
    if not is_origin(authority):
        yield f"BASELIFT_AUTHORITY is '{authority}'; it must be https://host, without a path (default {ENTRA})"


def _wrong_values(env: Mapping[str, str]) -> Iterator[str]:
    seconds = env.get("BASELIFT_TOKEN_SECONDS", "28800")
    if not re.fullmatch(r"[0-9]{1,9}", seconds, re.ASCII) or int(seconds) not in _SECONDS:
        yield f"BASELIFT_TOKEN_SECONDS is '{seconds}'; it must be a number from {_SECONDS[0]} to {_SECONDS[-1]}"
    trust = env.get("BASELIFT_TRUST_PROXY", "false")
    if trust.lower() not in {"true", "false"}:
        yield f"BASELIFT_TRUST_PROXY is '{trust}'; it must be true or false"


def _audiences(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word.strip() for word in env.get("BASELIFT_AUDIENCE", "").split(",") if word.strip())
