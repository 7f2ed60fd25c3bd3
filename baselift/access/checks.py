"""Rules for values of settings that several of them share."""

import uuid
from urllib.parse import urlsplit

from baselift.access.loopback import is_loopback


def is_guid(text: str) -> bool:
    """True for a GUID as Entra writes it, in any case."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def is_origin(text: str) -> bool:
    """True for an https address without a path; plain http is for what is on this machine."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.netloc))
    return secure and bool(parts.hostname) and "@" not in parts.netloc and text == f"{parts.scheme}://{parts.netloc}"
