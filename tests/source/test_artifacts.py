"""Artifacts in a registry as build contexts."""

import hashlib
import http.client
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from parts.registry import Registry

from baselift.domain.builds import Failure, Source
from baselift.registry.client import Registries
from baselift.source.fetch import Sources
from baselift.source.limits import Limits

OCI = "application/vnd.oci.image"
TITLE = "org.opencontainers.image.title"
DIRECTORY = {TITLE: "src", "io.deis.oras.content.unpack": "true"}


def tarball(files: dict[str, str]) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text), 1_700_000_000
            tar.addfile(info, io.BytesIO(text.encode()))
    return body.getvalue()


@dataclass
class Shelf:
    """Pushes artifacts as ORAS does."""

    registry: Registry

    def put(self, name: str, *layers: tuple[bytes, dict[str, str]], **fields: Any) -> str:
        """The address of an artifact of these layers, each with its annotations."""
        config = self._blob(name, b"{}") | {"mediaType": "application/vnd.unknown.config.v1+json"}
        described = [self._blob(name, body) | {"annotations": notes} for body, notes in layers]
        manifest = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config, "layers": described}
        return self.put_manifest(name, manifest | fields)

    def put_manifest(self, name: str, manifest: dict[str, Any]) -> str:
        kind = {"Content-Type": manifest["mediaType"]}
        assert self._send("PUT", f"{name}/manifests/1", json.dumps(manifest).encode(), kind)[0] == 201
        return f"oci://{self.registry.host}/{name}:1"

    def _blob(self, name: str, body: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        _, location = self._send("POST", f"{name}/blobs/uploads/", b"", {})
        put = self._send("PUT", f"{location}&digest={digest}", body, {"Content-Type": "application/octet-stream"})
        assert put[0] == 201
        return {"mediaType": f"{OCI}.layer.v1.tar+gzip", "digest": digest, "size": len(body)}

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.registry.host, timeout=10)
        try:
            where = urlsplit(urljoin("/v2/", path))
            connection.request(method, f"{where.path}?{where.query}", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("Location", "")
        finally:
            connection.close()


@pytest.fixture
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry)


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Registries]:
    made = Registries(plain_http_hosts=["localhost", "127.0.0.1"])
    yield made
    await made.close()


async def _nothing(name: str, file: Path) -> None:
    raise KeyError(name)


async def fetch(client: Registries, context: str, into: Path, **limits: Any) -> Source:
    sources = Sources(download=_nothing, artifact=client.artifact, limits=Limits(**limits))
    return await sources.fetch(context, None, into)


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_layers_with_a_title_are_files_and_the_others_are_unpacked(
    shelf: Shelf, client: Registries, tmp_path: Path
) -> None:
    context = shelf.put(
        "art/mixed",
        (tarball({"app/main.py": "1", "old": "old"}), {}),
        (b"FROM scratch\n", {TITLE: "Dockerfile"}),
        (tarball({"src/a": "2", "old": "new"}), DIRECTORY),
        (b"{}", {TITLE: "deep/in/here.json"}),
    )
    source = await fetch(client, context, tmp_path / "c")
    assert names(source.root) == ["Dockerfile", "app/main.py", "deep/in/here.json", "old", "src/a"]
    assert (source.root / "Dockerfile").read_text() == "FROM scratch\n"
    assert (source.root / "old").read_text() == "new"
    assert (source.commit, source.epoch) == (None, 1_700_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


async def test_the_scheme_has_any_case(shelf: Shelf, client: Registries, tmp_path: Path) -> None:
    context = shelf.put("art/plain", (b"x", {TITLE: "x"}))
    await fetch(client, context.replace("oci", "OCI"), tmp_path / "a")
    assert names(tmp_path / "a") == ["x"]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([], "has 0 layers; a context has 1 to 1000"),
        ([(b"no archive", {})], "not a tar archive"),
        ([(b"x", {TITLE: "../out"})], "leads out of it"),
        ([(b"x", {TITLE: "/etc/passwd"})], "names must be relative"),
        ([(b"x", {TITLE: "."})], "no file name"),
        ([(b"x", {TITLE: "long" * 100})], "'longlong.*' of the artifact cannot be written: File name too long"),
        ([(b"x", {TITLE: "half \ud800"})], r"'half \\ud800' of the artifact cannot be written: it is no name"),
        ([(b"x", {TITLE: "a"}), (b"x", {TITLE: "a/b"})], "below 'a', a link or file"),
        ([(tarball({"a": "1"}), {}), (tarball({"../b": "1"}), {})], "leads out of it"),
        ([(b"x" * 3000, {TITLE: "large"})], "at most 2000 are fetched as a context"),
        ([(tarball({"a": "a" * 1500}), {}), (tarball({"b": "b" * 1500}), {})], "unpacks to more than 500 bytes"),
        ([(tarball({"a": "a" * 1500}), {}), (b"b" * 1500, {TITLE: "b"})], "unpacks to more bytes"),
    ],
)
async def test_what_makes_no_context_is_said_and_nothing_is_left(
    shelf: Shelf, client: Registries, tmp_path: Path, layers: list[tuple[bytes, dict[str, str]]], said: str
) -> None:
    context = shelf.put("art/bad", *layers)
    with pytest.raises(Failure, match=said):
        await fetch(client, context, tmp_path / "c", bytes=2000)
    assert list(tmp_path.iterdir()) == []


async def test_an_artifact_that_is_absent_or_an_index_is_said(shelf: Shelf, client: Registries, tmp_path: Path) -> None:
    absent = f"oci://{shelf.registry.host}/art/absent:1"
    with pytest.raises(Failure, match="art/absent:1 does not exist in its registry"):
        await fetch(client, absent, tmp_path / "c")
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": []}
    with pytest.raises(Failure, match=r"its media type is '.*index.*', not an OCI manifest"):
        await fetch(client, shelf.put_manifest("art/index", index), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []
