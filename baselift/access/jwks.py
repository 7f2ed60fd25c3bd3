"""The public keys of a token issuer (JSON Web Key Set, RFC 7517), fetched when needed and kept."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

FRESH = 3600.0
"""Seconds after which keys are fetched anew."""
OLDEST = 24 * 3600.0
"""Seconds for which keys are used when they cannot be fetched anew."""
PAUSE = 30.0
"""Least seconds between fetches for keys that are not known, so that forged tokens cause no flood of them."""
PAUSE_AFTER_FAILURE = 5.0
_LIMIT = 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
_LEAST_BITS = 2048
_OK = 200


class IssuerUnreachable(Exception):
    """The issuer's keys cannot be fetched, and the one that is wanted is not among those known."""


class KeySet:
    """The RSA keys at `url`. Belongs to the event loop that first awaits it."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._fetched = self._asked = -math.inf
        self._failure: Exception | None = None
        self._lock = asyncio.Lock()

    async def get(self, name: str) -> RSAPublicKey | None:
        """The key with this key id, None when the issuer has none. Raises IssuerUnreachable."""
        if not self._has(name):
            async with self._lock:
                if not self._has(name) and self._may_ask():
                    await self._refresh()
        found = self._keys.get(name) if self._age() < OLDEST else None
        if found is None and self._failure is not None:
            raise IssuerUnreachable(f"{self._url}: {self._failure}") from self._failure
        return found

    def _has(self, name: str) -> bool:
        return name in self._keys and self._age() < FRESH

    def _age(self) -> float:
        return self._clock() - self._fetched

    def _may_ask(self) -> bool:
        return self._clock() - self._asked >= (PAUSE_AFTER_FAILURE if self._failure else PAUSE)

    async def _refresh(self) -> None:
        try:
            self._keys = _usable(await _fetch(self._url))
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            self._failure = error
        else:
            self._fetched, self._failure = self._clock(), None
        # Only now: a request that was given up while it fetched must not make others wait.
        self._asked = self._clock()


async def _fetch(url: str) -> Any:
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        if answer.status != _OK:
            raise ValueError(f"the answer is {answer.status}")
        content = b""
        async for chunk in answer.content.iter_chunked(64 * 1024):
            content += chunk
            if len(content) > _LIMIT:
                raise ValueError(f"the answer has more than {_LIMIT} bytes")
        return json.loads(content)


def _usable(document: Any) -> dict[str, RSAPublicKey]:
    """The keys of a set by their ids. Those for other purposes or of other kinds are passed over."""
    match document:
        case {"keys": [*entries]}:
            found = ((entry["kid"], _key(entry)) for entry in entries if _is_for_signatures(entry))
        case _:
            raise ValueError("the answer is no JSON Web Key Set")
    return {name: key for name, key in found if key is not None}


def _is_for_signatures(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("kid"), str) and entry.get("use", "sig") == "sig"


def _key(entry: dict[str, Any]) -> RSAPublicKey | None:
    try:
        key = jwt.PyJWK(entry, algorithm="RS256").key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_BITS else None
