"""Sprig's plain string functions."""

from typing import Any

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import ELEMENT, Context
from baselift.domain.templates.printing import as_text, plain
from baselift.domain.templates.quoting import quoted
from baselift.domain.templates.text import SPACES, decode, encode
from baselift.domain.templates.values import StringMap, Strings, type_name

FUNCTIONS = Registry()
_MIN_ABBREVIATION = 4
_MIN_OFFSET_ABBREVIATION = 7
_OFFSET_KEPT = 4


@FUNCTIONS.add("trim", "string")
def trim(text: str) -> str:
    """Without white space around it."""
    return text.strip(SPACES)


@FUNCTIONS.add("trimAll trimall", "string", "string")
def trim_all(chars: str, text: str) -> str:
    """Without any of the characters around it."""
    return text.strip(chars) if chars else text


FUNCTIONS.add("trimSuffix", "string", "string")(lambda suffix, text: text.removesuffix(suffix))
FUNCTIONS.add("trimPrefix", "string", "string")(lambda prefix, text: text.removeprefix(prefix))
FUNCTIONS.add("contains", "string", "string")(lambda part, text: part in text)
FUNCTIONS.add("hasPrefix", "string", "string")(lambda prefix, text: text.startswith(prefix))
FUNCTIONS.add("hasSuffix", "string", "string")(lambda suffix, text: text.endswith(suffix))
FUNCTIONS.add("plural", "string", "string", "int")(lambda one, many, count: one if count == 1 else many)
FUNCTIONS.add("hello")(lambda: "Hello!")


@FUNCTIONS.add("toString", "any", context=True)
def to_string(context: Context, value: Any) -> str:
    """As `%v` shows it."""
    return as_text(value, context)


@FUNCTIONS.add("toStrings", "any", context=True)
def to_strings(context: Context, value: Any) -> Strings:
    """A list's values but nil as strings; anything else alone in a list."""
    if isinstance(value, list):
        return Strings([as_text(item, context) for item in value if item is not None])
    return Strings([] if value is None else [as_text(value, context)])


@FUNCTIONS.add("trunc", "int", "string")
def truncate(count: int, text: str) -> str:
    """The first bytes; a negative count fails, as in the sprig of the engine."""
    data = encode(text)
    if count < 0:
        raise Fault(f"{count} bytes cannot be kept; the count must not be negative")
    return decode(data[:count]) if len(data) > count else text


@FUNCTIONS.add("substr", "int", "int", "string")
def substring(start: int, end: int, text: str) -> str:
    """Bytes from start to end; a negative start is 0, a negative or too large end is the end of the text."""
    data = encode(text)
    if start < 0:
        start = 0
    elif end < 0 or end > len(data):
        end = len(data)
    if not 0 <= start <= end <= len(data):
        raise Fault(f"bytes {start} to {end} are not within the {len(data)} bytes of the text")
    return decode(data[start:end])


@FUNCTIONS.add("abbrev", "int", "string")
def abbreviate(width: int, text: str) -> str:
    """At most `width` bytes, the last three dots when something is cut; widths below 4 leave the text alone."""
    return text if width < _MIN_ABBREVIATION else decode(_abbreviated(encode(text), 0, width))


@FUNCTIONS.add("abbrevboth", "int", "int", "string")
def abbreviate_both(left: int, right: int, text: str) -> str:
    """At most `right` bytes from byte `left` on, with dots on both sides."""
    if right < _MIN_ABBREVIATION or (left > 0 and right < _MIN_OFFSET_ABBREVIATION):
        return text
    return decode(_abbreviated(encode(text), left, right))


def _abbreviated(data: bytes, offset: int, width: int) -> bytes:
    room = width - 3
    if len(data) <= width:
        return data
    offset = min(offset, len(data))
    if len(data) - offset < room:
        offset = len(data) - room
    if offset <= _OFFSET_KEPT:
        return data[:room] + b"..."
    if width < _MIN_OFFSET_ABBREVIATION:
        return b""
    if offset + room < len(data):
        rest = data[offset:]
        return b"..." + (b"" if room < _MIN_ABBREVIATION else _abbreviated(rest, 0, room))
    return b"..." + data[len(data) - room :]


@FUNCTIONS.add("repeat", "int", "string", context=True)
def repeat(context: Context, count: int, text: str) -> str:
    """The text, `count` times."""
    if count < 0:
        raise Fault(f"repeat count {count} is negative")
    context.charge(count * len(text))
    return text * count


@FUNCTIONS.add("indent", "int", "string", context=True)
def indent(context: Context, spaces: int, text: str) -> str:
    """Every line, also empty ones, moved to the right."""
    if spaces < 0:
        raise Fault(f"cannot indent by {spaces} spaces")
    context.charge(len(text) + spaces * (text.count("\n") + 1))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


@FUNCTIONS.add("nindent", "int", "string", context=True)
def indent_on_new_line(context: Context, spaces: int, text: str) -> str:
    """`indent` after a line break."""
    return "\n" + indent(context, spaces, text)


@FUNCTIONS.add("replace", "string", "string", "string", context=True)
def replace(context: Context, old: str, new: str, text: str) -> str:
    """The text with every `old` changed to `new`."""
    context.charge(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


@FUNCTIONS.add("quote", rest="any", context=True)
def quote(context: Context, *values: Any) -> str:
    """Each value but nil as a Go string literal."""
    return " ".join([quoted(as_text(value, context)) for value in values if value is not None])


@FUNCTIONS.add("squote", rest="any", context=True)
def single_quote(context: Context, *values: Any) -> str:
    """Each value but nil between apostrophes; nothing is escaped."""
    return " ".join([f"'{plain(value, context)}'" for value in values if value is not None])


@FUNCTIONS.add("cat", rest="any", context=True)
def concatenate(context: Context, *values: Any) -> str:
    """The values but nil, separated by blanks."""
    return " ".join([plain(value, context) for value in values if value is not None])


@FUNCTIONS.add("join", "string", "any", context=True)
def join(context: Context, separator: str, value: Any) -> str:
    """The list's values but nil as one string."""
    pieces = to_strings(context, value)
    context.charge(sum(map(len, pieces)) + len(separator) * len(pieces))
    return separator.join(pieces)


def _pieces(separator: str, text: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    chars = list(text)
    return chars if limit < 0 or len(chars) <= limit else [*chars[: limit - 1], "".join(chars[limit - 1 :])]


def _numbered(pieces: list[str]) -> StringMap:
    return StringMap({f"_{place}": piece for place, piece in enumerate(pieces)})


@FUNCTIONS.add("split", "string", "string", context=True)
def split(context: Context, separator: str, text: str) -> StringMap:
    """The pieces between separators, by the keys `_0`, `_1` and so on."""
    context.charge(4 * ELEMENT * (text.count(separator) + 1))
    return _numbered(_pieces(separator, text))


@FUNCTIONS.add("splitn", "string", "int", "string", context=True)
def split_limited(context: Context, separator: str, limit: int, text: str) -> StringMap:
    """`split` into at most `limit` pieces."""
    context.charge(4 * ELEMENT * (text.count(separator) + 1))
    return _numbered(_pieces(separator, text, limit))


@FUNCTIONS.add("splitList", "string", "string", context=True)
def split_list(context: Context, separator: str, text: str) -> Strings:
    """The pieces between separators."""
    context.charge(2 * ELEMENT * (text.count(separator) + 1))
    return Strings(_pieces(separator, text))


@FUNCTIONS.add("sortAlpha", "any", context=True)
def sort(context: Context, value: Any) -> Strings:
    """The list's values as strings in the order of their bytes; anything else alone in a list, nil too."""
    return Strings(["<nil>"]) if value is None else Strings(sorted(to_strings(context, value), key=encode))


@FUNCTIONS.add("fail", "string")
def fail(message: str) -> str:
    """Ends the rendering with this message."""
    raise Fault(message)


@FUNCTIONS.add("typeOf", "any")
def type_of(value: Any) -> str:
    """The Go type."""
    return type_name(value)
