"""Custom topics of Azure Event Grid."""

from urllib.parse import urlsplit

SUFFIXES = ("eventgrid.azure.net", "eventgrid.azure.us", "eventgrid.azure.cn")
"""What the host of a topic ends with, in Azure's clouds."""
_VERSION = "api-version=2018-01-01"
RIGHT = " or ".join(f"*.{suffix}" for suffix in SUFFIXES)


def audience(url: str) -> str | None:
    """Whom a token must be for that publishes to this topic; None where the address is no https one of Azure's."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    suffix = next((each for each in SUFFIXES if host.endswith(f".{each}")), None)
    return f"https://{suffix}" if suffix and parts.scheme == "https" else None


def publishing(url: str) -> str:
    """Where events are published to, of a topic's endpoint as Azure shows it."""
    return url if "?" in url else f"{url}?{_VERSION}"
