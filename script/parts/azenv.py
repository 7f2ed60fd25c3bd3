"""`script/az-env`: an az configuration of its own for one Baselift, registered and logged in; prints what to set."""

import hashlib
import json
import os
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from parts.app import OK, REPOSITORY
from parts.errors import PartError
from parts.ports import http_status
from parts.private import private_directory, write_private

CLOUD = "Baselift"
TENANT = "00000000-0000-0000-0000-000000000000"
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
AZ_SECONDS = 120


@dataclass(frozen=True)
class Connection:
    """A running Baselift as az reaches it: its address and CA, and the id and the file of the secret to log in with."""

    url: str
    ca: Path
    client: str
    secret_file: Path

    @property
    def port(self) -> int:
        """The port of the app."""
        return urlsplit(self.url).port or 443

    @property
    def mark(self) -> str:
        """Differs when anything that a login depends on does."""
        parts = (self.url, self.client, self.secret_file.read_text(encoding="utf-8"), self.ca.read_text())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints shell assignments and returns 0, or one line on stderr and returns 1."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        state = _state(given)
        environment = prepare(state, connection_of(state), os.environ)
    except (PartError, OSError) as error:
        print(f"script/az-env: {error}", file=sys.stderr)
        return 1
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _state(given: Sequence[str]) -> Path:
    if len(given) > 1 or any(word.startswith("-") for word in given):
        raise PartError("usage: source script/az-env [STATE]")
    return Path(given[0]).absolute() if given else REPOSITORY / ".baselift"


def connection_of(state: Path) -> Connection:
    """What the endpoint.json of a state directory tells.

    Raises:
        PartError: there is none, it does not speak https or does not answer, or nobody's secret is known.
    """
    endpoint = _endpoint(state)
    if not endpoint.get("ca"):
        raise PartError(f"{endpoint['url']} does not speak https, which az needs; start it with: script/serve --https")
    client, secret_file = _login(state, endpoint)
    found = Connection(endpoint["url"], Path(endpoint["ca"]), client, secret_file)
    if not found.ca.exists() or http_status(found.port, "/health", ca=found.ca) != OK:
        raise PartError(f"{found.url} does not answer; start it with: script/serve --https")
    return found


def _endpoint(state: Path) -> dict[str, Any]:
    try:
        endpoint: dict[str, Any] = json.loads((state / "endpoint.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PartError(f"nothing has been served from {state}; start it with: script/serve --https") from None
    except ValueError as error:
        raise PartError(f"{state / 'endpoint.json'} is damaged ({error}); start script/serve --https anew") from None
    return endpoint


def _login(state: Path, endpoint: Mapping[str, Any]) -> tuple[str, Path]:
    mode, client = endpoint.get("access", "none"), endpoint.get("client")
    if client:
        return client["id"], Path(client["secret_file"])
    if mode == "none":
        file = state / "az.secret"
        write_private(file, "any secret will do")
        return "anyone", file
    raise PartError(f"BASELIFT_ACCESS is '{mode}' and its clients are not this state's: log in with az login yourself")


def prepare(state: Path, connection: Connection, given: Mapping[str, str]) -> dict[str, str]:
    """Registers the cloud and logs in, unless that is done and nothing has changed since.

    Returns:
        The variables that az needs.

    Raises:
        PartError: az is not on PATH, or one of its commands failed.
    """
    bundle = _bundle(state, connection.ca, given)
    config = state / "az"
    mark = config / "baselift.mark"
    added = {"AZURE_CONFIG_DIR": str(config), "REQUESTS_CA_BUNDLE": str(bundle)}
    if not mark.exists() or mark.read_text(encoding="utf-8") != connection.mark:
        shutil.rmtree(config, ignore_errors=True)
        private_directory(config)
        _connect(connection, {**given, **added})
        write_private(mark, connection.mark)
    return added


def _connect(connection: Connection, environment: Mapping[str, str]) -> None:
    if shutil.which("az") is None:
        raise PartError("az is not on PATH; install the Azure CLI first")
    _az(environment, "cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", connection.url)
    _az(environment, "cloud", "set", "--name", CLOUD)
    # az reads @FILE itself, so the secret is in no process list.
    secret = f"@{connection.secret_file}"
    who = ("--username", connection.client, "--password", secret, "--tenant", TENANT)
    _az(environment, "login", "--service-principal", *who)


def _az(environment: Mapping[str, str], *arguments: str) -> None:
    command = ["az", *arguments, "--output", "none", "--only-show-errors"]
    quiet = {"AZURE_CORE_COLLECT_TELEMETRY": "false", "AZURE_CORE_SURVEY_MESSAGE": "false"}
    try:
        done = subprocess.run(
            command, env={**environment, **quiet}, capture_output=True, text=True, timeout=AZ_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise PartError(f"az {arguments[0]} did not end within {AZ_SECONDS} s") from None
    if done.returncode != 0:
        raise PartError(f"az {' '.join(arguments[:2])} failed: {_one_line(done.stderr)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]


def _bundle(state: Path, ca: Path, given: Mapping[str, str]) -> Path:
    """One file with our CA and the public ones: whatever reads REQUESTS_CA_BUNDLE reads nothing else."""
    file = state / "ca-bundle.pem"
    public = _public_bundle(given, file)
    write_private(file, f"{public.read_text(encoding='utf-8').rstrip()}\n{ca.read_text(encoding='utf-8')}")
    return file


def _public_bundle(given: Mapping[str, str], ours: Path) -> Path:
    """The public CAs that this shell trusts already, else the system's."""
    named = [given.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")]
    system = [ssl.get_default_verify_paths().cafile, *SYSTEM_BUNDLES]
    for candidate in filter(None, [*named, *system]):
        path = Path(candidate)
        if path.is_file() and path.absolute() != ours:
            return path
    raise PartError("no file of public CA certificates was found; install ca-certificates or set SSL_CERT_FILE")


if __name__ == "__main__":
    sys.exit(main())
