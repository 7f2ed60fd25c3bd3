"""Whether an event comes from somebody who knows the secret. No I/O; compared in constant time.

Registries show a secret in the ways they can: most send a fixed ``Authorization`` header, GitHub signs the body (its
documentation, "Validating webhook deliveries"), Docker Hub and Quay can only call a URL that has the secret in it.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType

QUERY_PARAMETER = "secret"
_NONE: Mapping[str, str] = MappingProxyType({})


def verify(
    dialect: str, headers: Mapping[str, str], body: bytes, secret: str, query: Mapping[str, str] = _NONE
) -> bool:
    """True when the request shows the secret in its dialect's way. An empty secret and an unknown dialect never do.

    Args:
        dialect: as `domain.pushes.parse` knows it.
        headers: the request's headers, names in any case.
        body: the request's body as it came: a signature covers its bytes.
        secret: what the sender was given.
        query: the parameters of the request's URL, decoded; `dockerhub` and `quay` show ``?secret=`` there.
    """
    if not secret or dialect not in _DIALECTS:
        return False
    lower = {name.lower(): value for name, value in headers.items()}
    return _DIALECTS[dialect](lower, body, _bytes(secret), query)


def _in_header(headers: Mapping[str, str], _body: bytes, secret: bytes, _query: Mapping[str, str]) -> bool:
    given = headers.get("authorization", "").strip()
    scheme, _, token = given.partition(" ")
    bare = hmac.compare_digest(_bytes(given), secret)
    bearer = hmac.compare_digest(_bytes(token.strip()), secret)
    return bare or (bearer and scheme.lower() == "bearer")


def _signed(headers: Mapping[str, str], body: bytes, secret: bytes, _query: Mapping[str, str]) -> bool:
    wanted = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    return hmac.compare_digest(_bytes(headers.get("x-hub-signature-256", "").strip()), _bytes(wanted))


def _in_url(_headers: Mapping[str, str], _body: bytes, secret: bytes, query: Mapping[str, str]) -> bool:
    return hmac.compare_digest(_bytes(query.get(QUERY_PARAMETER, "")), secret)


def _bytes(text: str) -> bytes:
    # What came over the wire may hold halves of surrogate pairs, which strict UTF-8 refuses.
    return text.encode("utf-8", "surrogatepass")


_DIALECTS: Mapping[str, Callable[[Mapping[str, str], bytes, bytes, Mapping[str, str]], bool]] = {
    "acr-webhook": _in_header,
    "cloudevents": _in_header,
    "distribution": _in_header,
    "dockerhub": _in_url,
    "eventgrid": _in_header,
    "ghcr": _signed,
    "harbor": _in_header,
    "quay": _in_url,
}
