"""Sprig's cryptographic functions: their types and cost. What does the work is given by the caller."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Function, Registry
from baselift.domain.templates.limits import MAX_STEPS, Context
from baselift.domain.templates.text import encode
from baselift.domain.templates.values import GoObject

FUNCTIONS = Registry()
_SEED = b"com.lyndir.masterpassword"
_LETTERS = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",  # pragma: allowlist secret
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",  # pragma: allowlist secret
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}
_SHAPES = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv "
    "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv "
    "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno",
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
_SCRYPT_MEMORY = 64 << 20


@dataclass(frozen=True)
class Certificate(GoObject):
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str

    go_type = "sprig.certificate"

    def text(self) -> str:
        return f"{{{self.certificate} {self.key}}}"

    def json(self) -> dict[str, str]:
        return dict(self.fields())

    def fields(self) -> Mapping[str, str]:
        return {"Cert": self.certificate, "Key": self.key}


@FUNCTIONS.add("derivePassword", "uint32", "string", "string", "string", "string", cost=MAX_STEPS // 10)
def derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """The Master Password algorithm."""
    if kind not in _SHAPES:
        return f"cannot find password template {kind}"
    if counter >= 1 << 32:
        raise Fault(f"the counter {counter} does not fit in 32 bits")
    salt = _SEED + _sized(user)
    key = hashlib.scrypt(encode(password), salt=salt, n=32768, r=8, p=2, maxmem=_SCRYPT_MEMORY, dklen=64)
    seed = hmac.new(key, _SEED + _sized(site) + counter.to_bytes(4), hashlib.sha256).digest()
    shapes = _SHAPES[kind].split()
    shape = shapes[seed[0] % len(shapes)]
    return "".join(_LETTERS[part][seed[place] % len(_LETTERS[part])] for place, part in enumerate(shape, start=1))


def _sized(text: str) -> bytes:
    data = encode(text)
    return len(data).to_bytes(4) + data


_GIVEN: dict[str, tuple[tuple[str, ...], int]] = {
    "genPrivateKey": (("string",), 4),
    "genCA": (("string", "int"), 10),
    "genSelfSignedCert": (("string", "list", "list", "int"), 10),
    "genSignedCert": (("string", "list", "list", "int", "certificate"), 10),
    "buildCustomCert": (("string", "string"), 100),
    "encryptAES": (("string", "string"), 1000),
    "decryptAES": (("string", "string"), 1000),
}


def _caller(name: str) -> Callable[..., Any]:
    def call(context: Context, *values: Any) -> Any:
        given = context.functions.get(name)
        if given is None:
            raise Fault(f"{name} is not available here")
        flat = [value.fields() if isinstance(value, Certificate) else value for value in values]
        try:
            made = given(*flat)
        except (ValueError, TypeError, OverflowError, IndexError) as error:
            raise Fault(str(error)) from error
        return Certificate(*made) if isinstance(made, tuple) else made

    return call


for _name, (_params, _often) in _GIVEN.items():
    FUNCTIONS[_name] = Function(_caller(_name), _params, "", needs_context=True, cost=MAX_STEPS // _often)
