"""Where Baselift is, and the SDK's client for it.

BASELIFT_URL and BASELIFT_CA win; otherwise what the last `script/serve` of this checkout wrote down, which also names
the client that its own server lets in.
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.core import PipelineClient
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from baselift.cli import tokens
from baselift.cli.bearer import Bearer, origin
from baselift.cli.errors import EXIT_NOT_FOUND, CommandError
from baselift.cli.tokens import Server

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
_PROVIDER = "providers/Microsoft.ContainerRegistry/registries"
ENDPOINT = Path(__file__).parents[2] / ".baselift" / "endpoint.json"


@dataclass(frozen=True)
class Registry:
    """The registry a command works on: its resource group and name, as the SDK's methods take them."""

    group: str
    name: str
    id: str
    location: str


class Connection:
    """One command's connection."""

    def __init__(self, registry: str | None = None) -> None:
        """`registry`: its name; None for the only one there is."""
        self._wanted = registry
        self.server = endpoint()
        self._url, self._ca = self.server.url, self.server.ca
        # In place of the SDK's own policy, which refuses plain http and asks for a token in mode `none` too.
        self._bearer = Bearer(self.server.origin, lambda: tokens.token(self.server))
        self._subscription = os.environ.get("BASELIFT_SUBSCRIPTION", SUBSCRIPTION)

    @cached_property
    def client(self) -> ContainerRegistryTasksMgmtClient:
        """The official SDK's client."""
        return ContainerRegistryTasksMgmtClient(
            _NoCredential(),
            self._subscription,
            base_url=self._url,
            authentication_policy=self._bearer,
            connection_verify=self._ca or True,
            retry_total=3,
        )

    @cached_property
    def registry(self) -> Registry:
        """The registry by its name. Raises CommandError when there is none, or more than one to choose from."""
        found = [_registry(item) for item in self.registries()]
        named = [each for each in found if self._wanted is None or each.name.lower() == self._wanted.lower()]
        if len(named) == 1:
            return named[0]
        names = ", ".join(each.name for each in found) or "none"
        if self._wanted is None:
            raise CommandError(f"--registry is needed: there are {names}")
        raise CommandError(f"registry '{self._wanted}' does not exist; there are: {names}", EXIT_NOT_FOUND)

    @property
    def where(self) -> tuple[str, str]:
        """Resource group and name of the registry, the first arguments of the SDK's methods."""
        return self.registry.group, self.registry.name

    def registries(self) -> list[dict[str, Any]]:
        """Every registry, as a resource."""
        try:
            return list(self.send("GET", f"/{_PROVIDER}")["value"])
        except (ValueError, KeyError, TypeError):
            raise CommandError(f"what answers at {self._url} is not Baselift") from None

    @staticmethod
    def path(group: str, name: str) -> str:
        """Path of a registry under the subscription."""
        return f"/resourceGroups/{quote(group, safe='')}/{_PROVIDER}/{quote(name, safe='')}"

    def health(self) -> Any:
        """What the server says of itself to anyone, within seconds. Raises ValueError where that is not JSON."""
        client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            base_url=self._url, policies=[], connection_verify=self._ca or True
        )
        with client:
            return client.send_request(HttpRequest("GET", f"{self._url}/health")).json()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that the SDK has no method for; return the answer's JSON, None where it has no body."""
        url = f"{self._url}/subscriptions/{self._subscription}{path}"
        request = HttpRequest(method, url, params={"api-version": "2025-03-01-preview"}, json=body)
        client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            base_url=self._url, policies=[RetryPolicy(retry_total=2), self._bearer], connection_verify=self._ca or True
        )
        with client:
            response = client.send_request(request)
            response.raise_for_status()
            return response.json() if response.content else None


class _NoCredential:
    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise CommandError("the server asks for a token, and this command has none")


def group_of(resource: dict[str, Any]) -> str:
    """The resource group that a resource is in."""
    return str(resource["id"]).split("/resourceGroups/")[1].split("/")[0]


def _registry(item: dict[str, Any]) -> Registry:
    return Registry(group_of(item), item["name"], item["id"], item.get("location") or "local")


def endpoint() -> Server:
    """Where Baselift is. Raises CommandError when that is not known, or is no address."""
    written = _written()
    url, ca = os.environ.get("BASELIFT_URL") or written.get("url"), os.environ.get("BASELIFT_CA")
    if not url:
        raise CommandError("no server is known: start `script/serve`, or set BASELIFT_URL")
    where = _origin(url)
    own = bool(written.get("url")) and _origin(written["url"]) == where
    ca = ca or (written.get("ca") if own else None)
    if ca and not Path(ca).exists():
        raise CommandError(f"BASELIFT_CA is '{ca}': there is no such file")
    return Server(url.rstrip("/"), where, ca, written.get("client") if own else None)


def _origin(url: str) -> str:
    try:
        return origin(url)
    except ValueError:
        right = "it must be http://host[:port] or https://host[:port]"
        raise CommandError(f"BASELIFT_URL is '{url}': {right}") from None


def _written() -> dict[str, Any]:
    try:
        found = json.loads(ENDPOINT.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
