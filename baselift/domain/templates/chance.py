"""Sprig's random functions, from the randomness the caller gives."""

import string
from random import Random
from uuid import UUID

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context

FUNCTIONS = Registry()
_ASCII = "".join(map(chr, range(32, 127)))


def _random(context: Context) -> Random:
    if context.random is None:
        raise Fault("there is no randomness here: the text must not depend on chance")
    return context.random


def _register(name: str, alphabet: str) -> None:
    @FUNCTIONS.add(name, "int", context=True)
    def draw(context: Context, count: int) -> str:
        context.charge(max(count, 0))
        context.step(max(count, 0) // 16)
        return "".join(_random(context).choices(alphabet, k=count)) if count > 0 else ""


_register("randAlphaNum", string.ascii_letters + string.digits)
_register("randAlpha", string.ascii_letters)
_register("randNumeric", string.digits)
_register("randAscii", _ASCII)


@FUNCTIONS.add("shuffle", "string", context=True)
def shuffle(context: Context, text: str) -> str:
    """The characters in another order."""
    context.step(len(text) // 16)
    chars = list(text)
    _random(context).shuffle(chars)
    return "".join(chars)


@FUNCTIONS.add("uuidv4", context=True)
def uuid4(context: Context) -> str:
    """A random UUID."""
    return str(UUID(int=_random(context).getrandbits(128), version=4))
