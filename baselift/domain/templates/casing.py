"""Sprig's functions on letters, words and lines."""

import re
import unicodedata

from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.text import SPACES, decode, encode, lower, title, upper

FUNCTIONS = Registry()
FUNCTIONS.add("upper", "string")(upper)
FUNCTIONS.add("lower", "string")(lower)
_ASCII = 0x80
_CJK = (("\u4e00", "\u9fcc"), ("\u3400", "\u4d85"), ("\U00020000", "\U0002b81d"))


def _separates(char: str) -> bool:
    if ord(char) < _ASCII:
        return not (char.isalnum() or char == "_")
    return not char.isalpha() and not char.isdecimal() and char in SPACES


@FUNCTIONS.add("title", "string")
def title_words(text: str) -> str:
    """The first letter of every word in title case."""
    before, chars = " ", []
    for char in text:
        chars.append(title(char) if _separates(before) else char)
        before = char
    return "".join(chars)


@FUNCTIONS.add("untitle", "string")
def untitle(text: str) -> str:
    """The first letter of every word in lower case; only white space separates words."""
    before, chars = " ", []
    for char in text:
        chars.append(lower(char) if before in SPACES else char)
        before = char
    return "".join(chars)


@FUNCTIONS.add("swapcase", "string")
def swap_case(text: str) -> str:
    """Upper to lower case; lower to upper, or to title case at the start of a word."""
    chars, starts = [], True
    for char in text:
        if char.isupper() or char.istitle():
            chars.append(lower(char))
            starts = False
        elif char.islower():
            chars.append(title(char) if starts else upper(char))
            starts = False
        else:
            chars.append(char)
            starts = char in SPACES
    return "".join(chars)


@FUNCTIONS.add("initials", "string")
def initials(text: str) -> str:
    """The first character of every word."""
    letters, gap = [], True
    for char in text:
        if char in SPACES:
            gap = True
        elif gap:
            letters.append(char)
            gap = False
    return "".join(letters)


@FUNCTIONS.add("nospace", "string")
def remove_spaces(text: str) -> str:
    """Without any white space."""
    return "".join(char for char in text if char not in SPACES)


@FUNCTIONS.add("wrap", "int", "string", context=True)
def wrap(context: Context, width: int, text: str) -> str:
    """Lines of at most `width` bytes, broken at blanks; longer words stay whole."""
    return _wrapped(context, text, max(width, 1), "\n", breaks_words=False)


@FUNCTIONS.add("wrapWith", "int", "string", "string", context=True)
def wrap_with(context: Context, width: int, separator: str, text: str) -> str:
    """Pieces of at most `width` bytes joined by the separator; longer words are broken."""
    return _wrapped(context, text, max(width, 1), separator or "\n", breaks_words=True)


def _wrapped(context: Context, text: str, width: int, separator: str, *, breaks_words: bool) -> str:
    data, joint = encode(text), encode(separator)
    context.charge(len(data) + (len(data) // width + data.count(b" ") + 1) * len(joint))
    pieces: list[bytes] = []
    at = 0
    while len(data) - at > width:
        if data[at : at + 1] == b" ":
            at += 1
            continue
        end = data.rfind(b" ", at, at + width + 1)
        skipped = 1
        if end < 0 and breaks_words:
            end, skipped = at + width, 0
        elif end < 0:
            end = data.find(b" ", at + width)
        if end < 0:
            break
        pieces.append(data[at:end])
        at = end + skipped
    pieces.append(data[at:])
    return decode(joint.join(pieces))


@FUNCTIONS.add("camelcase", "string")
def camel_case(text: str) -> str:
    """Words joined, each starting with a capital; connectors at the start stay, one more when there are no words."""
    body = text.lstrip("-_" + SPACES)
    start = text[: len(text) - len(body)]
    if not body:
        return start + start[-1:]
    pieces, before = [start, upper(body[0])], body[0]
    for place, char in enumerate(body[1:], start=1):
        if not _connects(char):
            pieces.append(upper(char) if _connects(before) else lower(char))
        elif _connects(before) or place == len(body) - 1:
            pieces.append(before if _connects(before) else char)
            if _connects(before) and place == len(body) - 1:
                pieces.append(char)
        before = char
    return "".join(pieces)


def _connects(char: str) -> bool:
    return char in "-_" or char in SPACES


def _kind(char: str) -> str:
    if _connects(char):
        return "d" if char in "-_" else "c"
    category = unicodedata.category(char)
    if category.startswith("P"):
        return "p"
    if category == "Lu":
        return "U"
    if category.startswith("L") and not any(low <= char <= high for low, high in _CJK):
        return "a"
    return "n" if category.startswith("N") else "o"


_WORD = re.compile(r"[cd]+|p[pd]*|U+(?=Ua)|Ua+|U+|a+|n+|o+")


def _words(text: str) -> list[tuple[str, str]]:
    """Runs of characters of one kind; a capital belongs to the small letters after it."""
    kinds = "".join(map(_kind, text))
    return [(found.group()[0].replace("d", "c"), text[found.start() : found.end()]) for found in _WORD.finditer(kinds)]


def _separated(text: str, connector: str) -> str:
    words = _words(text)
    pieces: list[str] = []
    at = 0
    while at < len(words):
        kind, word = words[at]
        pieces.append(connector * len(word) if kind == "c" else _small(word) if kind == "U" else word)
        at += 1
        following = words[at][0] if at < len(words) else ""
        if kind in "cp" or not following:
            continue
        if kind != "n" and following == "n":
            at = _number(words, at, pieces, connector)
            continue
        if kind == "n":
            at = _letters(words, at, pieces)
            following = words[at][0] if at < len(words) else ""
        if following and following not in ("p" if kind == "n" else "cp"):
            pieces.append(connector)
    return "".join(pieces)


def _small(word: str) -> str:
    """Capitals in lower case; letters that are title case stay."""
    return "".join(lower(char) if _kind(char) == "U" else char for char in word)


def _letters(words: list[tuple[str, str]], at: int, pieces: list[str]) -> int:
    while at < len(words) and words[at][0] in "an":
        pieces.append(words[at][1])
        at += 1
    return at


def _number(words: list[tuple[str, str]], at: int, pieces: list[str], connector: str) -> int:
    """A number after a word is part of it, unless small letters follow the number."""
    if at + 1 == len(words):
        pieces.append(words[at][1])
        return at + 1
    if words[at + 1][0] != "a":
        pieces.append(words[at][1])
        at += 1
        pieces.append(connector if words[at][0] not in "cp" else "")
        return at
    pieces.append(connector)
    at = _letters(words, at, pieces)
    pieces.append(connector if at < len(words) and words[at][0] not in "cp" else "")
    return at


FUNCTIONS.add("snakecase", "string")(lambda text: _separated(text, "_"))
FUNCTIONS.add("kebabcase", "string")(lambda text: _separated(text, "-"))
