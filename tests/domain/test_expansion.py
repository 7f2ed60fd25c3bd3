"""Word expansion and its patterns, held to an independent port of BuildKit's rules."""

import pytest
from e2b_dockerfile_utils import ShellLex
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.domain.expansion import Expander, ExpansionError

PIECES = [*"ab*?\\/}'\"$ -+:#%{v`é1_", "${v", "${v:-", "${u-", "${v#", "${v%", "${v##", "${v%%", "${v/", "${v//"]
WORDS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)
VALUES = st.text("ab*/", max_size=6)


def peer(word: str, variables: dict[str, str], escape: str) -> str | None:
    try:
        return ShellLex(escape, env=variables, skip_unset_env=False).process_word(word)
    except ValueError:
        return None


def ours(word: str, variables: dict[str, str], escape: str) -> str | None:
    try:
        return Expander(escape).expand(word, variables)
    except ExpansionError:
        return None


@settings(max_examples=1000, deadline=None, database=None)
@given(WORDS.filter(lambda word: "//" not in word and "\\}" not in word), VALUES, VALUES, st.sampled_from("\\`"))
def test_a_word_expands_as_the_parser_s_own_lexer_expands_it(word: str, v: str, w: str, escape: str) -> None:
    variables = {"v": v, "w": w}
    assert ours(word, variables, escape) == peer(word, variables, escape)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${v//a/x}", "xbxb"),
        ("${v//*/x}", "x"),
        ("${v//z/x}", "abab"),
        ("${v//b*/x}", "ax"),
        ("${v//''/-}", "-a-b-a-b-"),
        ("${v/\\//x}", "abab"),
        ("${v//?b/x}", "xx"),
        ("${v%\\}}", "abab"),
        ("$v$", "abab$"),
        ("\\$v", "$v"),
        ("'$v'", "$v"),
        ('"$v\\$"', "abab$"),
        ("${none:-'a b'}", "a b"),
    ],
)
def test_patterns_and_quotes_follow_go_s_rules(word: str, expected: str) -> None:
    assert Expander().expand(word, {"v": "abab"}) == expected


def test_all_words_of_an_expander_share_one_budget() -> None:
    expander = Expander(work=100)
    assert [expander.expand("$v", {"v": "a" * 19}) for _ in range(5)] == ["a" * 19] * 5
    with pytest.raises(ExpansionError, match="too much"):
        expander.expand("$v", {"v": "a"})


def test_an_escape_without_meaning_in_a_pattern_is_refused() -> None:
    with pytest.raises(ExpansionError, match="no escape"):
        Expander().expand("${v#\\a}", {"v": "a"})
