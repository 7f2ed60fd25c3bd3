"""The list of commands of `script/az-check`: what each must print and how it must end."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from parts.errors import PartError

CLIENT_BUG = "Q2"
_LINE = re.compile(r"(?P<code>\d+)(?P<bug> Q2)? \| (?P<pattern>.*?) \| (?P<command>.*)")


@dataclass(frozen=True)
class Line:
    """One command. `pattern` must be found in its output; `client_bug`: newer versions of az break it themselves."""

    number: int
    code: int
    pattern: str
    command: str
    client_bug: bool

    def found(self, output: str, values: Mapping[str, str]) -> re.Match[str] | None:
        """Where the pattern is, `$NAME` in it standing for that value."""

        def value(match: re.Match[str]) -> str:
            return re.escape(values[match[1]]) if match[1] in values else match[0]

        return re.search(re.sub(r"\$([A-Z]+)", value, self.pattern), output, re.MULTILINE)


def read(file: Path) -> list[Line]:
    """The commands of a list.

    Raises:
        PartError: a line is none; it is named.
    """
    numbered = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    return [_line(file, number, text) for number, text in numbered if text.strip() and not text.startswith("#")]


def _line(file: Path, number: int, text: str) -> Line:
    match = _LINE.fullmatch(text)
    if match is None:
        raise PartError(f"{file}:{number} must read: exit code | pattern | command")
    return Line(number, int(match["code"]), match["pattern"], match["command"], bool(match["bug"]))
