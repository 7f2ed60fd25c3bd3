"""How keys are stored."""

import random

import pytest

from baselift.azure.keys import decode, encode, key

ALPHABET = "".join(chr(code) for code in range(0x20, 0x7F)) + "./.~}|%?#\\üß\u20ac\uffff\U0001f600\ud800"


def texts(count: int) -> list[str]:
    dice = random.Random(7)
    return ["".join(dice.choices(ALPHABET, k=dice.randint(0, 5))) for _ in range(count)]


def test_plain_keys_are_stored_as_they_are():
    assert encode("reg|0a1b|library-node_1.2:latest") == "reg|0a1b|library-node_1.2:latest"


def test_what_azure_refuses_or_advises_against_is_never_stored():
    stored = encode("".join(ALPHABET))
    assert stored.isascii()
    assert not set(stored) & set("/\\#?%")


def test_every_key_comes_back():
    for text in texts(20_000):
        assert decode(encode(text)) == text


def test_stored_keys_sort_as_the_keys_do():
    plain = sorted(set(texts(20_000)))
    assert sorted(plain, key=encode) == plain


def test_a_slash_sorts_right_after_everything_that_starts_with_a_dot():
    assert encode("a.") < encode("a.~") < encode("a.\uffff") < encode("a/") < encode("a0")


@pytest.mark.parametrize("char", ["\x00", "\n", "\x1f", "\x7f", "\x85", "\x9f"])
def test_a_control_character_is_named(char):
    with pytest.raises(ValueError, match="control character"):
        key(f"a{char}b")
