"""Hostile templates end with an error, soon, whatever they try."""

from datetime import UTC, datetime
from typing import Any

import pytest

from baselift.domain.templates import TemplateError, render
from baselift.domain.templates.limits import MAX_TEXT

DOUBLING = '{{$x := "0123456789"}}' + "{{$x = print $x $x}}" * 40 + "{{$x}}"
SHARING = "{{$x := list 1 2}}" + "{{$x = list $x $x}}" * 60
DICTS = '{{$x := dict "a" 1}}' + '{{$x = dict "a" $x "b" $x}}' * 60


@pytest.mark.parametrize(
    "template",
    [
        '{{repeat 1000000000 "x"}}',
        "{{until 1000000000000}}",
        "{{untilStep 0 9223372036854775807 1}}",
        '{{printf "%999999d%999999d%999999d%999999d%999999d" 1 1 1 1 1}}',
        '{{printf "%*d" 999999 1 | repeat 100}}',
        '{{indent 1000000000 "x"}}',
        '{{$x := repeat 1000000 "a"}}{{replace "a" $x $x}}',
        '{{$x := repeat 1000000 "a"}}{{regexReplaceAllLiteral "a" $x $x}}',
        '{{$x := repeat 100000 ","}}{{splitList "," $x | join $x}}',
        '{{wrapWith 1 (repeat 100000 "x") (repeat 100000 "y")}}',
        "{{range 1000000000}}{{end}}",
        "{{range 9223372036854775807}}x{{end}}",
        "{{range 2000}}{{range 2000}}{{end}}{{end}}",
        '{{range 100000}}{{repeat 1000 "x"}}{{end}}',
        '{{range 1000}}{{$x := repeat 1000000 "x"}}{{end}}',
        "{{$l := list}}{{range 100000}}{{$l = append $l 1}}{{end}}",
        '{{define "r"}}{{template "r"}}{{end}}{{template "r"}}',
        '{{define "r"}}{{range 100}}{{template "r"}}{{end}}{{end}}{{template "r"}}',
        '{{define "a"}}{{template "b"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}{{template "a"}}',
        DOUBLING,
        SHARING + "{{$x}}",
        SHARING + "{{toJson $x}}",
        SHARING + "{{toPrettyJson $x}}",
        SHARING + '{{printf "%#v" $x}}',
        SHARING + '{{printf "%d" $x}}',
        SHARING + "{{deepCopy $x}}",
        SHARING + "{{$y := deepCopy (index $x 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0)}}{{deepEqual $x $y}}",
        DICTS + "{{$x}}",
        DICTS + "{{merge (deepCopy $x) $x}}",
        '{{$x := dict}}{{$_ := set $x "x" $x}}{{$x}}',
        '{{$x := dict}}{{$_ := set $x "x" $x}}{{toJson $x}}',
        '{{$x := dict}}{{$_ := set $x "x" $x}}{{deepCopy $x}}',
        '{{$x := dict}}{{$_ := set $x "x" $x}}{{deepEqual $x (dict "x" (dict "x" $x))}}',
        '{{$x := dict}}{{$_ := set $x "x" $x}}{{$y := dict}}{{$_ := set $y "x" $y}}{{merge $x $y}}',
        "{{" + "(" * 10000 + "1" + ")" * 10000 + "}}",
        "{{if true}}" * 10000 + "{{end}}" * 10000,
        '{{define "x"}}' * 10000,
        "{{(" * 10000,
        "x" * (MAX_TEXT + 1),
        "{{1}}" * (MAX_TEXT // 5),
        "{{list" + " 1" * 400_000 + "}}",
        '{{regexMatch "(" "x" | fail}}',
        '{{regexFind "' + "(" * 3000 + '" "x"}}',
        '{{regexFind "((((a{30}){30}){30}){30})" "x"}}',
        '{{regexFind "(a{500}|b{500}){2}(a{500}|b{500}){2}(x{999})(y{999})(x{999})(y{999})(x{999})(y{999})" "x"}}',
        '{{regexFind "(a*)*(a*)*(a*)*(a*)*b" (repeat 200000 "a")}}',
        '{{$s := repeat 30000 "a"}}{{regexFindAll "a*b|a" $s -1}}',
        '{{regexMatch (repeat 5000 "a") "a" | ternary "" (fail "too long")}}',
        '{{range 1000}}{{derivePassword 1 "long" "p" "u" "s"}}{{end}}',
        '{{$c := print ">=1.2.3-" (repeat 200 "a")}}{{range 100000}}{{semverCompare $c "1.2.3"}}{{end}}',
        '{{$s := repeat 1000000 "a b"}}{{range 1000}}{{$_ := title $s}}{{end}}',
        '{{$s := repeat 1000000 "a b"}}{{range 1000}}{{$_ := initials $s}}{{end}}',
        "{{1" + "0" * 100_000 + "}}",
        '{{"\\U00110000"}}',
        '{{"\\ud800"}}',
    ],
    ids=range(55),
)
def test_a_template_that_wants_too_much_is_stopped(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, {})


def test_patterns_that_blow_up_other_engines_are_harmless() -> None:
    template = '{{$s := repeat 2000 "a"}}{{regexMatch "^(a+)+$" (print $s "b")}}{{regexMatch "(a|a)*b" $s}}'
    assert render(template, {}) == "falsefalse"


def test_long_chains_of_else_if_are_no_nesting() -> None:
    chain = "{{if false}}" + "{{else if false}}" * 5000 + "{{else}}last{{end}}"
    assert render(chain, {}) == "last"


def test_the_caller_may_allow_less_output() -> None:
    assert render("{{range 10}}x{{end}}", {}, max_output=10) == "x" * 10
    with pytest.raises(TemplateError, match="longer than 9 characters"):
        render("{{range 10}}x{{end}}", {}, max_output=9)


@pytest.mark.parametrize(
    "template",
    [
        "{{.a.__class__}}",
        "{{.a.upper}}",
        "{{(list 1).append}}",
        "{{.a.b}}",
        "{{.n.real}}",
        "{{now.seconds}}",
    ],
)
def test_nothing_of_python_can_be_reached(template: str) -> None:
    with pytest.raises(TemplateError, match="can't evaluate field"):
        render(template, {"a": "text", "n": 1}, now=datetime(2024, 2, 29, tzinfo=UTC))


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, 1j])
def test_data_of_other_types_is_refused(value: Any) -> None:
    with pytest.raises(TemplateError, match="the data holds a"):
        render("{{.x}}", {"x": value})


def test_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["x"] = data
    with pytest.raises(TemplateError, match="levels deep"):
        render("{{.x}}", data)


def test_numbers_beyond_64_bits_become_floats_as_yaml_readers_of_go_make_them() -> None:
    assert (
        render("{{.a}} {{.b}} {{typeOf .b}}", {"a": 2**70, "b": 2**63})
        == "1.1805916207174113e+21 9223372036854775808 uint64"
    )


def test_lone_surrogates_come_out_as_replacement_characters() -> None:
    assert render('{{.x}}{{len .x}}{{"\\x80"}}\ud800', {"x": "\ud800"}).isprintable()
    assert render('{{"\\xe2"}}{{"\\x82\\xac"}}', {}) == "€"


@pytest.mark.parametrize("pattern", [r"\\p{Greek}", "(" * 60 + ")" * 60, "a" * 5000])
def test_a_pattern_that_only_go_understands_is_an_error_and_no_answer(pattern: str) -> None:
    with pytest.raises(TemplateError, match="regular expression"):
        render(f'{{{{regexMatch "{pattern}" "x"}}}}', {})
