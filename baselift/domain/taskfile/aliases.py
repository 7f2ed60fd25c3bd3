"""Aliases of task files from v1.1.0 on: short names, replaced before the template is rendered (semantics 2.4)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.fields import Fields, is_null
from baselift.domain.taskfile.nodes import compose

MAX_EXPANDED = 4 << 20
_RUN = ("ID", "SharedVolume", "Registry", "RegistryName", "Date", "OS", "Architecture", "Commit", "Branch")
_RUN_ALIASES = {name: f"{{{{.Run.{name}}}}}" for name in _RUN}
_IMAGES = {
    "acr": "mcr.microsoft.com/acr/acr-cli:0.19",
    "az": "mcr.microsoft.com/acr/azure-cli:7fcc50e",
    "bash": "mcr.microsoft.com/acr/bash:7fcc50e",
    "curl": "mcr.microsoft.com/acr/curl:7fcc50e",
    "cssc": "mcr.microsoft.com/acr/cssc:7fcc50e",
}
_KEY = re.compile(r"[a-zA-Z0-9]+")
_WHERE = "alias"


@dataclass(frozen=True, slots=True)
class Section:
    """What the ``alias`` block of a task file says."""

    sources: tuple[str, ...] = ()
    """Addresses of files with more aliases, the later winning over the earlier."""
    values: Mapping[str, str] | None = None
    directive: str = "$"


@dataclass(frozen=True, slots=True)
class Aliases:
    """All aliases that hold in a task file."""

    table: Mapping[str, str]
    directive: str = "$"

    def expand(self, text: str) -> str:
        """The text with every directive and known name replaced; unknown names stay, a double directive is one.

        Raises:
            TaskFileError: the text would grow beyond 4 MiB.
        """
        pieces: list[str] = []
        position = size = 0
        pattern = re.compile(re.escape(self.directive) + "([A-Za-z0-9]*)")
        while match := pattern.search(text, position):
            piece, end = self._replaced(text, match)
            pieces += (text[position : match.start()], piece)
            size += len(piece)
            position = end
            if size > MAX_EXPANDED:
                raise TaskFileError(f"aliases make more than {MAX_EXPANDED} characters of the file", where=_WHERE)
        return "".join(pieces) + text[position:]

    def _replaced(self, text: str, match: re.Match[str]) -> tuple[str, int]:
        """What stands for a match, and where to go on. A directive right after an unknown name is text (as in ACR)."""
        name, end = match[1], match.end()
        if name in self.table:
            return self.table[name], end
        followed = text.startswith(self.directive, end)
        if followed:
            return (match[0] + self.directive if name else self.directive), end + 1
        return match[0], end

    def image(self, command: str) -> str:
        """The text of a ``cmd`` with its first word, up to the first blank, replaced when it is an alias."""
        word, blank, rest = command.partition(" ")
        if word in self.table and self.table[word] != _RUN_ALIASES.get(word):
            return self.table[word] + blank + rest
        return command


NONE = Aliases({})
"""Before v1.1.0 nothing is replaced."""


def section(block: str, lines: Sequence[int] = ()) -> Section:
    """Read the rendered alias block of a task file, with the numbers of its lines for messages.

    Raises:
        TaskFileError: it is no YAML, a name has other characters than A-Z a-z 0-9, or the directive is no single sign.
    """
    root = compose(block, lines)
    fields = Fields(root, "").mapping(_WHERE) if root else None
    if fields is None:
        return Section()
    values = fields.table("values")
    _check_names(values, fields)
    return Section(fields.texts("src"), values, _directive(fields))


def combine(given: Section, sources: Mapping[str, Mapping[str, str]]) -> Aliases:
    """All aliases: the section's values win over its later sources, these over earlier ones, these over ours.

    Args:
        given: the section of the task file.
        sources: what `source` made of the text behind each address.

    Raises:
        TaskFileError: an address of the section is not among `sources`.
    """
    table = {**_RUN_ALIASES, **_IMAGES}
    for address in given.sources:
        if address not in sources:
            raise TaskFileError(f"the alias file {shown(address)} was not loaded", where=_WHERE)
        table |= sources[address]
    return Aliases(table | dict(given.values or {}), given.directive)


def source(text: str) -> dict[str, str]:
    """Read an alias file: one flat mapping of names to scalars.

    Raises:
        TaskFileError: it is no YAML or no flat mapping, or a name has other characters than A-Z a-z 0-9.
    """
    root = compose(text)
    if root is None or is_null(root):
        return {}
    fields = Fields(root, "alias file")
    found = {name: fields.text(name) for name in fields.names()}
    _check_names(found, fields)
    return found


def _check_names(names: Mapping[str, str], fields: Fields) -> None:
    for name in names:
        if not _KEY.fullmatch(name):
            raise TaskFileError(
                f"the name {shown(name)} must be of A-Z, a-z and 0-9", line=fields.line, where=fields.where
            )


def _directive(fields: Fields) -> str:
    directive = fields.text("directive") or "$"
    if len(directive) != 1 or (directive.isascii() and directive.isalnum()):
        raise fields.fail("directive", f"is {shown(directive)}; it must be one sign that is no letter or digit")
    return directive
