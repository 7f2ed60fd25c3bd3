"""Reading a mapping's fields by type. Unknown keys are ignored, null is absent, and a wrong type is an error.

As ACR's engine does it (semantics 1.1): a text field takes the letters of any scalar, no other field takes text.
"""

from collections.abc import Iterator
from typing import Any

from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.nodes import Items, Node, Scalar, Table
from baselift.domain.taskfile.scalars import Value, resolve

LARGEST = (1 << 31) - 1


def entries(table: Table) -> dict[str, Node]:
    """The table's values by key: merge keys carried out, the last of equal keys, keys that are no text left out.

    Raises:
        TaskFileError: what a merge key names is no mapping.
    """
    merged: dict[str, Node] = {}
    own: dict[str, Node] = {}
    for key, value in table.pairs():
        if not isinstance(key, Scalar):
            continue
        if key.plain and key.text == "<<":
            merged.update(_merged(value))
        else:
            own[key.text] = value
    return merged | own


def _merged(node: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for source in reversed(node.nodes if isinstance(node, Items) else [node]):
        if not isinstance(source, Table):
            raise TaskFileError("'<<' takes a mapping or a list of mappings", line=source.line)
        found.update(entries(source))
    return found


class Fields:
    """One mapping of the task file."""

    def __init__(self, node: Node, where: str) -> None:
        if not isinstance(node, Table):
            raise TaskFileError(f"this is {_kind(node)}, not a mapping", line=node.line, where=where)
        self.where = where
        self.line = node.line
        self._entries = entries(node)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def names(self) -> Iterator[str]:
        """All keys, unknown ones included."""
        return iter(self._entries)

    def get(self, name: str) -> Node | None:
        """The value's node; None where it is absent or null."""
        node = self._entries.get(name)
        return None if node is None or is_null(node) else node

    def line_of(self, name: str) -> int:
        """The line of a field's value; of the mapping where there is none."""
        node = self._entries.get(name)
        return self.line if node is None else node.line

    def fail(self, name: str, message: str) -> TaskFileError:
        """An error about a field."""
        return TaskFileError(f"{name} {message}", line=self.line_of(name), where=self.where)

    def text(self, name: str) -> str:
        """Text, as it is written: ``010`` stays ``010``. Empty where absent.

        Raises:
            TaskFileError: a list or a mapping is given.
        """
        node = self.get(name)
        return "" if node is None else self._text(node, name)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts.

        Raises:
            TaskFileError: it is no list, or an item is no scalar.
        """
        return tuple("" if is_null(node) else self._text(node, f"{name}[{i}]") for i, node in self._items(name))

    def integer(self, name: str) -> int:
        """A whole number; 0 where absent.

        Raises:
            TaskFileError: it is no number, has a fraction, or needs more than 32 bits.
        """
        node = self.get(name)
        return 0 if node is None else self._integer(node, name)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers.

        Raises:
            TaskFileError: it is no list, or an item is no whole number.
        """
        return tuple(0 if is_null(node) else self._integer(node, f"{name}[{i}]") for i, node in self._items(name))

    def boolean(self, name: str) -> bool:
        """True or false; false where absent.

        Raises:
            TaskFileError: it is neither.
        """
        node = self.get(name)
        value = False if node is None else self._value(node)
        if not isinstance(value, bool):
            raise self._mismatch(name, node, "true or false, without quotes")
        return value

    def mappings(self, name: str, label: str) -> "list[Fields]":
        """A list of mappings; `label` and the index name each in messages.

        Raises:
            TaskFileError: it is no list, or an item is null or no mapping.
        """
        return [Fields(node, f"{label}[{i}]") for i, node in self._items(name)]

    def mapping(self, name: str) -> "Fields | None":
        """A mapping; None where absent.

        Raises:
            TaskFileError: it is something else.
        """
        node = self.get(name)
        return None if node is None else Fields(node, f"{self.where}.{name}" if self.where else name)

    def table(self, name: str) -> dict[str, str]:
        """A mapping of texts; empty where absent.

        Raises:
            TaskFileError: it is no mapping, or holds lists or mappings.
        """
        fields = self.mapping(name)
        return {} if fields is None else {key: fields.text(key) for key in fields.names()}

    def _items(self, name: str) -> Iterator[tuple[int, Node]]:
        node = self.get(name)
        if node is None:
            return iter(())
        if not isinstance(node, Items):
            raise self._mismatch(name, node, "a list")
        return enumerate(node.nodes)

    def _text(self, node: Node, name: str) -> str:
        if not isinstance(node, Scalar):
            raise self._mismatch(name, node, "text")
        return node.text

    def _integer(self, node: Node, name: str) -> int:
        value = self._value(node)
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
            raise self._mismatch(name, node, "a whole number, without quotes")
        if abs(value) > LARGEST:
            raise self._mismatch(name, node, f"between -{LARGEST} and {LARGEST}")
        return int(value)

    def _value(self, node: Node) -> Value | Node:
        try:
            return resolve(node) if isinstance(node, Scalar) else node
        except TaskFileError as error:
            raise error.placed(line=node.line, where=self.where) from None

    def _mismatch(self, name: str, node: Node | None, right: str) -> TaskFileError:
        line = self.line if node is None else node.line
        return TaskFileError(f"{name} is {_kind(node)}; it must be {right}", line=line, where=self.where)


def is_null(node: Node) -> bool:
    """True for a null, however it is written."""
    return isinstance(node, Scalar) and node.text in ("", "~", "null", "Null", "NULL") and resolve(node) is None


def _kind(node: Node | None) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Table):
        return "a mapping"
    value: Any = resolve(node) if node else None
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"the text {shown(value)}" if isinstance(value, str) else f"the number {value}"
