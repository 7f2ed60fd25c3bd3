"""Sprig's encodings, checksums and JSON."""

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Any

from baselift.domain.templates.functions import Registry
from baselift.domain.templates.json import compact, pretty
from baselift.domain.templates.text import decode, encode
from baselift.domain.templates.values import type_name

FUNCTIONS = Registry()
_LINE = b"\r\n"
_PAD = ord("=")
_BASE32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

FUNCTIONS.add("toJson", "any", context=True)(compact)
FUNCTIONS.add("toPrettyJson", "any", context=True)(pretty)
FUNCTIONS.add("sha1sum", "string")(lambda text: hashlib.sha1(encode(text), usedforsecurity=False).hexdigest())
FUNCTIONS.add("sha256sum", "string")(lambda text: hashlib.sha256(encode(text)).hexdigest())
FUNCTIONS.add("adler32sum", "string")(lambda text: str(zlib.adler32(encode(text))))


@FUNCTIONS.add("b64enc", "any")
def encode_base64(value: Any) -> str:
    """Base64; nothing for nil; for what is no string that of a placeholder with its type, as the engine does."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else f"<{type_name(value)} Value>"
    return base64.b64encode(encode(text)).decode()


@FUNCTIONS.add("b64dec", "string")
def decode_base64(text: str) -> str:
    """The bytes the base64 stands for, or Go's message when it is none."""
    data = encode(text)
    wrong = _wrong_base64(data)
    return _decoded("base64", wrong, base64.b64decode, data)


@FUNCTIONS.add("b32enc", "string")
def encode_base32(text: str) -> str:
    """Base32."""
    return base64.b32encode(encode(text)).decode()


@FUNCTIONS.add("b32dec", "string")
def decode_base32(text: str) -> str:
    """The bytes the base32 stands for, or Go's message when it is none."""
    data = encode(text).translate(None, _LINE)
    wrong = _wrong_base32(data)
    end = data.find(_PAD)
    return _decoded("base32", wrong, base64.b32decode, data if end < 0 else data[: -(-end // 8) * 8])


def _decoded(name: str, wrong: int | None, convert: Callable[[bytes], bytes], data: bytes) -> str:
    if wrong is not None:
        return f"illegal {name} data at input byte {wrong}"
    return decode(convert(data))


def _wrong_base64(data: bytes) -> int | None:
    """Where Go gives up, None when it does not."""
    places = [place for place, byte in enumerate(data) if byte not in _LINE]
    for count, place in enumerate(places):
        if data[place] in _BASE64:
            continue
        if data[place] != _PAD or count % 4 < 2:  # noqa: PLR2004 - two digits make the first byte
            return place
        return _wrong_padding(data, places[count:], 4 - count % 4)
    digits = len(places) % 4
    return len(data) - digits if digits else None


def _wrong_padding(data: bytes, places: list[int], wanted: int) -> int | None:
    if len(places) < wanted:
        return len(data)
    if any(data[place] != _PAD for place in places[:wanted]):
        return places[1] - 1
    return places[wanted] if len(places) > wanted else None


def _wrong_base32(data: bytes) -> int | None:
    """Where Go gives up, None when it does not; the data has no line breaks."""
    for place, byte in enumerate(data):
        if byte in _BASE32:
            continue
        digits, rest = place % 8, len(data) - place - 1
        if byte != _PAD or digits < 2 or rest >= 8:  # noqa: PLR2004 - two digits make the first byte
            return place
        if rest + digits < 7:  # noqa: PLR2004 - groups are of eight
            return len(data)
        for later in range(7 - digits):
            if data[place + 1 + later] != _PAD:
                return place + later
        return place if digits in (3, 6) else None
    digits = len(data) % 8
    return len(data) - digits if digits else None
