"""Which hosts a context may be fetched from.

A context's URL is a user's text, and the fetch runs inside the operator's network: without this rule anyone who may
create a task could read what only that network can reach. The checked addresses are the ones to connect to: a second
name lookup could give another answer.
"""

import asyncio
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from baselift.domain.builds import Failure

SETTING = "BASELIFT_PLAIN_HTTP_HOSTS"
_PORTS = {"http": 80, "https": 443}
_AZURE_HOST = IPv4Address("168.63.129.16")  # Azure's virtual public address of the machine's own host
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads, checked."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def origin(self) -> str:
        """scheme://host:port, which a credential is good for."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


async def check(url: str, plain_http_hosts: Collection[str], doing: str = "fetch from") -> Endpoint:
    """Resolve the host of `url`: https to public addresses, anything to the hosts (``host`` or ``host:port``) listed.

    Args:
        url: the address.
        plain_http_hosts: of the settings.
        doing: what is to be done there, for messages.

    Raises:
        Failure: another scheme, a malformed or unknown host, or one with an address that is not public.
    """
    scheme, host, port = _split(url)
    listed = host in plain_http_hosts or f"{host}:{port}" in plain_http_hosts
    if scheme == "http" and not listed:
        raise Failure(f"cannot {doing} 'http://{host}:{port}': use https, or list the host in {SETTING}")
    addresses = await _resolve(host, port)
    private = next((a for a in addresses if not public(a)), None)
    if private and not listed:
        raise Failure(
            f"will not {doing} '{host}': its address {private} is not public; "
            f"if this host is meant, list it in {SETTING}"
        )
    return Endpoint(scheme, host, port, addresses)


def public(address: str) -> bool:
    """True when the whole internet may know this address: not loopback, private, link-local, metadata or multicast."""
    ip = ip_address(address.partition("%")[0])
    inner = _embedded(ip) if isinstance(ip, IPv6Address) else None
    if inner is not None:
        return public(str(inner))
    return ip.is_global and not ip.is_multicast and ip != _AZURE_HOST


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _split(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Failure("the address of the context is malformed; right is https://host/path") from None
    if parts.scheme not in _PORTS:
        raise Failure(f"cannot fetch from {url.partition('?')[0]!r}: only https:// addresses are fetched")
    try:
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise Failure(f"the port in '{parts.netloc.rpartition('@')[2]}' is not a number from 1 to 65535") from None
    if not host:
        raise Failure(f"'{parts.scheme}:' address without a host; a context is https://host/path")
    return parts.scheme, host, port


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    _refuse_disguised(host)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failure(f"the host '{host}' is not known: no address was found for it") from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _refuse_disguised(host: str) -> None:
    """Refuse 2130706433, 0x7f.1 and 0177.0.0.1: each client reads such numbers in its own way."""
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        try:
            IPv4Address(host)
        except ValueError:
            raise Failure(f"'{host}' is neither a host name nor an IPv4 address of four decimal numbers") from None
