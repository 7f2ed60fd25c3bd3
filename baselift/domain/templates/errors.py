"""What goes wrong while a template is read or rendered."""


class TemplateError(ValueError):
    """The template cannot be rendered; the message holds the line and what would be right."""


class Fault(Exception):
    """A failure that does not know its line yet; it never leaves the package."""
