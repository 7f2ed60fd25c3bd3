"""One commit of a repository on disk, submodules and all, without its `.git`."""

import os
import posixpath
import shutil
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from baselift.domain.builds import Failure
from baselift.domain.contexts import is_commit
from baselift.source.limits import Limits
from baselift.source.remote import Remote, open_remote

_LEVELS = 5
_NO_SUCH_KEY = 1
FETCH = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
_ABSENT = "fatal: couldn't find remote ref "
# Without its filters git-lfs fetches, but writes nothing.
_LFS = ("-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.clean=git-lfs clean -- %f")


@dataclass(slots=True)
class Listing:
    """Reads `git ls-tree -r -l -z` as it comes, so that a tree that unfolds without end is stopped in time."""

    limits: Limits
    size: int = 0
    count: int = 0
    links: dict[str, str] = field(default_factory=dict)
    """Path -> commit of each submodule."""
    lfs: bool = False
    """True when there is a `.gitattributes`, which may send files to LFS."""
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take more output. Raises Failure over a limit."""
        *records, self._rest = (self._rest + data).split(b"\0")
        for record in records:
            self._take(record)

    def _take(self, record: bytes) -> None:
        meta, _, path = record.partition(b"\t")
        mode, _, oid, size = meta.split()
        self.count += 1
        if mode == b"160000":
            self.links[path.decode(errors="surrogateescape")] = oid.decode()
        else:
            self.size += int(size)
        self.lfs = self.lfs or path.rpartition(b"/")[2] == b".gitattributes"
        if self.size > self.limits.bytes or self.count > self.limits.files:
            raise Failure(
                f"the repository unpacks to more than {self.limits.bytes} bytes or {self.limits.files} files, "
                "the limit for a build context"
            )


class NoSuchReference(Failure):
    """The repository has no reference of this name."""


async def fetch_commit(remote: Remote, wanted: str, tree: Path) -> tuple[str, int]:
    """Fetch one full reference name or commit id into `tree`, new or as an earlier call left it.

    A server that does not hand out single commits is asked for all branches and tags instead.

    Returns:
        The commit's id and its committer's time.

    Raises:
        NoSuchReference: there is no such reference.
        Failure: unreachable, refused, or no such commit.
    """
    await to_thread(make_empty, tree / ".git")
    ended = await remote.stream((*FETCH, "--depth=1", "--", remote.url, wanted), tree, lambda _: None)
    if not ended.code:
        return await _identify(remote, "FETCH_HEAD", tree)
    if not is_commit(wanted):
        raise (NoSuchReference if _ABSENT in ended.errors else Failure)(remote.explain(ended))
    await remote.git(*FETCH, "--", remote.url, "+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*",
                     tree=tree)  # fmt: skip
    found = await remote.stream(("cat-file", "-e", f"{wanted}^{{commit}}"), tree, lambda _: None)
    if found.code:
        raise Failure(f"the repository {remote.url} has no commit {wanted}")
    return await _identify(remote, wanted, tree)


def make_empty(directory: Path) -> None:
    """Make what git takes for an empty repository (gitrepository-layout), as ``git init`` does."""
    for name in ("objects", "refs"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "HEAD").write_text("ref: refs/heads/none\n")


async def _identify(remote: Remote, revision: str, tree: Path) -> tuple[str, int]:
    commit, time = (
        await remote.git("show", "--no-patch", "--format=%H %ct", f"{revision}^{{commit}}", tree=tree)
    ).split()
    return commit, int(time)


async def populate(remote: Remote, commit: str, tree: Path, listing: Listing, level: int = 0) -> None:
    """Write the files of a fetched commit and of its submodules, and take `.git` away. `listing` counts over all."""
    listing.links, listing.lfs = {}, False
    ended = await remote.stream(("ls-tree", "-r", "-l", "-z", commit), tree, listing.feed)
    if ended.code:
        raise Failure(remote.explain(ended))
    links, lfs = dict(listing.links), listing.lfs
    await remote.git("checkout", "--quiet", "--force", "--detach", commit, tree=tree)
    if lfs and shutil.which("git-lfs"):
        await remote.git(*_LFS, "lfs", "pull", tree=tree)
    urls = await _submodule_urls(remote, commit, tree) if links else {}
    await to_thread(shutil.rmtree, tree / ".git")
    if lfs:
        await to_thread(_check_size, remote, tree)
    for path, wanted in links.items():
        if path not in urls:
            raise Failure(f"the repository {remote.url} has a submodule at '{path}' without a URL in .gitmodules")
        await _submodule(remote, urls[path], wanted, tree / path, listing, level + 1)


def _check_size(remote: Remote, tree: Path) -> None:
    limit = remote.access.limits.bytes
    size = sum((Path(at) / name).lstat().st_size for at, _, names in os.walk(tree) for name in names)
    if size > limit:
        raise Failure(f"the repository {remote.url} has more than {limit} bytes with its LFS files, the limit")


async def _submodule(remote: Remote, url: str, wanted: str, tree: Path, listing: Listing, level: int) -> None:
    if level > _LEVELS:
        raise Failure(f"the repository {remote.url} has submodules more than {_LEVELS} levels deep")
    try:
        inner = await open_remote(_absolute(remote.url, url), remote.access, remote.credential, remote.endpoint.origin)
        await to_thread(tree.mkdir, exist_ok=True)
        commit, _ = await fetch_commit(inner, wanted, tree)
        await populate(inner, commit, tree, listing, level)
    except Failure as failure:
        raise Failure(f"submodule '{tree.name}' of {remote.url}: {failure}") from None


async def _submodule_urls(remote: Remote, commit: str, tree: Path) -> Mapping[str, str]:
    text = bytearray()
    command = ("config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.(path|url)$")
    ended = await remote.stream(command, tree, text.extend)
    if ended.code not in (0, _NO_SUCH_KEY):
        raise Failure(f"the repository {remote.url} has submodules, but its .gitmodules is missing or malformed")
    modules: dict[str, dict[str, str]] = {}
    for entry in text.decode(errors="surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        name, _, kind = key.rpartition(".")
        modules.setdefault(name, {})[kind] = value
    return {m["path"].rstrip("/"): m["url"] for m in modules.values() if m.keys() >= {"path", "url"}}


def _absolute(parent: str, url: str) -> str:
    if not url.startswith(("./", "../")):
        return url
    base = urlsplit(parent)
    path = posixpath.normpath(posixpath.join(base.path.rstrip("/"), url))
    return urlunsplit((base.scheme, base.netloc, path, "", ""))
