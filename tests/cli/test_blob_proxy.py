"""Clients that cannot reach the storage: uploads and logs through the app, by the official blob client as it is."""

import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobBlock, BlobClient
from cli.conftest import Command
from live_app import BLOB_VERSION, WHERE, Live, live_app

from baselift.access.blob_links import BlobLinks

MIB = 1 << 20


@pytest.fixture(scope="module")
def proxied(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Started after the other app, which must not see its settings."""
    _ = live
    with live_app(tmp_path_factory.mktemp("proxied") / "state", settings={"BASELIFT_BLOB_PROXY": "true"}) as started:
        yield started


@pytest.fixture(scope="module")
def log_of(proxied: Live) -> str:
    """The id of a run that is over, and its log."""
    return str(proxied.push_base("base/node:1", "1").name)


def source(live: Live) -> tuple[str, str]:
    target = live.client.registries.get_build_source_upload_url(*WHERE)
    return target.upload_url, target.relative_path


def stored(live: Live, path: str) -> bytes:
    with BlobClient.from_connection_string(live.stack.azurite.connection_string, "sources", path) as blob:
        return bytes(blob.download_blob().readall())


def link_of(live: Live, run: str) -> str:
    return str(live.client.runs.get_log_sas_url(*WHERE, run).log_link)


def path_of(link: str, **changes: str) -> str:
    path = link.removeprefix("http://").partition("/")[2]
    for old, new in changes.items():
        path = path.replace(old, new)
    return path


def test_the_command_builds_a_directory_and_streams_its_log_through_the_app(proxied, tmp_path, log_of):
    _ = log_of
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {proxied.host}/base/node:1\nRUN echo through the app\n")
    done = Command(proxied.url, tmp_path)("build", "-t", "cli/proxied:1", str(context))
    assert done.code == 0, done.err
    assert "through the app" in done.out.splitlines()
    assert " was successful after " in done.out.splitlines()[-1]


def test_links_lead_to_the_app_and_hold_nothing_of_the_storage(proxied, log_of):
    for link, container in ((link_of(proxied, log_of), "logs"), (source(proxied)[0], "sources")):
        assert link.startswith(f"{proxied.url}/blobs/{container}/")
        assert {part.partition("=")[0] for part in urlsplit(link).query.split("&")} == {"se", "sp", "sig"}


def test_an_upload_of_many_blocks_arrives_whole(proxied):
    url, path = source(proxied)
    data = bytes(range(256)) * (9 * MIB // 256) + b"end"
    with BlobClient.from_blob_url(
        url, api_version=BLOB_VERSION, max_single_put_size=MIB, max_block_size=4 * MIB
    ) as blob:
        blob.upload_blob(data, overwrite=True)
    assert stored(proxied, path) == data


def test_blocks_may_be_put_and_listed_by_hand(proxied):
    url, path = source(proxied)
    with BlobClient.from_blob_url(url, api_version=BLOB_VERSION) as blob:
        for name in ("a+/", "b-_"):
            blob.stage_block(name, name.encode())
        blob.commit_block_list([BlobBlock("b-_"), BlobBlock("a+/")])
    assert stored(proxied, path) == b"b-_a+/"


def test_an_upload_that_must_not_overwrite_does_not(proxied):
    url, _ = source(proxied)
    with BlobClient.from_blob_url(url, api_version=BLOB_VERSION) as blob:
        blob.upload_blob(b"first")
        with pytest.raises(ResourceExistsError):
            blob.upload_blob(b"second")


def test_a_log_is_read_whole_and_in_pieces_with_its_outcome(proxied, log_of):
    whole = proxied.log(log_of).encode()
    with BlobClient.from_blob_url(link_of(proxied, log_of), api_version=BLOB_VERSION) as blob:
        properties = blob.get_blob_properties()
        assert properties.size == len(whole) > 20
        assert properties.metadata["complete"] == "successful"
        assert properties.etag
        assert properties.last_modified
        assert blob.exists()
        pieces = [blob.download_blob(at, 7).readall() for at in range(0, len(whole), 7)]
        assert b"".join(pieces) == whole
        with pytest.raises(HttpResponseError) as caught:
            blob.download_blob(len(whole) + 1, 7)
        assert caught.value.status_code == 416


def test_what_is_too_large_to_be_carried_is_refused_and_goes_in_pieces(proxied):
    name, data = "baselift/large.log", bytes(64 * MIB + 1)
    url, path = source(proxied)
    answer = proxied.send("PUT", path_of(url), data, {"x-ms-blob-type": "BlockBlob", "x-ms-version": BLOB_VERSION})
    assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")
    assert answer.message.endswith("at most 67108864 go: upload in blocks.")
    with BlobClient.from_connection_string(proxied.stack.azurite.connection_string, "sources", path) as blob:
        assert not blob.exists()
    with BlobClient.from_connection_string(proxied.stack.azurite.connection_string, "logs", name) as blob:
        blob.upload_blob(data, overwrite=True)
    links = BlobLinks([(proxied.directory / "secret.key").read_text()])
    link = links.link(proxied.url, "logs", name, "r", time.time() + 60)
    whole = proxied.send("GET", path_of(link))
    assert (whole.status, whole.code) == (413, "RequestEntityTooLarge")
    assert whole.message == "The answer has 67108865 bytes, at most 67108864 go: ask for a range."
    piece = proxied.send("GET", path_of(link), headers={"x-ms-range": "bytes=67108800-", "x-ms-version": BLOB_VERSION})
    assert (piece.status, piece.content) == (206, bytes(65))


def test_a_link_to_what_is_not_there_says_so(proxied, log_of):
    link = link_of(proxied, log_of)
    (run,) = {part for part in urlsplit(link).path.split("/") if log_of in part}
    assert proxied.send("GET", path_of(link, **{run: "other"})).status == 403
    with BlobClient.from_blob_url(source(proxied)[0], api_version=BLOB_VERSION) as blob:
        with pytest.raises(HttpResponseError) as caught:
            blob.download_blob()
        assert caught.value.status_code == 404
        assert not isinstance(caught.value, ResourceExistsError)


@pytest.mark.parametrize(
    ("method", "changes", "status"),
    [
        ("GET", {"sig=": "sig=x"}, 403),
        ("GET", {"sp=r": "sp=cw"}, 403),
        ("GET", {"se=": "se=9"}, 403),
        ("GET", {"?": "?comp=metadata&"}, 400),
        ("GET", {"blobs/logs": "blobs/sources"}, 404),
        ("PUT", {}, 404),
        ("PUT", {"blobs/logs": "blobs/sources"}, 403),
        ("DELETE", {}, 404),
    ],
)
def test_a_link_to_a_log_does_nothing_else(proxied, log_of, method, changes, status):
    before = proxied.log(log_of)
    answer = proxied.send(method, path_of(link_of(proxied, log_of), **changes), b"x" if method == "PUT" else None)
    assert answer.status == status
    assert json.loads(answer.content)["error"]["message"]
    assert proxied.log(log_of) == before


@pytest.mark.parametrize("comp", ["metadata", "lease", "properties", "appendblock", "page"])
def test_a_link_to_upload_changes_nothing_but_the_content(proxied, comp):
    url, _ = source(proxied)
    answer = proxied.send("PUT", f"{path_of(url)}&comp={comp}", b"x", {"x-ms-blob-type": "BlockBlob"})
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_an_upload_is_not_made_from_elsewhere(proxied):
    url, path = source(proxied)
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": BLOB_VERSION, "x-ms-copy-source": "http://127.0.0.1:9/x"}
    answer = proxied.send("PUT", path_of(url), b"mine", headers)
    assert answer.status == 201
    assert stored(proxied, path) == b"mine"


def test_without_the_setting_links_lead_to_the_storage_and_nothing_is_carried(live):
    target = live.client.registries.get_build_source_upload_url(*WHERE)
    assert not target.upload_url.startswith(live.url)
    assert live.send("GET", "blobs/logs/x?se=1&sp=r&sig=x").status == 404
