"""What this process may do."""

import os


def is_root() -> bool:
    """True when this process may choose the ids of a user namespace."""
    return os.geteuid() == 0
