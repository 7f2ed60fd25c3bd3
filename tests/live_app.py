"""The whole Baselift as its users meet it: all parts as processes of their own, started once and stopped at the end."""

import contextlib
import http.client
import io
import json
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.storage.blob import BlobClient, BlobServiceClient
from parts.gitserver import GitServer
from parts.private import private_directory
from parts.stack import Stack, Wanted, running

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP, REGISTRY = "local", "baselift"
WHERE = (GROUP, REGISTRY)
REGISTRY_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ContainerRegistry/registries/{REGISTRY}"
)
API_VERSION = "2025-03-01-preview"
BLOB_VERSION = "2025-11-05"
FINAL = frozenset({"Succeeded", "Failed", "Canceled", "Error", "Timeout"})
MANIFESTS = {
    "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
}
EVERY_SECOND = "* * * * * *"
BUILDS = 2
SETTINGS = {"BASELIFT_LEASE_SECONDS": "5", "BASELIFT_BUILDS": str(BUILDS), "BASELIFT_NOTIFY_PAUSES": "1,1,1"}
BUSYBOX = Path("/bin/busybox")
BASE = (
    'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "ln", "-s", "busybox", "/bin/sh"]\nENV PATH=/bin\n'
)

T = TypeVar("T")


class _NoToken(SansIOHTTPPolicy[Any, Any]):
    pass


class _NoCredential:
    def get_token(self, *_: str, **__: Any) -> Any:
        raise AssertionError("no token is asked for")


@dataclass(frozen=True)
class Answer:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    cookies: tuple[str, ...] = ()
    """Every Set-Cookie header."""

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The error's code; the answer must be an error as the API prints them."""
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) == {"error"}
        assert set(self.json["error"]) <= {"code", "message", "target"}
        assert self.json["error"]["message"]
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


def until(look: Callable[[], T | None], seconds: float = 30.0) -> T:
    """What `look` returns as soon as it is not None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s")


def packed(files: Mapping[str, str | Path]) -> bytes:
    """A tar.gz of texts and files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            body = content.read_bytes() if isinstance(content, Path) else content.encode()
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return data.getvalue()


def _send(port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        cookies = tuple(response.headers.get_all("set-cookie", []))
        return Answer(response.status, fields, response.read(), cookies)


@dataclass(frozen=True)
class Live:
    """The running parts, and the official SDK's client of them."""

    stack: Stack
    client: ContainerRegistryTasksMgmtClient
    directory: Path

    @property
    def url(self) -> str:
        return self.stack.app.url

    @property
    def host(self) -> str:
        return self.stack.registry.host

    @property
    def git(self) -> GitServer:
        assert self.stack.git is not None
        return self.stack.git

    @property
    def webhook_secret(self) -> str:
        return (self.directory / "webhook.secret").read_text()

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request to the app as it is; a body that is not bytes goes as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return _send(self.stack.app.port, method, path, content, headers or {})

    def send_registry(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request to a path under `/v2/` of the registry."""
        return _send(self.stack.registry.port, method, f"/v2/{path}", body, MANIFESTS | dict(headers or {}))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request to a path under the registry."""
        mark = "&" if "?" in path else "?"
        return self.send(method, f"{REGISTRY_ID}/{path}{mark}api-version={API_VERSION}", body, headers)

    def host_keys(self) -> dict[str, str]:
        """The host's own keys by name, as it keeps them in storage: `master`, and one for each system function."""
        with BlobServiceClient.from_connection_string(
            self.stack.azurite.connection_string, api_version=BLOB_VERSION
        ) as storage:
            container = storage.get_container_client("azure-webjobs-secrets")
            (name,) = (blob for blob in container.list_blob_names() if blob.endswith("/host.json"))
            kept = json.loads(container.download_blob(name).readall())
        return {key["name"]: key["value"] for key in (kept["masterKey"], *kept["systemKeys"])}

    def upload(self, files: Mapping[str, str | Path]) -> str:
        """Upload a source as `az acr build` does; return what a run request names it by."""
        target = self.client.registries.get_build_source_upload_url(*WHERE)
        with BlobClient.from_blob_url(target.upload_url, api_version=BLOB_VERSION) as blob:
            blob.upload_blob(packed(files), overwrite=True)
        return str(target.relative_path)

    def build(self, files: Mapping[str, str | Path], *images: str, **fields: Any) -> Any:
        """Schedule a build of an uploaded source; return the run as it was answered."""
        request = {
            "type": "DockerBuildRequest",
            "sourceLocation": self.upload(files),
            "dockerFilePath": "Dockerfile",
            "imageNames": list(images),
            "isPushEnabled": bool(images),
        }
        return self.client.registries.schedule_run(*WHERE, request | fields)

    def push_base(self, name: str, version: str) -> Any:
        """Build a base image with a shell under a name, and return its run when it has succeeded."""
        run = self.ended(self.build({"Dockerfile": f"{BASE}ENV VERSION={version}\n", "busybox": BUSYBOX}, name))
        assert run.properties.status == "Succeeded", self.log(run.name)
        return run

    def ended(self, run: Any, seconds: float = 40.0) -> Any:
        """The run when it is over."""

        def look() -> Any:
            found = self.client.runs.get(*WHERE, run.name)
            return found if found.properties.status in FINAL else None

        return until(look, seconds)

    def running(self, run: Any) -> Any:
        """The run when a builder has it."""

        def look() -> Any:
            found = self.client.runs.get(*WHERE, run.name)
            return found if found.properties.status == "Running" else None

        return until(look)

    def log_blob(self, run: str) -> BlobClient:
        link = self.client.runs.get_log_sas_url(*WHERE, run).log_link
        return BlobClient.from_blob_url(link, api_version=BLOB_VERSION)

    def log(self, run: str) -> str:
        """The log of a run that is over, once it is marked as complete."""
        with self.log_blob(run) as blob:
            until(lambda: (blob.get_blob_properties().metadata or {}).get("complete"))
            return bytes(blob.download_blob().readall()).decode()


@contextlib.contextmanager
def live_app(
    directory: Path,
    *,
    notifications: bool = True,
    reconcile: str = EVERY_SECOND,
    settings: Mapping[str, str] | None = None,
    port: int = 0,
) -> Iterator[Live]:
    """All parts with state of their own under the directory; `settings` are the app's, besides those of every test."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        for name, value in {**SETTINGS, "BASELIFT_RECONCILE": reconcile, **(settings or {})}.items():
            patch.setenv(name, value)
        state, git = private_directory(directory), directory / "git"
        wanted = Wanted(state, port=port, registry_port=0, notifications=notifications, git_root=git)
        parts = stack.enter_context(running(wanted))
        client = ContainerRegistryTasksMgmtClient(
            _NoCredential(), SUBSCRIPTION, base_url=parts.app.url, authentication_policy=_NoToken(), retry_total=0
        )
        stack.enter_context(client)
        yield Live(parts, client, directory)
    assert "Unclosed" not in (directory / "app.log").read_text(), "the app left connections open"
    shutil.rmtree(directory / "builder", ignore_errors=True)
