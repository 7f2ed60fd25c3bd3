"""What goes wrong while a template is read or rendered."""


class TemplateError(ValueError):
    """The template cannot be rendered; the message holds the line and what would be right."""


class Fault(Exception):
    """A failure that does not know its line yet; it never leaves the package."""


class Bounded(Fault):
    """A limit or a gap of this package, which Go has not: no function may take it for an answer."""
