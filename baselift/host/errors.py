"""What can be wrong with an app before it runs."""


class HostError(Exception):
    """The host cannot start; the text names the file or setting, the value and what would be right."""


class FunctionError(Exception):
    """One function cannot be run; it is logged and skipped, the other functions run."""
