"""The commit that an abbreviated id means: a server is asked for whole names only, so the history is looked at here."""

import re
from asyncio import to_thread
from pathlib import Path

from baselift.domain.builds import Failure
from baselift.source.checkout import FETCH, make_empty
from baselift.source.remote import Remote

_ID = re.compile(r"[0-9a-f]{7,39}")
_SHOWN = 3


def may_be(ref: str | None) -> bool:
    """True for what may be the beginning of a commit id, of at least seven digits."""
    return _ID.fullmatch(ref or "") is not None


async def whole(remote: Remote, beginning: str, directory: Path) -> str:
    """The id of the one commit, on a branch or under a tag, that begins so.

    All commits are fetched into `directory`, which must not be there; without their files where the server can leave
    them out, which GitHub, GitLab, Azure DevOps and Gitea do, and within the limits of a fetch in any case.

    Raises:
        Failure: there is none, or more than one; or the repository cannot be fetched.
    """
    await to_thread(make_empty, directory / ".git")
    branches_and_tags = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    await remote.git(*FETCH, "--filter=tree:0", "--", remote.url, *branches_and_tags, tree=directory)
    objects = await remote.git("rev-parse", f"--disambiguate={beginning}", tree=directory)
    kinds = [await remote.git("cat-file", "-t", each, tree=directory) for each in objects.split()]
    found = [each for each, kind in zip(objects.split(), kinds, strict=True) if kind.strip() == "commit"]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(f"the repository {remote.url} has no branch, tag or commit '{beginning}'")
    raise Failure(
        f"the repository {remote.url} has {len(found)} commits that begin with '{beginning}' "
        f"({', '.join(sorted(found)[:_SHOWN])}{', …' if len(found) > _SHOWN else ''}); write more digits"
    )
