"""What a part says when it cannot do what it was asked."""


class PartError(Exception):
    """A part did not start, ended early or was asked for something impossible; the message is one line for a person."""
