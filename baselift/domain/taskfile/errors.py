"""What is wrong with a task file."""

_LONGEST = 80


class TaskFileError(ValueError):
    """The task file, or a values or alias file of it, cannot be used; the message has line, place and what is right."""

    def __init__(self, message: str, *, line: int | None = None, where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        """Counted from 1; None when the fault belongs to no line."""
        self.where = where
        """The step or section, such as ``step 'test'``."""
        self.rendered = False
        """True when rendering added or removed lines, so that `line` is not a line of the file."""

    def placed(self, *, line: int, where: str) -> "TaskFileError":
        """The same error, told where it is unless it already knows."""
        self.line = line if self.line is None else self.line
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}{' after rendering' if self.rendered else ''}"
        return ": ".join(part for part in (line, self.where, self.message) if part)


def shown(text: str) -> str:
    """A file's text as a message can hold it: quoted, of ASCII, cut."""
    return ascii(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
