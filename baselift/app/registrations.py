"""Registered registries: the names that tasks belong to, and where their images really are.

A registry has one real address and any number of aliases, `NAME.azurecr.io` always among them. References are compared
at the real address, whatever they were written with.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from baselift.app import codec
from baselift.app.ports import Row, Tables
from baselift.domain import tasks
from baselift.domain.builds import Credential
from baselift.domain.images import Reference

TABLE, PARTITION = "registries", "registry"
FRESH = timedelta(seconds=5)
"""How long another process's change may go unseen."""

Unseal = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Registration:
    """One registry, as this app knows it."""

    name: str
    group: str
    """Resource group."""
    address: str
    """``host[:port]``, lower case: the login server."""
    kind: str = "oci"
    """`oci`, or `acr` for an Azure container registry."""
    aliases: Sequence[str] = ()
    location: str = "local"
    created: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    """User and password, in the shape of `credentials.customRegistries` under the address, sealed."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host[:port] under which this registry is written, the address first."""
        return tuple(dict.fromkeys((self.address, *self.aliases, f"{self.name.lower()}.azurecr.io")))


class Registrations:
    """Reads and changes registrations; what it read is good for a few seconds."""

    def __init__(
        self, tables: Tables, seeds: Sequence[Registration], unseal: Unseal, now: Callable[[], datetime]
    ) -> None:
        """`seeds`: those of the settings. They are there without a row; a row of the same name replaces one."""
        self._tables, self._unseal, self._now = tables, unseal, now
        self._seeds = {seed.name.lower(): seed for seed in seeds}
        self._read: dict[str, Registration] = {}
        self._until: datetime | None = None

    async def all(self) -> Sequence[Registration]:
        """Every registration."""
        now = self._now()
        if self._until is None or now >= self._until:
            found = self._tables.query(TABLE, partition=PARTITION)
            rows = {row.key: codec.load(Registration, row.text("doc")) async for row in found}
            self._read, self._until = self._seeds | rows, now + FRESH
        return tuple(self._read.values())

    async def get(self, name: str) -> Registration | None:
        """The registration of this name, in any case."""
        return next((each for each in await self.all() if each.name.lower() == name.lower()), None)

    async def address(self, name: str) -> str:
        """The login server of a registry that has tasks or runs. Raises KeyError when it is registered no more."""
        found = await self.get(name)
        if found is None:
            raise KeyError(name)
        return found.address

    async def put(self, registration: Registration) -> None:
        """Store a registration, new or changed."""
        row = Row(PARTITION, registration.name.lower(), {"doc": codec.dump(registration)})
        await self._tables.upsert(TABLE, row)
        self._until = None

    async def remove(self, name: str) -> None:
        """Forget a registration; one of the settings comes back as they say."""
        await self._tables.delete(TABLE, PARTITION, name.lower())
        self._until = None

    def seeded(self, name: str) -> bool:
        """True for a registry that the settings name."""
        return name.lower() in self._seeds

    async def home(self, image: Reference) -> Reference:
        """The image at its registry's real address."""
        return replace(image, registry=(await self.hosts()).get(image.registry, image.registry))

    async def hosts(self) -> dict[str, str]:
        """Every host that a registered registry is written with -> its real address."""
        return {host: each.address for each in await self.all() for host in each.hosts}

    async def credentials(self) -> dict[str, Credential]:
        """Real address -> registered user and password."""
        found: dict[str, Credential] = {}
        for each in await self.all():
            found |= tasks.credentials(self._unseal({"credentials": {"customRegistries": dict(each.secrets)}}))
        return found
