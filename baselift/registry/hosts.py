"""Where a registry is spoken to: aliases, Docker Hub's other name, and which hosts may be plain http."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from yarl import URL

from baselift.domain.builds import Credential
from baselift.domain.images import HUB, Reference

_HUB_API = "registry-1.docker.io"


class Hosts:
    """Turns registry names into addresses.

    Args:
        plain: hosts (any port) or ``host:port`` pairs that are spoken to over http; all others only over https.
        aliases: name used in references -> real ``host`` or ``host:port``.
    """

    def __init__(self, plain: Collection[str] = (), aliases: Mapping[str, str] | None = None) -> None:
        self._plain = frozenset(host.lower() for host in plain)
        self._aliases = {alias.lower(): host.lower() for alias, host in (aliases or {}).items()}

    def real(self, registry: str) -> str:
        """The registry behind an alias, or the name itself."""
        return self._aliases.get(registry.lower(), registry.lower())

    def url(self, registry: str) -> URL:
        """Root of the registry's API."""
        host = self.real(registry)
        address = URL(f"https://{_HUB_API if host == HUB else host}")
        return URL(f"http://{host}") if self.is_plain(address) else address

    def is_plain(self, url: URL) -> bool:
        """True when http may be used for this address."""
        host = (url.raw_host or "").lower()
        return host in self._plain or f"[{host}]" in self._plain or url.raw_authority.lower() in self._plain

    def is_allowed(self, url: URL) -> bool:
        """True for https, and for http where it was allowed."""
        return url.scheme == "https" or (url.scheme == "http" and self.is_plain(url))


@dataclass(frozen=True, slots=True)
class Access:
    """One repository as seen by one caller for one purpose: all that a request needs besides its path."""

    registry: str
    """Real host, for messages and caches."""
    root: URL
    repository: str
    actions: str
    """``pull``, ``pull,push`` or ``pull,delete``: what a token is asked for."""
    credential: Credential | None
    operation: str
    """For messages: ``the push of app``."""
    also: tuple[str, ...] = ()
    """Further token scopes, for a mount."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """Token scopes, as the distribution project's token specification spells them."""
        return (f"repository:{self.repository}:{self.actions}", *self.also)

    def url(self, path: str) -> URL:
        """Address of ``/v2/<repository>/<path>``."""
        root = str(self.root).rstrip("/")
        return URL(f"{root}/v2/{self.repository}/{path}", encoded=True)

    def is_home(self, url: URL) -> bool:
        """True when the address is the registry itself: only there may the Authorization header go."""
        return url.origin() == self.root.origin()


def pulling(hosts: Hosts, ref: Reference, credential: Credential | None) -> Access:
    """Access for reading `ref`."""
    registry = hosts.real(ref.registry)
    suffix = f":{ref.tag}" if ref.tag else ""
    suffix = f"@{ref.digest}" if ref.digest else suffix
    operation = f"the pull of {ref.repository}{suffix}"
    return Access(registry, hosts.url(registry), ref.repository, "pull", credential, operation)


def pushing(hosts: Hosts, ref: Reference, credential: Credential | None) -> Access:
    """Access for writing to the repository of `ref`."""
    registry = hosts.real(ref.registry)
    operation = f"the push of {ref.repository}" + (f":{ref.tag}" if ref.tag else "")
    return Access(registry, hosts.url(registry), ref.repository, "pull,push", credential, operation)


def deleting(hosts: Hosts, ref: Reference, credential: Credential | None) -> Access:
    """Access for deleting `ref`."""
    registry = hosts.real(ref.registry)
    operation = f"the deletion of {ref.repository}" + (f":{ref.tag}" if ref.tag else f"@{ref.digest}")
    return Access(registry, hosts.url(registry), ref.repository, "pull,delete", credential, operation)
