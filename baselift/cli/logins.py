"""What `baselift login` keeps: one file for each server, readable by its owner only."""

import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from baselift.cli.errors import CommandError

_FILE, _DIRECTORY = 0o600, 0o700
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Renewal:
    """How a login at Microsoft Entra gets its next token without asking anybody."""

    authority: str
    """``https://host/tenant``."""
    application: str
    """Application id that the login was made with."""
    scope: str
    cache: str = field(repr=False)
    """MSAL's cache, serialized: it holds the refresh token."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login to one server."""

    origin: str
    """``scheme://host:port``: the only place that `token` is sent to."""
    who: str
    """For people to read."""
    token: str = field(repr=False)
    expires: float
    """Seconds since the epoch."""
    renewal: Renewal | None = None


def read(origin: str) -> Login | None:
    """The login to a server, None when there is none.

    Raises:
        CommandError: its file can be read by others, or cannot be understood.
    """
    file = _file(origin)
    try:
        with file.open(encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            content = json.load(opened)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(file, str(error)) from None
    if mode & _OTHERS:
        raise CommandError(f"{file} is open to others (mode {mode:o}): run `baselift logout`, then `baselift login`")
    return _understood(file, origin, content)


def write(login: Login) -> None:
    """Keep a login in place of an earlier one to the same server: whole or not at all."""
    file = _file(login.origin)
    half = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(mode=_DIRECTORY, parents=True, exist_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(asdict(login), opened)
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise CommandError(f"the login cannot be kept: {error.filename or file}: {error.strerror}") from None


def forget(origin: str) -> bool:
    """Remove the login to a server; False when there was none."""
    file = _file(origin)
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CommandError(f"{file} cannot be removed: {error.strerror}") from None
    return True


def _file(origin: str) -> Path:
    given = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification has relative paths ignored.
    base = Path(given) if os.path.isabs(given) else Path.home() / ".config"  # noqa: PTH117
    return base / "baselift" / "logins" / f"{quote(origin, safe='')}.json"


def _understood(file: Path, origin: str, content: Any) -> Login:
    try:
        renewal = Renewal(**content["renewal"]) if content["renewal"] else None
        login = Login(**{**content, "renewal": renewal, "expires": float(content["expires"])})
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(file, str(error)) from None
    if login.origin != origin:
        raise _damaged(file, f"it is of {login.origin}")
    return login


def _damaged(file: Path, reason: str) -> CommandError:
    return CommandError(f"{file} is damaged ({reason}): run `baselift logout`, then `baselift login`")
