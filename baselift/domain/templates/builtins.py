"""The functions Go's text/template always has, but for comparison and `slice`, which sprig replaces."""

from typing import Any
from urllib.parse import quote_plus

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.printf import sprintf
from baselift.domain.templates.printing import NO_VALUE, joined, plain
from baselift.domain.templates.text import encode
from baselift.domain.templates.values import StringMap, Uint8, is_number, truth, type_name

FUNCTIONS = Registry()
_HTML = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"})
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}
_LONGEST_ESCAPE = 6

FUNCTIONS.add("printf", "string", rest="any", context=True)(sprintf)


@FUNCTIONS.add("and or", "value", rest="value")
def short_circuit(*_: Any) -> Any:
    """Evaluated by the evaluator, which may skip arguments."""
    raise Fault("'and' and 'or' are not called")


@FUNCTIONS.add("not", "value")
def negate(value: Any) -> bool:
    """The opposite of Go's truth."""
    return not truth(value)


@FUNCTIONS.add("len", "value")
def length(value: Any) -> int:
    """Elements of a list or map, bytes of a string."""
    if isinstance(value, str):
        return len(encode(value))
    if isinstance(value, (list, dict)):
        return len(value)
    raise Fault("len of nil pointer" if value is None else f"len of type {type_name(value)}")


@FUNCTIONS.add("index", "value", rest="value")
def index(value: Any, *indexes: Any) -> Any:
    """`x[1][2]`; a missing map key gives the zero value."""
    if value is None:
        raise Fault("index of untyped nil")
    for key in indexes:
        if value is None:
            raise Fault("index of nil pointer")
        value = _entry(value, key) if isinstance(value, dict) else _element(value, key)
    return value


def _entry(value: Any, key: Any) -> Any:
    if not isinstance(key, str):
        raise Fault(f"value has type {type_name(key)}; should be string")
    return value.get(key, "" if isinstance(value, StringMap) else None)


def _element(value: Any, key: Any) -> Any:
    if not isinstance(value, (list, str)):
        raise Fault(f"can't index item of type {type_name(value)}")
    if not is_number(key):
        raise Fault(f"cannot index slice/array with {'nil' if key is None else 'type ' + type_name(key)}")
    items: Any = encode(value) if isinstance(value, str) else value
    if not 0 <= key < len(items):
        raise Fault(f"index out of range: {int(key)}")
    return Uint8(items[key]) if isinstance(value, str) else items[key]


@FUNCTIONS.add("print", rest="any", context=True)
def print_values(context: Context, *values: Any) -> str:
    """As fmt.Sprint."""
    return joined(values, context)


@FUNCTIONS.add("println", rest="any", context=True)
def print_line(context: Context, *values: Any) -> str:
    """As fmt.Sprintln."""
    return _sized(context, " ".join([plain(value, context) for value in values]) + "\n")


def _sized(context: Context, text: str) -> str:
    context.charge(len(text))
    return text


def _argument(context: Context, values: tuple[Any, ...]) -> str:
    shown = tuple(NO_VALUE if value is None else value for value in values)
    text = joined(shown, context)
    context.charge(_LONGEST_ESCAPE * len(text))
    return text


@FUNCTIONS.add("html", rest="any", context=True)
def escape_html(context: Context, *values: Any) -> str:
    """Safe inside HTML."""
    return _argument(context, values).translate(_HTML)


@FUNCTIONS.add("js", rest="any", context=True)
def escape_javascript(context: Context, *values: Any) -> str:
    """Safe inside a JavaScript string."""
    return "".join(_javascript(char) for char in _argument(context, values))


def _javascript(char: str) -> str:
    if char in _JS:
        return _JS[char]
    return char if char.isprintable() else f"\\u{ord(char):04X}"


@FUNCTIONS.add("urlquery", rest="any", context=True)
def escape_query(context: Context, *values: Any) -> str:
    """Safe inside a URL query."""
    return quote_plus(encode(_argument(context, values)), safe="~")


@FUNCTIONS.add("call", "value", rest="value")
def call(function: Any, *_: Any) -> Any:
    """No value of a template is a function."""
    raise Fault("call of nil" if function is None else f"{type_name(function)} is not a function")
