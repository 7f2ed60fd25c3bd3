"""How much a build context may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one fetch; what goes over them ends in Failure."""

    bytes: int = 2 << 30
    """Content of all files together, unpacked; also of a download, as it comes."""
    files: int = 200_000
    """Files, directories and links together."""
    seconds: float = 600
    """From the start of the fetch to its end."""
    pause: float = 1
    """Seconds before the second try of a download; doubled before the third."""
