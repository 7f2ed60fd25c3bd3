"""Go's string, character and number literals."""

import math
import re

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.nodes import Number
from baselift.domain.templates.text import decode, encode
from baselift.domain.templates.values import INT64_MAX, INT64_MIN, UINT64_MAX

_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\'\"])|x(?P<hex>[0-9a-fA-F]{2})|u(?P<u4>[0-9a-fA-F]{4})"
    r"|U(?P<u8>[0-9a-fA-F]{8})|(?P<octal>[0-7]{3})|(?P<bad>.?))",
    re.DOTALL,
)
_SIMPLE = dict(zip("abfnrtv\\", "\a\b\f\n\r\t\v\\", strict=True))
_BASE = re.compile(r"0([xX])|0[oObB]")
_STRAY = {"": re.compile(r"(?<![0-9])_|_(?![0-9])"), "x": re.compile(r"(?<![0-9a-fA-F])_|_(?![0-9a-fA-F])")}
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_PREFIXES = ((re.compile(r"0[xX]"), 16), (re.compile(r"0[oO]"), 8), (re.compile(r"0[bB]"), 2), (re.compile(r"0"), 8))
_MAX_DIGITS = 400


def string(literal: str) -> str:
    """The value of a quoted or raw string literal.

    Raises:
        Fault: it has an escape sequence Go does not know.
    """
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "")
    return body if "\\" not in body else _unescape(body, literal[0])


def _unescape(body: str, quote: str) -> str:
    pieces: list[bytes] = []
    at = 0
    for found in _ESCAPE.finditer(body):
        pieces += (encode(body[at : found.start()]), _escaped(found, quote))
        at = found.end()
    pieces.append(encode(body[at:]))
    return decode(b"".join(pieces))


def _escaped(found: re.Match[str], quote: str) -> bytes:
    simple = found["simple"]
    if simple is not None and (simple in _SIMPLE or simple == quote):
        return _SIMPLE.get(simple, simple).encode()
    if found["hex"] or found["octal"]:
        number = int(found["hex"], 16) if found["hex"] else int(found["octal"], 8)
        if number <= 0xFF:  # noqa: PLR2004 - a byte
            return bytes((number,))
    elif found["u4"] or found["u8"]:
        return _code_point(int(found["u4"] or found["u8"], 16), found)
    raise Fault(f"'{found.group()}' is not an escape sequence of Go strings")


def _code_point(number: int, found: re.Match[str]) -> bytes:
    try:
        return chr(number).encode()
    except (ValueError, OverflowError) as error:
        raise Fault(f"'{found.group()}' is not a character") from error


def rune(literal: str) -> Number:
    """The number a character literal stands for.

    Raises:
        Fault: it is not exactly one character.
    """
    value = string(literal)
    one = re.fullmatch(r"'\\(?:x([0-9a-fA-F]{2})|([0-7]{3}))'", literal)
    if one:
        number = int(one[1], 16) if one[1] else int(one[2], 8)
    elif len(value) == 1:
        number = ord(value)
    else:
        raise Fault(f"{literal} is not one character")
    return Number(literal, number, number, float(number), is_real=False)


def number(literal: str) -> Number:
    """Everything a number literal can be used as.

    Raises:
        Fault: it is no number, or one that no 64-bit type holds.
    """
    if literal.endswith("i") and "x" not in literal.lower():
        raise Fault(f"complex number {literal} is not supported")
    if len(literal) > _MAX_DIGITS:
        raise Fault(f"the number {literal[:20]}… has too many digits")
    integer, value = _integer(literal), real(literal)
    if integer is None and value is None:
        raise Fault(f"'{literal}' is not a number")
    looks_real = not re.match(r"[+-]?0[xX]", literal) and any(char in literal for char in ".eEpP")
    looks_real = looks_real or "p" in literal.lower()
    if integer is None:
        return _from_real(literal, value, looks_real=looks_real)
    if not INT64_MIN <= integer <= UINT64_MAX:
        raise Fault(f"{literal} overflows int")
    return _sized(literal, integer, float(integer) if value is None else value, is_real=False)


def _from_real(literal: str, value: float | None, *, looks_real: bool) -> Number:
    if value is None or not looks_real:
        raise Fault(f"{literal} overflows int")
    return _sized(literal, int(value) if value == int(value) else None, value, is_real=True)


def _sized(literal: str, whole: int | None, real: float, *, is_real: bool) -> Number:
    integer = whole if whole is not None and INT64_MIN <= whole <= INT64_MAX else None
    unsigned = whole if whole is not None and 0 <= whole <= UINT64_MAX else None
    return Number(literal, integer, unsigned, real, is_real=is_real)


def _integer(literal: str) -> int | None:
    sign, digits = (-1, literal[1:]) if literal[:1] == "-" else (1, literal.removeprefix("+"))
    if not _separates(literal):
        return None
    for prefix, base in _PREFIXES:
        found = prefix.match(digits)
        if found and len(digits) > found.end():
            return _in_base(digits[found.end() :].lstrip("_"), base, sign)
    return _in_base(digits, 10, sign)


def _separates(literal: str) -> bool:
    """Whether every underscore stands between two digits, the prefix of a base counting as one."""
    body = literal.lstrip("+-")
    base = _BASE.match(body)
    digits = "0" + body[base.end() :] if base else body
    return not _STRAY["x" if base and base[1] else ""].search(digits)


def _in_base(digits: str, base: int, sign: int) -> int | None:
    try:
        return sign * int(digits, base)
    except ValueError:
        return None


def real(literal: str) -> float | None:
    """The finite number a decimal or hexadecimal floating point literal stands for, None when it is none."""
    plain = literal.replace("_", "") if _separates(literal) else literal
    if _HEXADECIMAL.fullmatch(plain):
        return _finite(plain)
    return _finite(plain) if _DECIMAL.fullmatch(plain) else None


def _finite(text: str) -> float | None:
    try:
        value = float.fromhex(text) if "x" in text.lower() else float(text)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
