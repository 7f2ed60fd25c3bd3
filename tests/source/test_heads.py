"""Where branches are, asked of a real git server."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from baselift.domain.builds import Failure
from baselift.domain.source_triggers import Heads
from baselift.source.fetch import Sources
from baselift.source.limits import Limits
from tests.source.conftest import GitServer, git

HOSTS = ("localhost",)


async def ask(
    url: str,
    *branches: str,
    token: str | None = None,
    hosts: Sequence[str] = HOSTS,
    seconds: float = 20,
) -> Heads:
    async def no_upload(name: str, _: Path) -> None:
        raise KeyError(name)

    limits = Limits(seconds=seconds)
    return await Sources(download=no_upload, plain_http_hosts=hosts, limits=limits).heads(url, token, branches)


async def test_the_branches_that_are_there_and_the_default_one(server: GitServer):
    work = server.repository("r.git", {"f": "1"})
    first = git("rev-parse", "HEAD", cwd=work)
    git("branch", "feature/main", cwd=work)
    second = server.commit(work, {"f": "2"})
    git("tag", "v1", cwd=work)
    git("tag", "topic", cwd=work)
    heads = await ask(server.url("r.git"), "feature/main", "topic", "v1", "absent")
    assert heads == Heads({"main": second, "feature/main": first}, "main")
    assert await ask(server.url("r.git")) == Heads({"main": second}, "main")


async def test_a_default_branch_of_another_name(server: GitServer):
    work = server.repository("r.git", {"f": "1"}, branch="trunk/one")
    assert (await ask(server.url("r.git"), "main")).default == "trunk/one"
    git("checkout", "--quiet", "--detach", cwd=work)
    head = git("rev-parse", "HEAD", cwd=work)
    assert await ask(server.url("r.git"), "trunk/one") == Heads({"HEAD": head, "trunk/one": head}, "HEAD")


async def test_a_repository_without_commits_has_no_branch(server: GitServer):
    bare = server.root / "served" / "empty.git"
    git("init", "--quiet", "--bare", str(bare), cwd=server.root)
    assert await ask(server.url("empty.git"), "main") == Heads({}, None)


async def test_a_token_reads_what_is_private(server: GitServer):
    server.repository("r.git", {"f": "1"})
    server.token = "s3cret"
    assert (await ask(server.url("r.git"), token="s3cret")).default == "main"
    for token in (None, "wr0ng"):
        with pytest.raises(Failure, match="the server refused access") as refused:
            await ask(server.url("r.git"), token=token)
        assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "branches", "hosts", "message"),
    [
        ("absent.git", (), HOSTS, "was not found on the server"),
        ("r.git", ("--upload-pack=x",), HOSTS, "'--upload-pack=x' is not the name of a branch"),
        ("r.git", ("a b",), HOSTS, "is not the name of a branch"),
        ("r.git", (), (), "use https, or list the host in BASELIFT_PLAIN_HTTP_HOSTS"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_the_reason(server: GitServer, path, branches, hosts, message):
    server.repository("r.git", {"f": "1"})
    with pytest.raises(Failure, match=message):
        await ask(server.url(path), *branches, hosts=hosts)


async def test_a_private_address_is_not_asked_unless_it_is_listed(server: GitServer):
    with pytest.raises(Failure, match=r"its address 127\.0\.0\.1 is not public"):
        await ask(f"https://127.0.0.1:{server.port}/r.git")
    assert server.requests == []


async def test_a_server_that_does_not_answer_is_given_up(server: GitServer):
    server.repository("r.git", {"f": "1"})
    server.delay = 1
    with pytest.raises(Failure, match=r"took longer than 0\.2 s"):
        await ask(server.url("r.git"), seconds=0.2)
