"""What the templates of a task file find: the roots of their data (semantics 2.2)."""

import shlex
from collections.abc import Mapping
from typing import Any

from baselift.domain import templates


def template_data(
    run: Mapping[str, str], values: Mapping[str, Any], secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The data of a task file's templates.

    Args:
        run: what ``.Run`` has; ``.Build`` is its old name.
        values: of the values file and of ``--set``.
        secrets: by id; none for the first rendering, which finds out which there are.

    Raises:
        TemplateError: the values are too large or too deep.
    """
    return {
        "Run": run,
        "Build": run,
        "Values": values,
        "Secrets": secrets or {},
        "RunJSON": _quoted(run),
        "ValuesJSON": _quoted(values),
    }


def _quoted(document: Mapping[str, Any]) -> str:
    """JSON as Go writes it, as one word of a shell."""
    return shlex.quote(templates.render("{{toJson .}}", document))
