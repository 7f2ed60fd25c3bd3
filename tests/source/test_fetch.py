import asyncio
import gzip
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from baselift.domain.builds import Failure
from baselift.source.fetch import Sources
from baselift.source.limits import Limits
from tests.source.conftest import GitServer

QUICK = Limits(pause=0.01)


def tarball(text: bytes = b"FROM scratch\n") -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size, info.mtime = len(text), 1_700_000_000
        tar.addfile(info, io.BytesIO(text))
    return body.getvalue()


@dataclass
class Web:
    """Answers each path with its list of answers, one after the other, the last for ever."""

    port: int = 0
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def url(self, path: str, host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, *answers: tuple[int, dict[str, str], bytes]) -> str:
        self.answers[path] = list(answers)
        return self.url(path)


@pytest.fixture
def web() -> Iterator[Web]:
    owner = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            owner.asked.append((self.path, self.headers.get("Authorization")))
            answers = owner.answers.get(self.path, [(404, {}, b"")])
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None: ...  # noqa: A002

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    owner.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield owner
    httpd.shutdown()
    httpd.server_close()
    thread.join()


async def _nothing(name: str, file: Path) -> None:
    raise KeyError(name)


def sources(limits: Limits = QUICK, hosts: tuple[str, ...] = ("LOCALHOST",)) -> Sources:
    return Sources(download=_nothing, plain_http_hosts=hosts, limits=limits)


async def test_an_uploaded_source_is_downloaded_and_unpacked_and_its_archive_is_gone(tmp_path: Path) -> None:
    async def download(name: str, file: Path) -> None:
        assert name == "tasks-source/2026/x.tar.gz"
        file.write_bytes(tarball())

    source = await Sources(download=download).fetch("tasks-source/2026/x.tar.gz", None, tmp_path / "c")
    assert (source.root, source.commit, source.epoch) == (tmp_path / "c", None, 1_700_000_000)
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize(
    ("error", "said"), [(KeyError("x"), "does not exist: upload it"), (ValueError("big"), "is larger than 2147483648")]
)
async def test_an_upload_that_is_missing_or_too_large_is_a_failure(tmp_path: Path, error: Exception, said: str) -> None:
    async def download(name: str, file: Path) -> None:
        raise error

    with pytest.raises(Failure, match=said):
        await Sources(download=download).fetch("tasks-source/x", None, tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("context", [None, "", "/dev/null"])
async def test_no_context_is_an_empty_directory(tmp_path: Path, context: str | None) -> None:
    source = await sources().fetch(context, None, tmp_path / "c")
    assert (list(source.root.iterdir()), source.commit, source.epoch) == ([], None, 0)


async def test_what_is_no_context_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="context 'ssh://x/y': ssh is not supported"):
        await sources().fetch("ssh://x/y", None, tmp_path / "c")


async def test_git_is_fetched_and_its_head_told(server: GitServer, tmp_path: Path) -> None:
    server.repository("a.git", {"Dockerfile": "FROM scratch\n"})
    source = await sources().fetch(server.url("a.git"), None, tmp_path / "c")
    assert source.commit is not None
    assert await sources().head(server.url("a.git"), None) == source.commit
    assert await sources().head("tasks-source/x", None) is None


async def test_the_checked_address_is_the_one_connected_to(
    server: GitServer, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that only our own look-up knows: whoever asks the resolver again gets nowhere.
    async def look_up(self: object, host: str, port: int, **_: object) -> list[tuple]:
        assert host == "pinned.invalid"
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    server.repository("a.git", {"Dockerfile": "FROM scratch\n"})
    web.put("/a.tgz", (200, {}, tarball()))
    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", look_up)
    subject = sources(hosts=("pinned.invalid",))
    for name, url in (("git", server.url("a.git")), ("web", web.url("/a.tgz"))):
        source = await subject.fetch(url.replace("localhost", "pinned.invalid"), None, tmp_path / name)
        assert (source.root / "Dockerfile").exists()


async def test_an_archive_comes_over_http_after_a_server_error_and_a_broken_body(web: Web, tmp_path: Path) -> None:
    body = tarball()
    url = web.put("/a.tgz", (503, {}, b""), (200, {"Content-Length": str(len(body))}, body[:50]), (200, {}, body))
    source = await sources().fetch(url, None, tmp_path / "c")
    assert (source.root / "Dockerfile").read_bytes() == b"FROM scratch\n"
    assert len(web.asked) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


async def test_a_compressed_transfer_is_left_as_it_was_sent(web: Web, tmp_path: Path) -> None:
    url = web.put("/a.tgz", (200, {"Content-Encoding": "gzip"}, tarball()))
    await sources().fetch(url, None, tmp_path / "c")
    assert (tmp_path / "c/Dockerfile").exists()


@pytest.mark.parametrize(
    ("status", "asked", "said"),
    [(404, 1, "answered 404, not 200"), (403, 1, "answered 403"), (500, 3, "in 3 tries: the server answered 500")],
)
async def test_a_client_error_is_final_and_a_server_error_is_tried_three_times(
    web: Web, tmp_path: Path, status: int, asked: int, said: str
) -> None:
    url = web.put("/a?sig=secret", (status, {}, b""))
    with pytest.raises(Failure, match=said) as caught:
        await sources().fetch(url, None, tmp_path / "c")
    assert len(web.asked) == asked
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named(tmp_path: Path, unused_tcp_port: int) -> None:
    with pytest.raises(Failure, match=r"http://localhost:\d+/a could not be downloaded in 3 tries: no connection"):
        await sources().fetch(f"http://localhost:{unused_tcp_port}/a", None, tmp_path / "c")


async def test_redirects_are_followed_without_the_credential_and_only_to_where_we_may(web: Web, tmp_path: Path) -> None:
    web.put("/there", (200, {}, tarball()))
    onward = web.url("/there", host="localhost")
    first = web.put("/here", (302, {"Location": onward}, b"")).replace("localhost", "user:pa55@127.0.0.1")
    await sources(hosts=("localhost", "127.0.0.1")).fetch(first, None, tmp_path / "c")
    assert web.asked == [("/here", "Basic dXNlcjpwYTU1"), ("/there", None)]
    with pytest.raises(Failure, match=r"cannot fetch from 'http://localhost:\d+': use https"):
        await sources(hosts=("127.0.0.1",)).fetch(first, None, tmp_path / "d")
    inward = web.put("/in", (307, {"Location": "https://169.254.169.254/metadata"}, b""))
    with pytest.raises(Failure, match=r"169\.254\.169\.254 is not public"):
        await sources().fetch(inward, None, tmp_path / "e")
    local = web.put("/file", (302, {"Location": "file:///etc/passwd"}, b""))
    with pytest.raises(Failure, match="only https:// addresses are fetched"):
        await sources().fetch(local, None, tmp_path / "f")


async def test_a_circle_of_redirects_ends(web: Web, tmp_path: Path) -> None:
    url = web.put("/a", (302, {"Location": "/a"}, b""))
    with pytest.raises(Failure, match="redirected more than 5 times"):
        await sources().fetch(url, None, tmp_path / "c")


async def test_a_download_over_the_limit_is_cut_off(web: Web, tmp_path: Path) -> None:
    url = web.put("/a", (200, {}, bytes(3_000_000)))
    with pytest.raises(Failure, match="is larger than 1000000 bytes"):
        await sources(Limits(bytes=1_000_000)).fetch(url, None, tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


async def test_a_page_instead_of_an_archive_is_said(web: Web, tmp_path: Path) -> None:
    url = web.put("/a", (200, {}, gzip.compress(b"<html>")))
    with pytest.raises(Failure, match="is not a tar archive"):
        await sources().fetch(url, None, tmp_path / "c")


async def test_cancelling_a_download_leaves_nothing(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def download(name: str, file: Path) -> None:
        file.write_bytes(b"part")
        begun.set()
        await asyncio.sleep(60)

    running = asyncio.ensure_future(Sources(download=download).fetch("tasks-source/x", None, tmp_path / "c"))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert list(tmp_path.iterdir()) == []
