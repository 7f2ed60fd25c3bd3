"""How a run fails."""


class Failure(Exception):
    """The run cannot succeed; the message is for the log's last line and `runErrorMessage`. Not a fault of ours."""
