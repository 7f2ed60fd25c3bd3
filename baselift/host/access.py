"""Who may call what. Every request is an administrator's, as with `func start`; keys would be looked up here."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from baselift.host.messages import Request


class Level(IntEnum):
    """What a request may do; a higher level may do all that a lower one may."""

    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2


if TYPE_CHECKING:
    Access = Callable[[Request], Level]


def everyone_is_admin(_request: Request) -> Level:
    """Ask for no key."""
    return Level.ADMIN


def required_level(auth_level: object) -> Level:
    """The level that a function's `authLevel` asks for; FUNCTION when it says nothing."""
    return Level.__members__.get(str(auth_level).upper(), Level.FUNCTION)
