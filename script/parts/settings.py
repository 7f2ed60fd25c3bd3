"""The function app's settings on one machine, as environment variables."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parts.client import Client
from parts.ports import LOOPBACK
from parts.private import home_environment, kept, private_directory

Settings = dict[str, str]


@dataclass(frozen=True)
class Places:
    """Where the other parts are: the app's own port, the registry's port, and the storage's connection string."""

    app_port: int
    registry_port: int
    storage: str = field(repr=False)


def webhook_address(app_url: str) -> str:
    """Where the app takes the registry's notifications."""
    return f"{app_url}/webhooks/distribution"


def app_settings(state: Path, places: Places, given: Mapping[str, str], access: str | None = None) -> Settings:
    """The settings of the app under a state directory; a setting that the caller's environment gives wins.

    ``access`` is the mode that the command line asks for, which wins over the environment's.

    Raises:
        ValueError: BASELIFT_BUILDS is given and is no positive number.
    """
    builds = _builds(given)
    mode = access or given.get("BASELIFT_ACCESS") or "none"
    defaults = {
        "AzureWebJobsStorage": places.storage,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.200",
        "AzureFunctionsJobHost__extensions__queues__newBatchThreshold": str(builds - 1),
        "BASELIFT_BUILDS": str(builds),
        "BASELIFT_LEASE_SECONDS": "60",
        "BASELIFT_LOGIN_SERVER": f"localhost:{places.registry_port}",
        "BASELIFT_PLAIN_HTTP_HOSTS": f"localhost,{LOOPBACK}",
        "BASELIFT_POLL_SECONDS": f"600,localhost=0,{LOOPBACK}=0",
        "BASELIFT_RECONCILE": "*/10 * * * * *",
        "BASELIFT_REGISTRY_NAME": "baselift",
        "BASELIFT_RESOURCE_GROUP": "local",
        "BASELIFT_TIMERS": "*/15 * * * * *",
        "BASELIFT_SECRET_KEY": kept(state / "secret.key", _secret_key),
        "BASELIFT_STATE": str(private_directory(state / "builder")),
        "BASELIFT_SUBSCRIPTION": "00000000-0000-0000-0000-000000000000",
        "BASELIFT_WEBHOOK_SECRET": kept(state / "webhook.secret", lambda: secrets.token_urlsafe(32)),
    }
    if mode == "clients":
        defaults["BASELIFT_CLIENTS"] = Client.of(state).setting
    return {name: given.get(name) or value for name, value in defaults.items()} | {"BASELIFT_ACCESS": mode}


def app_environment(state: Path, settings: Settings, given: Mapping[str, str]) -> Settings:
    """The app's whole environment: the caller's, its home and temporary files under the state, and the settings."""
    home = home_environment(private_directory(state / "app"))
    # The checkout gets no bytecode files: everything the app writes is under the state directory.
    return {**given, **home, "PYTHONDONTWRITEBYTECODE": "1", **settings}


def _builds(given: Mapping[str, str]) -> int:
    text = given.get("BASELIFT_BUILDS") or str(os.cpu_count() or 1)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"BASELIFT_BUILDS is {text!r}; it must be how many builds may run at once, 1 or more")
    return int(text)


def _secret_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
