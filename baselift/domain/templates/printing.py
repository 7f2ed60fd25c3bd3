"""Values as Go's fmt.Print writes them."""

from typing import Any

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.floats import shortest
from baselift.domain.templates.limits import MAX_DATA_DEPTH, Context
from baselift.domain.templates.values import GoObject

NO_VALUE = "<no value>"


def display(value: Any, context: Context) -> str:
    """What an action prints."""
    if type(value) is str:
        return value
    return NO_VALUE if value is None else plain(value, context)


def plain(value: Any, context: Context, depth: int = 0) -> str:
    """As the verb `%v` writes it.

    Raises:
        Fault: the value is nested too deeply (it may hold itself), or its text would be too long.
    """
    context.step()
    if isinstance(value, (list, dict)):
        return _collection(value, context, depth + 1)
    return value.text() if isinstance(value, GoObject) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "<nil>", True: "true", False: "false"}[value]
    return shortest(value) if isinstance(value, float) else int.__repr__(value)


def _collection(value: Any, context: Context, depth: int) -> str:
    check_depth(depth)
    if isinstance(value, dict):
        pieces = [f"{key}:{plain(value[key], context, depth)}" for key in sorted(value)]
        text = f"map[{' '.join(pieces)}]"
    else:
        text = f"[{' '.join([plain(item, context, depth) for item in value])}]"
    context.charge(len(text))
    return text


def check_depth(depth: int) -> None:
    """Refuse what is nested without end.

    Raises:
        Fault: the value is nested too deeply.
    """
    if depth > MAX_DATA_DEPTH:
        raise Fault(f"a value is nested more than {MAX_DATA_DEPTH} levels deep")


def joined(values: tuple[Any, ...], context: Context) -> str:
    """As fmt.Sprint: a space between operands when neither is a string."""
    pieces: list[str] = []
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            pieces.append(" ")
        pieces.append(plain(value, context))
    context.charge(sum(map(len, pieces)))
    return "".join(pieces)


def as_text(value: Any, context: Context) -> str:
    """What string functions make of any value."""
    return value if isinstance(value, str) else plain(value, context)
