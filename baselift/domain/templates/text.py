r"""Go strings are bytes; here they are `str` whose invalid bytes are the lone surrogates U+DC80 to U+DCFF."""

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501 - one table


def encode(text: str) -> bytes:
    """The bytes of a Go string; a surrogate that stands for no byte becomes `?`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")


def decode(data: bytes) -> str:
    """The Go string of these bytes."""
    return data.decode("utf-8", "surrogateescape")


def well_formed(text: str) -> str:
    """The text as people see it: what is no character becomes U+FFFD."""
    return text if text.isascii() else encode(text).decode("utf-8", "replace")


def upper(text: str) -> str:
    """Upper case, one character for one, as Go maps it (`ß` has none)."""
    return text.upper() if text.isascii() else "".join(_single(char, char.upper()) for char in text)


def lower(text: str) -> str:
    """Lower case, one character for one, as Go maps it."""
    return text.lower() if text.isascii() else "".join(char.lower()[0] for char in text)


def title(char: str) -> str:
    """Title case of one character."""
    return _single(char, char.title())


def _single(char: str, mapped: str) -> str:
    return mapped if len(mapped) == 1 else char
