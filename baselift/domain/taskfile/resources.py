"""Networks, volumes and secrets of a task file (semantics 1.5, 1.6 and 1.8)."""

import base64
import binascii
import re
from collections.abc import Iterable
from uuid import UUID

from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.fields import Fields
from baselift.domain.taskfile.model import DEFAULT_NETWORK, Network, Secret, Volume

_VOLUME = re.compile(r"[A-Za-z0-9_-]+")
_FILE = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]+")
_BLANK = re.compile(r"\s")


def networks(task: Fields) -> tuple[Network, ...]:
    """The declared networks; the default bridge where there are none.

    Raises:
        TaskFileError: one has no name.
    """
    found = tuple(_network(fields) for fields in task.mappings("networks", "networks"))
    return found or (Network(DEFAULT_NETWORK, "bridge", default=True),)


def default_network(declared: Iterable[Network]) -> str | None:
    """The network of steps that name none: the last default one. None for no network option."""
    return next((network.name for network in reversed(tuple(declared)) if network.default), None)


def volumes(task: Fields) -> tuple[Volume, ...]:
    """The declared volumes.

    Raises:
        TaskFileError: a name is bad or given twice, or a volume has no files or one that is not base64.
    """
    found = [_volume(fields) for fields in task.mappings("volumes", "volumes")]
    _check_unique("volume", ((volume.name, volume.line) for volume in found))
    return tuple(found)


def secrets(task: Fields) -> tuple[Secret, ...]:
    """The declared secrets.

    Raises:
        TaskFileError: an id or address is missing, an id is given twice, or clientID is no UUID.
    """
    found = [_secret(fields) for fields in task.mappings("secrets", "secrets")]
    _check_unique("secret", ((secret.id, secret.line) for secret in found))
    return tuple(found)


def _network(fields: Fields) -> Network:
    name = fields.text("name")
    if not name:
        raise fields.fail("name", "is missing; a network needs one")
    return Network(
        name,
        fields.text("driver"),
        ipv6=fields.boolean("ipv6"),
        external=fields.boolean("skipCreation"),
        default=fields.boolean("isDefault"),
        line=fields.line,
    )


def _volume(fields: Fields) -> Volume:
    name = fields.text("name")
    if not _VOLUME.fullmatch(name):
        raise fields.fail("name", f"is {shown(name)}; it must be of A-Z, a-z, 0-9, '-' and '_'")
    files = fields.mapping("secret")
    if files is None or not any(files.names()):
        raise fields.fail("secret", "is missing; a volume needs it as its source: a mapping of file names to base64")
    return Volume(name, {file: _content(files, file) for file in files.names()}, fields.line)


def _content(files: Fields, name: str) -> bytes:
    if not _FILE.fullmatch(name):
        raise files.fail(f"file name {shown(name)}", "must be of A-Z, a-z, 0-9, '-', '_' and '.'")
    try:
        return base64.b64decode(_BLANK.sub("", files.text(name)), validate=True)
    except (binascii.Error, ValueError):
        raise files.fail(name, "is not base64") from None


def _secret(fields: Fields) -> Secret:
    identity, keyvault, client = fields.text("id"), fields.text("keyvault"), fields.text("clientID")
    if not identity or _BLANK.search(identity):
        raise fields.fail("id", f"is {shown(identity)}; it must be a name without blanks")
    if not keyvault or _BLANK.search(keyvault):
        raise fields.fail("keyvault", f"is {shown(keyvault)}; it must be the secret's address, https://...")
    if client and not _is_uuid(client):
        raise fields.fail("clientID", f"is {shown(client)}; it must be a UUID")
    return Secret(identity, keyvault, client, fields.line)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _check_unique(what: str, named: Iterable[tuple[str, int]]) -> None:
    seen: dict[str, int] = {}
    for name, line in named:
        if name in seen:
            raise TaskFileError(f"{what} {shown(name)} is already declared in line {seen[name]}", line=line)
        seen[name] = line
