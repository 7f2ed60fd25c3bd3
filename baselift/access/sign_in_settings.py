"""The settings by which people sign in to the dashboard at Microsoft Entra."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from baselift.access.checks import is_guid, is_origin

CLIENT, SECRET, IDENTITY, URL = (f"BASELIFT_SIGN_IN_{word}" for word in ("CLIENT", "SECRET", "IDENTITY", "URL"))
_APPLICATION = re.compile(r"api://([0-9a-fA-F-]{36})")


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """How this app shows Entra which app it is. docs/settings.md explains each."""

    client: str
    """The application id, a GUID."""
    secret: str = field(repr=False)
    """Empty where `identity` stands for it."""
    identity: str
    """The client id of a managed identity that the app registration trusts; empty where there is a secret."""
    url: str
    """The app's address as browsers know it: scheme and host."""


def load(env: Mapping[str, str], audiences: Sequence[str]) -> SignInSettings | None:
    """The settings, in which `problems` found none; None where nobody signs in so.

    Args:
        env: without blanks around the values, and without empty ones.
        audiences: those of the API; ``api://`` and a GUID names the application.
    """
    if not any(name in env for name in (CLIENT, SECRET, IDENTITY, URL)):
        return None
    client, url = _client(env, audiences), _url(env)
    return SignInSettings(client.lower(), env.get(SECRET, ""), env.get(IDENTITY, "").lower(), url)


def problems(env: Mapping[str, str], audiences: Sequence[str]) -> Iterator[str]:
    """What is missing or wrong, each with what would be right; arguments as of `load`."""
    given = [name for name in (CLIENT, SECRET, IDENTITY, URL) if name in env]
    if not given:
        return
    yield from _misplaced(env, given[0])
    if SECRET not in env and IDENTITY not in env:
        yield (
            f"{SECRET} is missing (a client secret of the app registration), or in its place {IDENTITY} (the client "
            "id of a managed identity that the app registration trusts)"
        )
    if SECRET in env and IDENTITY in env:
        yield f"{SECRET} and {IDENTITY} are both set; one of them is right"
    if not _client(env, audiences):
        yield f"{CLIENT} is missing (the app registration's application id, which BASELIFT_AUDIENCE does not name)"
    if not _url(env):
        yield f"{URL} is missing (the app's address as browsers know it, https://host)"
    yield from _wrong(env)


def _misplaced(env: Mapping[str, str], first: str) -> Iterator[str]:
    if env.get("BASELIFT_ACCESS") != "entra":
        yield f"{first} is set, which goes with BASELIFT_ACCESS=entra only"
    if env.get("BASELIFT_PLATFORM_LOGIN", "").lower() == "true":
        yield f"{first} is set and BASELIFT_PLATFORM_LOGIN is true; one of the two lets people sign in"
    if env.get("BASELIFT_AUTHORITY", "").startswith("http://"):
        yield f"BASELIFT_AUTHORITY is '{env['BASELIFT_AUTHORITY']}'; it must be https://host where {first} is set"


def _wrong(env: Mapping[str, str]) -> Iterator[str]:
    for name in (CLIENT, IDENTITY):
        if name in env and not is_guid(env[name]):
            yield f"{name} is '{env[name]}'; it must be a GUID"
    if URL in env and not is_origin(env[URL]):
        yield f"{URL} is '{env[URL]}'; it must be https://host without a path, or http:// on this machine"


def _client(env: Mapping[str, str], audiences: Sequence[str]) -> str:
    named = (found[1] for each in audiences if (found := _APPLICATION.fullmatch(each)) and is_guid(found[1]))
    return env.get(CLIENT) or next(named, "")


def _url(env: Mapping[str, str]) -> str:
    """On Azure the platform says what the app's own host is; elsewhere nobody whom one could believe does."""
    host = env.get("WEBSITE_HOSTNAME") if "WEBSITE_SITE_NAME" in env else None
    return env.get(URL) or (f"https://{host}" if host else "")
