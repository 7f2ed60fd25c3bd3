"""Go's fmt.Sprintf."""

import re
from dataclasses import dataclass
from typing import Any

from baselift.domain.templates.limits import Context
from baselift.domain.templates.printing import plain
from baselift.domain.templates.values import is_number, type_name
from baselift.domain.templates.verbs import Flags, format_verb

_MAX_NUMBER = 1_000_000
_FLAGS = frozenset("+-# 0")
_NUMBER = re.compile(r"[0-9]+")
_INDEX = re.compile(r"\[([^\]]*)\]")


def sprintf(context: Context, template: str, *values: Any) -> str:
    """The text with every verb replaced; what does not fit is shown as `%!verb(type=value)`, as in Go."""
    return _Formatter(context, template, values).run()


@dataclass(slots=True)
class _Formatter:
    context: Context
    template: str
    values: tuple[Any, ...]
    at: int = 0
    place: int = 0
    reordered: bool = False
    indexed: bool = False
    good: bool = True

    def run(self) -> str:
        pieces: list[str] = []
        while (start := self.template.find("%", self.at)) >= 0:
            pieces.append(self.template[self.at : start])
            self.at = start + 1
            self.context.step()
            pieces.append(self._directive())
            self.context.charge(len(pieces[-1]))
        pieces.append(self.template[self.at :])
        if not self.reordered and self.place < len(self.values):
            pieces.append(self._extra())
        self.context.charge(sum(map(len, pieces)))
        return "".join(pieces)

    def _directive(self) -> str:
        flags = Flags()
        while self.template[self.at : self.at + 1] in _FLAGS and self.at < len(self.template):
            flags.raise_flag(self.template[self.at])
            self.at += 1
        self.indexed, self.good, self.reordered = False, True, self.reordered
        problems = self._width(flags) + self._precision(flags)
        self._index()
        if self.at >= len(self.template):
            return problems + "%!(NOVERB)"
        verb = self.template[self.at]
        self.at += 1
        return problems + self._verb(verb, flags)

    def _verb(self, verb: str, flags: Flags) -> str:
        if verb == "%":
            return "%"
        if not self.good:
            return f"%!{verb}(BADINDEX)"
        if self.place >= len(self.values):
            return f"%!{verb}(MISSING)"
        value = self.values[self.place]
        self.place += 1
        return format_verb(value, verb, flags, self.context)

    def _width(self, flags: Flags) -> str:
        self._index()
        if self.template[self.at : self.at + 1] == "*":
            width = self._star()
            if width is None:
                return "%!(BADWIDTH)"
            flags.set_width(width)
            return ""
        flags.width = self._number()
        if self.indexed and flags.width is not None:
            self.good = False
        return ""

    def _precision(self, flags: Flags) -> str:
        if self.template[self.at : self.at + 1] != "." or self.at + 1 == len(self.template):
            return ""
        self.at += 1
        if self.indexed:
            self.good = False
        self._index()
        if self.template[self.at : self.at + 1] == "*":
            precision = self._star()
            if precision is None:
                return "%!(BADPREC)"
            flags.precision = precision if precision >= 0 else None
            return "" if precision >= 0 else "%!(BADPREC)"
        flags.precision = self._number() or 0
        return ""

    def _star(self) -> int | None:
        self.at += 1
        self.indexed = False
        value = self.values[self.place] if self.place < len(self.values) else None
        self.place += self.place < len(self.values)
        if value is None or not is_number(value) or abs(value) > _MAX_NUMBER:
            return None
        return int(value)

    def _number(self) -> int | None:
        found = _NUMBER.match(self.template, self.at)
        if not found:
            return None
        if int(found.group()[:-1][:9] or 0) > _MAX_NUMBER:
            self.at = len(self.template)
            return None
        self.at = found.end()
        return int(found.group())

    def _index(self) -> None:
        """An explicit argument number, `[1]`."""
        if self.indexed or self.template[self.at : self.at + 1] != "[":
            return
        self.reordered = True
        found = _INDEX.match(self.template, self.at)
        if not found:
            self.good, self.at = False, self.at + 1
            return
        self.at = found.end()
        number = found[1]
        if not re.fullmatch(r"[0-9]{1,7}", number) or not 1 <= int(number) <= len(self.values):
            self.good = False
            return
        self.place, self.indexed = int(number) - 1, True

    def _extra(self) -> str:
        rest = self.values[self.place :]
        shown = ["<nil>" if value is None else f"{type_name(value)}={plain(value, self.context)}" for value in rest]
        return f"%!(EXTRA {', '.join(shown)})"
