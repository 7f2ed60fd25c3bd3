"""Reading an event's JSON: a refusal names the field, what it holds, and what would be right."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

_LONGEST = 300
_FORM, _FIELD = "application/x-www-form-urlencoded", b"payload="
_KINDS = {bool: "true or false", int: "a number", float: "a number", list: "an array", dict: "an object"}


class InvalidPush(ValueError):
    """The body is not an event of this dialect; the message says which field, and what would be right."""


def shown(text: str) -> str:
    """A sender's text as a log line can hold it: quoted, of ASCII, cut after a few hundred characters."""
    return ascii(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a JSON document (None where there is none) and the path to it, such as ``events[0].target``."""

    value: Any
    path: str = ""

    def __getitem__(self, name: str) -> "Node":
        """The field of this object; without a value where it is absent.

        Raises:
            InvalidPush: this is no object.
        """
        if not isinstance(self.value, dict):
            raise self._wrong("an object")
        return Node(self.value.get(name), f"{self.path}.{name}" if self.path else name)

    def down(self, *names: str) -> "Node":
        """The field at the end of a path of objects.

        Raises:
            InvalidPush: one of the path's values is no object.
        """
        node = self
        for name in names:
            node = node[name]
        return node

    def text(self) -> str:
        """This text, which must be there.

        Raises:
            InvalidPush: it is absent, empty or of another type.
        """
        text = self.text_if_any()
        if text is None:
            raise self._wrong("text")
        return text

    def text_if_any(self) -> str | None:
        """This text; None where it is absent, null or empty.

        Raises:
            InvalidPush: it is of another type.
        """
        if self.value is not None and not isinstance(self.value, str):
            raise self._wrong("text")
        return self.value or None

    def items(self) -> Iterator["Node"]:
        """The values of this array.

        Raises:
            InvalidPush: this is no array.
        """
        if not isinstance(self.value, list):
            raise self._wrong("an array")
        return (Node(value, f"{self.path}[{index}]") for index, value in enumerate(self.value))

    def one_or_many(self) -> Iterator["Node"]:
        """The values of this array, or this value alone."""
        return self.items() if isinstance(self.value, list) else iter([self])

    def _wrong(self, right: str) -> InvalidPush:
        field = f"field '{self.path}'" if self.path else "the body"
        if self.value is None or self.value == "":
            return InvalidPush(f"{field} is {'empty' if self.value == '' else 'missing'}: it must be {right}")
        held = shown(self.value) if isinstance(self.value, str) else _KINDS[type(self.value)]
        return InvalidPush(f"{field} is {held}: it must be {right}")


def document(headers: Mapping[str, str], body: bytes) -> Node:
    """The body's JSON, which GitHub and Gitea send as a form's field if a webhook's content type says so.

    Args:
        headers: names in lower case.
        body: as it came.

    Raises:
        InvalidPush: there is no JSON, or none that can be read.
    """
    form = headers.get("content-type", "").strip().lower().startswith(_FORM) and body.startswith(_FIELD)
    content = unquote_to_bytes(body[len(_FIELD) :].partition(b"&")[0].replace(b"+", b" ")) if form else body
    try:
        return Node(json.loads(content))
    except RecursionError as error:
        raise InvalidPush("the body is nested too deeply for an event") from error
    except ValueError as error:
        raise InvalidPush(f"the body is not JSON ({shown(str(error))})") from error
