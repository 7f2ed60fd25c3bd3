"""The Authorization header of a credential."""

import base64

from baselift.domain.builds import Credential


def basic(credential: Credential) -> str:
    """Value of the header, scheme Basic (RFC 7617, UTF-8)."""
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
