"""What Go and sprig print: each case is a template and the expected output, or null where Go fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from baselift.domain.templates import FUNCTIONS, TemplateError, render

ASSETS = Path(__file__).parents[2] / "assets" / "templates"
DATA: dict[str, Any] = json.loads((ASSETS / "data.json").read_text())
TABLES = ("language", "printf", "sprig")
CASES: list[tuple[str, str | None]] = [
    (template, output)
    for table in TABLES
    for template, output in json.loads((ASSETS / f"{table}.json").read_text(encoding="utf-8"))
]
GIVEN_BY_THE_CALLER = {
    "buildCustomCert", "decryptAES", "encryptAES", "genCA", "genPrivateKey", "genSelfSignedCert", "genSignedCert",
}  # fmt: skip
OF_TIME_OR_CHANCE = {"ago", "now", "randAlpha", "randAlphaNum", "randAscii", "randNumeric", "shuffle", "uuidv4"}


@pytest.mark.parametrize(("template", "output"), [case for case in CASES if case[1] is not None])
def test_the_output_is_what_go_prints(template: str, output: str) -> None:
    assert render(template, DATA) == output


@pytest.mark.parametrize("template", [template for template, output in CASES if output is None])
def test_what_go_refuses_is_refused_with_the_line(template: str) -> None:
    with pytest.raises(TemplateError, match=r"^template: \d+: ."):
        render(template, DATA)


def test_every_function_that_needs_nothing_from_outside_has_a_case() -> None:
    text = "\n".join(template for template, _ in CASES)
    assert not [name for name in FUNCTIONS if name not in text and name not in GIVEN_BY_THE_CALLER | OF_TIME_OR_CHANCE]


def test_the_functions_are_those_of_the_engine_but_for_the_three_that_look_outside() -> None:
    go = {"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "print", "printf", "println", "html",
          "js", "urlquery", "call"}  # fmt: skip
    assert len(set(FUNCTIONS) - go) == 150 - 3
    assert not {"env", "expandenv", "getHostByName"} & set(FUNCTIONS)


def test_the_data_of_the_caller_is_not_changed() -> None:
    data = {"Values": {"a": {"b": 1}, "list": [1, 2]}}
    render('{{$_ := set .Values.a "b" 2}}{{$_ := merge .Values (dict "c" 1)}}{{$_ := unset .Values "list"}}', data)
    assert data == {"Values": {"a": {"b": 1}, "list": [1, 2]}}


def test_names_keep_their_letters_where_the_engine_breaks_them() -> None:
    assert render('{{nospace "é l"}} {{initials "élan vital"}}', {}) == "él év"


@pytest.mark.parametrize(
    ("template", "line"),
    [("a\n{{fail `x`}}", 2), ("{{/* \n\n */}}\n{{nope}}", 4), ('{{"a"\n|\nfail}}', 1), ("\n\n{{if true}}", 3)],
)
def test_an_error_names_its_line(template: str, line: int) -> None:
    with pytest.raises(TemplateError, match=rf"^template: {line}: "):
        render(template, {})
