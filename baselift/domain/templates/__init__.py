"""Go's template language with sprig's functions, as ACR's engine has them (semantics 2.2 and 2.5).

A rendering is a pure function: no environment, files, names or hosts are reached; time, chance and heavy cryptography
come in as arguments. Its output, work, memory and depth are bounded.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from baselift.domain.templates import (
    builtins,
    casing,
    certificates,
    chance,
    comparison,
    dates,
    dicts,
    encoding,
    lists,
    maths,
    paths,
    regexes,
    semver,
    strings,
    urls,
)
from baselift.domain.templates.errors import Fault, TemplateError
from baselift.domain.templates.evaluator import Evaluator
from baselift.domain.templates.functions import Function
from baselift.domain.templates.limits import MAX_OUTPUT, MAX_TEXT, Context
from baselift.domain.templates.parser import Parser
from baselift.domain.templates.printing import NO_VALUE
from baselift.domain.templates.text import well_formed
from baselift.domain.templates.values import load

__all__ = ["FUNCTIONS", "TemplateError", "check", "render"]

_GROUPS = (
    builtins, casing, certificates, chance, comparison, dates, dicts, encoding, lists, maths, paths, regexes, semver,
    strings, urls,
)  # fmt: skip
FUNCTIONS: Mapping[str, Function] = {name: entry for group in _GROUPS for name, entry in group.FUNCTIONS.items()}
_DEEPER_THAN_PYTHON = "the template is nested too deeply"


def check(text: str) -> None:
    """Read a template without carrying it out. Raises TemplateError, whose message has the line."""
    try:
        Parser(well_formed(text), FUNCTIONS).parse()
    except RecursionError as error:
        raise TemplateError(_DEEPER_THAN_PYTHON) from error


def render(
    text: str,
    data: Mapping[str, Any],
    *,
    now: datetime | None = None,
    random: Random | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    max_output: int = MAX_OUTPUT,
) -> str:
    """The text with every action carried out; a field that does not exist is empty, as in ACR.

    Args:
        text: the template, at most 1 MiB characters.
        data: what `.` is: text, numbers, booleans, lists, maps and null. It is not changed.
        now: the aware time for `now`, `ago` and `date`; without it they fail.
        random: for `randAlphaNum`, `uuidv4` and the like; without it they fail. Use `SystemRandom` for secrets.
        functions: `genPrivateKey`, `genCA`, `genSelfSignedCert`, `genSignedCert`, `buildCustomCert`, `encryptAES`,
            `decryptAES` by these names; one that is not given fails when it is called. Certificates are (certificate,
            key) pairs of PEM as results and `{"Cert": …, "Key": …}` as arguments.
        max_output: characters of output, at most.

    Raises:
        TemplateError: the template cannot be read or carried out, or passes a limit; the message has the line.
    """
    if len(text) > MAX_TEXT:
        raise TemplateError(f"the template has {len(text)} characters; at most {MAX_TEXT} are allowed")
    context = Context(now=now, random=random, functions=functions or {}, max_output=max_output)
    try:
        templates = Parser(well_formed(text), FUNCTIONS).parse()
        evaluator = Evaluator(templates, FUNCTIONS, context)
    except RecursionError as error:
        raise TemplateError(_DEEPER_THAN_PYTHON) from error
    try:
        return well_formed(evaluator.run(load(data)).replace(NO_VALUE, ""))
    except (Fault, RecursionError) as error:
        message = str(error) if isinstance(error, Fault) else _DEEPER_THAN_PYTHON
        raise TemplateError(f"template: {evaluator.line}: {message}") from error
