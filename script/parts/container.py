"""Runs an image once, as a user would, with buildah and a store of its own."""

import json
import os
import resource
import subprocess
from pathlib import Path

from parts.errors import PartError
from parts.private import home_environment, private_directory, write_private

MOST_FILES, MOST_PROCESSES = 1048576, 32768
_TRIES = 3


def run_image(image: str, store: Path) -> str:
    """Pulls an image from a plain HTTP registry on loopback, runs its command, and returns what it printed.

    The store is left empty. A command that prints nothing is run again, three times in all.

    Raises:
        PartError: the image cannot be pulled, or its command failed.
    """
    private_directory(store)
    environment = buildah_environment(store)
    base = ["buildah", "--root", str(store / "root"), "--runroot", str(store / "runroot")]
    container = _output([*base, "from", "--tls-verify=false", image], environment)
    try:
        config = json.loads(_output([*base, "inspect", container], environment))["OCIv1"]["config"]
        command = [*config.get("Entrypoint", []), *config.get("Cmd", [])]
        run = [*base, "run", "--isolation", "chroot", container, "--", *command]
        # buildah ends with the command, and what it did not pass on of its output by then is lost.
        return next(filter(None, (_output(run, environment) for _ in range(_TRIES))), "") + "\n"
    finally:
        _output([*base, "rm", container], environment)
        _output([*base, "rmi", "--all"], environment)


def buildah_environment(store: Path) -> dict[str, str]:
    """An environment in which buildah keeps to the store's directory and asks for no limits above this process's."""
    credentials, configuration = store / "auth.json", store / "containers.conf"
    write_private(credentials, "{}")
    write_private(configuration, f"[containers]\ndefault_ulimits = {json.dumps(_limits())}\n")
    own = home_environment(store / "own")
    return {**os.environ, **own, "REGISTRY_AUTH_FILE": str(credentials), "CONTAINERS_CONF": str(configuration)}


def _limits() -> list[str]:
    """Limits that can be set without CAP_SYS_RESOURCE, which buildah's defaults need where a hard limit is lower."""
    files, processes = _hard(resource.RLIMIT_NOFILE, MOST_FILES), _hard(resource.RLIMIT_NPROC, MOST_PROCESSES)
    return [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]


def _hard(limit: int, most: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise PartError(f"buildah ended with code {done.returncode}: {said}")
    return done.stdout.decode().strip()
