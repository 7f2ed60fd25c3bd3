import asyncio
import base64
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from baselift.domain.builds import Failure, Source
from baselift.domain.contexts import Context, Form, parse
from baselift.source import git as subject
from baselift.source.limits import Limits
from tests.source.conftest import WHEN, GitServer, git
from tests.source.fetching import FILES, fetch

SECRET = "tok-5f1e7c0ffee"


async def test_the_default_branch_is_fetched_without_git_directory_and_with_the_committers_time(
    server: GitServer, tmp_path: Path
) -> None:
    work = server.repository("app.git", FILES)
    source = await fetch(server, server.url("app.git"), tmp_path / "c")
    assert source == Source(tmp_path / "c", git("rev-parse", "HEAD", cwd=work), WHEN)
    assert sorted(p.name for p in source.root.iterdir()) == ["Dockerfile", "app"]
    assert (source.root / "app/Dockerfile").read_text() == "FROM app\n"
    assert (source.root / "Dockerfile").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("ref", ["side", "v1", "v2", "pull/7/head", "refs/pull/7/head", "refs/heads/side", "SHA"])
async def test_every_kind_of_reference_leads_to_its_commit(server: GitServer, tmp_path: Path, ref: str) -> None:
    work = server.repository("app.git", FILES)
    git("checkout", "--quiet", "-b", "side", cwd=work)
    commit = server.commit(work, {"new": "yes"})
    git("tag", "v1", cwd=work)
    git("tag", "--annotate", "--message=v2", "v2", cwd=work)
    git("update-ref", "refs/pull/7/head", commit, cwd=work)
    context = server.url("app.git") + "#" + (commit if ref == "SHA" else ref)
    source = await fetch(server, context, tmp_path / "c")
    assert source.commit == commit
    assert (source.root / "new").read_text() == "yes"
    options: dict = {"token": None, "plain_http_hosts": [server.host], "limits": Limits()}
    assert await subject.head(parse(context), **options) == commit


@pytest.mark.parametrize("fragment", ["", "#main", "#refs/heads/main"])
async def test_what_is_there_is_fetched_without_asking_for_it_first(
    server: GitServer, tmp_path: Path, fragment: str
) -> None:
    server.repository("app.git", FILES)
    await fetch(server, server.url("app.git") + fragment, tmp_path / "c")
    assert len([path for path, _ in server.requests if "/info/refs" in path]) == 1


async def test_a_commit_that_no_reference_names_is_found_by_its_id(server: GitServer, tmp_path: Path) -> None:
    work = server.repository("app.git", FILES)
    old = git("rev-parse", "HEAD", cwd=work)
    server.commit(work, {"Dockerfile": "FROM other\n"})
    assert (await fetch(server, f"{server.url('app.git')}#{old}", tmp_path / "c")).commit == old
    assert (tmp_path / "c/Dockerfile").read_text() == "FROM scratch\n"


async def test_a_branch_goes_before_a_tag_of_the_same_name(server: GitServer, tmp_path: Path) -> None:
    work = server.repository("app.git", FILES)
    git("tag", "same", cwd=work)
    git("branch", "same", cwd=work)
    git("checkout", "--quiet", "refs/heads/same", cwd=work)
    git("symbolic-ref", "HEAD", "refs/heads/same", cwd=work)
    commit = server.commit(work, {"new": "yes"})
    assert (await fetch(server, f"{server.url('app.git')}#same", tmp_path / "c")).commit == commit


async def test_master_falls_back_to_the_default_branch_only_where_it_is_absent(
    server: GitServer, tmp_path: Path
) -> None:
    work = server.repository("app.git", FILES)
    main = git("rev-parse", "HEAD", cwd=work)
    assert (await fetch(server, f"{server.url('app.git')}#master", tmp_path / "a")).commit == main
    git("checkout", "--quiet", "-b", "master", cwd=work)
    master = server.commit(work, {"new": "yes"})
    git("checkout", "--quiet", "main", cwd=work)
    assert (await fetch(server, f"{server.url('app.git')}#master", tmp_path / "b")).commit == master
    assert (await fetch(server, server.url("app.git"), tmp_path / "c")).commit == main


async def test_the_head_of_an_unknown_reference_is_none(server: GitServer) -> None:
    server.repository("app.git", FILES)
    options: dict = {"token": None, "plain_http_hosts": [server.host], "limits": Limits()}
    assert await subject.head(parse(f"{server.url('app.git')}#gone"), **options) is None


async def test_a_directory_of_the_fragment_is_the_root_of_the_build(server: GitServer, tmp_path: Path) -> None:
    server.repository("app.git", FILES)
    source = await fetch(server, f"{server.url('app.git')}#main:app/bin", tmp_path / "c")
    assert source.root == tmp_path / "c/app/bin"
    assert [p.name for p in source.root.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("absent", "has no directory 'absent'"),
        ("Dockerfile", "is a file, not a directory"),
        ("../..", "leads out of"),
        ("out", "leads out of"),
        ("loop", "has no directory"),
        (".git", "has no directory"),
    ],
)
async def test_a_directory_that_is_none_or_leads_out_is_a_failure(
    server: GitServer, tmp_path: Path, directory: str, said: str
) -> None:
    work = server.repository("app.git", FILES)
    (work / "out").symlink_to("/etc")
    (work / "loop").symlink_to("loop")
    server.commit(work, {})
    with pytest.raises(Failure, match=said):
        await fetch(server, f"{server.url('app.git')}#:{directory}", tmp_path / "c")
    assert not (tmp_path / "c").exists()


async def test_an_unknown_reference_repository_or_server_is_one_clear_sentence(
    server: GitServer, tmp_path: Path, unused_tcp_port: int
) -> None:
    server.repository("app.git", FILES)
    cases = {
        f"{server.url('app.git')}#nope": f"the repository {server.url('app.git')} has no branch, tag or commit 'nope'",
        f"{server.url('app.git')}#d390506e": "has no branch, tag or commit 'd390506e'$",
        f"{server.url('app.git')}#{'0' * 39}1": "could not be fetched|has no commit",
        server.url("none.git"): f"the repository {server.url('none.git')} was not found on the server",
        f"http://localhost:{unused_tcp_port}/a.git": "could not be fetched: Failed to connect to localhost",
    }
    for context, said in cases.items():
        with pytest.raises(Failure, match=said) as caught:
            await fetch(server, context, tmp_path / "c", plain_http_hosts=["localhost"])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", ["token", "url"])
async def test_a_private_repository_opens_with_the_token_only(server: GitServer, tmp_path: Path, way: str) -> None:
    server.repository("app.git", FILES)
    server.token = SECRET
    url = server.url("app.git")
    for wrong in (None, "wrong-" + SECRET):
        with pytest.raises(Failure, match="may not be read: the server refused access") as caught:
            await fetch(server, url, tmp_path / "c", token=wrong)
        assert SECRET not in str(caught.value)
    context = url.replace("http://", f"http://{SECRET}@") if way == "url" else url
    await fetch(server, context, tmp_path / "c", token=SECRET if way == "token" else None)
    found = [p for p in (tmp_path / "c").rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    assert found == []


async def test_the_token_is_in_no_argument_vector_and_environment_while_a_fetch_runs(
    server: GitServer, tmp_path: Path
) -> None:
    server.repository("app.git", FILES)
    server.token, server.delay = SECRET, 0.15
    running = asyncio.ensure_future(fetch(server, server.url("app.git"), tmp_path / "c", token=SECRET))
    seen, environments = set(), set()
    while not running.done():
        seen |= {line for line in _command_lines() if b"git" in line}
        environments |= {each for each in _read_all("environ") if b"GIT_DIR" in each}
        await asyncio.sleep(0.01)
    await running
    assert any(b"fetch" in line for line in seen)
    assert any(b"remote-http" in line for line in seen)
    hidden = (SECRET.encode(), base64.b64encode(f"x-access-token:{SECRET}".encode()))
    assert any(b"GIT_CONFIG_GLOBAL" in each for each in environments)
    assert not any(secret in each for each in seen | environments for secret in hidden)


def _command_lines() -> list[bytes]:
    return _read_all("cmdline")


def _read_all(name: str) -> list[bytes]:
    """A file of every process."""
    found = []
    for entry in Path("/proc").glob(f"[0-9]*/{name}"):
        with suppress(OSError):
            found.append(entry.read_bytes())
    return found


async def test_the_token_goes_to_its_own_server_and_not_to_a_submodules(
    server: GitServer, other: GitServer, tmp_path: Path
) -> None:
    other.repository("theirs.git", {"their": "file"})
    server.token = SECRET
    work = server.repository("app.git", FILES)
    _submodule(work, "sub", other.url("theirs.git"), other.root / "work/theirs.git")
    hosts = [server.host, other.host]
    await fetch(server, server.url("app.git"), tmp_path / "c", token=SECRET, plain_http_hosts=hosts)
    assert (tmp_path / "c/sub/their").read_text() == "file"
    assert {authorization for _, authorization in other.requests} == {None}
    assert all(authorization for _, authorization in server.requests)


def _submodule(work: Path, path: str, url: str, origin: Path) -> None:
    commit = git("rev-parse", "HEAD", cwd=origin)
    git("config", "--file", ".gitmodules", f"submodule.{path}.path", path, cwd=work)
    git("config", "--file", ".gitmodules", f"submodule.{path}.url", url, cwd=work)
    git("add", ".gitmodules", cwd=work)
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}", cwd=work)
    git("commit", "--quiet", "--message=sub", cwd=work)


async def test_submodules_of_submodules_come_along_by_relative_address(server: GitServer, tmp_path: Path) -> None:
    deep = server.repository("deep.git", {"deep": "1"})
    middle = server.repository("middle.git", {"middle": "1"})
    _submodule(middle, "in/deep", "../deep.git", deep)
    top = server.repository("top.git", FILES)
    _submodule(top, "lib", "../middle.git", middle)
    source = await fetch(server, server.url("top.git"), tmp_path / "c")
    assert (source.root / "lib/in/deep/deep").read_text() == "1"
    assert list(source.root.rglob(".git")) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///etc", "cannot fetch from 'file"),
        ("ssh://git@host/x.git", "cannot fetch from 'ssh"),
        ("git@host:x.git", "cannot fetch from"),
        ("ext::sh -c id", "cannot fetch from"),
        ("http://127.0.0.1:9/x.git", "cannot fetch from 'http://127.0.0.1:9'"),
        ("https://169.254.169.254/x.git", "169.254.169.254 is not public"),
        ("--upload-pack=id", "cannot fetch from|broken or unsafe"),
    ],
)
async def test_a_submodule_address_is_held_to_the_same_rule(
    server: GitServer, tmp_path: Path, url: str, said: str
) -> None:
    work = server.repository("app.git", FILES)
    _submodule(work, "sub", url, work)
    with pytest.raises(Failure, match=said) as caught:
        await fetch(server, server.url("app.git"), tmp_path / "c")
    assert "submodule 'sub'" in str(caught.value) or "broken or unsafe" in str(caught.value)
    assert not (tmp_path / "c").exists()


async def test_a_redirect_is_not_followed(server: GitServer, other: GitServer, tmp_path: Path) -> None:
    other.repository("app.git", FILES)
    server.redirects["/app.git"] = other.url("app.git/info/refs?service=git-upload-pack")
    with pytest.raises(Failure, match="is redirected elsewhere"):
        await fetch(server, server.url("app.git"), tmp_path / "c", plain_http_hosts=["localhost"])
    assert other.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x.git",
        "https://localhost/x.git",
        "https://169.254.169.254/x.git",
        "https://168.63.129.16/x.git",
        "https://10.1.2.3/x.git",
        "https://[::1]/x.git",
        "https://[::ffff:127.0.0.1]/x.git",
        "https://[64:ff9b::7f00:1]/x.git",
        "https://[2002:7f00:1::]/x.git",
        "https://[fd00:ec2::254]/x.git",
        "https://2130706433/x.git",
        "https://0x7f.1/x.git",
        "https://0177.0.0.1/x.git",
        "http://localhost/x.git",
    ],
)
async def test_what_only_this_network_can_reach_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Failure, match=r"BASELIFT_PLAIN_HTTP_HOSTS|neither a host name nor an IPv4"):
        await subject.fetch(parse(url), tmp_path / "c", token=None, plain_http_hosts=(), limits=Limits())
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("ref", ["--upload-pack=id", "a b", "a..b", "x:y", "a\n", "-", "a*", "refs/../x", "x.lock"])
async def test_a_reference_that_git_could_misread_never_reaches_it(tmp_path: Path, ref: str) -> None:
    context = Context(Form.GIT, "https://example.com/x.git", ref)
    with pytest.raises(Failure, match="is not a branch, tag, commit id"):
        await subject.fetch(context, tmp_path / "c", token=None, plain_http_hosts=(), limits=Limits())


async def test_hooks_and_filters_of_the_repository_do_not_run(server: GitServer, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    server.repository(
        "app.git",
        FILES | {".gitattributes": "* filter=evil\n", ".gitconfig": f'[filter "evil"]\nsmudge = touch {mark}\n'},
    )
    await fetch(server, server.url("app.git"), tmp_path / "c")
    assert not mark.exists()


@pytest.mark.parametrize("limits", [Limits(bytes=1000), Limits(files=3)])
async def test_a_repository_that_unfolds_over_the_limits_is_refused_before_checkout(
    server: GitServer, tmp_path: Path, limits: Limits
) -> None:
    server.repository("app.git", {f"f{i}": "x" * 300 for i in range(5)})
    with pytest.raises(Failure, match=f"more than {limits.bytes} bytes or {limits.files} files"):
        await fetch(server, server.url("app.git"), tmp_path / "c", limits=limits)
    assert not (tmp_path / "c").exists()


async def test_a_pack_over_the_limit_is_cut_off(server: GitServer, tmp_path: Path) -> None:
    server.repository("app.git", {"noise": random.Random(7).randbytes(2_000_000).hex()})
    with pytest.raises(Failure, match="is larger than this server allows"):
        await fetch(server, server.url("app.git"), tmp_path / "c", limits=Limits(bytes=100_000))


async def test_a_server_that_does_not_answer_ends_in_a_failure_in_time(server: GitServer, tmp_path: Path) -> None:
    server.repository("app.git", FILES)
    server.delay = 2
    with pytest.raises(Failure, match=r"took longer than 0.3 s"):
        await fetch(server, server.url("app.git"), tmp_path / "c", limits=Limits(seconds=0.3))
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("after", [0, 0.002, 0.03, 0.2])
async def test_a_cancelled_fetch_leaves_no_process_and_no_file(server: GitServer, tmp_path: Path, after: float) -> None:
    server.repository("app.git", FILES)
    server.delay = 1
    url = server.url("app.git")
    running = asyncio.ensure_future(fetch(server, url, tmp_path / "c"))
    await asyncio.sleep(after)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [line for line in _command_lines() if url.encode() in line] == []
    assert not (tmp_path / "c").exists()


async def test_git_dies_with_the_process_that_fetches(server: GitServer, tmp_path: Path) -> None:
    server.repository("app.git", FILES)
    server.delay = 60
    url = server.url("app.git")
    program = (
        "import asyncio, pathlib, sys\nfrom baselift.source.fetch import Sources\n"
        f"s = Sources(download=None, plain_http_hosts=['localhost'])\n"
        f"asyncio.run(s.fetch({url!r}, None, pathlib.Path({str(tmp_path / 'c')!r})))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    needle = [b"--depth=1", url.encode()]
    while not [line for line in _command_lines() if all(n in line for n in needle) and b"-c" not in line.split(b"\0")]:
        await asyncio.sleep(0.02)
    process.kill()
    await process.wait()
    for _ in range(500):
        left = [line for line in _command_lines() if url.encode() in line]
        if not left:
            break
        await asyncio.sleep(0.02)
    assert left == []
