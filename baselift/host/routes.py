"""Route templates as ASP.NET Core reads them, tried in the host's order."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from baselift.host.errors import FunctionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = r"[A-Za-z_][A-Za-z0-9_\-]*"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{...}` of a template. `check` says whether a value meets the constraints."""

    name: str
    check: Callable[[str], bool]
    optional: bool = False
    rest: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled template; group `pN` of `pattern` holds the N-th parameter."""

    template: str
    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a decoded path without its outer slashes; None when the template does not fit it."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for index, parameter in enumerate(self.parameters):
            value = found[f"p{index}"] or parameter.default
            if (value is not None or parameter.rest) and not parameter.check(value or ""):
                return None
            if value is not None:
                values[parameter.name] = value
        return values


def decode_path(raw_path: bytes) -> str:
    """A request path as routes see it: percent-decoded, but `%2F` stays; outer slashes gone."""
    kept = re.sub(rb"%(?=2[fF])", b"%25", raw_path)
    return unquote(kept.decode("latin-1")).removeprefix("/").removesuffix("/")


def compile_route(template: str) -> Route:
    """Compile a template without a leading slash.

    Raises:
        FunctionError: the template or one of its constraints is not understood.
    """
    trimmed = template.strip("/")
    parameters: list[Parameter] = []
    segments = list(_segments(template, trimmed)) if trimmed else []
    pattern = ""
    for index, segment in enumerate(segments):
        pattern += _segment_pattern(template, segment, parameters, first=index == 0, last=index == len(segments) - 1)
    names = [parameter.name.lower() for parameter in parameters]
    if len(set(names)) != len(names):
        raise FunctionError(f"route {template!r} uses a parameter name twice")
    return Route(trimmed, re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(parameters))


def _segment_pattern(
    template: str, segment: list[str | Parameter], out: list[Parameter], *, first: bool, last: bool
) -> str:
    slash = "" if first else "/"
    only = segment[0] if len(segment) == 1 and isinstance(segment[0], Parameter) else None
    skippable = only is not None and (only.optional or only.default is not None or only.rest)
    if skippable and not last:
        raise FunctionError(f"route {template!r}: only the last segment may be optional")
    body = ""
    for part in segment:
        if isinstance(part, str):
            body += re.escape(part)
        else:
            body += rf"(?P<p{len(out)}>{'.*' if part.rest else '[^/]+'})"
            out.append(part)
    if not skippable:
        if any(isinstance(part, Parameter) and (part.rest or part.optional) for part in segment):
            raise FunctionError(f"route {template!r}: an optional or rest parameter must be alone in its segment")
        return slash + body
    return f"(?:{slash}{body})?"


def _segments(template: str, text: str) -> Iterator[list[str | Parameter]]:
    """The template cut at slashes outside braces, each segment as literals and parameters."""
    segment: list[str | Parameter] = []
    literal, index = "", 0
    while index < len(text):
        if text[index] == "/":
            yield _closed(template, segment, literal)
            segment, literal, index = [], "", index + 1
        elif text[index : index + 2] in {"{{", "}}"}:
            literal, index = literal + text[index], index + 2
        elif text[index] == "{":
            inner, index = _braced(template, text, index + 1)
            segment += [literal, _parameter(template, inner)] if literal else [_parameter(template, inner)]
            literal = ""
        elif text[index] == "}":
            raise FunctionError(f"route {template!r} has a '}}' without a '{{'")
        else:
            literal, index = literal + text[index], index + 1
    yield _closed(template, segment, literal)


def _closed(template: str, segment: list[str | Parameter], literal: str) -> list[str | Parameter]:
    if literal:
        segment.append(literal)
    if not segment:
        raise FunctionError(f"route {template!r} has an empty segment")
    return segment


def _braced(template: str, text: str, index: int) -> tuple[str, int]:
    inner = ""
    while index < len(text):
        if text[index : index + 2] in {"{{", "}}"} and text[index : index + 3] != "}}}":
            inner, index = inner + text[index], index + 2
        elif text[index : index + 3] == "}}}":
            return inner + "}", index + 3
        elif text[index] == "}":
            return inner, index + 1
        else:
            inner, index = inner + text[index], index + 1
    raise FunctionError(f"route {template!r} has a '{{' without a '}}'")


def _parameter(template: str, text: str) -> Parameter:
    rest = text.startswith("*")
    match = re.fullmatch(rf"\*{{0,2}}({_NAME})((?::.*?)?)(\?|=[^)]*)?", text, re.DOTALL)
    if match is None:
        raise FunctionError(f"route {template!r}: {{{text}}} is not a parameter like {{name}} or {{name:int?}}")
    name, constraints, tail = match[1], match[2], match[3] or ""
    checks = tuple(_constraint(template, part) for part in _split_constraints(constraints))
    return Parameter(
        name,
        lambda value: all(check(value) for check in checks),
        optional=tail == "?",
        rest=rest,
        default=tail[1:] if tail.startswith("=") else None,
    )


def _split_constraints(text: str) -> list[str]:
    return re.findall(r":((?:[^:(]|\(.*?\)(?=:|$))+)", text, re.DOTALL)


def _constraint(template: str, text: str) -> Callable[[str], bool]:
    name, _, argument = text.partition("(")
    argument = argument.removesuffix(")")
    try:
        return _CONSTRAINTS[name.lower()](argument)
    except (KeyError, ValueError, re.error):
        raise FunctionError(f"route {template!r}: constraint {text!r} is not understood") from None


def _fullmatch(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda value: compiled.fullmatch(value) is not None


def _integer(bits: int) -> Callable[[str], bool]:
    top = 2 ** (bits - 1)
    return lambda value: re.fullmatch(r"[+-]?\d{1,19}", value, re.ASCII) is not None and -top <= int(value) < top


def _converts(convert: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            convert(value)
        except ValueError:
            return False
        return True

    return check


def _between(low: int, high: int | None, measure: Callable[[str], int]) -> Callable[[str], bool]:
    is_number = _integer(64)
    if measure is len:
        return lambda value: low <= len(value) and (high is None or len(value) <= high)
    return lambda value: is_number(value) and low <= int(value) and (high is None or int(value) <= high)


def _exact_or_range(argument: str) -> Callable[[str], bool]:
    low, _, high = argument.partition(",")
    return _between(int(low), int(high or low), len)


def _range(argument: str) -> Callable[[str], bool]:
    low, high = argument.split(",")
    return _between(int(low), int(high), int)


def _searched(argument: str) -> Callable[[str], bool]:
    compiled = re.compile(argument, re.IGNORECASE)
    return lambda value: compiled.search(value) is not None


_FLOAT = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
_LEAST_INT64 = -(2**63)
_CONSTRAINTS: dict[str, Callable[[str], Callable[[str], bool]]] = {
    "int": lambda _: _integer(32),
    "long": lambda _: _integer(64),
    "bool": lambda _: _fullmatch("true|false"),
    "guid": lambda _: _converts(uuid.UUID),
    "datetime": lambda _: _converts(datetime.fromisoformat),
    "decimal": lambda _: _fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)"),
    "double": lambda _: _fullmatch(_FLOAT),
    "float": lambda _: _fullmatch(_FLOAT),
    "alpha": lambda _: _fullmatch("[a-z]*"),
    "required": lambda _: bool,
    "minlength": lambda argument: _between(int(argument), None, len),
    "maxlength": lambda argument: _between(0, int(argument), len),
    "length": _exact_or_range,
    "min": lambda argument: _between(int(argument), None, int),
    "max": lambda argument: _between(_LEAST_INT64, int(argument), int),
    "range": _range,
    "regex": _searched,
}
