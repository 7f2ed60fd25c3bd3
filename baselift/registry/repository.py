"""Manifests in a registry: ask for the digest, get, put (OCI distribution spec, "Pulling" and "Pushing manifests")."""

from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from baselift.registry import limits
from baselift.registry.answers import as_object
from baselift.registry.digests import is_digest, matches, sha256
from baselift.registry.errors import unusable
from baselift.registry.hosts import Access
from baselift.registry.manifests import ACCEPT, INDEXES, MANIFESTS, media_type
from baselift.registry.transport import Request, Transport

_LIMIT = 4 * 1024 * 1024
_NOT_FOUND = 404
_NO_HEAD = 405


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as the registry keeps it: its bytes are its identity."""

    digest: str
    kind: str
    body: bytes

    @property
    def fields(self) -> dict[str, object]:
        return as_object(self.body) or {}


@dataclass(frozen=True, slots=True)
class Found:
    """What a tag names at one moment."""

    digest: str
    index: bool
    """True for an index, and where the registry does not say what it is."""
    pause: float = 0.0
    """Seconds in which the registry should be asked nothing that can wait: its rate limit is nearly used up."""


class Manifests:
    """Manifest requests over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def digest(self, access: Access, reference: str) -> str | None:
        """Digest of a tag (or digest) by HEAD; by GET where HEAD does not tell. None when there is none."""
        found = await self.find(access, reference)
        return found.digest if found else None

    async def find(self, access: Access, reference: str) -> Found | None:
        """What a tag (or digest) names, by HEAD; by GET where HEAD does not tell. None when there is none."""
        request = Request("HEAD", _url(access, reference), (200, _NOT_FOUND, _NO_HEAD), {"Accept": ACCEPT})
        answer = await self._transport.send(access, request)
        if answer.status == _NOT_FOUND:
            return None
        pause = limits.pause(answer.headers)
        if answer.status != _NO_HEAD and (digest := _named(access, answer.headers)):
            kind = media_type({}, answer.headers.get("Content-Type", ""))
            return Found(digest, kind not in MANIFESTS, pause)
        document = await self.get(access, reference)
        return Found(document.digest, document.kind in INDEXES, pause) if document else None

    async def get(self, access: Access, reference: str) -> Document | None:
        """The document under a tag or digest, proved to have the digest it goes by; None when there is none.

        Raises:
            RegistryError: other bytes came than the digest says, more than 4 MiB, or no JSON object.
        """
        request = Request("GET", _url(access, reference), (200, _NOT_FOUND), {"Accept": ACCEPT})
        answer = await self._transport.send(access, request, _LIMIT)
        if answer.status == _NOT_FOUND:
            return None
        promised = reference if is_digest(reference) else _named(access, answer.headers)
        if promised and not matches(answer.body, promised):
            raise unusable(access.registry, access.operation, f"the manifest does not have the digest {promised}")
        fields = as_object(answer.body)
        if fields is None:
            raise unusable(access.registry, access.operation, "the manifest is not a JSON object")
        kind = media_type(fields, answer.headers.get("Content-Type", ""))
        return Document(promised or sha256(answer.body), kind, answer.body)

    async def put(self, access: Access, reference: str, document: Document) -> None:
        """Store the document under a tag or its digest. Raises RegistryError, also when another digest comes back."""
        headers = {"Content-Type": document.kind}
        request = Request("PUT", _url(access, reference), (200, 201, 202), headers, document.body)
        answer = await self._transport.send(access, request)
        stored = _named(access, answer.headers)
        if stored and stored != document.digest:
            reason = f"it stored the manifest as {stored} instead of {document.digest}"
            raise unusable(access.registry, access.operation, reason)


def _url(access: Access, reference: str) -> URL:
    return access.url(f"manifests/{reference}")


def _named(access: Access, headers: Mapping[str, str]) -> str | None:
    digest = headers.get("Docker-Content-Digest")
    if digest and not is_digest(digest):
        raise unusable(access.registry, access.operation, "its Docker-Content-Digest is not a digest")
    return digest
