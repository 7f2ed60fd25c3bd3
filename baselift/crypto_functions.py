"""The template functions that need real cryptography: keys, certificates and AES.

They stand outside the domain, which knows no cryptography library; callers of `baselift.domain.templates.render` that
want them pass `crypto_functions(now)` as `functions`.
"""

import base64
import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Pair = tuple[str, str]
_KEY_SIZE, _CERTIFICATE_KEY_SIZE, _DSA_SIZE = 4096, 2048, 2048
_EXPONENT = 65537
_AES_KEY, _BLOCK = 32, 16
_MAX_DAYS = 365 * 1000


def crypto_functions(now: datetime) -> Mapping[str, Callable[..., Any]]:
    """The functions by their template names; certificates are valid from `now` (aware) on."""

    def authority(name: str, days: int) -> Pair:
        return _issue(name, [], [], _validity(now, days), None, is_authority=True)

    def self_signed(name: str, addresses: Sequence[Any], names: Sequence[Any], days: int) -> Pair:
        return _issue(name, addresses, names, _validity(now, days), None)

    def signed(name: str, addresses: Sequence[Any], names: Sequence[Any], days: int, by: Mapping[str, str]) -> Pair:
        return _issue(name, addresses, names, _validity(now, days), by)

    return {
        "genPrivateKey": private_key,
        "genCA": authority,
        "genSelfSignedCert": self_signed,
        "genSignedCert": signed,
        "buildCustomCert": custom_certificate,
        "encryptAES": encrypt_aes,
        "decryptAES": decrypt_aes,
    }


def private_key(kind: str) -> str:
    """A new PEM key of the kind `rsa` (also the empty string), `dsa` or `ecdsa`."""
    if kind in ("", "rsa"):
        return _pem(rsa.generate_private_key(_EXPONENT, _KEY_SIZE))
    if kind == "ecdsa":
        return _pem(ec.generate_private_key(ec.SECP256R1()))
    return _pem(dsa.generate_private_key(_DSA_SIZE)) if kind == "dsa" else f"Unknown type {kind}"


def _pem(key: rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _validity(now: datetime, days: int) -> tuple[datetime, datetime]:
    if abs(days) > _MAX_DAYS:
        raise ValueError(f"a certificate cannot be valid for {days} days; at most {_MAX_DAYS} are possible")
    return now, now + timedelta(days=days)


def _issue(
    name: str,
    addresses: Sequence[Any],
    names: Sequence[Any],
    validity: tuple[datetime, datetime],
    signer: Mapping[str, str] | None,
    *,
    is_authority: bool = False,
) -> Pair:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    issuer, signing_key = _signer(signer) if signer is not None else (subject, None)
    key = rsa.generate_private_key(_EXPONENT, _CERTIFICATE_KEY_SIZE)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(validity))
        .not_valid_after(max(validity))
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    alternatives = _alternatives(addresses, names)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=not name)
    certificate = builder.sign(signing_key or key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=is_authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(addresses: Sequence[Any], names: Sequence[Any]) -> list[x509.GeneralName]:
    for value in (*addresses, *names):
        if not isinstance(value, str):
            raise ValueError(f"alternative name {value!r} is not a string")  # noqa: TRY004 - one kind of error for callers
    dns: list[x509.GeneralName] = [x509.DNSName(value) for value in names]
    return dns + [x509.IPAddress(ipaddress.ip_address(value)) for value in addresses]


def _signer(pair: Mapping[str, str]) -> tuple[x509.Name, rsa.RSAPrivateKey]:
    certificate = x509.load_pem_x509_certificate(pair["Cert"].encode())
    return certificate.subject, _rsa(pair["Key"].encode())


def _rsa(data: bytes) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(data, None)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the private key is not an RSA key")  # noqa: TRY004 - one kind of error for callers
    return key


def custom_certificate(certificate: str, key: str) -> Pair:
    """A certificate and an RSA key the caller has, each base64 of its PEM.

    Raises:
        ValueError: one of them cannot be read.
    """
    pair = base64.b64decode(certificate, validate=True), base64.b64decode(key, validate=True)
    x509.load_pem_x509_certificate(pair[0])
    _rsa(pair[1])
    return pair[0].decode(), pair[1].decode()


def _cipher(password: str, vector: bytes) -> Cipher[modes.CBC]:
    key = password.encode("utf-8", "surrogateescape")[:_AES_KEY].ljust(_AES_KEY, b"\0")
    return Cipher(algorithms.AES(key), modes.CBC(vector))


def encrypt_aes(password: str, text: str) -> str:
    """Base64 of a random vector and the text, by AES-256-CBC under the password padded with zeros."""
    if not text:
        return ""
    padder = padding.PKCS7(8 * _BLOCK).padder()
    padded = padder.update(text.encode("utf-8", "surrogateescape")) + padder.finalize()
    vector = os.urandom(_BLOCK)
    encryptor = _cipher(password, vector).encryptor()
    return base64.b64encode(vector + encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt_aes(password: str, secret: str) -> str:
    """The opposite of `encrypt_aes`.

    Raises:
        ValueError: the secret is not what `encrypt_aes` gives under this password.
    """
    if not secret:
        return ""
    data = base64.b64decode(secret, validate=True)
    if len(data) < 2 * _BLOCK or len(data) % _BLOCK:
        raise ValueError("the encrypted text is not whole blocks of AES")
    decryptor = _cipher(password, data[:_BLOCK]).decryptor()
    unpadder = padding.PKCS7(8 * _BLOCK).unpadder()
    plain = unpadder.update(decryptor.update(data[_BLOCK:]) + decryptor.finalize()) + unpadder.finalize()
    return plain.decode("utf-8", "surrogateescape")
