"""The client of mode `clients`: its secret is made once and kept in the state directory, its hash is a setting."""

from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from baselift.access.hashes import hash_secret, verify_secret
from parts.private import kept, write_private

ID = "local"
ROLE = "contributor"


@dataclass(frozen=True)
class Client:
    """A client id, the file that holds its secret, and the entry of BASELIFT_CLIENTS that lets it in."""

    id: str
    secret_file: Path
    setting: str

    @classmethod
    def of(cls, state: Path) -> "Client":
        """The client of a state directory; removing its `client.secret` makes a new secret at the next start."""
        file = state / "client.secret"
        # In hexadecimal: az takes a secret that begins with "-" for an option.
        secret = kept(file, lambda: token_hex(32))
        return cls(ID, file, f"{ID}:{ROLE}:{_hash(state / 'client.hash', secret)}")


def _hash(file: Path, secret: str) -> str:
    """The kept hash of this secret. A new one for each start would end the tokens that clients still hold."""
    hashed = kept(file, lambda: hash_secret(secret))
    if not _is_of(secret, hashed):
        hashed = hash_secret(secret)
        write_private(file, hashed)
    return hashed


def _is_of(secret: str, hashed: str) -> bool:
    try:
        return verify_secret(secret, hashed)
    except ValueError:
        return False
