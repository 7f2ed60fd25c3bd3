"""Values for the templates of task files, and files that a command reads here, as `run` and `render` take them."""

import sys
from pathlib import Path
from typing import Any

from baselift.cli import options
from baselift.cli.errors import CommandError
from baselift.domain.taskfile import TaskFileError, assignments

LARGEST = 1 << 20
"""Bytes; a task file or values file may have no more, wherever it is read."""

sets = options.pairs("--set", "sets", "Value for the template")
secret_sets = options.pairs("--set-secret", "secret_sets", "Value for the template that no log shows")


def assigned(texts: tuple[str, ...]) -> dict[str, str]:
    """``NAME=VALUE`` options by name; the last wins. Raises CommandError for one without a name."""
    try:
        return assignments(texts)
    except TaskFileError as error:
        raise CommandError(str(error)) from None


def set_values(plain: tuple[str, ...], secret: tuple[str, ...]) -> list[dict[str, Any]]:
    """The options as the API's `values`."""
    found = ((assigned(texts), hidden) for texts, hidden in ((plain, False), (secret, True)))
    return [
        {"type": "SetValue", "name": name, "value": value, "isSecret": hidden}
        for values, hidden in found
        for name, value in values.items()
    ]


def text_of(path: str) -> str:
    """The text of a file of this machine; ``-`` is standard input.

    Raises:
        CommandError: it cannot be read, is larger than `LARGEST`, or is no UTF-8.
    """
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if path == "-" else _read(Path(path))
        text = data.decode()
    except OSError as error:
        raise CommandError(f"'{path}' cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CommandError(f"'{path}' is no UTF-8 text: byte {error.start + 1} is wrong") from None
    if len(data) > LARGEST:
        raise CommandError(f"'{path}' is larger than {LARGEST} bytes, the limit")
    return text


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
