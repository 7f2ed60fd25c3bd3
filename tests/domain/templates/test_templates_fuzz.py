"""Whatever the text, a rendering gives text or a TemplateError."""

import json
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baselift.domain.templates import FUNCTIONS, TemplateError, render

ASSETS = Path(__file__).parents[2] / "assets" / "templates"
DATA: dict[str, Any] = json.loads((ASSETS / "data.json").read_text())
REAL = [
    template
    for table in ("language", "printf", "sprig")
    for template, _ in json.loads((ASSETS / f"{table}.json").read_text(encoding="utf-8"))
]
VALUES = ("1", "-1", "0", "2.5", '"a"', '"%d %s"', '""', "nil", "true", ".", ".Values", ".Values.list", ".Values.map",
          ".Values.uni", ".Nope", "(list 1 2)", "(dict)", "(until 3)", '(split "," "a,b")', '(semver "1.2.3")',
          '(toDate "2006" "2024")', "(add 1 2)", '"(a|b)*"', '"UTC"', '"1h"', "9223372036854775807", "1e300",
          '"\\xff"', "'x'")  # fmt: skip
PIECES = ("{{", "}}", "{{-", "-}}", " ", "|", "(", ")", "if", "else", "end", "range", "with", "define", "block",
          "template", "break", "$x", ":=", "=", ",", ".", '"', "`", "'", "/*", "*/", "\\", "\n")  # fmt: skip
FEW = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

expensive = {"derivePassword"}
call = st.builds(
    lambda name, values: f"{{{{{' '.join((name, *values))}}}}}",
    st.sampled_from(sorted(set(FUNCTIONS) - expensive)),
    st.lists(st.sampled_from(VALUES), max_size=5),
)
soup = st.lists(st.sampled_from((*PIECES, *VALUES, *sorted(FUNCTIONS))), max_size=40).map("".join)


def check(template: str) -> None:
    message = "template: none"
    try:
        render(template, DATA, random=Random(1))
    except TemplateError as error:
        message = str(error)
    assert message.startswith("template: ")


@given(st.lists(call, min_size=1, max_size=3).map("".join))
@settings(FEW, max_examples=800)
def test_every_function_takes_every_argument_or_refuses_it(template: str) -> None:
    check(template)


@given(soup)
@settings(FEW, max_examples=500)
def test_pieces_of_the_language_in_any_order(template: str) -> None:
    check(template)


@given(st.text(max_size=60))
@settings(FEW, max_examples=200)
def test_any_text_inside_an_action(text: str) -> None:
    check("{{" + text + "}}")
    check(text)


@given(st.sampled_from(REAL), st.sampled_from(REAL), st.integers(0, 400), st.integers(0, 400), st.sampled_from(PIECES))
@settings(FEW, max_examples=500)
def test_real_templates_cut_and_spliced(first: str, second: str, cut: int, start: int, piece: str) -> None:
    check(first[:cut] + piece + second[start:])
