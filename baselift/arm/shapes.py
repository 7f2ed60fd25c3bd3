"""Kinds of JSON values: one reader and one merger for every model of the API.

`read` turns what a client sent into a normal form, or says which field is wrong. Unknown and read-only fields are
dropped, as ACR does; null means absent. With `partial` (PATCH) nothing but the keys of list items is required, no
default is filled in, and what clears a field (null where the table allows it, an empty text) is kept for `merge`.
Messages never show a value that may be secret.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from baselift.arm.errors import ApiError, invalid, too_large
from baselift.arm.names import shorten

DOCUMENT_LIMIT = 400_000
"""Bytes of a document as compact UTF-8 JSON."""
_SHOWN_NUMBER = 10**18


class Kind(Protocol):
    """What a field holds."""

    def read(self, value: Any, at: str, *, partial: bool) -> Any:
        """The value in its normal form; `at` is its path. Raises ApiError 400."""
        ...

    def merge(self, old: Any, new: Any) -> Any:
        """`new`, as read with `partial`, laid over `old`. Neither is changed."""
        ...


class _Scalar:
    def merge(self, old: Any, new: Any) -> Any:  # noqa: ARG002
        return new


@dataclass(frozen=True, slots=True)
class Text(_Scalar):
    """A string of `least` to `most` characters; `check` raises ValueError with what would be right."""

    least: int = 1
    most: int = 1024
    lines: bool = False
    """True where line breaks and other control characters are part of the text."""
    quiet: bool = False
    """True for a text that may hold a secret: no message shows it."""
    check: Callable[[str], None] | None = None

    def read(self, value: Any, at: str, *, partial: bool) -> str:  # noqa: ARG002
        if not isinstance(value, str):
            raise wrong(at, value, "a string", given=_type_name(value) if self.quiet or value is None else "")
        if not self.least <= len(value) <= self.most:
            raise wrong(at, None, f"{self.least} to {self.most} characters", given=f"{len(value)} characters long")
        shown = None if self.quiet else value
        if not _encodable(value):
            raise wrong(at, shown, "Unicode text without NUL and without lone surrogates")
        if not self.lines and any(ord(char) < ord(" ") or char == "\x7f" for char in value):
            raise wrong(at, shown, "one line without control characters")
        self._checked(value, at, shown)
        return value

    def _checked(self, value: str, at: str, shown: str | None) -> None:
        try:
            if self.check:
                self.check(value)
        except ValueError as reason:
            raise wrong(at, shown, str(reason)) from None


@dataclass(frozen=True, slots=True)
class Whole(_Scalar):
    """A whole number from `low` to `high`."""

    low: int
    high: int
    unit: str = ""

    def read(self, value: Any, at: str, *, partial: bool) -> int:  # noqa: ARG002
        right = f"a whole number from {self.low} to {self.high}{self.unit and ' ' + self.unit}"
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise wrong(at, value, right)
        return value


@dataclass(frozen=True, slots=True)
class Flag(_Scalar):
    """true or false."""

    def read(self, value: Any, at: str, *, partial: bool) -> bool:  # noqa: ARG002
        if not isinstance(value, bool):
            raise wrong(at, value, "true or false")
        return value


@dataclass(frozen=True, slots=True)
class Choice(_Scalar):
    """One of a few words, in any case; read as the table spells it, or with `echo` as the client did."""

    values: tuple[str, ...]
    echo: bool = False
    note: str = ""
    """Added to the message of a refusal."""

    def read(self, value: Any, at: str, *, partial: bool) -> str:  # noqa: ARG002
        folded = _fold(value) if isinstance(value, str) else None
        found = next((known for known in self.values if _fold(known) == folded), None)
        if found is None:
            raise wrong(at, value, " or ".join(f"'{known}'" for known in self.values) + self.note)
        return value if self.echo and isinstance(value, str) else found


@dataclass(frozen=True, slots=True)
class Each:
    """A list; a PATCH replaces it, or with `by` merges its items by that field, which then is unique."""

    item: Kind
    most: int = 100
    by: str | None = None

    def read(self, value: Any, at: str, *, partial: bool) -> list[Any]:
        if not isinstance(value, list):
            raise wrong(at, None, "a list", given=_type_name(value))
        if len(value) > self.most:
            raise wrong(at, None, f"at most {self.most} items", given=f"a list of {len(value)}")
        inner = partial and self.by is not None
        items = [self.item.read(item, f"{at}[{index}]", partial=inner) for index, item in enumerate(value)]
        if self.by is not None:
            _unique([item[self.by] for item in items], at, self.by)
        return items

    def merge(self, old: Any, new: Any) -> list[Any]:
        if self.by is None:
            return list(new)
        merged = {item[self.by]: item for item in old or ()}
        for item in new:
            merged[item[self.by]] = self.item.merge(merged.get(item[self.by]), item)
        return list(merged.values())


@dataclass(frozen=True, slots=True)
class Table:
    """An object with free keys, compared without case; a PATCH merges by key and null removes, or it replaces all."""

    item: Kind
    key: Text
    most: int = 100
    whole: bool = False
    """True where a PATCH replaces the whole object."""

    def read(self, value: Any, at: str, *, partial: bool) -> dict[str, Any]:
        given = _object(value, at)
        if len(given) > self.most:
            raise wrong(at, None, f"at most {self.most} entries", given=f"an object of {len(given)}")
        keys = [self.key.read(key, f"{at} (a key)", partial=False) for key in given]
        _unique([key.casefold() for key in keys], at, "key")
        read = {key: self._read_item(given[key], f"{at}.{key}") for key in keys}
        return {key: item for key, item in read.items() if item is not None or (partial and not self.whole)}

    def _read_item(self, value: Any, at: str) -> Any:
        return None if value is None else self.item.read(value, at, partial=False)

    def merge(self, old: Any, new: Any) -> dict[str, Any]:
        given = {key.casefold() for key in new}
        kept = {} if self.whole else {key: item for key, item in (old or {}).items() if key.casefold() not in given}
        return kept | {key: item for key, item in new.items() if item is not None}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model."""

    kind: Kind
    required: bool = False
    default: Any = None
    key: bool = False
    """Required in a PATCH too."""
    read_only: bool = False
    fixed: bool = False
    """Not part of a PATCH."""
    clearable: bool = False
    """null in a PATCH clears the field."""

    def read(self, value: Any, at: str, *, partial: bool) -> Any:
        """The field's value; None where it is absent and need not be there."""
        if value is None and not partial:
            value = self.default
        if value is None:
            if self.key or (self.required and not partial):
                raise invalid(f"{at} is required.", at)
            return None
        if value == "" and not self.required and isinstance(self.kind, Text):
            return "" if partial else None
        return self.kind.read(value, at, partial=partial)


@dataclass(frozen=True, slots=True)
class Model:
    """An object with known fields. `rule` looks at the finished whole and raises ValueError with what is wrong."""

    fields: Mapping[str, Field]
    rule: Callable[[Mapping[str, Any]], None] | None = None

    def read(self, value: Any, at: str, *, partial: bool) -> dict[str, Any]:
        given = _object(value, at)
        result = {}
        for name, field in self.fields.items():
            if field.read_only or (partial and field.fixed):
                continue
            read = field.read(given.get(name), join(at, name), partial=partial)
            if read is not None or (partial and field.clearable and name in given):
                result[name] = read
        if not partial:
            self._ruled(result, at)
        return result

    def _ruled(self, result: Mapping[str, Any], at: str) -> None:
        try:
            if self.rule:
                self.rule(result)
        except ValueError as reason:
            raise invalid(f"{at or 'The body'}: {reason}.", at or None) from None

    def merge(self, old: Any, new: Any) -> dict[str, Any]:
        merged = dict(old or {})
        for name, value in new.items():
            merged[name] = None if value is None else self.fields[name].kind.merge(merged.get(name), value)
        return {name: value for name, value in merged.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Variants:
    """An object whose `type` says which model it is. Clients lose the typed fields of any other spelling."""

    models: Mapping[str, Model]

    def read(self, value: Any, at: str, *, partial: bool) -> dict[str, Any]:
        given = _object(value, at)
        model = self._model(given.get("type"), join(at, "type"))
        return {"type": given["type"], **model.read(given, at, partial=partial)}

    def _model(self, kind: Any, at: str) -> Model:
        if kind is None:
            raise invalid(f"{at} is required: {_words(self.models)}.", at)
        if not isinstance(kind, str) or kind not in self.models:
            raise wrong(at, kind, f"{_words(self.models)}, spelled like this")
        return self.models[kind]

    def merge(self, old: Any, new: Any) -> dict[str, Any]:
        if old is None or old["type"] != new["type"]:
            return dict(new)
        fields = {name: value for name, value in new.items() if name != "type"}
        return self.models[new["type"]].merge(old, fields)


def document(kind: Kind, value: Any, *, partial: bool = False) -> dict[str, Any]:
    """A whole body, read and measured. Raises ApiError 400 for a wrong field, 413 over `DOCUMENT_LIMIT`."""
    read: dict[str, Any] = kind.read(value, "", partial=partial)
    size = len(json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode())
    if size > DOCUMENT_LIMIT:
        raise too_large(f"The document has {size} bytes: at most {DOCUMENT_LIMIT} are kept.")
    return read


def join(at: str, name: str) -> str:
    """Path of a field of the object at `at`."""
    return f"{at}.{name}" if at else name


def wrong(at: str, value: Any, right: str, *, given: str = "") -> ApiError:
    """400 for one field: what it is (`given`, else the value; nothing for a secret) and what it must be."""
    what = given or _shown(value)
    return invalid(f"{at or 'The body'} is {what + ': it ' if what else 'wrong: it '}must be {right}.", at or None)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _SHOWN_NUMBER):
        return json.dumps(value)
    return _type_name(value)


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {str: "a string", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")


def _object(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(at, None, "an object", given=_type_name(value))
    return value


def _unique(names: list[str], at: str, what: str) -> None:
    doubled = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if doubled is not None:
        raise invalid(f"{at} has the {what} {shorten(doubled)} more than once.", at)


def _encodable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _fold(word: str) -> str:
    return word.casefold().replace(", ", ",")


def _words(words: Mapping[str, Any]) -> str:
    return " or ".join(f"'{word}'" for word in words)
