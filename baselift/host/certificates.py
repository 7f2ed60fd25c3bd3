"""A server certificate from a private CA, made on first use and renewed before it expires."""

from __future__ import annotations

import ipaddress
import os
import secrets
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from baselift.host.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_CA_DAYS, _SERVER_DAYS, _RENEW_DAYS = 3650, 365, 30
_CLOCK_SKEW = timedelta(minutes=5)

Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files of a directory: `ca` is what clients must trust, `server` and `key` are what the server shows."""

    ca: Path
    ca_key: Path
    server: Path
    key: Path

    @classmethod
    def of(cls, directory: Path) -> Certificates:
        """Where the files of a directory are."""
        names = ("ca.pem", "ca.key", "server.pem", "server.key")
        return cls(*(directory / name for name in names))

    def context(self) -> ssl.SSLContext:
        """A server's TLS context with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Show this certificate from the next connection on."""
        context.load_cert_chain(self.server, self.key)


def provide(directory: Path, names: Iterable[str] = (), now: datetime | None = None) -> Certificates:
    """The directory's certificates, made or renewed where they are missing, about to expire, or lack a name.

    Args:
        directory: made, readable by its owner only, if need be.
        names: host names and IP addresses that the server is also reached by, beside those of this machine.
        now: the time, for a test; by default the clock's.

    A new CA is made only when there is none or its own end is near: clients have to trust it anew.

    Raises:
        HostError: a name is none, or the files cannot be read or written.
    """
    moment = now or datetime.now(UTC)
    wanted = tuple(dict.fromkeys((*LOCAL_NAMES, *names)))
    alternatives = [_general_name(name) for name in wanted]
    files = Certificates.of(directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        ca = _ca(files, moment)
        if not _serves(files, ca[0], alternatives, moment):
            _issue(files, ca, alternatives, moment)
    except OSError as error:
        raise HostError(f"certificates in {directory}: {error.filename or directory}: {error.strerror}") from None
    return files


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        encoded = ""
    if not encoded:
        raise HostError(f"{name!r} is no host name and no IP address for a certificate")
    return x509.DNSName(encoded)


def _ca(files: Certificates, now: datetime) -> Signer:
    kept = _read(files.ca, files.ca_key)
    if kept and _is_fresh(kept[0], now):
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own for each: a client that trusts an old one must not take it for the new one's issuer.
    name = _name(f"Baselift host CA {secrets.token_hex(4)}")
    certificate = (
        _builder(name, name, key.public_key(), now, now + timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files.ca_key, _private(key), 0o600)
    _write(files.ca, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _issue(files: Certificates, ca: Signer, names: list[x509.GeneralName], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + timedelta(days=_SERVER_DAYS), ca[0].not_valid_after_utc)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca[1].public_key())
    certificate = (
        _builder(_name("localhost"), ca[0].subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca[1], hashes.SHA256())
    )
    _write(files.key, _private(key), 0o600)
    _write(files.server, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(end)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _serves(files: Certificates, ca: x509.Certificate, names: list[x509.GeneralName], now: datetime) -> bool:
    """Whether the kept certificate is good: of this CA, with these names, and not near its end."""
    kept = _read(files.server, files.key)
    if kept is None or kept[0].issuer != ca.subject or not _is_fresh(kept[0], now):
        return False
    found = kept[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names) <= set(found)


def _is_fresh(certificate: x509.Certificate, now: datetime) -> bool:
    return now + timedelta(days=_RENEW_DAYS) < certificate.not_valid_after_utc


def _read(certificate: Path, key: Path) -> Signer | None:
    """A certificate and its key; None where one is missing or unreadable, or the two do not belong together."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or found.public_key() != private.public_key():
        return None
    return found, private


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file whole, with its mode from the first byte on."""
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
