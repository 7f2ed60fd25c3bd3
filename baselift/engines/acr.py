"""Builds on the agents of an Azure container registry, through its REST API (2025-03-01-preview).

Not through the SDK: what is asked for are six requests, and the SDK would add its models to every start of the app.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from baselift.app.ports import Busy
from baselift.app.remote_builds import RemotePlace, RemoteState
from baselift.domain.builds import Failure
from baselift.domain.runs import ImageDescriptor, Status
from baselift.engines.probe import Probe

API: Final = "2025-03-01-preview"
PIECE: Final = 4 << 20
"""Bytes of log read at once."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})
_OK, _GONE, _CONFLICT, _NO_SUCH_RANGE = 200, 404, 409, 416
_PAUSE: Final = 30.0
_SHOWN: Final = 300

Token = Callable[[], Awaitable[str]]


async def no_token() -> str:
    """For an endpoint on this machine that asks for none."""
    return ""


class AcrBuilds:
    """Implements `RemoteBuilds`.

    Args:
        endpoint: of Azure Resource Manager, or of another Baselift.
        subscription: of the registries.
        token: gives the bearer token of a request; an empty one is not sent.
    """

    def __init__(self, endpoint: str, subscription: str, token: Token) -> None:
        self._endpoint, self._subscription, self._token = endpoint.rstrip("/"), subscription, token
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    async def probe(self, place: RemotePlace) -> Probe:
        """Ask for the registry's runs; never raises for what is found."""
        try:
            await self._ask("GET", place, "runs", query={"$top": "1"})
        except (Failure, Busy) as error:
            return Probe(ok=False, engine="acr", reason=str(error))
        return Probe(ok=True, engine="acr", version=API)

    async def upload(self, place: RemotePlace, archive: Path) -> str:
        """Upload a tar.gz; the path under which a request names it. Raises Failure, Busy."""
        told = await self._ask("POST", place, "listBuildSourceUploadUrl")
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        with archive.open("rb") as file:  # aiohttp reads it in a thread
            async with self._open("PUT", self._link(told["uploadUrl"]), headers=headers, data=file) as response:
                if response.status not in (_OK, 201):
                    raise await _refusal("the upload of the source", response)
        return str(told["relativePath"])

    async def schedule(self, place: RemotePlace, key: str, request: Mapping[str, Any]) -> str:
        """Schedule a run; the same key and request again give the same run. Raises Failure, Busy."""
        headers = {"x-ms-client-request-id": key}
        answer = await self._ask("POST", place, "scheduleRun", body=request, headers=headers)
        return str((answer.get("properties") or {}).get("runId") or answer["name"])

    async def look(self, place: RemotePlace, run: str) -> RemoteState:
        """How the run is. Raises Failure, Busy."""
        told = (await self._ask("GET", place, f"runs/{run}")).get("properties") or {}
        images = tuple(
            ImageDescriptor(
                str(each.get("registry") or ""), str(each["repository"]), each.get("tag"), each.get("digest")
            )
            for each in told.get("outputImages") or ()
        )
        return RemoteState(Status(told["status"]), images, told.get("runErrorMessage"))

    async def log(self, place: RemotePlace, run: str, offset: int) -> tuple[bytes, bool]:
        """A piece of the run's log from `offset` on, and whether the log is complete and ends there."""
        link = self._link((await self._ask("POST", place, f"runs/{run}/listLogSasUrl"))["logLink"])
        headers = {"Range": f"bytes={offset}-{offset + PIECE - 1}"}
        async with self._open("GET", link, headers=headers) as response:
            complete = bool(response.headers.get("x-ms-meta-complete"))
            if response.status in (_GONE, _NO_SUCH_RANGE):
                return b"", complete
            if response.status not in (_OK, 206):
                raise await _refusal(f"the log of run {run}", response)
            data = await response.read()
            return data, complete and len(data) < PIECE

    async def cancel(self, place: RemotePlace, run: str) -> None:
        """Ask for the run's end; one that is over already stays as it is. Raises Failure, Busy."""
        await self._ask("POST", place, f"runs/{run}/cancel", expect=(_OK, 202, 204, 400, _CONFLICT))

    async def _ask(
        self,
        method: str,
        place: RemotePlace,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (_OK,),
    ) -> dict[str, Any]:
        url = URL(self._endpoint) / "subscriptions" / self._subscription / "resourceGroups" / place.group
        url = url / "providers/Microsoft.ContainerRegistry/registries" / place.name / path
        url = url.with_query({"api-version": API, **(query or {})})
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token := await self._token():
            sent["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body, sort_keys=True).encode()
        async with self._open(method, url, headers=sent, data=data) as response:
            if response.status not in expect:
                raise await _refusal(f"registry '{place.name}' ({path.partition('?')[0]})", response)
            text = await response.text()
        return json.loads(text) if text and response.status == _OK else {}

    def _link(self, text: str) -> URL:
        """A link to a blob, which carries its own permission: never sent in clear text but to this machine."""
        url = URL(text)
        if url.scheme != "https" and not self._endpoint.startswith("http://"):
            raise Failure("the registry gave a link to a blob that is not https")
        return url

    @asynccontextmanager
    async def _open(self, method: str, url: URL, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The address may hold a signature, and the error the address.
            raise Busy(f"{url.host} does not answer ({type(error).__name__})") from None


async def _refusal(what: str, response: aiohttp.ClientResponse) -> Exception:
    try:
        told = json.loads(await response.text()).get("error") or {}
        why = f"{told.get('code')}: {told.get('message')}"[:_SHOWN]
    except (ValueError, AttributeError):
        why = "no reason given"
    message = f"{what} answered {response.status}: {why}"
    if response.status in _TRANSIENT:
        given = response.headers.get("Retry-After", "")
        return Busy(message, float(given) if given.isdecimal() else _PAUSE if response.status == 429 else 0)  # noqa: PLR2004
    return Failure(message)
