"""Where the branches of a git repository are, without fetching anything."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from baselift.domain.builds import Credential, Failure
from baselift.domain.contexts import TOKEN_USER, split_credential, valid_ref
from baselift.domain.source_triggers import Heads
from baselift.source.limits import Limits
from baselift.source.remote import Access, open_remote
from baselift.source.workspace import within

_SECONDS = 30
_HEADS = "refs/heads/"


async def read(
    url: str, branches: Sequence[str], *, token: str | None, plain_http_hosts: Collection[str], limits: Limits
) -> Heads:
    """The commits of the branches and of the remote's default one. Those that are not there are left out.

    Raises:
        Failure: unreachable, refused, no git repository, or not answered within half a minute.
    """
    if wrong := next((name for name in branches if not valid_ref(name)), None):
        raise Failure(f"{wrong!r} is not the name of a branch")
    address = f"https://{url}" if url.startswith("github.com/") else url
    shown, own = split_credential(address)
    brief = replace(limits, seconds=min(limits.seconds, _SECONDS))
    async with within(brief.seconds, f"the answer of the repository {shown}"):
        credential = Credential(TOKEN_USER, token) if token else own
        remote = await open_remote(shown, Access(plain_http_hosts, brief), credential)
        wanted = [f"{_HEADS}{name}" for name in branches]
        return _read(await remote.git("ls-remote", "--quiet", "--symref", "--", remote.url, "HEAD", *wanted))


def _read(listing: str) -> Heads:
    commits: dict[str, str] = {}
    default = None
    for value, name in _lines(listing):
        if name == "HEAD" and value.startswith("ref: "):
            default = value.removeprefix("ref: ").removeprefix(_HEADS)
        elif name == "HEAD":
            # Without a symbolic reference the server does not say which branch it is.
            default = default or "HEAD"
            commits[default] = value
        elif name.startswith(_HEADS):
            commits[name.removeprefix(_HEADS)] = value
    return Heads(commits, default)


def _lines(listing: str) -> Iterator[tuple[str, str]]:
    for line in listing.splitlines():
        value, _, name = line.partition("\t")
        yield value, name
