"""A password file for a registry in tests."""

from collections.abc import Mapping
from pathlib import Path

import bcrypt

from parts.private import write_private

CHEAP_ROUNDS = 4


def write_htpasswd(path: Path, users: Mapping[str, str]) -> Path:
    """Writes user names with the bcrypt hashes of their passwords, the only kind the registry takes."""
    lines = []
    for name, password in users.items():
        digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(CHEAP_ROUNDS)).decode()
        lines.append(f"{name}:{digest}\n")
    write_private(path, "".join(lines))
    return path
