"""Fetch a build context, whatever its form."""

import tempfile
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from baselift.domain import images
from baselift.domain.artifacts import Part
from baselift.domain.builds import Credential, Failure, Source
from baselift.domain.contexts import Context, Form, InvalidContext, parse
from baselift.domain.images import Reference
from baselift.domain.source_triggers import Heads
from baselift.source import archive, artifact, git, heads, http
from baselift.source.limits import Limits
from baselift.source.workspace import make, within

Download = Callable[[str, Path], Awaitable[None]]
"""Writes the uploaded source of this name to a file. Raises KeyError when there is none, ValueError when too large."""
Artifact = Callable[[Reference, Path, int, Credential | None], Awaitable[Sequence[Part]]]
"""Downloads the layers of an artifact into a directory. Raises Failure, also over that many bytes."""


class Sources:
    """Where build contexts come from."""

    def __init__(
        self,
        *,
        download: Download,
        artifact: Artifact | None = None,
        plain_http_hosts: Collection[str] = (),
        limits: Limits | None = None,
    ) -> None:
        """`plain_http_hosts`: ``host`` or ``host:port`` that may be fetched from without TLS, private or not."""
        self._download = download
        self._pull = artifact
        self._hosts = frozenset(host.lower() for host in plain_http_hosts)
        self._limits = limits or Limits()

    async def fetch(
        self,
        context: str | None,
        token: str | None,
        into: Path,
        credentials: Mapping[str, Credential] | None = None,
    ) -> Source:
        """Fetch a context into the directory `into`, new or empty; without a context it stays empty.

        `token` is for a git repository, `credentials` by host for an artifact in a registry.

        Raises:
            Failure: with one sentence for the log. Then, and when cancelled, `into` is gone and nothing else is left.
        """
        try:
            parsed = parse(context)
        except InvalidContext as error:
            raise Failure(str(error)) from None
        if parsed.form is Form.GIT:
            return await git.fetch(parsed, into, token=token, plain_http_hosts=self._hosts, limits=self._limits)
        if parsed.form is Form.NONE:
            make(into)
            return Source(into, None, 0)
        if parsed.form is Form.ARTIFACT:
            return await self._artifact(parsed, into, credentials or {})
        return await self._archive(parsed, into)

    async def head(self, context: str | None, token: str | None) -> str | None:
        """The commit a git context is at now; None when the reference is absent or the context is not git."""
        parsed = parse(context)
        if parsed.form is not Form.GIT:
            return None
        return await git.head(parsed, token=token, plain_http_hosts=self._hosts, limits=self._limits)

    async def heads(self, url: str, token: str | None, branches: Sequence[str]) -> Heads:
        """Where branches of a repository are, and its default one. Raises Failure with the reason."""
        return await heads.read(url, branches, token=token, plain_http_hosts=self._hosts, limits=self._limits)

    async def _archive(self, context: Context, into: Path) -> Source:
        make(into.parent)
        get = self._uploaded if context.form is Form.UPLOAD else self._web
        with tempfile.TemporaryDirectory(prefix=".download-", dir=into.parent, ignore_cleanup_errors=True) as scratch:
            file = Path(scratch) / "archive"
            async with within(self._limits.seconds, f"the download of {context.shown}"):
                await get(context, file)
            return await archive.unpack(file, into, self._limits)

    async def _artifact(self, context: Context, into: Path, credentials: Mapping[str, Credential]) -> Source:
        if self._pull is None:
            raise Failure(f"the artifact {context.shown} cannot be fetched: there is no registry client here")
        reference = images.parse(context.location)
        make(into.parent)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=into.parent, ignore_cleanup_errors=True) as scratch:
            async with within(self._limits.seconds, f"the download of {context.shown}"):
                known = credentials.get(reference.registry)
                try:
                    parts = await self._pull(reference, Path(scratch), self._limits.bytes, known)
                except OSError as error:
                    raise Failure(f"the artifact {context.shown} cannot be written: {error.strerror}") from None
            return await artifact.lay_out(parts, into, self._limits)

    async def _uploaded(self, context: Context, file: Path) -> None:
        try:
            await self._download(context.location, file)
        except KeyError:
            raise Failure(
                f"the uploaded source '{context.location}' does not exist: upload it before the run"
            ) from None
        except ValueError:
            limit = self._limits.bytes
            raise Failure(f"the uploaded source '{context.location}' is larger than {limit} bytes, the limit") from None

    async def _web(self, context: Context, file: Path) -> None:
        get = partial(http.download, plain_http_hosts=self._hosts, limits=self._limits)
        await get(context.location, file, credential=context.credential)
