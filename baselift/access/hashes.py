"""Client secrets as they are kept: `scrypt$n$r$p$salt$hash` (RFC 7914), salt and hash in base64url without padding."""

import base64
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

_FORM = re.compile(r"scrypt\$([0-9]{1,7})\$([0-9]{1,2})\$([0-9]{1,2})\$([A-Za-z0-9_-]{22,86})\$([A-Za-z0-9_-]{43,86})")
_SALT, _HASH = 16, 32
_MEMORY = 256 * 1024 * 1024
"""Most bytes that one check may take, so that a hash from elsewhere cannot stop the app."""
_LEAST_N = 2**14
_MOST_P = 4


@dataclass(frozen=True, slots=True)
class _Hash:
    n: int
    r: int
    p: int
    salt: bytes
    value: bytes

    @property
    def memory(self) -> int:
        """Bytes that scrypt takes."""
        return 128 * self.r * (self.n + self.p + 2)

    def of(self, secret: str) -> bytes:
        return hashlib.scrypt(
            secret.encode("utf-8", "surrogatepass"),
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=2 * _MEMORY,
            dklen=len(self.value),
        )


def hash_secret(secret: str) -> str:
    """The hash of a secret, with a salt of its own. Takes about a tenth of a second and 32 MiB."""
    made = _Hash(2**15, 8, 1, os.urandom(_SALT), bytes(_HASH))
    return f"scrypt${made.n}${made.r}${made.p}${_text(made.salt)}${_text(made.of(secret))}"


def verify_secret(secret: str, hashed: str) -> bool:
    """True when `hashed` was made of `secret`; takes as long either way. Raises ValueError as `check_hash` does."""
    kept = _read(hashed)
    return hmac.compare_digest(kept.of(secret), kept.value)


def check_hash(hashed: str) -> None:
    """Raise ValueError, without the hash in it, when this is no hash of ours or one that is too weak or too costly."""
    _read(hashed)


def _read(hashed: str) -> _Hash:
    found = _FORM.fullmatch(hashed)
    if found is None or any(len(text) % 4 == 1 for text in found.groups()[3:]):
        raise ValueError("the hash must read scrypt$n$r$p$salt$hash, as 'baselift client new' prints it")
    n, r, p = (int(number) for number in found.groups()[:3])
    if n < _LEAST_N or n & (n - 1) or not r or not 0 < p <= _MOST_P:
        raise ValueError(f"scrypt's n must be a power of two from {_LEAST_N}, r at least 1 and p from 1 to {_MOST_P}")
    kept = _Hash(n, r, p, _bytes(found[4]), _bytes(found[5]))
    if kept.memory > _MEMORY:
        raise ValueError(f"scrypt's n and r ask for {kept.memory} bytes of memory; the limit is {_MEMORY}")
    return kept


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
