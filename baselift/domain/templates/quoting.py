r"""Go's quoted strings: `%q`."""

from baselift.domain.templates.text import encode, well_formed

_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def quoted(text: str, *, ascii_only: bool = False, quote: str = '"') -> str:
    r"""The text as a Go literal; bytes that are no character as `\x`."""
    if text.isascii() and text.isprintable() and "\\" not in text and quote not in text:
        return f"{quote}{text}{quote}"
    normal = encode(text).decode("utf-8", "surrogateescape")
    return quote + "".join(_escaped(char, quote, ascii_only=ascii_only) for char in normal) + quote


def _escaped(char: str, quote: str, *, ascii_only: bool) -> str:
    if char == quote:
        return "\\" + char
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if char.isprintable() and (code < 0x80 or not ascii_only):  # noqa: PLR2004 - ASCII
        return char
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - a byte that is no character
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:  # noqa: PLR2004 - control characters
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the basic plane


def can_be_raw(text: str) -> bool:
    """True when a raw string literal can hold the text."""
    return text == well_formed(text) and not any(
        char in "`\ufeff" or (ord(char) < 0x20 and char != "\t") or char == "\x7f"  # noqa: PLR2004
        for char in text
    )
