"""Signing in to the dashboard: the authorization code flow (OpenID Connect Core 1.0, section 3.1), and its session."""

import base64
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from baselift.access.caller import Caller
from baselift.access.entra import Entra
from baselift.access.provider import Assertion, Provider
from baselift.access.settings import AccessSettings
from baselift.access.sign_in_settings import SignInSettings
from baselift.access.tokens import Grant, Tokens

FLOW_SECONDS = 600
"""How long somebody may take at the sign-in service."""


class NoSuchFlow(Exception):
    """This browser began no such sign-in, or too long ago. `other`: it has begun another one."""

    def __init__(self, *, other: bool) -> None:
        super().__init__("no such sign-in was begun")
        self.other = other


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and what it is to bring back in a cookie."""

    url: str
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that was begun in this browser."""

    after: str
    """The page that was asked for first."""
    secrets: Mapping[str, Any] = field(repr=False)


class SignIn:
    """People of one tenant, with an app role. Belongs to the event loop that first awaits it.

    Args:
        settings: as loaded.
        app: which app registration this is.
        keys: the app's secret keys, 32 bytes in base64 each, the current one first.
        assertion: needed where `app` has no secret.
    """

    def __init__(
        self, settings: AccessSettings, app: SignInSettings, keys: Sequence[str], assertion: Assertion | None = None
    ) -> None:
        credential = app.secret or assertion
        if not credential:
            raise ValueError("a sign-in by a managed identity needs its tokens")
        self.seconds = settings.token_seconds
        self._redirect = f"{app.url}/ui/-/signed-in"
        self._provider = Provider(f"{settings.authority}/{settings.tenant}", app.client, credential)
        # The API's own check of tokens, for tokens that are for this application.
        self._entra = Entra(settings.tenant, (app.client,), settings.authority)
        self._flows = MultiFernet([Fernet(_derive(key)) for key in keys])
        # The issuer is another than the API's: a session opens pages only.
        issuer, audience = f"urn:baselift:entra:{settings.tenant}:dashboard", app.client
        self._sessions = Tokens(
            keys, issuer=issuer, audience=audience, tenant=settings.tenant, seconds=settings.token_seconds
        )

    async def begin(self, after: str) -> Begun:
        """Begin a sign-in that leads to a page of the dashboard. Raises Denied 503."""
        url, flow = await self._provider.begin(self._redirect)
        return Begun(url, self._flows.encrypt(json.dumps({"after": after, "flow": flow}).encode()).decode())

    def flow(self, cookie: str, state: str) -> Flow:
        """What was begun, by the cookie and the state that come back. Raises NoSuchFlow."""
        try:
            found = json.loads(self._flows.decrypt(cookie, ttl=FLOW_SECONDS))
        except (InvalidToken, ValueError):
            raise NoSuchFlow(other=False) from None
        # Nothing else that a stranger's link says is looked at before this.
        if not hmac.compare_digest(found["flow"]["state"].encode(), state.encode(errors="replace")):
            raise NoSuchFlow(other=True)
        return Flow(found["after"], found["flow"])

    async def finish(self, flow: Flow, answer: Mapping[str, str]) -> str:
        """A session's token for the provider's answer, as the browser brings it.

        A code is good once (RFC 6749, section 4.1.2): the provider keeps that, also against a cookie that was copied.

        Raises:
            ProviderRefused: the provider says no.
            Denied: 401 for an answer or token that is no good, 403 for somebody without a role, 503 without an answer.
        """
        caller = await self._entra.signed_in(await self._provider.redeem(flow.secrets, answer))
        return self._sessions.issue(Grant(caller.name, caller.role, ""), time.time())

    def caller(self, session: str) -> Caller:
        """Whose session it is. Raises Denied 401."""
        grant = self._sessions.read(session)
        return Caller(grant.client, grant.role)


def _derive(key: str) -> bytes:
    """A key for this purpose only (RFC 5869)."""
    derived = HKDF(SHA256(), length=32, salt=None, info=b"baselift sign-in").derive(base64.b64decode(key))
    return base64.urlsafe_b64encode(derived)
