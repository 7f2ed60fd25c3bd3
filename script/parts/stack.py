"""All parts together, under one state directory: storage, registry, app, and where asked a git server."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from baselift.host.certificates import Certificates, provide
from baselift.host.errors import HostError
from parts.app import App
from parts.azurite import Azurite
from parts.client import Client
from parts.errors import PartError
from parts.gitserver import GitServer
from parts.ports import LOOPBACK, reserved_port
from parts.private import private_directory, write_private
from parts.process import Child
from parts.registry import Notifications, Registry
from parts.settings import Places, Settings, app_environment, app_settings, webhook_address


@dataclass(frozen=True)
class Wanted:
    """What to start: ports (0: a free one), the state directory, whether the registry tells of pushes.

    ``https`` has the app speak https by a private CA under the state; ``access`` is BASELIFT_ACCESS, None as it is set.
    """

    state: Path
    port: int = 7071
    registry_port: int = 5000
    notifications: bool = True
    git_root: Path | None = None
    https: bool = False
    access: str | None = None


@dataclass(frozen=True)
class Stack:
    """The running parts."""

    azurite: Azurite
    registry: Registry
    app: App
    git: GitServer | None

    @property
    def children(self) -> list[Child]:
        """The processes, in the order they stop."""
        return [self.app.child, self.registry.child, self.azurite.child]

    def check(self) -> None:
        """Does nothing while all parts run.

        Raises:
            PartError: one has ended.
        """
        for child in self.children:
            child.check()


class _Stoppable(Protocol):
    def stop(self) -> None: ...


Part = TypeVar("Part", bound=_Stoppable)


@contextlib.contextmanager
def running(wanted: Wanted) -> Iterator[Stack]:
    """Starts the parts, and stops them at the end: the app first, the storage last.

    Raises:
        PartError: a port is in use, a program is missing, a setting is wrong, or a part did not come up.
    """
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(reserved_port(wanted.port, "app"))
        registry_port = stack.enter_context(reserved_port(wanted.registry_port, "registry"))
        git = _kept(stack, GitServer.start(wanted.git_root)) if wanted.git_root else None
        azurite = _kept(stack, Azurite.start(wanted.state / "azurite"))
        settings = _settings(wanted, Places(port, registry_port, azurite.connection_string))
        https = _certificates(wanted)
        registry = _kept(stack, _registry(wanted, registry_port, port, settings, https))
        environment = app_environment(wanted.state, settings, os.environ)
        app = _kept(stack, App.start(port, environment, wanted.state / "app.log", https=https))
        write_endpoint(wanted.state, app, registry, settings, git)
        yield Stack(azurite, registry, app, git)


def _kept(stack: contextlib.ExitStack, part: Part) -> Part:
    stack.callback(part.stop)
    return part


def _settings(wanted: Wanted, places: Places) -> Settings:
    try:
        return app_settings(wanted.state, places, os.environ, wanted.access)
    except ValueError as error:
        raise PartError(str(error)) from None


def _certificates(wanted: Wanted) -> Certificates | None:
    """Those of the app, made here because the registry, which starts before it, has to trust them."""
    if not wanted.https:
        return None
    try:
        return provide(private_directory(wanted.state / "https"))
    except HostError as error:
        raise PartError(str(error)) from None


def _registry(
    wanted: Wanted, registry_port: int, app_port: int, settings: Settings, https: Certificates | None
) -> Registry:
    app_url = f"{'https' if https else 'http'}://{LOOPBACK}:{app_port}"
    told = Notifications(webhook_address(app_url), settings["BASELIFT_WEBHOOK_SECRET"])
    return Registry.start(
        private_directory(wanted.state / "registry"),
        registry_port,
        notifications=told if wanted.notifications else None,
        ca=https.ca if https else None,
    )


def write_endpoint(state: Path, app: App, registry: Registry, settings: Settings, git: GitServer | None) -> None:
    """Writes endpoint.json, from which the `baselift` command and script/az-env know where everything is."""
    endpoint = {
        "url": app.url,
        "registry": registry.host,
        "registry_name": settings["BASELIFT_REGISTRY_NAME"],
        "ca": str(app.ca) if app.ca else None,
        "access": settings["BASELIFT_ACCESS"],
        "client": _client(state, settings),
        "git": git.url if git else None,
    }
    write_private(state / "endpoint.json", json.dumps(endpoint, indent=2) + "\n")


def _client(state: Path, settings: Settings) -> dict[str, str] | None:
    """Who may log in, where the settings say that it is the client of this state."""
    if settings["BASELIFT_ACCESS"] != "clients":
        return None
    client = Client.of(state)
    return {"id": client.id, "secret_file": str(client.secret_file)} if _lets_in(settings, client) else None


def _lets_in(settings: Settings, client: Client) -> bool:
    return client.setting in settings["BASELIFT_CLIENTS"].split()
