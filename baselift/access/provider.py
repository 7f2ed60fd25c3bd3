"""Microsoft Entra as an OpenID Connect provider, by MSAL: state, nonce, PKCE (RFC 7636), and a code for an ID token.

MSAL leaves it to its callers to verify ID tokens. It works in threads here, because it blocks.
"""

import asyncio
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import msal  # type: ignore[import-untyped]

from baselift.access.caller import bad_token, undecided

Assertion = Callable[[], str]
"""Gives a signed statement of who the app is, in place of a secret (RFC 7523 section 2.2). May block."""

_SECONDS, _LONGEST = 10.0, 30.0
"""For one request to the provider to connect or go on, and for all that one visitor waits for."""
_FLOW = ("state", "nonce", "code_verifier", "redirect_uri", "scope")
_ANSWER = ("state", "code", "error", "error_description")
_GARBLED = (ValueError, RuntimeError, LookupError, TypeError, AttributeError)
_UNANSWERED = (OSError, msal.exceptions.MsalError)

log = logging.getLogger(__name__)
# It logs answers that are no JSON, whole: a token may be in them.
logging.getLogger("msal.oauth2cli.oauth2").setLevel(logging.CRITICAL)
# A form posted by the provider's page would come without the flow's cookie, which is SameSite=Lax.
warnings.filterwarnings("ignore", "response_mode='form_post' is recommended", UserWarning)


class ProviderRefused(Exception):
    """The provider says no. `error` and `description` are its words, or somebody else's: not to be trusted."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__("the provider refuses the sign-in")
        self.error = error
        self.description = description


class Provider:
    """One app registration of one tenant. Belongs to the event loop that first awaits it.

    Args:
        tenant: its address at the authority, for example ``https://login.microsoftonline.com/GUID``.
        client: the application id.
        credential: the client secret, or what stands for it.
    """

    def __init__(self, tenant: str, client: str, credential: str | Assertion) -> None:
        self._tenant = tenant
        self._client = client
        self._credential = credential if isinstance(credential, str) else {"client_assertion": credential}
        self._lock = asyncio.Lock()
        self._application: msal.ConfidentialClientApplication | None = None

    async def begin(self, redirect: str) -> tuple[str, dict[str, Any]]:
        """Where to send a browser, and what must be known when it comes back to `redirect`; the latter is secret.

        Raises:
            Denied: 503, the provider does not say where.
        """
        application = await _bounded(self._ready())
        # An account is asked for: no other site can have somebody signed in unawares, and people can choose another.
        flow = application.initiate_auth_code_flow([], redirect_uri=redirect, prompt="select_account")
        return flow["auth_uri"], {name: flow[name] for name in _FLOW}

    async def redeem(self, flow: Mapping[str, Any], answer: Mapping[str, str]) -> str:
        """The ID token for the code that a browser came back with: of this very flow, its signature not verified.

        Raises:
            ProviderRefused: there is an error instead.
            Denied: 401 for an answer that is none or belongs to another flow, 503 without an answer.
        """
        application = await _bounded(self._ready())
        given = {name: answer[name] for name in _ANSWER if name in answer}
        work = asyncio.to_thread(application.acquire_token_by_auth_code_flow, dict(flow), given)
        try:
            return _token(await _bounded(work))
        except _GARBLED as error:
            log.warning("a sign-in was answered with what is no answer to it (%s)", type(error).__name__)
            raise bad_token("The answer of the sign-in service is not one to this sign-in") from None

    async def _ready(self) -> msal.ConfidentialClientApplication:
        async with self._lock:
            if self._application is None:
                self._application = await asyncio.to_thread(self._connect)
            return self._application

    def _connect(self) -> msal.ConfidentialClientApplication:
        """Ask the authority where its endpoints are."""
        try:
            return msal.ConfidentialClientApplication(
                self._client,
                self._credential,
                authority=self._tenant,
                instance_discovery=False,
                timeout=_SECONDS,
                exclude_scopes=["offline_access"],
                token_cache=_Nowhere(),
            )
        except _GARBLED as error:
            raise OSError(f"no authority is at {self._tenant} ({type(error).__name__})") from error


class _Nowhere(msal.TokenCache):  # type: ignore[misc]
    """Keeps no tokens: nothing is done here in anybody's name."""

    def add(self, event: Any, now: Any = None) -> None:
        """Forget them."""


def _token(found: Any) -> str:
    if "error" in found:
        raise ProviderRefused(str(found["error"]), str(found.get("error_description", "")))
    return str(found["id_token"])


async def _bounded(work: Any) -> Any:
    try:
        async with asyncio.timeout(_LONGEST):
            return await work
    except _UNANSWERED as error:
        log.error("nobody can sign in: %s: %s", type(error).__name__, error)  # noqa: TRY400  # the cause is in the message
        raise undecided("The sign-in service does not answer: try again.") from None
