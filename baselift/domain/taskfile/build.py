"""The text of a ``build`` step: what stands after ``docker build`` (semantics 1.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baselift.domain import images
from baselift.domain.builds import Argument
from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.flags import Flag, Grammar, Reader
from baselift.domain.taskfile.words import Kind, Token, split

_LIMITS = "limits are those of the run"
_NETWORK = "the network of a build is the run's"
_GRAMMAR = Grammar(
    command="build",
    valued=frozenset({
        "build-arg", "cache-from", "file", "isolation", "label", "platform", "progress", "secret", "tag", "target",
    }),
    boolean=frozenset({"compress", "force-rm", "no-cache", "pull", "quiet", "rm"}),
    short={"f": "file", "t": "tag", "q": "quiet", "m": "memory", "c": "cpu-shares", "o": "output"},
    refused={
        "add-host": _NETWORK,
        "build-context": "name the image or stage in the Dockerfile",
        "cache-to": "layers are kept by the builder; write cache: enabled into the step",
        "cpu-shares": _LIMITS,
        "cpuset-cpus": _LIMITS,
        "load": "an image of a build is there for later steps",
        "memory": _LIMITS,
        "network": _NETWORK,
        "output": "an image of a build is there for later steps; 'push' sends it",
        "push": "use a push step",
        "shm-size": _LIMITS,
        "squash": "it is not part of the OCI image format; use stages",
        "ssh": "use --secret",
        "ulimit": _LIMITS,
    },
)  # fmt: skip
_IGNORED = frozenset({"cache-from", "compress", "force-rm", "progress", "quiet", "rm"})
_ISOLATIONS = frozenset({"", "default", "process"})
_SECRET_KEYS = {"id": "id", "src": "path", "source": "path", "env": "variable"}


@dataclass(frozen=True, slots=True)
class BuildSecret:
    """A ``--secret``: what ``RUN --mount=type=secret`` finds under `id`."""

    id: str
    path: str = ""
    """File in the step's working directory; empty when it is a variable."""
    variable: str = ""
    """Name of a variable of the step; `id` itself where neither is given, as docker has it."""


@dataclass(frozen=True, slots=True)
class BuildCommand:
    """A ``docker build`` command, taken apart."""

    context: str
    dockerfile: str | None = None
    """As given, relative to the working directory (local context) or the context (remote); None for ``Dockerfile``."""
    tags: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    target: str | None = None
    platform: str | None = None
    no_cache: bool = False
    pull: bool = False
    labels: tuple[str, ...] = ()
    secrets: tuple[BuildSecret, ...] = ()
    ignored: tuple[str, ...] = ()
    """Flags that change nothing here, for the log."""


def build_command(text: str, env: Mapping[str, str]) -> BuildCommand:
    """Take the text of a ``build`` step apart.

    Args:
        text: the step's text, rendered.
        env: the step's variables: they give ``--build-arg NAME`` its value; a name that is not there is left out.

    Raises:
        TaskFileError: a flag is unknown, a shell would be needed, or there is not exactly one context.
    """
    flags, positional = Reader(_GRAMMAR, [_word(token) for token in split(text.strip())]).all()
    return BuildCommand(
        context=_context(positional),
        dockerfile=_last(flags, "file"),
        tags=tuple(_tag(text) for text in _every(flags, "tag")),
        arguments=tuple(_arguments(_every(flags, "build-arg"), env)),
        target=_last(flags, "target"),
        platform=_platform(flags),
        no_cache=_last(flags, "no-cache") == "true",
        pull=_last(flags, "pull") == "true",
        labels=_every(flags, "label"),
        secrets=tuple(_secret(text) for text in _every(flags, "secret")),
        ignored=tuple(f"--{flag.name}" for flag in _checked(flags) if flag.name in _IGNORED),
    )


def _word(token: Token) -> str:
    if token.kind is Kind.OPERATOR:
        raise TaskFileError(f"a build runs without a shell: {shown(token.text)} must be in quotes, or its own step")
    if token.expands:
        raise TaskFileError(
            f"a build runs without a shell, which {shown(token.text)} needs: use a template such as "
            "{{.Run.Registry}} or {{.Values.name}}, or single quotes to keep the sign"
        )
    return token.text


def _context(positional: Sequence[str]) -> str:
    if len(positional) == 1 and positional[0] not in ("", "-"):
        return positional[0]
    if not positional:
        raise TaskFileError("a build needs its context as the last word: '.' for the working directory")
    words = ", ".join(map(shown, positional))
    raise TaskFileError(f"a build has one context, a path or address, but these words are no flags: {words}")


def _every(flags: Sequence[Flag], name: str) -> tuple[str, ...]:
    return tuple(flag.value for flag in flags if flag.name == name)


def _last(flags: Sequence[Flag], name: str) -> str | None:
    values = _every(flags, name)
    return values[-1] if values else None


def _tag(text: str) -> str:
    reference = _reference(text)
    if reference.digest:
        raise TaskFileError(f"tag {shown(text)} has a digest; a build can only be given name:tag")
    return text


def _reference(text: str) -> images.Reference:
    try:
        return images.parse(text)
    except images.InvalidReference as error:
        raise TaskFileError(str(error)) from None


def push_list(texts: Sequence[str]) -> tuple[str, ...]:
    """The images of a ``push`` step: ``latest`` where neither tag nor digest is given, each once, in order.

    Raises:
        TaskFileError: one is no image reference.
    """
    named = (text if (ref := _reference(text)).tag or ref.digest else f"{text}:latest" for text in texts)
    return tuple(dict.fromkeys(named))


def _arguments(texts: Sequence[str], env: Mapping[str, str]) -> list[Argument]:
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise TaskFileError("--build-arg needs a name: NAME=VALUE")
        if equals or name in env:
            found.append(Argument(name, value if equals else env[name]))
    return found


def _platform(flags: Sequence[Flag]) -> str | None:
    platform = _last(flags, "platform")
    if platform is not None and (not platform or "," in platform):
        raise TaskFileError(f"--platform {shown(platform)} must be one platform, such as linux/arm64")
    return platform


def _checked(flags: Sequence[Flag]) -> Sequence[Flag]:
    for isolation in _every(flags, "isolation"):
        if isolation not in _ISOLATIONS:
            raise TaskFileError(f"--isolation {shown(isolation)} must be default or process")
    return flags


def _secret(text: str) -> BuildSecret:
    found = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        if key == "type" and value in ("file", "env"):
            continue
        if key not in _SECRET_KEYS or not value:
            raise TaskFileError(f"--secret has {shown(part)}; it is id=NAME,src=FILE or id=NAME,env=VARIABLE")
        found[_SECRET_KEYS[key]] = value
    if "id" not in found or {"path", "variable"} <= found.keys():
        raise TaskFileError("--secret needs an id and either src or env: id=NAME,src=FILE")
    return BuildSecret(found["id"], found.get("path", ""), _variable(found))


def _variable(found: Mapping[str, str]) -> str:
    return "" if "path" in found else found.get("variable", found["id"])
