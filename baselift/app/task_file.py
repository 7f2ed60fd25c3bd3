"""Read the task file of a run, and what its templates may say."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any

from baselift.domain import taskfile, templates
from baselift.domain.builds import Failure, Source
from baselift.domain.taskfile import TaskFile, TaskFileError

DEFAULT = "acb.yaml"
LARGEST = 1024 * 1024
HIDDEN = "(secret)"
"""What stands for a secret where it must not be shown."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A task file's text, and what is needed to render it."""

    text: str
    data: Mapping[str, Any]
    render: Callable[[str, Mapping[str, Any]], str]
    sources: Mapping[str, Mapping[str, str]]


def declared(
    request: Mapping[str, Any], source: Source, facts: Mapping[str, str], now: datetime
) -> tuple[taskfile.Secret, ...]:
    """The secrets that the task file wants from Key Vault. Raises Failure, as `read` does."""
    with _telling():
        file = _file_of(request, source, facts, now)
        return taskfile.secrets_section(file.text, file.data, render=file.render, sources=file.sources)


def read(
    request: Mapping[str, Any],
    source: Source,
    facts: Mapping[str, str],
    now: datetime,
    secrets: Mapping[str, str] | None = None,
) -> TaskFile:
    """The task file that a FileTaskRunRequest or EncodedTaskRunRequest names, rendered and checked.

    `secrets` are what templates call ``.Secrets``.

    Raises:
        Failure: it is missing, too large, or wrong; the message has step and line, and may hold what was rendered.
    """
    with _telling():
        file = _file_of(request, source, facts, now)
        data = {**file.data, "Secrets": secrets or {}}
        return taskfile.load(file.text, data, render=file.render, sources=file.sources)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (TaskFileError, templates.TemplateError) as error:
        raise Failure(f"task file: {error}") from error


def _file_of(request: Mapping[str, Any], source: Source, facts: Mapping[str, str], now: datetime) -> _Read:
    # Not at the top: it takes longer to import than the rest of the app together.
    from baselift.crypto_functions import crypto_functions  # noqa: PLC0415

    text, values = _texts(request, source)
    render = partial(templates.render, now=now, random=SystemRandom(), functions=crypto_functions(now))
    given = taskfile.overlay(taskfile.values(values), _sets(request))
    data = taskfile.template_data(facts, given)
    named = taskfile.alias_sources(text, data, render=render)
    sources = {name: taskfile.alias_source(_file(source, name, "alias file")) for name in named}
    return _Read(text, data, render, sources)


def secret_values(request: Mapping[str, Any]) -> list[str]:
    """Values that no log may show."""
    return [item["value"] for item in request.get("values") or () if item.get("isSecret") and item.get("value")]


def hidden(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with a word in the place of every secret value."""
    values = [item | {"value": HIDDEN} if item.get("isSecret") else item for item in request.get("values") or ()]
    return {**request, "values": values} if values else dict(request)


def _texts(request: Mapping[str, Any], source: Source) -> tuple[str, str]:
    if request["type"] == "EncodedTaskRunRequest":
        return _decoded(request, "encodedTaskContent"), _decoded(request, "encodedValuesContent")
    values = request.get("valuesFilePath")
    text = _file(source, request.get("taskFilePath") or DEFAULT, "task file")
    return text, _file(source, values, "values file") if values else ""


def _decoded(request: Mapping[str, Any], name: str) -> str:
    try:
        return base64.b64decode(request.get(name) or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Failure(f"{name} is not UTF-8 text in base64") from None


def _file(source: Source, name: str, what: str) -> str:
    path: Path = (source.root / name).resolve()
    if not path.is_relative_to(source.root.resolve()) or not path.is_file():
        raise Failure(f"{what} '{name}' is not in the source")
    if path.stat().st_size > LARGEST:
        raise Failure(f"{what} '{name}' is larger than {LARGEST} bytes, the limit")
    return path.read_text(errors="replace")


def _sets(request: Mapping[str, Any]) -> dict[str, str | None]:
    return {item["name"]: item.get("value") for item in request.get("values") or ()}
