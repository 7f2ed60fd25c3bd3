"""Take tags and images out of a repository, and see what its tags stand for (OCI distribution spec 1.1)."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from yarl import URL

from baselift.registry.answers import as_object
from baselift.registry.errors import RegistryError, unusable
from baselift.registry.hosts import Access
from baselift.registry.identities import SUFFIXES
from baselift.registry.manifests import INDEXES
from baselift.registry.repository import Manifests
from baselift.registry.transport import Request, Transport

_DELETED = (200, 202, 204)
_REFUSED = (400, 405)
_NOT_FOUND = 404
_LIMIT = 4 * 1024 * 1024
_OFF = "deletes nothing: its operator has to allow it (CNCF registry: storage.delete.enabled)"
_DEEP = 4
"""Levels of indexes in indexes that are looked through."""
_AT_ONCE = 8
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class Deletions:
    """Deletions, and what has to be known before one, over one transport."""

    def __init__(self, transport: Transport, manifests: Manifests) -> None:
        self._transport, self._manifests = transport, manifests

    async def untag(self, access: Access, tag: str) -> bool:
        """Delete a tag and no other; False where the registry deletes no single tags. One that is gone is no error.

        ACR has an address of its own for it. It is asked for once: what was known before may not hold after a pause.
        """
        own = access.registry.partition(":")[0].endswith(SUFFIXES)
        root = str(access.root).rstrip("/")
        address = f"{root}/acr/v1/{access.repository}/_tags/{tag}" if own else str(access.url(f"manifests/{tag}"))
        # A refusal there is of this tag, which is locked, and not of every single one.
        return await self._deleted(access, URL(address, encoded=True), tag, () if own else _REFUSED)

    async def delete(self, access: Access, digest: str) -> None:
        """Delete a manifest with all its tags, asked for once; one that is gone is no error."""
        if not await self._deleted(access, access.url(f"manifests/{digest}"), digest):
            raise RegistryError(access.registry, access.operation, _OFF, status=405)

    async def _deleted(self, access: Access, url: URL, reference: str, refused: Collection[int] = _REFUSED) -> bool:
        """False where the registry does not do it, which some say by 404."""
        request = Request("DELETE", url, (*_DELETED, *refused, _NOT_FOUND))
        status = (await self._transport.send_once(access, request)).status
        if status == _NOT_FOUND:
            return await self._manifests.find(access, reference) is None
        return status in _DELETED

    async def standing(self, access: Access, most: int) -> Mapping[str, Sequence[str]] | None:
        """For every tag the digest that it is at, and after it those that it needs as an index; None over `most` tags.

        Raises:
            RegistryError: it cannot be known.
        """
        tags = await self._tags(access, most)
        if tags is None:
            return None
        gate = asyncio.Semaphore(_AT_ONCE)

        async def of_tag(tag: str) -> Sequence[str]:
            async with gate:
                found = await self._manifests.find(access, tag)
                if found is None or not found.index:
                    return [found.digest] if found else []
                return list(dict.fromkeys(await self._needed(access, found.digest, _DEEP)))

        try:
            async with asyncio.TaskGroup() as group:
                looks = {tag: group.create_task(of_tag(tag)) for tag in tags}
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {tag: look.result() for tag, look in looks.items()}

    async def _needed(self, access: Access, digest: str, left: int) -> list[str]:
        document = await self._manifests.get(access, digest)
        if document is None or document.kind not in INDEXES:
            return [digest]
        if not left:
            raise unusable(access.registry, access.operation, f"indexes are in indexes, more than {_DEEP} deep")
        found = [digest]
        for entry in _entries(document.fields):
            if entry.get("mediaType") in INDEXES:
                found += await self._needed(access, str(entry.get("digest")), left - 1)
            else:
                found.append(str(entry.get("digest")))
        return found

    async def _tags(self, access: Access, most: int) -> list[str] | None:
        found: list[str] = []
        url: URL | None = access.url("tags/list?n=1000")
        while url is not None:
            answer = await self._transport.send(access, Request("GET", url, (200, _NOT_FOUND)), _LIMIT)
            if answer.status == _NOT_FOUND:
                return []
            listed = (as_object(answer.body) or {}).get("tags") or []
            if not isinstance(listed, list):
                raise unusable(access.registry, access.operation, "its list of tags is none")
            found += map(str, listed)
            if len(found) > most:
                return None
            url = self._next(access, url, answer.headers.get("Link", "")) if listed else None
        return found

    def _next(self, access: Access, url: URL, link: str) -> URL | None:
        match = _NEXT.search(link)
        if match is None:
            return None
        goal = self._transport.target(access, url, match[1])
        if not access.is_home(goal):
            raise unusable(access.registry, access.operation, "its list of tags goes on at another host")
        return goal


def _entries(index: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    entries = index.get("manifests")
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
