"""One client for every OCI registry."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselift.domain.artifacts import Part
from baselift.domain.builds import Credential, Failure, Image
from baselift.domain.images import Reference
from baselift.registry import artifacts, hosts, indexes, manifests
from baselift.registry.answers import as_object
from baselift.registry.auth import TokenSource
from baselift.registry.blobs import Blobs
from baselift.registry.deletion import Deletions
from baselift.registry.errors import RegistryError, unusable
from baselift.registry.hosts import Access, Hosts
from baselift.registry.layers import PackedBefore
from baselift.registry.manifests import Descriptor
from baselift.registry.publish import BaseLayers, config_of, publish
from baselift.registry.repository import Document, Found, Manifests
from baselift.registry.retry import Retry
from baselift.registry.transport import Transport

_CONFIG_LIMIT = 8 * 1024 * 1024
_KEPT = 32
_PER_HOST = 16


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image at one moment, for one platform."""

    digest: str
    """What the tag pointed at: an index or a manifest."""
    manifest_digest: str
    """The platform's manifest; the same as `digest` where there is no index."""
    config: dict[str, Any]
    """OCI or Docker image config."""
    layers: tuple[Descriptor, ...]
    """Compressed layers, bottom first."""

    @property
    def reusable(self) -> Sequence[str]:
        """diff_ids of the layers, bottom first, when an OCI manifest can name all of them as they are; else none."""
        try:
            found = manifests.diff_ids(self.config)
        except manifests.Malformed:
            return ()
        usable = all(manifests.layer_type(each.media_type) for each in self.layers)
        return found if usable and len(found) == len(self.layers) else ()


class Registries:
    """Every registry, asynchronously; one instance per event loop, closed at its end.

    All methods raise `RegistryUnreachable` when a registry gives no answer, and `RegistryError` when it refuses or
    answers wrongly; both are `Failure`, and neither message holds a secret. Requests are repeated on broken
    connections, 429 and 5xx, a few times.

    Args:
        plain_http_hosts: ``host`` (any port) or ``host:port`` spoken to over http; nothing else is.
        aliases: host in references -> real host.
        token_sources: real host -> where its bearer tokens come from when a call is given no credential.
        retry: pauses and number of attempts.
        timeout: seconds to connect, and between two reads; default 10 and 60.
        failed: is told of each request that a registry failed, those that are made again included.
    """

    def __init__(
        self,
        *,
        plain_http_hosts: Collection[str] = (),
        aliases: Mapping[str, str] | None = None,
        token_sources: Mapping[str, TokenSource] | None = None,
        retry: Retry | None = None,
        timeout: float | None = None,
        failed: Callable[[RegistryError], None] = lambda _: None,
    ) -> None:
        self._hosts = Hosts(plain_http_hosts, aliases)
        self._transport = Transport(
            self._hosts,
            sources=token_sources or {},
            retry=retry or Retry(),
            per_host=_PER_HOST,
            timeout=timeout,
            failed=failed,
        )
        self._manifests = Manifests(self._transport)
        self._blobs = Blobs(self._transport)
        self._deletions = Deletions(self._transport, self._manifests)
        self._packed = PackedBefore()
        self._published: OrderedDict[tuple[str, str, str], Document] = OrderedDict()

    async def close(self) -> None:
        await self._transport.close()

    async def digest(self, ref: Reference, credential: Credential | None = None) -> str | None:
        """The digest a tag is at now (of an index, where it is one), in one HEAD request; None when it is absent."""
        access = hosts.pulling(self._hosts, ref.tagged(), credential)
        return await self._manifests.digest(access, _name(ref))

    async def find(self, ref: Reference, credential: Credential | None = None) -> Found | None:
        """What a tag names now, in one HEAD request; None when it is absent."""
        access = hosts.pulling(self._hosts, ref.tagged(), credential)
        return await self._manifests.find(access, _name(ref))

    async def platforms(self, ref: Reference, credential: Credential | None = None) -> dict[str, str] | None:
        """Digests of the manifests in an index by platform, nested indexes opened, attestations left out.

        A plain image has its own digest under no name. None when the image is absent.
        """
        access = hosts.pulling(self._hosts, ref.tagged(), credential)
        top = await self._manifests.get(access, _name(ref))
        if top is None:
            return None
        if top.kind not in manifests.INDEXES:
            return {"": top.digest}
        try:
            entries = await indexes.images(self._manifests, access, top)
        except manifests.Malformed as error:
            raise unusable(access.registry, access.operation, str(error)) from error
        return {entry.platform: entry.descriptor.digest for entry in reversed(entries)}

    async def resolve(self, ref: Reference, platform: str, credential: Credential | None = None) -> Resolved | None:
        """Digests, config and layers of an image for ``os/architecture[/variant]``; None when it is absent.

        An image without an index is taken as it is, whatever platform its config names.

        Raises:
            Failure: the index has no such platform (the message says which it has), or the format is not supported.
        """
        access = hosts.pulling(self._hosts, ref.tagged(), credential)
        top = await self._manifests.get(access, _name(ref))
        if top is None:
            return None
        try:
            found = await self._for_platform(access, ref, top, platform)
            manifest = manifests.read_manifest(found.fields)
            config = as_object(await self._blobs.read(access, manifest.config, _CONFIG_LIMIT))
        except manifests.Malformed as error:
            raise unusable(access.registry, access.operation, str(error)) from error
        if config is None:
            raise unusable(access.registry, access.operation, "the image config is not a JSON object")
        return Resolved(top.digest, found.digest, config, manifest.layers)

    async def _for_platform(self, access: Access, ref: Reference, top: Document, platform: str) -> Document:
        manifests.check_schema(top.kind, str(ref))
        if top.kind in manifests.MANIFESTS:
            return top
        if top.kind not in manifests.INDEXES:
            raise Failure(f"{ref} is not a container image: its media type is '{top.kind[:100]}'")
        entries = await indexes.images(self._manifests, access, top)
        entry = manifests.choose(entries, platform)
        if entry is None:
            there = ", ".join(sorted({each.platform for each in entries if each.platform})) or "none"
            raise Failure(f"image {ref} has no platform {platform}; it has: {there}")
        document = await self._manifests.get(access, entry.descriptor.digest)
        if document is None or document.kind not in manifests.MANIFESTS:
            digest = entry.descriptor.digest
            raise unusable(access.registry, access.operation, f"the index names manifest {digest}, which is not there")
        return document

    async def artifact(
        self, ref: Reference, into: Path, limit: int, credential: Credential | None = None
    ) -> Sequence[Part]:
        """Download the layers of an artifact, bottom first, to files in the directory `into`.

        Raises:
            Failure: there is none, it has no layers, or more than `limit` bytes in them.
        """
        access = hosts.pulling(self._hosts, ref.tagged(), credential)
        return await artifacts.download((self._manifests, self._blobs), access, ref.tagged(), into, limit)

    async def publish(
        self,
        image: Image,
        repository: Reference,
        base: Reference | None,
        credential: Credential | None = None,
        base_credential: Credential | None = None,
    ) -> str:
        """Upload an image by digest, without a tag, and return its manifest's digest. Repeating it is harmless.

        The layers that the image has from `base` (by digest) are taken as that image has them: left where they are,
        mounted in the same registry, or copied from the other one. The other layers are compressed anew.

        Raises:
            Failure: the image's config and layers do not belong together, or the disk is full.
        """
        config = config_of(image)
        access = hosts.pushing(self._hosts, repository, credential)
        layers = await self._base_layers(base, manifests.platform_of(config), base_credential) if base else None
        document = await publish(self._blobs, self._manifests, access, image, layers, self._packed)
        self._keep(access, document)
        return document.digest

    async def _base_layers(self, base: Reference, platform: str, credential: Credential | None) -> BaseLayers | None:
        found = await self.resolve(base, platform, credential)
        if found is None:
            return None
        access = hosts.pulling(self._hosts, base, credential)
        try:
            return BaseLayers(access, list(zip(manifests.diff_ids(found.config), found.layers, strict=True)))
        except ValueError as error:
            reason = "its config names other layers than its manifest"
            raise unusable(access.registry, access.operation, reason) from error

    async def tag(self, image: Reference, tag: str, credential: Credential | None = None) -> None:
        """Put the manifest `image.digest` under `tag`; nothing is sent, and no event caused, when it is there.

        Raises:
            ValueError: `image` has no digest.
            Failure: the registry has no such manifest.
        """
        if image.digest is None:
            raise ValueError(f"image '{image}': a digest is needed to tag it, such as {image.name}@sha256:…")
        target = Reference(image.registry, image.repository, tag)
        access = hosts.pushing(self._hosts, target, credential)
        if await self._manifests.digest(access, tag) == image.digest:
            return
        kept = self._published.get((access.registry, access.repository, image.digest))
        document = kept or await self._manifests.get(access, image.digest)
        if document is None:
            raise unusable(access.registry, access.operation, f"manifest {image.digest} is not there")
        await self._manifests.put(access, tag, document)

    async def untag(self, ref: Reference, credential: Credential | None = None) -> bool:
        """Delete a tag and no other; False where the registry deletes no single tags. One that is gone is no error."""
        return await self._deletions.untag(hosts.deleting(self._hosts, ref.tagged(), credential), _name(ref))

    async def delete(self, ref: Reference, credential: Credential | None = None) -> None:
        """Delete the manifest `ref.digest` with all its tags; one that is gone is no error."""
        if ref.digest is None:
            raise ValueError(f"image '{ref}': a digest is needed to delete it, such as {ref.name}@sha256:…")
        access = hosts.deleting(self._hosts, ref, credential)
        await self._deletions.delete(access, ref.digest)
        self._published.pop((access.registry, access.repository, ref.digest), None)

    async def standing(
        self, repository: Reference, most: int, credential: Credential | None = None
    ) -> Mapping[str, Sequence[str]] | None:
        """For every tag of a repository the digest that it is at, then those that it needs as an index.

        None where there are more than `most` tags.
        """
        return await self._deletions.standing(hosts.pulling(self._hosts, repository, credential), most)

    def _keep(self, access: Access, document: Document) -> None:
        self._published[access.registry, access.repository, document.digest] = document
        while len(self._published) > _KEPT:
            self._published.popitem(last=False)


def _name(ref: Reference) -> str:
    return ref.digest or ref.tag or "latest"
