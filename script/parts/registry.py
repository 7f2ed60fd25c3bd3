"""The CNCF registry (Debian's docker-registry) on loopback, with its store and configuration under one directory."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.ports import LOOPBACK, chosen_port, http_status, wait_for
from parts.private import kept, private_directory, write_private
from parts.process import Child

START_SECONDS = 30.0
OK, UNAUTHORIZED = 200, 401


@dataclass(frozen=True)
class Notifications:
    """Where the registry tells of pushes, and the bearer token it shows there."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    child: Child
    port: int

    @classmethod
    def start(
        cls,
        state: Path,
        port: int = 0,
        *,
        notifications: Notifications | None = None,
        htpasswd: Path | None = None,
        ca: Path | None = None,
        deletes: bool = True,
    ) -> "Registry":
        """Starts it on the port, or a free one for 0, and returns once it answers.

        ``htpasswd`` names a file of users with bcrypt hashes; without it everyone on this machine may push.
        ``ca`` is what it trusts where its notifications go by https. ``deletes``: whether images may be deleted in it.

        Raises:
            PartError: the port is in use, the program is missing, or it did not come up.
        """
        private_directory(state)
        port = chosen_port(port, "registry")
        file = state / "config.yml"
        write_private(file, json.dumps(configuration(state, port, notifications, htpasswd, deletes=deletes), indent=2))
        # The registry takes REGISTRY_* variables for configuration that overrides the file.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        if ca:
            environment["SSL_CERT_FILE"] = str(ca)
        command: list[str | Path] = ["docker-registry", "serve", file]
        child = Child.start("registry", command, log=state / "registry.log", environment=environment)
        registry = cls(child, port)
        try:
            wait_for(registry._answers, child.check, "registry", START_SECONDS)
        except BaseException:
            child.stop()
            raise
        return registry

    def _answers(self) -> bool:
        return http_status(self.port, "/v2/") in {OK, UNAUTHORIZED}

    @property
    def host(self) -> str:
        """The login server: what stands in front of a repository's name in an image reference."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """The root of its HTTP API."""
        return f"http://{self.host}"

    def stop(self) -> None:
        """Stops it. Events that it has not delivered yet are lost: it keeps them in memory."""
        self.child.stop()


def configuration(
    state: Path, port: int, notifications: Notifications | None, htpasswd: Path | None, *, deletes: bool
) -> dict[str, Any]:
    """The configuration as a mapping (distribution 2.8, docs/configuration); JSON of it is YAML."""
    config: dict[str, Any] = {
        "version": 0.1,
        # At level info the start-up log shows the notification's bearer token.
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(private_directory(state / "data"))},
            "delete": {"enabled": deletes},
        },
        "http": {
            "addr": f"{LOOPBACK}:{port}",
            "relativeurls": True,
            "secret": kept(state / "http.secret", lambda: secrets.token_hex(32)),
        },
    }
    if notifications is not None:
        config["notifications"] = _notifications(notifications)
    if htpasswd is not None:
        config["auth"] = {"htpasswd": {"realm": "baselift", "path": str(htpasswd)}}
    return config


def _notifications(notifications: Notifications) -> dict[str, Any]:
    endpoint = {
        "name": "baselift",
        "url": notifications.url,
        "headers": {"Authorization": [f"Bearer {notifications.secret}"]},
        "timeout": "2s",
        "threshold": 3,
        "backoff": "1s",
        "ignore": {"mediatypes": ["application/octet-stream"], "actions": ["pull"]},
    }
    return {"events": {"includereferences": True}, "endpoints": [endpoint]}
