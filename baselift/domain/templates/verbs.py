"""One value by one verb of Go's fmt."""

import math
from dataclasses import dataclass, replace
from typing import Any

from baselift.domain.templates.floats import binary, fixed, hexadecimal, special
from baselift.domain.templates.gosyntax import go_syntax
from baselift.domain.templates.limits import Context
from baselift.domain.templates.printing import check_depth, plain
from baselift.domain.templates.quoting import can_be_raw, quoted
from baselift.domain.templates.text import encode
from baselift.domain.templates.values import GoObject, Uint8, Uint64, is_number, type_name

_BASES = {"b": "b", "o": "o", "O": "o", "d": "d", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "x": "0x", "X": "0X"}
_FLOATS = frozenset("beEfFgGvxX")
_FIXED_PRECISION = frozenset("eEfF")
_MAX_CODE = 0x10FFFF


@dataclass(slots=True)
class Flags:
    """Flags, width and precision of a verb."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None

    def raise_flag(self, char: str) -> None:
        """Set the flag the character stands for."""
        name = {"+": "plus", "-": "minus", "#": "sharp", " ": "space", "0": "zero"}[char]
        setattr(self, name, True)

    def set_width(self, width: int) -> None:
        """Take a width from an argument; a negative one aligns to the left."""
        self.minus = self.minus or width < 0
        self.width = abs(width)

    def pad(self, text: str, context: Context, *, zeros: bool | None = None) -> str:
        """The text on its width, filled with zeros when the flag says so."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        context.charge(self.width or 0)
        if self.minus:
            return text + " " * missing
        return ("0" if (self.zero if zeros is None else zeros) else " ") * missing + text


def format_verb(value: Any, verb: str, flags: Flags, context: Context, depth: int = 0) -> str:
    """The value as the verb shows it, or Go's note of what does not fit."""
    context.step()
    if value is None:
        return flags.pad("<nil>", context) if verb in ("T", "v") else f"%!{verb}(<nil>)"
    if verb == "T":
        return _string(type_name(value), "s", flags, context) or ""
    if verb == "w":  # errors alone can be wrapped, and by another function: shown as `%v` shows it
        return f"%!w({type_name(value)}={format_verb(value, 'v', flags, context)})"
    if verb == "v" and depth == 0 and (flags.sharp or flags.plus):
        return _annotated(value, replace(flags, sharp=False, plus=False), context, sharp=flags.sharp)
    text = _scalar(value, verb, flags, context)
    if text is not None:
        return text
    if isinstance(value, (list, dict)):
        return _collection(value, verb, flags, context, depth + 1)
    return f"%!{verb}({type_name(value)}={_by_v(value, flags, context)})"


def _by_v(value: Any, flags: Flags, context: Context) -> str:
    return _scalar(value, "v", flags, context) or ""


def _annotated(value: Any, flags: Flags, context: Context, *, sharp: bool) -> str:
    """`%+v`, which says no more than `%v` of values without fields, and `%#v`."""
    if not sharp:
        return format_verb(value, "v", flags, context)
    if isinstance(value, str):
        return format_verb(value, "q", flags, context)
    if isinstance(value, (Uint8, Uint64)):
        return format_verb(int(value), "x", replace(flags, sharp=True), context)
    if isinstance(value, (bool, int, float)):
        return format_verb(value, "v", flags, context)
    return go_syntax(value, context)


def _scalar(value: Any, verb: str, flags: Flags, context: Context) -> str | None:
    if isinstance(value, GoObject):
        return _string(value.text(), verb, flags, context)
    if isinstance(value, bool):
        return flags.pad(plain(value, context), context) if verb in ("t", "v") else None
    if isinstance(value, str):
        return _string(value, verb, flags, context)
    if isinstance(value, float):
        return _float(value, verb, flags, context)
    return _integer(int(value), verb, flags, context) if is_number(value) else None


def _collection(value: Any, verb: str, flags: Flags, context: Context, depth: int) -> str:
    check_depth(depth)
    if isinstance(value, dict):
        pieces = [
            f"{format_verb(key, verb, flags, context)}:{_element(value[key], verb, flags, context, depth)}"
            for key in sorted(value)
        ]
        text = f"map[{' '.join(pieces)}]"
    else:
        text = f"[{' '.join([_element(item, verb, flags, context, depth) for item in value])}]"
    context.charge(len(text))
    return text


def _element(value: Any, verb: str, flags: Flags, context: Context, depth: int) -> str:
    return "<nil>" if value is None else format_verb(value, verb, flags, context, depth)


def _string(value: str, verb: str, flags: Flags, context: Context) -> str | None:
    if verb not in "svqxX":
        return None
    if verb in "xX":
        return flags.pad(_hex(value, verb, flags, context), context)
    cut = value if flags.precision is None else value[: flags.precision]
    if verb == "q":
        context.charge(len(cut))
        cut = f"`{cut}`" if flags.sharp and can_be_raw(cut) else quoted(cut, ascii_only=flags.plus)
    return flags.pad(cut, context)


def _hex(value: str, verb: str, flags: Flags, context: Context) -> str:
    data = encode(value)
    context.charge(3 * len(data))
    data = data if flags.precision is None else data[: flags.precision]
    text = data.hex(" ") if flags.space else data.hex()
    prefix = "0x" if flags.sharp and data else ""
    if flags.space and prefix:
        text = text.replace(" ", " 0x")
    text = prefix + text
    return text.upper() if verb == "X" else text


def _integer(value: int, verb: str, flags: Flags, context: Context) -> str | None:
    if verb == "c":
        return flags.pad(_character(value), context)
    if verb == "q":
        return flags.pad(quoted(_character(value), ascii_only=flags.plus, quote="'"), context)
    if verb == "U":
        return flags.pad(_unicode(value, flags), context, zeros=False)
    if verb == "v":
        verb = "d"
    if verb not in _BASES:
        return None
    digits = format(abs(value), _BASES[verb])
    if flags.precision is not None:
        if flags.precision == 0 and value == 0:
            return flags.pad("", context, zeros=False)
        context.charge(flags.precision)
        digits = digits.rjust(flags.precision, "0")
    elif flags.zero and not flags.minus and flags.width:
        signs = value < 0 or flags.plus or flags.space
        context.charge(flags.width)
        digits = digits.rjust(flags.width - signs, "0")
    return flags.pad(_sign(value < 0, flags) + _prefix(verb, digits, flags) + digits, context, zeros=False)


def _prefix(verb: str, digits: str, flags: Flags) -> str:
    if verb in "oO":
        return "0o" * (verb == "O") + "0" * (flags.sharp and not digits.startswith("0"))
    return _PREFIXES.get(verb, "") if flags.sharp else ""


def _sign(negative: bool, flags: Flags) -> str:  # noqa: FBT001 - it is the only question
    if negative:
        return "-"
    return "+" if flags.plus else " " * flags.space


def _character(value: int) -> str:
    return chr(value) if 0 <= value <= _MAX_CODE and not 0xD800 <= value <= 0xDFFF else "\ufffd"  # noqa: PLR2004


def _unicode(value: int, flags: Flags) -> str:
    text = f"U+{value % (1 << 64):0{max(flags.precision or 4, 4)}X}"
    shown = chr(value) if 0 <= value <= _MAX_CODE else ""
    return f"{text} '{shown}'" if flags.sharp and shown.isprintable() and shown else text


def _float(value: float, verb: str, flags: Flags, context: Context) -> str | None:
    if verb not in _FLOATS:
        return None
    if not math.isfinite(value):
        text = special(value)
        text = " " + text[1:] if flags.space and not flags.plus and text[0] == "+" else text
        return flags.pad("+" + text if flags.plus and text == "NaN" else text, context, zeros=False)
    digits = _float_digits(value, verb, flags, context)
    sign = "-" if digits.startswith("-") else _sign(negative=False, flags=flags)
    digits = digits.removeprefix("-")
    if flags.zero and not flags.minus and flags.width:
        context.charge(flags.width)
        digits = digits.rjust(flags.width - len(sign), "0")
    return flags.pad(sign + digits, context, zeros=False)


def _float_digits(value: float, verb: str, flags: Flags, context: Context) -> str:
    precision = flags.precision
    if precision is None:
        precision = 6 if verb in _FIXED_PRECISION else -1
    context.charge(precision + 400)
    if verb == "b":
        return binary(value)
    if verb in "xX":
        text = hexadecimal(value, precision)
    else:
        text = fixed(value, {"v": "g", "F": "f"}.get(verb, verb).lower(), precision)
    if flags.sharp:
        text = _with_point(text, verb, precision)
    return text.upper() if verb in "EGX" else text


def _with_point(text: str, verb: str, precision: int) -> str:
    mantissa, mark, exponent = text.partition("p" if verb in "xX" else "e")
    if "." not in mantissa:
        mantissa += "."
    if verb in "gGvxX":
        wanted = 6 if precision < 0 else precision
        digits = len(mantissa.lstrip("-0.").replace(".", "")) or 1
        mantissa += "0" * (wanted - digits)
    return mantissa + mark + exponent
