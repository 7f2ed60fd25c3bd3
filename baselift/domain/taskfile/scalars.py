"""What a YAML scalar means: the rules of YAML 1.1 as ACR's engine applies them (semantics 1.1).

They differ from PyYAML's: ``y`` and ``n`` are booleans, dates and base 60 numbers stay text.
"""

import re

from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.nodes import Scalar

Value = bool | int | float | str | None

_WORDS: dict[str, Value] = dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
_WORDS |= dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True)
_WORDS |= dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False)
_WORDS |= dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf"))
_WORDS |= dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf"))
_WORDS |= dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan"))
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
_LONGEST_INTEGER = 70
_TAG = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "null": (type(None),),
}


def resolve(node: Scalar) -> Value:
    """The scalar's value: text where it is quoted, else what its letters mean.

    Raises:
        TaskFileError: its tag is unknown, or does not fit its text.
    """
    if node.plain:
        return _plain(node.text)
    if node.tag is None or node.tag == f"{_TAG}str":
        return node.text
    value, types = _plain(node.text), _TYPES.get(node.tag.removeprefix(_TAG))
    if types is None:
        raise TaskFileError(
            f"tag {shown(node.tag)} is unknown; str, int, float, bool and null are known", line=node.line
        )
    if type(value) not in types:
        raise TaskFileError(f"{shown(node.text)} does not fit its tag {shown(node.tag)}", line=node.line)
    return value


def _plain(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    number = _integer(digits)
    if number is not None:
        return number
    return float(digits) if _FLOAT.fullmatch(digits) else text


def _integer(digits: str) -> int | None:
    if len(digits) > _LONGEST_INTEGER or not _INTEGER.fullmatch(digits):
        return None
    octal = re.sub(r"^([-+]?)0([0-7])", r"\g<1>0o\2", digits)
    number = int(octal, 0)
    return number if _SMALLEST <= number <= _LARGEST else None
