"""Send events to people's own systems, by the rules for addresses that hold for contexts."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import aiohttp

from baselift.app.ports import Busy, Letter
from baselift.domain import eventgrid
from baselift.domain.builds import Failure
from baselift.source.addresses import check
from baselift.source.http import Pinned, reason

SECONDS = 10.0
"""How long one attempt may take, from the look-up of its host to the answer's status."""

Token = Callable[[str], Awaitable[str]]
"""From an audience, as https://host, to an access token for it. Raises Failure, Busy."""


class Poster:
    """Implements `Post`.

    Args:
        plain_http_hosts: of the settings.
        token: gives this machine's tokens, for topics of Event Grid that are published to by identity.
        seconds: how long one attempt may take.
    """

    def __init__(self, plain_http_hosts: Collection[str], token: Token, seconds: float = SECONDS) -> None:
        self._plain_http_hosts = plain_http_hosts
        self._token = token
        self._seconds = seconds

    async def __call__(self, letter: Letter) -> int:
        """The status; the answer's body is not read. Raises Failure."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send(letter)
        except (aiohttp.ClientError, TimeoutError, OSError, Busy) as error:
            # Not with the address: there may be a key in it.
            raise Failure(f"no answer: {reason(error)}") from None

    async def _send(self, letter: Letter) -> int:
        endpoint = await check(letter.url, self._plain_http_hosts, "send to")
        headers = {"user-agent": "Baselift", **letter.headers, **await self._authorization(letter)}
        connector = aiohttp.TCPConnector(resolver=Pinned(endpoint))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(letter.url, data=letter.body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status

    async def _authorization(self, letter: Letter) -> dict[str, str]:
        if not letter.topic:
            return {}
        audience = eventgrid.audience(letter.url)
        if audience is None:
            raise Failure(f"the identity's token is sent to no other host than {eventgrid.RIGHT}")
        return {"authorization": f"Bearer {await self._token(audience)}"}
