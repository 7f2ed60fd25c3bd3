"""Fetch a build context from a git repository."""

import asyncio
from collections.abc import Collection
from pathlib import Path

from baselift.domain.builds import Credential, Failure, Source
from baselift.domain.contexts import TOKEN_USER, Context, is_commit, valid_ref
from baselift.source import abbreviated
from baselift.source.checkout import Listing, NoSuchReference, fetch_commit, populate
from baselift.source.limits import Limits
from baselift.source.remote import Access, Remote, open_remote
from baselift.source.workspace import cleared, within

_DEFAULTED = "master"  # az fills this in where the user named no branch


async def fetch(
    context: Context, into: Path, *, token: str | None, plain_http_hosts: Collection[str], limits: Limits
) -> Source:
    """Check out the context's commit in `into` (new or empty), without history and without `.git`.

    `token` goes before a credential of the URL. The epoch is the committer's time.

    Raises:
        Failure: unreachable, refused, unknown reference or directory, or over a limit. Then, and when cancelled,
            `into` and every process are gone.
    """
    async with cleared(into, limits.seconds, f"the repository {context.location}"):
        remote = await _open(context, token, plain_http_hosts, limits)
        commit, epoch = await _fetch(remote, context.ref, into)
        await populate(remote, commit, into, Listing(limits))
        return Source(await asyncio.to_thread(_inside, into, context), commit, epoch)


async def head(context: Context, *, token: str | None, plain_http_hosts: Collection[str], limits: Limits) -> str | None:
    """The commit id that the context's reference is at now; None when the repository has no such reference.

    Raises:
        Failure: as `fetch`.
    """
    async with within(limits.seconds, f"the repository {context.location}"):
        remote = await _open(context, token, plain_http_hosts, limits)
        return (await _find(remote, context.ref))[1]


async def _open(context: Context, token: str | None, plain_http_hosts: Collection[str], limits: Limits) -> Remote:
    if context.ref is not None and not valid_ref(context.ref):
        raise Failure(f"{context.ref!r} is not a branch, tag, commit id, pull/N/head or refs/... name")
    credential = Credential(TOKEN_USER, token) if token else context.credential
    return await open_remote(context.location, Access(plain_http_hosts, limits), credential)


async def _fetch(remote: Remote, ref: str | None, into: Path) -> tuple[str, int]:
    """Fetch what is most likely meant without asking first whether it is there."""
    try:
        return await fetch_commit(remote, _candidates(ref)[0], into)
    except NoSuchReference:
        return await fetch_commit(remote, await _wanted(remote, ref, into), into)


async def _wanted(remote: Remote, ref: str | None, into: Path) -> str:
    name, commit = await _find(remote, ref)
    if commit is not None:
        return name
    if ref is not None and abbreviated.may_be(ref):
        return await abbreviated.whole(remote, ref, into / ".git" / "history")
    raise Failure(f"the repository {remote.url} has no branch, tag or commit '{ref or 'HEAD'}'")


async def _find(remote: Remote, ref: str | None) -> tuple[str, str | None]:
    """Full reference name and its commit (None: not there). A full commit id is taken as it is."""
    names = _candidates(ref)
    if is_commit(names[0]):
        return names[0], names[0]
    listing = await remote.git("ls-remote", "--quiet", "--", remote.url, *names, *(f"{n}^{{}}" for n in names))
    found = {name: oid for oid, _, name in (line.partition("\t") for line in listing.splitlines())}
    for name in names:
        if name in found:
            return name, found.get(f"{name}^{{}}", found[name])
    return names[0], None


def _candidates(ref: str | None) -> list[str]:
    if ref is None or ref == "HEAD":
        return ["HEAD"]
    if ref.startswith("refs/") or is_commit(ref):
        return [ref]
    names = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"]
    return [*names, "HEAD"] if ref == _DEFAULTED else names


def _inside(into: Path, context: Context) -> Path:
    if context.directory is None:
        return into
    root = into.resolve()
    try:
        found = (root / context.directory).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise Failure(f"the repository {context.location} has no directory '{context.directory}'") from None
    if not found.is_relative_to(root):
        raise Failure(f"the directory '{context.directory}' leads out of the repository {context.location}")
    if not found.is_dir():
        raise Failure(f"'{context.directory}' in the repository {context.location} is a file, not a directory")
    return found
