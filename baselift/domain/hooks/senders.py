"""Which host sent a webhook, and whether it knows the task's secret. No I/O; compared in constant time.

GitHub, Gitea and the generic webhook sign the body; GitLab sends the secret as a header, Azure DevOps as the password
of Basic authentication or as a header that one may add.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

_BY_HEADER = (
    ("x-gitea-event", "gitea"),
    ("x-forgejo-event", "gitea"),
    ("x-gitlab-event", "gitlab"),
    ("x-github-event", "github"),
    ("x-hub-signature-256", "signed"),
)
"""Gitea also sends GitHub's headers: it comes first."""
_CONTEXT = b"baselift source webhook"


def secret_of(key: bytes, registry: str, task: str, salt: str) -> str:
    """The secret of a task's webhook: 64 hexadecimal digits that only who has the app's key can make.

    Nothing of it is stored; another `salt` makes another secret.
    """
    told = f"{registry.lower()}\0{task.lower()}\0{salt}".encode()
    return hmac.new(key, _CONTEXT + b"\0" + told, hashlib.sha256).hexdigest()


def dialect_of(headers: Mapping[str, str]) -> str:
    """The dialect in which `parse` reads a webhook, by its headers; Azure DevOps has none of its own."""
    lower = {name.lower() for name in headers}
    return next((dialect for header, dialect in _BY_HEADER if header in lower), "azure-devops")


def verify(dialect: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """True when the request shows one of the secrets in its dialect's way. Without secrets it never does."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    checks = [_WAYS[dialect](lower, body, secret.encode()) for secret in secrets if secret]
    return any(checks)


def _signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return _same(headers.get("x-hub-signature-256", ""), f"sha256={wanted}".encode())


def _gitea(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    own = [_same(headers.get(name, ""), wanted) for name in ("x-gitea-signature", "x-forgejo-signature")]
    return any(own) or _signed(headers, body, secret)


def _token(headers: Mapping[str, str], _body: bytes, secret: bytes) -> bool:
    return _same(headers.get("x-gitlab-token", ""), secret)


def _password(headers: Mapping[str, str], _body: bytes, secret: bytes) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("utf-8", "replace").partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    return scheme.lower() in ("basic", "bearer") and _same(given, secret)


def _same(given: str, wanted: bytes) -> bool:
    # What came over the wire may hold halves of surrogate pairs, which strict UTF-8 refuses.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted)


_WAYS: Mapping[str, Callable[[Mapping[str, str], bytes, bytes], bool]] = {
    "azure-devops": _password,
    "gitea": _gitea,
    "github": _signed,
    "gitlab": _token,
    "signed": _signed,
}
