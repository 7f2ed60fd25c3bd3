"""Floating point numbers as Go's strconv writes them."""

import math
import sys
from decimal import Decimal

_EXACT_DIGITS = 800
SHORT = 6  # decimal places up to which %g writes no exponent


def shortest(value: float, low: int = -4, high: int = SHORT, width: int = 2) -> str:
    """The fewest digits that give the value back, with an exponent outside 10**low to 10**high.

    `width` is the least number of exponent digits.
    """
    if not math.isfinite(value):
        return special(value)
    sign, digits, point = _digits(value)
    exponent = point - 1
    if exponent < low or exponent >= high:
        return sign + _scientific(digits, exponent, width)
    return sign + _plain(digits, point)


def special(value: float) -> str:
    """Infinities and what is no number."""
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def fixed(value: float, verb: str, precision: int) -> str:
    """As the verb `e`, `f` or `g` writes it; precision -1 is the shortest form.

    Both languages round the exact binary value half to even, so only the spelling differs.
    """
    if verb == "g":
        return _general(value, precision)
    if precision >= 0:
        return f"{value:.{precision}{verb}}"
    sign, digits, point = _digits(value)
    return sign + (_plain(digits, point) if verb == "f" else _scientific(digits, point - 1, 2))


def _general(value: float, precision: int) -> str:
    if precision < 0:
        return shortest(value)
    sign, digits, point = _digits(value)
    wanted = precision or 1
    text = f"{value:.{min(wanted, _EXACT_DIGITS) - 1}e}"
    mantissa, _, power = text.partition("e")
    rounded = mantissa.replace(".", "").lstrip("-").rstrip("0") or "0"
    exponent = int(power)
    limit = len(digits) if wanted > len(digits) >= point else wanted
    if value and (exponent < -4 or exponent >= limit):  # noqa: PLR2004 - as %g has it
        return sign + _scientific(rounded, exponent, 2)
    return sign + _plain(rounded, exponent + 1)


def _digits(value: float) -> tuple[str, str, int]:
    """Sign, significant digits, and where the point stands after the first of them."""
    negative, numbers, exponent = Decimal(repr(value)).as_tuple()
    stripped = "".join(map(str, numbers)).lstrip("0")
    digits = stripped.rstrip("0") or "0"
    point = 1 if digits == "0" else len(stripped) + int(exponent)
    return "-" * negative, digits, point


def _scientific(digits: str, exponent: int, width: int) -> str:
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):0{width}d}"


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def binary(value: float) -> str:
    """As the verb `b` writes it: all bits as a whole number, and the power of two."""
    if abs(value) < sys.float_info.min:
        mantissa, power = abs(value) * 2.0**537 * 2.0**537, -1074
    else:
        fraction, exponent = math.frexp(abs(value))
        mantissa, power = fraction * (1 << 53), exponent - 53
    return f"{'-' * (math.copysign(1, value) < 0)}{int(mantissa)}p{power:+d}"


def hexadecimal(value: float, precision: int) -> str:
    """As the verb `x` writes it."""
    mantissa, exponent = math.frexp(abs(value))
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return sign + "0x0" + ("." + "0" * precision if precision > 0 else "") + "p+00"
    bits, power = int(mantissa * (1 << 53)), exponent - 1
    if 0 <= precision < 13:  # noqa: PLR2004 - 52 bits are 13 digits
        shift = 52 - 4 * precision
        bits, rest = bits >> shift, bits & ((1 << shift) - 1)
        bits += rest > 1 << (shift - 1) or (rest == 1 << (shift - 1) and bits & 1 == 1)
        bits <<= shift
        if bits >> 53:
            bits, power = bits >> 1, power + 1
    digits = f"{bits & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    return f"{sign}0x1{'.' + digits if digits else ''}p{'-' if power < 0 else '+'}{abs(power):02d}"
