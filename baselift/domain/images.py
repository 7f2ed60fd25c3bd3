"""Image references: parse, compare, print.

Grammar: the OCI distribution spec and distribution/reference. A reference has one canonical form; Docker Hub's many
spellings (``node``, ``library/node``, ``index.docker.io/library/node``) are one image.
"""

import re
from dataclasses import dataclass, replace

HUB = "docker.io"
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_NAME_LENGTH = 255
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class InvalidReference(ValueError):
    """The text is not an image reference; the message says which part and what would be right."""


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An image: registry host, repository, and a tag (can move), a digest (cannot), both or neither."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Registry and repository, canonical: ``docker.io/library/node``."""
        return f"{self.registry}/{self.repository}"

    @property
    def pinned(self) -> bool:
        """True when a digest is part of the reference: it can never move."""
        return self.digest is not None

    def tagged(self) -> "Reference":
        """The same reference with ``latest`` where neither tag nor digest was given."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    def at(self, digest: str) -> "Reference":
        """The manifest with this digest in the same repository, without a tag."""
        return Reference(self.registry, self.repository, None, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """Read a reference as Docker does. ``latest`` is not added: see `Reference.tagged`.

    Raises:
        InvalidReference: the registry, repository, tag or digest breaks the grammar.
    """
    rest, _, digest = text.partition("@")
    if "@" in text and not _DIGEST.fullmatch(digest):
        raise InvalidReference(f"image '{text}': digest '{digest}' is not sha256:<64 hex digits>")
    registry, path = _split_registry(rest)
    repository, tag = _split_tag(path)
    _check(text, registry, repository, tag)
    return Reference(registry, repository, tag, digest or None)


def _split_registry(text: str) -> tuple[str, str]:
    first, slash, path = text.partition("/")
    if not slash or not (_says_host(first) or first != first.lower()):
        return HUB, text if slash else f"library/{text}"
    registry = _canonical_host(first)
    if registry not in _HUB_NAMES:
        return registry, path
    return HUB, path if "/" in path else f"library/{path}"


def _says_host(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost"


def _canonical_host(host: str) -> str:
    # A host of one bare word is told from a Docker Hub user by its capitals alone, so it keeps them. Beyond ASCII the
    # lower case of some letters is an ASCII letter: two hosts would become one.
    lower = host.lower() if host.isascii() else host
    return lower if _says_host(lower) else host


def _split_tag(path: str) -> tuple[str, str | None]:
    repository, colon, tag = path.rpartition(":")
    return (repository, tag) if colon else (path, None)


def _check(text: str, registry: str, repository: str, tag: str | None) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise InvalidReference(f"image '{text}': '{registry}' is not a registry host")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _NAME_LENGTH:
        raise InvalidReference(
            f"image '{text}': repository '{repository}' must be lower-case words joined by '/', '.', '_' or '-'"
        )
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReference(f"image '{text}': 64 hex digits are an image id; write name@sha256:<64 hex digits>")
    if tag is not None and not _TAG.fullmatch(tag):
        raise InvalidReference(f"image '{text}': tag '{tag}' must be 1 to 128 of A-Z a-z 0-9 _ . -")
