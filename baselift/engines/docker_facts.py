"""What is known of a Docker engine before it is used, and whether it can do what is asked of it here."""

import asyncio
import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any, Final

from baselift.domain.builds import Failure
from baselift.engines.docker_api import Docker, find_host

_OLDEST: Final = 26
"""Its BuildKit is the first that stamps files of layers with a given time."""
_STORE: Final = "io.containerd.snapshotter.v1"
_PLUGINS: Final = ("docker", "info", "--format", "{{json .ClientInfo.Plugins}}")


@dataclass(frozen=True, slots=True)
class Facts:
    """A Docker engine that can be used."""

    host: str
    """``unix:///PATH``."""
    buildx: str
    """Path of the buildx program, which is also a program of its own."""
    version: str
    cpus: int


async def find() -> Facts:
    """The Docker engine of this user.

    Raises:
        Failure: there is none, or something that is needed is missing, with how to have it.
    """
    host = await asyncio.to_thread(find_host)
    async with Docker(host) as docker:
        info = await docker.ask("GET", "info")
    check(info)
    return Facts(host, await asyncio.to_thread(_buildx), info["ServerVersion"], info["NCPU"])


def check(info: Any) -> None:
    """Look at what an engine says of itself (SystemInfo).

    Raises:
        Failure: it cannot build as it is asked to.
    """
    version = str(info.get("ServerVersion", ""))
    number = re.match(r"\d+", version)
    if not number or int(number[0]) < _OLDEST:
        raise Failure(f"the Docker engine has version '{version}'; {_OLDEST} or newer is needed")
    if info.get("OSType") != "linux":
        raise Failure(f"the Docker engine runs {info.get('OSType')} containers; switch it to Linux containers")
    if not any(value == _STORE for _, value in info.get("DriverStatus") or ()):
        raise Failure(
            "the Docker engine keeps images in its old store, which exports none as OCI layouts; switch on the "
            "containerd image store (Docker Desktop: Settings, General; else daemon.json: "
            '{"features": {"containerd-snapshotter": true}})'
        )


def _buildx() -> str:
    try:
        said = subprocess.run(_PLUGINS, capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise Failure(f"docker cannot be started: {error}; install Docker's command with buildx") from None
    return buildx_of(said)


def buildx_of(plugins: str) -> str:
    """The path of buildx in the list of plugins that ``docker info`` prints.

    Raises:
        Failure: it is not there.
    """
    found = json.loads(plugins or "null") or ()
    path = next((each.get("Path") for each in found if each.get("Name") == "buildx" and not each.get("Err")), None)
    if not path:
        raise Failure("docker has no buildx; install it (Debian: docker-buildx, else docker-buildx-plugin)")
    return str(path)
