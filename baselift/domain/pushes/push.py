"""One pushed tag, whichever registry told of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from baselift.domain import images
from baselift.domain.images import InvalidReference, Reference
from baselift.domain.pushes.node import InvalidPush, Node, shown


class NoImage(InvalidPush):
    """The event is of this dialect, and no reference can name the image that it tells of: nobody is built on it."""


@dataclass(frozen=True, slots=True)
class Push:
    """A tag was pushed: canonical registry host and repository. The digest is a hint; the registry's answer decides."""

    registry: str
    repository: str
    tag: str
    digest: str | None = None

    @property
    def image(self) -> Reference:
        """The tag's canonical reference."""
        return Reference(self.registry, self.repository, self.tag)


Heard = Push | InvalidPush
"""What an event tells of one tag, or why that cannot be read."""


def each(nodes: Iterable[Node], read: Callable[[Node], Iterable[Heard]]) -> Iterator[Heard]:
    """What the events of a list tell: one that cannot be read takes no other down with it."""
    for node in nodes:
        try:
            yield from list(read(node))
        except NoImage as error:
            yield InvalidPush(f"{node.path}: {error}" if node.path else str(error))
        except InvalidPush as error:
            yield error


def pushed(host: str, repository: str, tag: str, digest: str | None) -> Push:
    """The push of a tag, its names made canonical.

    Raises:
        NoImage: no reference can name this image.
    """
    if not _is_host(host):
        raise NoImage(f"registry {shown(host)} is no host of images: it must have a dot or a port, or be localhost")
    try:
        reference = images.parse(f"{host}/{repository}:{tag}" + (f"@{digest}" if digest else ""))
    except InvalidReference as error:
        raise NoImage(f"the event names no image: {shown(str(error))}") from error
    if reference.tag != tag:
        raise NoImage(f"tag {shown(tag)} must be 1 to 128 of A-Z a-z 0-9 _ . -")
    return Push(reference.registry, reference.repository, tag, digest)


def _is_host(text: str) -> bool:
    # A bare word before the slash is a Docker Hub user; a text with a slash would take names from the repository.
    try:
        return images.parse(f"{text}/name/name").repository == "name/name"
    except InvalidReference:
        return False
