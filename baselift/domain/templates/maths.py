"""Sprig's arithmetic: 64-bit integers that wrap, and floats."""

import math
import re
from typing import Any

from baselift.domain.templates import literals
from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.printing import plain
from baselift.domain.templates.values import INT64_MAX, INT64_MIN, Int64, wrapped

FUNCTIONS = Registry()
_DECIMAL = re.compile(r"[+-]?[0-9]{1,400}", re.ASCII)
_OCTAL = re.compile(r"[+-]?[0-7]{1,400}", re.ASCII)
_LONGEST = 400
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.ASCII | re.IGNORECASE)


@FUNCTIONS.add("int64", "any")
def to_int64(value: Any) -> Int64:
    """The value as a whole number; 0 when it is none."""
    if isinstance(value, str):
        number = int(value) if _DECIMAL.fullmatch(value) else 0
        return Int64(number if INT64_MIN <= number <= INT64_MAX else 0)
    if isinstance(value, float):
        whole = int(value) if math.isfinite(value) else INT64_MIN
        return Int64(whole if INT64_MIN <= whole <= INT64_MAX else INT64_MIN)
    return Int64(min(value, INT64_MAX)) if isinstance(value, int) else Int64(0)


@FUNCTIONS.add("int", "any")
def to_int(value: Any) -> int:
    """`int64` as Go's int."""
    return int(to_int64(value))


@FUNCTIONS.add("float64", "any")
def to_float(value: Any) -> float:
    """The value as a float; 0 when it is none."""
    if isinstance(value, str):
        number = float(value) if _SPECIAL.fullmatch(value) else literals.real(value[:_LONGEST])
        return 0.0 if number is None else number
    return float(value) if isinstance(value, (int, float)) else 0.0


@FUNCTIONS.add("atoi", "string")
def parse_decimal(text: str) -> int:
    """The decimal number, at the limit of int when it is beyond; 0 when it is none."""
    number = int(text) if _DECIMAL.fullmatch(text) else 0
    return max(INT64_MIN, min(number, INT64_MAX))


@FUNCTIONS.add("toDecimal", "any", context=True)
def parse_octal(context: Context, value: Any) -> Int64:
    """The octal number written by the value; 0 when it is none."""
    text = plain(value, context)
    number = int(text, 8) if _OCTAL.fullmatch(text) else 0
    return Int64(number if INT64_MIN <= number <= INT64_MAX else 0)


FUNCTIONS.add("add1", "any")(lambda value: Int64(wrapped(to_int64(value) + 1)))
FUNCTIONS.add("sub", "any", "any")(lambda left, right: Int64(wrapped(to_int64(left) - to_int64(right))))


@FUNCTIONS.add("add", rest="any")
def add(*values: Any) -> Int64:
    """The sum."""
    return Int64(wrapped(sum(map(to_int64, values))))


@FUNCTIONS.add("mul", "any", rest="any")
def multiply(first: Any, *others: Any) -> Int64:
    """The product."""
    product = int(to_int64(first))
    for other in others:
        product = wrapped(product * to_int64(other))
    return Int64(product)


def _divided(left: Any, right: Any) -> tuple[int, int]:
    dividend, divisor = int(to_int64(left)), int(to_int64(right))
    if divisor == 0:
        raise Fault("division by zero")
    quotient = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
    return wrapped(quotient), wrapped(dividend - quotient * divisor)


FUNCTIONS.add("div", "any", "any")(lambda left, right: Int64(_divided(left, right)[0]))
FUNCTIONS.add("mod", "any", "any")(lambda left, right: Int64(_divided(left, right)[1]))
FUNCTIONS.add("max biggest", "any", rest="any")(lambda *values: max(map(to_int64, values)))
FUNCTIONS.add("min", "any", rest="any")(lambda *values: min(map(to_int64, values)))


def _whole(value: float, direction: Any) -> float:
    return math.copysign(float(direction(value)), value) if math.isfinite(value) else value


@FUNCTIONS.add("floor", "any")
def floor(value: Any) -> float:
    """The next whole number below."""
    return _whole(to_float(value), math.floor)


@FUNCTIONS.add("ceil", "any")
def ceil(value: Any) -> float:
    """The next whole number above."""
    return _whole(to_float(value), math.ceil)


@FUNCTIONS.add("round", "any", "int", rest="float64")
def round_places(value: Any, places: int, *limits: float) -> float:
    """To this many places, up from the limit on (.5 unless given); negative numbers always down, as in sprig."""
    power = _power(places)
    digit = power * to_float(value)
    part = math.modf(digit)[0] if math.isfinite(digit) else math.nan
    rounded = _whole(digit, math.ceil if part >= (limits[0] if limits else 0.5) else math.floor)
    if power == 0:
        return math.copysign(math.inf, rounded) if rounded else math.nan
    return rounded / power if math.isfinite(power) or math.isfinite(rounded) else math.nan


def _power(places: int) -> float:
    try:
        return math.pow(10, places)
    except OverflowError:
        return math.inf
