"""Indexes: the images in one, whether it names them itself or through further indexes."""

from dataclasses import replace

from baselift.registry import manifests
from baselift.registry.errors import unusable
from baselift.registry.hosts import Access
from baselift.registry.manifests import INDEXES, MANIFESTS, Entry
from baselift.registry.repository import Document, Manifests

_DEPTH = 4
"""Indexes in indexes; nobody is known to use more than two."""
_MOST = 64
"""Further indexes read for one image: what a registry names must not keep us busy for ever."""


async def images(client: Manifests, access: Access, top: Document) -> list[Entry]:
    """The images of an index in its order, nested indexes opened, attestations left out.

    Raises:
        Malformed: a document is not what its media type says.
        RegistryError: an index that is named is not there, or they are nested too deeply.
    """
    budget = [_MOST]

    async def opened(document: Document, depth: int) -> list[Entry]:
        found: list[Entry] = []
        for entry in manifests.read_index(document.fields):
            if entry.descriptor.media_type in MANIFESTS:
                found.append(entry)
            else:
                found += [_within(entry, leaf) for leaf in await opened(await child(entry, depth), depth + 1)]
        return found

    async def child(entry: Entry, depth: int) -> Document:
        budget[0] -= 1
        if depth == _DEPTH or budget[0] < 0:
            raise unusable(access.registry, access.operation, "its indexes name too many further indexes")
        document = await client.get(access, entry.descriptor.digest)
        if document is None or document.kind not in INDEXES:
            reason = f"the index names index {entry.descriptor.digest}, which is not there"
            raise unusable(access.registry, access.operation, reason)
        return document

    return await opened(top, 1)


def _within(index: Entry, image: Entry) -> Entry:
    """An image in a nested index: where it names no platform, that of the nested index is meant."""
    return image if image.platform else replace(image, platform=index.platform)
