"""Names of resources as the tables can hold them."""

LONGEST = 64
"""Characters; no resource may have a longer name, and a key of as many fits whatever they are."""


def possible(name: str) -> bool:
    """False for a text under which nothing can be stored, so that there is nothing to be found either."""
    return len(name) <= LONGEST and name.isascii() and name.isprintable()
