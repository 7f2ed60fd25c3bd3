"""Fetch a build context, whatever its form."""

import tempfile
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path

from baselift.domain.builds import Failure, Source
from baselift.domain.contexts import Context, Form, InvalidContext, parse
from baselift.source import archive, git, http
from baselift.source.limits import Limits
from baselift.source.workspace import make, within

Download = Callable[[str, Path], Awaitable[None]]
"""Writes the uploaded source of this name to a file. Raises KeyError when there is none, ValueError when too large."""


class Sources:
    """Where build contexts come from."""

    def __init__(
        self, *, download: Download, plain_http_hosts: Collection[str] = (), limits: Limits | None = None
    ) -> None:
        """`plain_http_hosts`: ``host`` or ``host:port`` that may be fetched from without TLS, private or not."""
        self._download = download
        self._hosts = frozenset(host.lower() for host in plain_http_hosts)
        self._limits = limits or Limits()

    async def fetch(self, context: str | None, token: str | None, into: Path) -> Source:
        """Fetch a context into the directory `into`, new or empty; without a context it stays empty.

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
        return await self._archive(parsed, into)

    async def head(self, context: str | None, token: str | None) -> str | None:
        """The commit a git context is at now; None when the reference is absent or the context is not git."""
        parsed = parse(context)
        if parsed.form is not Form.GIT:
            return None
        return await git.head(parsed, token=token, plain_http_hosts=self._hosts, limits=self._limits)

    async def _archive(self, context: Context, into: Path) -> Source:
        make(into.parent)
        get = self._uploaded if context.form is Form.UPLOAD else self._web
        with tempfile.TemporaryDirectory(prefix=".download-", dir=into.parent, ignore_cleanup_errors=True) as scratch:
            file = Path(scratch) / "archive"
            async with within(self._limits.seconds, f"the download of {context.shown}"):
                await get(context, file)
            return await archive.unpack(file, into, self._limits)

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
