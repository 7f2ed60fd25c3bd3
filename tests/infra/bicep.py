"""What must hold for every Bicep file, as rules over its text and its parse tree. A rule returns what breaks it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycep import BicepParser

INFRA = Path(__file__).parents[2] / "infra"
ROLES = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "fb382eab-e894-4461-af04-94435c366c3f": "Container Registry Tasks Contributor",
}
LEAST = {
    *ROLES.values(),
    "Key Vault Secrets Officer",
    "Key Vault Secrets User",
    "Monitoring Metrics Publisher",
    "Storage Blob Data Owner",
    "Storage Queue Data Contributor",
    "Storage Table Data Contributor",
}
LISTED = re.compile(r"\blist(?:Keys|Credentials|Secrets|AccountSas)\(")
SHARED = re.compile(r"AccountKey=|(?:allowSharedKeyAccess|acrAdminUserEnabled): true|disableLocalAuth: false")
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MODULE = re.compile(r"^module\s+(\w+)\s+'([^']+)'", re.MULTILINE)
PINNED = re.compile(r"br/public:avm/(?:res|ptn)/[a-z0-9/-]+:\d+\.\d+\.\d+")


@dataclass(frozen=True)
class File:
    """One Bicep file. Parsing raises for what is no Bicep."""

    path: Path
    text: str

    @property
    def tree(self) -> Any:
        return BicepParser().parse(text=self.text)

    @property
    def modules(self) -> list[tuple[str, str]]:
        """Symbol and source of each module."""
        return MODULE.findall(self.text)

    @property
    def params(self) -> set[str]:
        return set(re.findall(r"^param (\w+)", self.text, re.MULTILINE))


def files() -> list[File]:
    return [File(path, path.read_text()) for path in sorted(INFRA.rglob("*.bicep"))]


def modules_are_pinned(file: File) -> Iterator[str]:
    for symbol, source in file.modules:
        if not source.endswith(".bicep") and not PINNED.fullmatch(source):
            yield f"module {symbol}: {source} is no module of ours and not pinned to a version"


def own_modules_exist(file: File) -> Iterator[str]:
    for symbol, source in file.modules:
        if source.endswith(".bicep") and not (file.path.parent / source).is_file():
            yield f"module {symbol}: {source} does not exist"


def own_modules_get_what_they_ask_for(file: File) -> Iterator[str]:
    for symbol, source in file.modules:
        target = file.path.parent / source
        if source.endswith(".bicep") and target.is_file():
            wanted, given = File(target, target.read_text()), _given(file, symbol)
            yield from (f"module {symbol}: parameter {name} is not known to {source}" for name in given - wanted.params)
            yield from (f"module {symbol}: parameter {name} is missing" for name in _needed(wanted) - given)


def _given(file: File, symbol: str) -> set[str]:
    block = file.text[re.search(rf"^module\s+{symbol}\s", file.text, re.MULTILINE).start() :]  # type: ignore[union-attr]
    block = block[block.index("params: {") : block.index("\n}")]
    return set(re.findall(r"^    (\w+):", block, re.MULTILINE))


def _needed(file: File) -> set[str]:
    return set(re.findall(r"^param (\w+) [\w.]+$", file.text, re.MULTILINE))


def no_keys_are_listed(file: File) -> Iterator[str]:
    yield from (f"{found} hands out a secret" for found in LISTED.findall(file.text))


def no_shared_keys(file: File) -> Iterator[str]:
    if "/storage-account:" in file.text and "allowSharedKeyAccess: false" not in file.text:
        yield "the storage account must say allowSharedKeyAccess: false"
    if SHARED.search(file.text):
        yield "a shared key or admin user is switched on"


def roles_are_named_and_least(file: File) -> Iterator[str]:
    for guid in GUID.findall(file.text):
        line = next(line for line in file.text.splitlines() if guid in line)
        if ROLES.get(guid, "?") not in line:
            yield f"{guid}: its role is not named on the same line, or not one that the app needs"
    for name in re.findall(r"roleDefinitionIdOrName: '([^']+)'", file.text):
        if name not in LEAST:
            yield f"role {name} is not one that the app needs"


def https_only(file: File) -> Iterator[str]:
    if "/web/site:" in file.text and "httpsOnly: true" not in file.text:
        yield "the app must say httpsOnly: true"


def outputs_hold_no_secret(file: File) -> Iterator[str]:
    for name in re.findall(r"^output (\w+)", file.text, re.MULTILINE):
        if re.search(r"key|secret|password|sas", name, re.IGNORECASE):
            yield f"output {name} would be kept in the deployment's history"


def dead_letters_are_kept(file: File) -> Iterator[str]:
    if "eventSubscriptions@" in file.text and "deadLetterDestination:" not in file.text:
        yield "undeliverable events would be dropped"


RULES: tuple[Callable[[File], Iterator[str]], ...] = (
    modules_are_pinned,
    own_modules_exist,
    own_modules_get_what_they_ask_for,
    no_keys_are_listed,
    no_shared_keys,
    roles_are_named_and_least,
    https_only,
    outputs_hold_no_secret,
    dead_letters_are_kept,
)
