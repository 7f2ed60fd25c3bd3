"""The one check that every HTTP function makes, and the logins that lead to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baselift.access import loopback
from baselift.access.bearer import token_of
from baselift.access.caller import Caller, Gate, Incoming, Role, bad_token, enough
from baselift.access.clients import Clients
from baselift.access.entra import Entra
from baselift.access.loopback import Loopback
from baselift.access.settings import AccessSettings, Mode
from baselift.access.token_endpoint import Answer, LogIn, TokenEndpoint
from baselift.access.tokens import Grant, Tokens

if TYPE_CHECKING:  # MSAL is imported where people sign in by it
    from baselift.access.provider import Assertion
    from baselift.access.sign_in import SignIn


class Access:
    """Who may call, by the settings' mode. Belongs to the event loop that first awaits it.

    Args:
        settings: as loaded.
        keys: the app's secret keys, 32 bytes in base64 each, the current one first; tokens are signed with keys
            derived from them.
        assertion: where a managed identity stands for the client secret of the dashboard's sign-in, its tokens.

    Attributes:
        settings: as given.
        sign_in: how people get into the dashboard in mode `entra`; None where that is not set up.
    """

    def __init__(self, settings: AccessSettings, keys: Sequence[str], assertion: "Assertion | None" = None) -> None:
        self.settings = settings
        self.sign_in = _sign_in(settings, keys, assertion)
        clients = Clients(settings.clients)
        # The issuer names the mode: what anyone on a machine could get must not open what is later shared.
        tokens = Tokens(
            keys,
            issuer=f"urn:baselift:{settings.mode}",
            audience=settings.audiences[0],
            tenant=settings.tenant,
            seconds=settings.token_seconds,
        )
        self._gate = _gate(settings, clients, tokens)
        log_in = _known(clients) if settings.mode is Mode.CLIENTS else _anyone
        self._endpoint = None if settings.mode is Mode.ENTRA else TokenEndpoint(log_in, tokens, settings.audiences)

    async def check(self, request: Incoming, needs: Role) -> Caller:
        """Who calls, when they may.

        Raises:
            Denied: 401 without a valid token, 403 when the role is less than `needs`, 503 when it cannot be found out.
        """
        return enough(await self._gate.caller(request), needs)

    def admit(self, request: Incoming) -> None:
        """The check of a route that is open, as the login is: in mode `none` it is open to this machine only.

        Raises:
            Denied: 403.
        """
        if self.settings.mode is Mode.NONE:
            loopback.check(request)

    async def log_in(self, content_type: str, form: bytes) -> Answer | None:
        """A token for a client; None in mode `entra`, where tokens come from elsewhere."""
        return None if self._endpoint is None else await self._endpoint.answer(content_type, form)


class _OwnTokens:
    """Lets in who has a token of ours, for as long as its client is there with the same secret."""

    def __init__(self, clients: Clients, tokens: Tokens) -> None:
        self._clients = clients
        self._tokens = tokens

    async def caller(self, request: Incoming) -> Caller:
        grant = self._tokens.read(token_of(request))
        client = self._clients.get(grant.client)
        if client is None or client.credential != grant.credential:
            raise bad_token("The client of this token is gone, or has another secret now")
        return Caller(client.id, min(client.role, grant.role))


def _gate(settings: AccessSettings, clients: Clients, tokens: Tokens) -> Gate:
    match settings.mode:
        case Mode.NONE:
            return Loopback()
        case Mode.CLIENTS:
            return _OwnTokens(clients, tokens)
        case Mode.ENTRA:
            return Entra(settings.tenant, settings.audiences, settings.authority)


def _sign_in(settings: AccessSettings, keys: Sequence[str], assertion: "Assertion | None") -> "SignIn | None":
    if settings.sign_in is None:
        return None
    from baselift.access.sign_in import SignIn  # noqa: PLC0415

    return SignIn(settings, settings.sign_in, keys, assertion)


async def _anyone(identifier: str, _secret: str) -> Grant:
    """In mode `none`: the token is never looked at, but clients that log in first get one."""
    return Grant(identifier, Role.CONTRIBUTOR, "")


def _known(clients: Clients) -> LogIn:
    async def log_in(identifier: str, secret: str) -> Grant:
        client = await clients.log_in(identifier, secret)
        return Grant(client.id, client.role, client.credential)

    return log_in
