"""A Docker engine of its own (script/setup --docker): its own socket, bridge and files, and no rule of a firewall."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from parts.errors import PartError
from parts.ports import wait_for
from parts.private import private_directory, write_private
from parts.process import Child

START_SECONDS = 60.0
INSTALLED = Path(__file__).resolve().parents[2] / ".tools" / "docker"
# Ranges for benchmarks (RFC 2544): nobody's registry is there.
_OF_BRIDGE = "198.18.{}.1/24"
_OF_NETWORKS = "198.19.0.0/17"


@dataclass(frozen=True)
class Docker:
    """A running engine, which runs as root."""

    child: Child
    state: Path
    bridge: str

    @classmethod
    def start(cls, state: Path) -> "Docker":
        """Starts it, and returns once it answers.

        Raises:
            PartError: it is not installed, or did not come up.
        """
        if not (INSTALLED / "usr/sbin/dockerd").exists():
            raise PartError("docker: it is not on this machine; run script/setup --docker")
        private_directory(state)
        private_directory(state / "config")
        plugins = str(INSTALLED / "usr/libexec/docker/cli-plugins")
        write_private(state / "config" / "config.json", json.dumps({"cliPluginsExtraDirs": [plugins]}))
        bridge = _bridge()
        write_private(state / "daemon.json", json.dumps(_configuration(state, bridge), indent=2))
        # Where a machine shares its mounts, those of containers were gone at times while others made name spaces.
        command: list[str | Path] = [
            "unshare",
            "-m",
            "--propagation",
            "private",
            INSTALLED / "usr/sbin/dockerd",
            "--config-file",
            state / "daemon.json",
        ]
        environment = {"PATH": f"{INSTALLED}/usr/bin:{INSTALLED}/usr/sbin:{os.environ['PATH']}", "HOME": str(state)}
        child = Child.start("docker", command, log=state / "docker.log", environment=environment)
        engine = cls(child, state, bridge)
        try:
            wait_for(engine._answers, engine.child.check, "docker", START_SECONDS)
        except BaseException:
            engine.stop()
            raise
        return engine

    @property
    def environment(self) -> dict[str, str]:
        """What Docker's command, and who uses it, needs to find this engine."""
        return {
            "PATH": f"{INSTALLED}/usr/bin:{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{self._socket}",
            "DOCKER_CONFIG": str(self.state / "config"),
        }

    def stop(self) -> None:
        """Ends it with all that it runs, and removes its files and its bridge."""
        self.child.stop()
        subprocess.run(("ip", "link", "delete", self.bridge), capture_output=True, check=False)
        for name in ("data", "run"):
            shutil.rmtree(self.state / name, ignore_errors=True)

    @property
    def _socket(self) -> Path:
        return self.state / "docker.sock"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(str(self._socket))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return client.recv(15).endswith(b" 200 OK")
        return False


def _configuration(state: Path, bridge: str) -> dict[str, object]:
    return {
        "hosts": [f"unix://{state / 'docker.sock'}"],
        "data-root": str(state / "data"),
        "exec-root": str(state / "run"),
        "pidfile": str(state / "docker.pid"),
        "bridge": bridge,
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "default-address-pools": [{"base": _OF_NETWORKS, "size": 26}],
        "features": {"containerd-snapshotter": True},
    }


def _bridge() -> str:
    """A new bridge: Docker's own would be shared with another engine of this machine."""
    number = os.getpid() % 128
    name = f"baselift{number}"
    for command in (
        ("link", "add", name, "type", "bridge"),
        ("address", "add", _OF_BRIDGE.format(number), "dev", name),
        ("link", "set", name, "up"),
    ):
        done = subprocess.run(("ip", *command), capture_output=True, text=True, check=False)
        if done.returncode and "exists" not in done.stderr:
            raise PartError(f"docker: ip {' '.join(command)}: {done.stderr.strip()}")
    return name
