"""What the tests of Docker's engine share: what they left in the engine."""

import json
import subprocess
from typing import Any

from baselift.engines.docker_owner import INSTALLATION


def asked(*command: str) -> list[str]:
    """The lines that Docker's command prints."""
    done = subprocess.run(("docker", *command), capture_output=True, text=True, check=True)
    return done.stdout.split()


def left() -> list[str]:
    """Containers, networks and images of any Baselift in the engine."""
    ours = ("--filter", f"label={INSTALLATION}")
    return [
        *asked("ps", "--all", "--quiet", *ours),
        *asked("network", "ls", "--quiet", *ours),
        *asked("image", "ls", "--quiet", "baselift.invalid/*"),
        *asked("volume", "ls", "--quiet"),
    ]


def inspected(name: str) -> dict[str, Any]:
    """What Docker's command says of a container."""
    return json.loads(subprocess.run(("docker", "inspect", name), capture_output=True, check=True).stdout)[0]
