"""Azurite: blob, queue and table storage on one machine, with an account of its own for each state directory."""

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from parts.errors import PartError
from parts.ports import LOOPBACK, chosen_port, free_ports, http_status, wait_for
from parts.private import home_environment, kept, private_directory
from parts.process import Child

SERVICES = ("blob", "queue", "table")
START_SECONDS = 60.0
STOP_SECONDS = 60.0
TRIES = 3
KEY_BYTES = 64


@dataclass(frozen=True)
class Account:
    """A storage account's name and its key, base64."""

    name: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, state: Path) -> "Account":
        """The account of a state directory; random, as Azurite's own public key would let any build step in."""
        text = kept(state / "account", lambda: f"baselift{secrets.token_hex(4)}:{_random_key()}")
        name, _, key = text.partition(":")
        return cls(name, key)


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


@dataclass(frozen=True)
class Azurite:
    """A running Azurite: its ports in the order blob, queue, table, and its account."""

    child: Child
    ports: tuple[int, int, int]
    account: Account

    @classmethod
    def start(cls, state: Path, ports: tuple[int, int, int] | None = None) -> "Azurite":
        """Starts Azurite on the given ports, or on free ones, and returns once all three services answer.

        Raises:
            PartError: a port is in use, the program is missing, or it did not come up.
        """
        private_directory(state)
        for attempt in range(TRIES):
            try:
                return cls._start_once(state, ports or _three(free_ports(3)))
            except PartError:
                # Another process may have taken a port between its choice and its use.
                if ports is not None or attempt == TRIES - 1:
                    raise
        raise AssertionError

    @classmethod
    def _start_once(cls, state: Path, ports: tuple[int, int, int]) -> "Azurite":
        for service, port in zip(SERVICES, ports, strict=True):
            chosen_port(port, f"azurite {service}")
        account = Account.of(state)
        environment = os.environ | home_environment(state) | {"AZURITE_ACCOUNTS": f"{account.name}:{account.key}"}
        child = Child.start("azurite", _command(state, ports), log=state / "azurite.log", environment=environment)
        azurite = cls(child, ports, account)
        try:
            wait_for(azurite._answers, child.check, "azurite", START_SECONDS)
        except BaseException:
            child.stop()
            raise
        return azurite

    def _answers(self) -> bool:
        return all(http_status(port) is not None for port in self.ports)

    @property
    def connection_string(self) -> str:
        """What the storage SDKs and AzureWebJobsStorage take."""
        parts = ["DefaultEndpointsProtocol=http", f"AccountName={self.account.name}", f"AccountKey={self.account.key}"]
        for service, port in zip(SERVICES, self.ports, strict=True):
            parts.append(f"{service.capitalize()}Endpoint=http://{LOOPBACK}:{port}/{self.account.name}")
        return ";".join(parts) + ";"

    def stop(self) -> None:
        """Stops it the way that saves everything; a kill would lose what the last seconds acknowledged."""
        self.child.stop(STOP_SECONDS)


def _three(ports: list[int]) -> tuple[int, int, int]:
    blob, queue, table = ports
    return blob, queue, table


def program() -> Path:
    """Where Azurite is: the AZURITE setting, or this checkout's own, which script/setup installs."""
    default = Path(__file__).parents[2] / ".tools" / "node_modules" / ".bin" / "azurite"
    return Path(os.environ.get("AZURITE", default))


def _command(state: Path, ports: tuple[int, int, int]) -> list[str | Path]:
    command: list[str | Path] = [program(), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command += ["--location", private_directory(state / "data")]
    for service, port in zip(SERVICES, ports, strict=True):
        command += [f"--{service}Host", LOOPBACK, f"--{service}Port", str(port)]
    return command
