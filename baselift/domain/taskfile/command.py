"""The text of a ``cmd`` step: docker's flags, an image, and what runs in it (semantics 1.3).

ACR's engine gives the text to a shell on the builder. Here nothing runs on the builder: what needs a shell gets the
image's own.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from baselift.domain import images
from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.flags import Flag, Grammar, Reader
from baselift.domain.taskfile.words import Kind, Token, split

_LIMITS = "limits are those of the run; the step property 'cpus' narrows them"
_NAME = "a container has the step's id as its name"
_MOUNTS = "declare the volume and use the step property 'volumeMounts'; /workspace is there in every step"
_GRAMMAR = Grammar(
    command="docker run",
    valued=frozenset({"cpus", "entrypoint", "env", "expose", "net", "network", "publish", "pull", "user", "workdir"}),
    boolean=frozenset({"detach", "init", "interactive", "privileged", "rm", "tty"}),
    short={
        "d": "detach", "e": "env", "h": "hostname", "i": "interactive", "m": "memory", "p": "publish", "t": "tty",
        "u": "user", "v": "volume", "w": "workdir",
    },
    refused={
        "add-host": "other steps are reached by their ids",
        "env-file": "use the step property 'env'",
        "hostname": _NAME,
        "memory": _LIMITS,
        "mount": _MOUNTS,
        "name": _NAME,
        "shm-size": _LIMITS,
        "tmpfs": "containers can write below /tmp",
        "ulimit": _LIMITS,
        "volume": _MOUNTS,
        "volumes-from": _MOUNTS,
    },
)  # fmt: skip
_SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Command:
    """A container's command, taken apart."""

    image: str
    words: tuple[str, ...] = ()
    """What follows the image, quotes removed. Not meaningful when `shell` is set."""
    script: str = ""
    """What follows the image, as written."""
    shell: bool = False
    """True when the text needs a shell: for operators, variables or substitutions outside of single quotes."""
    alone: bool = False
    """True when a shell operator follows the image directly, so that the image's own command comes first."""
    flags: tuple[Flag, ...] = field(default=(), repr=False)
    """Docker's flags in front of the image, to be taken as step properties."""

    def argv(self, entrypoint: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """The argument vector to run in the container.

        A script is run by the image's own ``/bin/sh`` with the entrypoint in front of its first command, so that the
        text does what it would after ``docker run IMAGE``.

        Args:
            entrypoint: the step's, else the image's ENTRYPOINT.
            default: the image's CMD; empty when the step sets an entrypoint.
        """
        if not self.shell:
            return (*entrypoint, *(self.words or default))
        first = (*entrypoint, *default) if self.alone else tuple(entrypoint)
        return (_SHELL, "-c", " ".join((*map(shlex.quote, first), self.script)))


def command(text: str) -> Command:
    """Take the text of a ``cmd`` step apart.

    Raises:
        TaskFileError: there is no image, or a flag in front of it is not supported.
    """
    text = text.strip()
    tokens = split(text)
    before = _until_operator(tokens)
    reader = Reader(_GRAMMAR, [token.text for token in before])
    flags = reader.leading()
    if reader.next >= len(before):
        raise TaskFileError(f"no image is named in {shown(text)}; the first word of cmd is the image to run")
    image, rest = before[reader.next], tokens[reader.next + 1 :]
    _check_plain(before[: reader.next + 1])
    _check_image(image)
    return Command(
        image=image.text,
        words=tuple(token.text for token in rest),
        script=text[image.end :].strip(),
        shell=any(token.expands or token.kind is Kind.OPERATOR for token in rest),
        alone=bool(rest) and rest[0].kind is Kind.OPERATOR,
        flags=tuple(flags),
    )


def _until_operator(tokens: Sequence[Token]) -> Sequence[Token]:
    first = next((index for index, token in enumerate(tokens) if token.kind is Kind.OPERATOR), len(tokens))
    return tokens[:first]


def _check_plain(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.expands:
            raise TaskFileError(
                f"no shell runs before the image, which {shown(token.text)} needs: use a template such as "
                "{{.Run.Registry}}, or version v1.1.0 for aliases such as $Registry"
            )


def _check_image(image: Token) -> None:
    try:
        images.parse(image.text)
    except images.InvalidReference as error:
        raise TaskFileError(f"{error}; the first word of cmd is the image to run") from None
