"""The composition root: builds the world of the use cases once per process, on first use.

Azure's SDKs are imported here and not at the top of the app, so that its functions are indexed quickly.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselift.access.settings import check_place as check_access_place
from baselift.app.ports import Containers, Engine, Post
from baselift.app.registrations import Registration, Registrations
from baselift.app.world import World
from baselift.domain.builds import Credential
from baselift.endings import at_end_of_loop
from baselift.registry.errors import RegistryError
from baselift.settings import Settings, load

Seal = Callable[[Mapping[str, Any]], dict[str, Any]]

STARTED = datetime.now(UTC)
"""When this process was, near enough."""

if TYPE_CHECKING:
    from baselift.access.access import Access
    from baselift.access.blob_links import BlobLinks
    from baselift.access.provider import Assertion
    from baselift.access.settings import AccessSettings
    from baselift.app.diagnose import Diagnosis, Try
    from baselift.app.signs import Signs
    from baselift.azure.arm_token import ArmToken
    from baselift.azure.relay import Relay
    from baselift.azure.storage import Storage
    from baselift.engines.acr import AcrBuilds
    from baselift.engines.buildah import Buildah
    from baselift.engines.chosen import Candidate, FirstOf
    from baselift.engines.probe import Probe


def check_place() -> None:
    """End the process, with one line, where everybody may call and others than this machine can."""
    try:
        check_access_place(os.environ)
    except ValueError as error:
        raise SystemExit(str(error)) from None


@cache
def settings() -> Settings:
    """The process's settings. Raises SettingsError."""
    return load()


@cache
def access() -> "Access":
    """Who may call. Belongs to the event loop that first awaits it."""
    from baselift.access.access import Access

    given = settings()
    return Access(given.access, [given.secret_key, *given.old_secret_keys], _assertion(given.access))


def _assertion(given: "AccessSettings") -> "Assertion | None":
    """Tokens of the identity that stands for a client secret."""
    if given.sign_in is None or not given.sign_in.identity:
        return None
    from baselift.azure.exchange_token import ExchangeToken

    return ExchangeToken(given.sign_in.identity, given.authority)


@cache
def blob_links() -> "BlobLinks":
    """Signs and checks links to blobs behind the app."""
    from baselift.access.blob_links import BlobLinks

    given = settings()
    return BlobLinks([given.secret_key, *given.old_secret_keys])


@cache
def relay() -> "Relay":
    """Carries requests to the storage. Belongs to the event loop that first uses it."""
    from baselift.azure.relay import Relay

    made = Relay()
    at_end_of_loop(made.close)
    return made


@cache
def world() -> World:
    """The process's world. Belongs to the event loop that first awaits it."""
    return build(settings())


@cache
def signs() -> "Signs":
    """Writes down when rounds of repairs end and events come."""
    from baselift.app.signs import Signs

    return Signs(world())


@cache
def diagnosis() -> "Diagnosis":
    """Looks at every part. Belongs to the event loop that first awaits it."""
    from baselift.app.diagnose import Diagnosis
    from baselift.app.remote_builds import RemotePlace
    from baselift.engines.acr import AcrBuilds

    given = settings()
    schedule = given.environment.get("BASELIFT_RECONCILE", "")
    agents = world().remote
    if isinstance(agents, AcrBuilds):
        attempt: Try = partial(agents.probe, RemotePlace(given.resource_group, given.registry_name))
    else:
        attempt = partial(probe, given)
    return Diagnosis(world(), signs(), schedule, STARTED, attempt)


def is_outage(error: BaseException) -> bool:
    """Whether an error says no more than that the storage gave no answer, or that it cannot serve now."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, HttpResponseError):
        return (error.status_code or 0) >= 500  # noqa: PLR2004
    return isinstance(error, ServiceRequestError | ServiceResponseError)


def build(given: Settings, storage: "Storage | None" = None) -> World:
    """A world with every part as the settings say; its connections are closed when the running loop ends.

    Who has to close the storage earlier passes it.
    """
    from baselift.azure.keyvault import KeyVault
    from baselift.azure.storage import Storage
    from baselift.exporters import connect
    from baselift.registry.client import Registries
    from baselift.registry.identities import Identities
    from baselift.source.fetch import Sources
    from baselift.source.limits import Limits

    storage = storage or Storage.connect(given.environment)
    at_end_of_loop(storage.close)

    seal, unseal = _secrets(given)
    engine = cache(lambda: _local(given))

    def now() -> datetime:
        return datetime.now(UTC)

    async def download(name: str, into: Path) -> None:
        await storage.blobs.download(name, into, Limits().bytes)

    telemetry = connect(given.environment)

    def failed(error: RegistryError) -> None:
        telemetry.record("baselift.registry.errors", registry=error.registry, error=error.name)

    registries = Registries(plain_http_hosts=given.plain_http_hosts, failed=failed)
    at_end_of_loop(registries.close)
    return World(
        tables=storage.tables,
        queues=storage.queues,
        blobs=storage.blobs,
        registries=registries,
        sources=Sources(download=download, artifact=registries.artifact, plain_http_hosts=given.plain_http_hosts),
        vault=KeyVault(given.vault_suffixes),
        identities=Identities(),
        engine=engine,
        containers=lambda credentials, secrets: engine().containers(credentials, secrets),
        seal=seal,
        unseal=unseal,
        now=now,
        token=lambda: secrets.token_hex(16),
        scratch=given.state / "runs",
        registrations=Registrations(storage.tables, [_seed(given)], unseal, now),
        post=_post(given),
        lease=timedelta(seconds=given.lease_seconds),
        telemetry=telemetry,
        remote=_agents(given),
        remote_poll=timedelta(seconds=given.acr_seconds),
        poll=min(1.0, given.lease_seconds / 4),
        **given.upkeep.fields(),
        source_poll=timedelta(seconds=given.source_seconds),
    )


def containers_of(engine: "Callable[[], Buildah]") -> Callable[..., AbstractAsyncContextManager[Containers]]:
    """The containers of one run, in a network of its own."""

    @asynccontextmanager
    async def opened(credentials: Mapping[str, Credential], secrets: Sequence[str]) -> AsyncIterator[Containers]:
        from baselift.engines import containers
        from baselift.engines.network import run_network

        async with run_network() as network:
            yield containers.Containers(engine(), network, credentials=credentials, secrets=secrets)

    return opened


def _local(given: Settings) -> "FirstOf":
    """Who builds on this machine: buildah, and where that cannot run, unless it was asked for, Docker."""
    from baselift.engines.chosen import FirstOf

    candidates = {"buildah": (_buildah,), "docker": (_docker,)}.get(given.engine, (_buildah, _docker))
    return FirstOf(*(candidate(given) for candidate in candidates))


def _buildah(given: Settings) -> "Candidate":
    from baselift.engines.chosen import Candidate
    from baselift.engines.isolated import Isolated

    engine = _engine(given)

    async def ready() -> None:
        await engine.version()
        await engine.driver()

    builder: Engine = Isolated(engine) if given.build_network == "own" else engine
    return Candidate(engine.name, ready, builder.build, containers_of(lambda: engine))


def _docker(given: Settings) -> "Candidate":
    from baselift.engines.chosen import Candidate
    from baselift.engines.docker import DockerEngine

    engine = DockerEngine(given.state / "docker", network=given.build_network, limits=given.run_limits)
    return Candidate(engine.name, engine.ready, engine.build, engine.containers)


async def probe(given: Settings) -> "Probe":
    """Whether this machine can build, tried with the engine that the settings name."""
    from baselift.engines.docker_probe import probe_docker
    from baselift.engines.probe import probe as probe_buildah

    docker = partial(probe_docker, given.state / "docker")
    if given.engine == "docker":
        return await docker()
    found = await probe_buildah(given.state / "probe")
    if found.ok or given.engine == "buildah":
        return found
    other = await docker()
    return other if other.ok else replace(found, reason=f"{found.reason}. docker: {other.reason}")


def _agents(given: Settings) -> "AcrBuilds | None":
    """Who builds where this machine does not."""
    if given.engine != "acr":
        return None
    from baselift.engines.acr import AcrBuilds, no_token

    agents = AcrBuilds(given.acr_endpoint, given.subscription, _agents_token(given) or no_token)
    at_end_of_loop(agents.close)
    return agents


def _agents_token(given: Settings) -> "ArmToken | None":
    if given.acr_endpoint.startswith("http://"):
        return None
    from baselift.azure.arm_token import ArmToken

    return ArmToken(given.acr_endpoint, given.environment.get("AZURE_CLIENT_ID"))


def _post(given: Settings) -> Post:
    """Sends events to people's own systems."""
    from baselift.azure.arm_token import ArmToken
    from baselift.source.post import Poster

    tokens = cache(lambda audience: ArmToken(audience, given.environment.get("AZURE_CLIENT_ID"), "topics"))

    async def token(audience: str) -> str:
        return await tokens(audience)()

    return Poster(given.plain_http_hosts, token)


def _engine(given: Settings) -> "Buildah":
    from baselift.engines.buildah import Buildah
    from baselift.source.http import download
    from baselift.source.limits import Limits

    hosts = given.plain_http_hosts
    fetch = partial(download, plain_http_hosts=hosts, limits=Limits())
    place, limits, layers = given.state / "store", given.run_limits, given.layer_bytes
    return Buildah(place, plain_http_hosts=hosts, fetch=fetch, limits=limits, layer_bytes=layers)


def _seed(given: Settings) -> Registration:
    """The registry of the settings."""
    return Registration(
        name=given.registry_name,
        group=given.resource_group,
        address=given.login_server,
        aliases=given.registry_aliases,
        location=given.location,
    )


def _secrets(given: Settings) -> tuple[Seal, Seal]:
    from baselift.arm.secrets import map_secrets
    from baselift.azure.sealing import Sealer

    old = {_key_name(key): key for key in given.old_secret_keys}
    sealer = Sealer(_key_name(given.secret_key), given.secret_key, old)

    def seal(document: Mapping[str, Any]) -> dict[str, Any]:
        return map_secrets(document, sealer.seal)

    def unseal(document: Mapping[str, Any]) -> dict[str, Any]:
        return map_secrets(document, sealer.unseal)

    return seal, unseal


def _key_name(key: str) -> str:
    """The name under which a key's work is found again: derived from it, so that rotation needs no bookkeeping."""
    return hashlib.sha256(base64.b64decode(key)).hexdigest()[:8]
