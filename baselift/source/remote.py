"""One git repository behind http(s): git commands against it, shut in.

Nothing but https (and http for listed hosts) can be spoken, no configuration of the machine or of the repository is
read, no hook or helper runs, a redirect is not followed, objects are checked on arrival, and the token travels in a
file without a name that is in memory only, never in an argument, the environment, a URL or a file on disk.
"""

import os
import re
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from baselift.domain.builds import Credential, Failure
from baselift.domain.contexts import split_credential
from baselift.source import process
from baselift.source.addresses import Endpoint, check
from baselift.source.authorization import basic
from baselift.source.limits import Limits

_KEPT = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "TMPDIR")
_SETTINGS = {
    "advice.detachedHead": "false",
    "core.askPass": "",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    # Old histories are full of these three, and they harm nothing.
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    "fetch.fsck.zeroPaddedFilemode": "ignore",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
    "init.defaultBranch": "none",
    "lfs.basicTransfersOnly": "true",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.version": "2",
    "submodule.recurse": "false",
}
_OUTPUT = 16 << 20
_OVERHEAD = 1 << 20  # a pack may be a little larger than the files in it
_REASONS = (
    (r"died of signal 25|File too large", "is larger than this server allows for a build context"),
    (r"No space left on device", "does not fit: the disk of the builder is full"),
    (r"Authentication failed|could not read (Username|Password)|returned error: 40[13]",
     "may not be read: the server refused access; give a token that can read it, or correct the address"),
    (r"repository '[^']*' not found|returned error: 404", "was not found on the server, or the token may not see it"),
    (r"returned error: 30\d|unable to update url base from redirection",
     "is redirected elsewhere by the server: give the final address"),
    (r"not valid: is this a git repository|invalid server response|protocol error", "is not a git repository"),
    (r"fsck error|error in object|fatal: loose object", "has broken or unsafe objects"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Access:
    """What the fetch of one context may use."""

    plain_http_hosts: Collection[str]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository whose address was checked."""

    url: str
    endpoint: Endpoint
    access: Access
    credential: Credential | None = field(default=None, repr=False)

    async def git(self, *arguments: str, tree: Path | None = None) -> str:
        """Run git and return its output.

        Raises:
            Failure: it failed; the message says why in one sentence.
        """
        output = bytearray()
        ended = await self.stream(arguments, tree, lambda data: _bounded(output, data))
        if ended.code:
            raise Failure(self.explain(ended))
        return output.decode(errors="surrogateescape")

    async def stream(self, arguments: Sequence[str], tree: Path | None, sink: Callable[[bytes], None]) -> process.Ended:
        """Run git with its output going to `sink`, and say how it ended."""
        limit = self.access.limits.bytes + _OVERHEAD
        with self._secret_settings() as secret:
            env, keep = self._env(tree, secret), () if secret is None else (secret,)
            return await process.run(("git", *arguments), env=env, cwd=tree, file_size=limit, sink=sink, keep=keep)

    def _env(self, tree: Path | None, secret: int | None) -> Mapping[str, str]:
        """The whole environment of a git process; `secret` is the descriptor that it reads its credential from."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "GIT_ALLOW_PROTOCOL": self.endpoint.scheme,
            "GIT_CONFIG_GLOBAL": "/dev/null" if secret is None else f"/proc/self/fd/{secret}",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_DIR": str(tree / ".git") if tree else "/nonexistent",
            **({"GIT_WORK_TREE": str(tree)} if tree else {}),
            **_numbered({**_SETTINGS, **self._own_settings()}),
        }

    def explain(self, ended: process.Ended) -> str:
        """One sentence for a failed command, without secrets."""
        for pattern, reason in _REASONS:
            if ended.code == 128 + signal.SIGXFSZ or re.search(pattern, ended.errors):
                return f"the repository {self.url} {reason}"
        reach = re.search(r"unable to access '[^']*': (.*)", ended.errors)
        lines = [line for line in ended.errors.splitlines() if line.startswith(("fatal: ", "error: "))]
        detail = reach[1] if reach else lines[-1].partition(" ")[2] if lines else f"git ended with code {ended.code}"
        return self._redacted(f"the repository {self.url} could not be fetched: {detail.strip()}")

    def _own_settings(self) -> Mapping[str, str]:
        settings = {f"protocol.{self.endpoint.scheme}.allow": "always", "lfs.url": f"{self.url}/info/lfs"}
        end = self.endpoint
        if ":" not in end.host:
            pinned = ",".join(f"[{a}]" if ":" in a else a for a in end.addresses)
            settings["http.curloptResolve"] = f"{end.host}:{end.port}:{pinned}"
        return settings

    @contextmanager
    def _secret_settings(self) -> Iterator[int | None]:
        """A descriptor of a git configuration with the credential; None where there is none."""
        if self.credential is None:
            yield None
            return
        text = f'[http "{self.endpoint.origin}/"]\n\textraHeader = Authorization: {basic(self.credential)}\n'
        with os.fdopen(os.memfd_create("settings", os.MFD_CLOEXEC), "wb", buffering=0) as file:
            file.write(text.encode())
            yield file.fileno()

    def _redacted(self, text: str) -> str:
        if self.credential:
            for secret in (self.credential.password, basic(self.credential).partition(" ")[2]):
                text = text.replace(secret, "***") if secret else text
        return text


async def open_remote(
    url: str, access: Access, credential: Credential | None = None, origin: str | None = None
) -> Remote:
    """Check the address. A credential in `url` goes before the one given, which only `origin` may get (None: any).

    Raises:
        Failure: the address may not be fetched from.
    """
    try:
        bare, own = split_credential(url)
    except ValueError:
        raise Failure("the address of the repository is malformed; right is https://host/path") from None
    endpoint = await check(bare, access.plain_http_hosts)
    given = credential if origin in (None, endpoint.origin) else None
    return Remote(bare, endpoint, access, own or given)


def _numbered(settings: Mapping[str, str]) -> Mapping[str, str]:
    numbered = {"GIT_CONFIG_COUNT": str(len(settings))}
    for i, (key, value) in enumerate(settings.items()):
        numbered |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
    return numbered


def _bounded(output: bytearray, data: bytes) -> None:
    output += data
    if len(output) > _OUTPUT:
        raise Failure(f"the repository has more than {_OUTPUT >> 20} MiB of references or settings")
