"""The function app: under the embedded host, or under `func start` where BASELIFT_HOST is `func`."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baselift.host.certificates import Certificates
from parts.errors import PartError
from parts.ports import LOOPBACK, http_status, wait_for
from parts.process import Child

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 60.0
OK = 200


@dataclass(frozen=True)
class App:
    """The running function app."""

    child: Child
    port: int
    ca: Path | None = None

    @classmethod
    def start(
        cls,
        port: int,
        environment: Mapping[str, str],
        log: Path,
        repository: Path = REPOSITORY,
        https: Certificates | None = None,
    ) -> "App":
        """Starts the app of the repository, by https where certificates are given.

        Returns once its ``/health`` answers 200.

        Raises:
            PartError: BASELIFT_HOST names no host, or the app did not come up.
        """
        host = environment.get("BASELIFT_HOST", "embedded")
        command = _command(host, port, repository, https)
        child = Child.start("app", command, log=log, environment=_in_venv(environment), directory=repository)
        app = cls(child, port, https.ca if https else None)
        try:
            wait_for(app.healthy, child.check, f"the app (its log: {log})", START_SECONDS)
        except BaseException:
            child.stop()
            raise
        return app

    def healthy(self) -> bool:
        """Whether the app's ``/health`` answers 200."""
        return http_status(self.port, "/health", ca=self.ca) == OK

    @property
    def url(self) -> str:
        """The root of the app's HTTP API."""
        return f"https://localhost:{self.port}" if self.ca else f"http://{LOOPBACK}:{self.port}"

    def stop(self) -> None:
        """Stops it: a run under way is left to the next start."""
        self.child.stop(STOP_SECONDS)


def _command(host: str, port: int, repository: Path, https: Certificates | None) -> list[str | Path]:
    if host == "embedded":
        where = ["--app", str(repository), "--host", LOOPBACK, "--port", str(port)]
        secured = ["--https", "--https-dir", str(https.ca.parent)] if https else []
        # The host's own endpoints run functions, show keys and take events: they are for who has the state's keys.
        return [sys.executable, "-m", "baselift.host", *where, "--enable-auth", *secured]
    if host == "func" and https:
        raise PartError("--https needs the embedded host; BASELIFT_HOST is 'func'")
    if host == "func":
        return ["func", "start", "--port", str(port)]
    raise PartError(f"BASELIFT_HOST is {host!r}; it must be 'embedded' or 'func'")


def _in_venv(environment: Mapping[str, str]) -> dict[str, str]:
    """Core Tools take the Python of the active venv."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return {**environment, "PATH": path, "VIRTUAL_ENV": str(programs.parent)}
