"""An order as buildx is told of it: the Dockerfile, the command line, the environment and the files of one build."""

import hashlib
import json
import re
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from baselift.domain.builds import Argument, BuildOrder, Credential, Failure, Limits
from baselift.domain.limits import PIDS
from baselift.engines import recipe
from baselift.engines.refusals import Feature, flag, refuse_all
from baselift.engines.workspace import auths

RESULT: Final = "image"
_FILE: Final = "Dockerfile"
_CONFIG: Final = "config"
_SECRETS: Final = "secrets"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HUB: Final = {"docker.io": "https://index.docker.io/v1/"}
_OUTPUT: Final = "tar=false,compression=uncompressed,force-compression=true"
_DIRECTIVE: Final = re.compile(rb"#\s*(\w+)\s*=.*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names that buildx and its libraries read from their environment.
_READ_BY_TOOLS: Final = re.compile(
    r"PATH|HOME|TMPDIR|TZ|TERM|NO_COLOR|SOURCE_DATE_EPOCH"
    r"|(?:DOCKER|BUILDX|BUILDKIT|OTEL|GO|SSL|LD|XDG|SSH|GIT)_?\w*|\w+_(?i:proxy)"
)
_FOR_BUILDKIT: Final = "BUILDKIT_"
_FEATURES: Final = (
    Feature("--network=host", flag({"RUN"}, "--network", "host"), None, "leave the flag out"),
    Feature("--security", flag({"RUN"}, "--security"), None, "leave the flag out"),
    Feature("--device", flag({"RUN"}, "--device"), None, "leave the flag out"),
    Feature("an SSH mount", flag({"RUN"}, "--mount", "type=ssh"), None, "clone with a token from a secret mount"),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Dockerfile that can be built."""

    text: bytes
    ignore: str | None
    """Path in the source of the Dockerfile's own ignore file, if it has one."""
    warnings: Sequence[str]


def examine(order: BuildOrder, limits: Limits) -> Recipe:
    """Read the order's Dockerfile; `limits` are those of the engine.

    Raises:
        Failure: it is missing or outside the source, does not parse, or asks for what is not possible here.
    """
    found = recipe.opened(order)
    refuse_all(found.instructions, _FEATURES, "Docker's engine")
    recipe.check_platform(order.platform, ())
    recipe.check_pins(order, found.spellings)
    _check_arguments(order.arguments)
    _check_limits(limits)
    text, frontend = without_frontend(found.text)
    warnings = list[str]()
    if frontend:
        warnings.append(f"'{frontend}' is left out: the Docker engine's own reading of Dockerfiles is used")
    warnings += [f"build argument '{each.name}' is left out: it is for BuildKit" for each in _left_out(order)]
    if any(each.secret for each in order.arguments):
        warnings.append("secret build arguments stay in this Docker engine's build records; secret mounts do not")
    if order.limits.cpus is not None:
        warnings.append("the number of processors is not kept: a Docker engine bounds no build")
    return Recipe(text, recipe.ignore_file(order), warnings)


def without_frontend(text: bytes) -> tuple[bytes, str]:
    """The Dockerfile without its syntax directive, which would have an image of somebody's read it, and what that was.

    Lines after the directives keep their numbers.
    """
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    start = 1 if lines[0].startswith(b"#!") else 0
    directives = start
    while directives < len(lines) and _DIRECTIVE.fullmatch(lines[directives].strip()):
        directives += 1
    for number, line in enumerate(lines[start:directives], start):
        found = _DIRECTIVE.fullmatch(line.strip())
        if found and found[1].lower() == b"syntax":
            kept = [*lines[:number], *lines[number + 1 : directives], b"#", *lines[directives:]]
            return b"\n".join(kept), line.strip().decode(errors="replace")
    return text, ""


def _left_out(order: BuildOrder) -> Sequence[Argument]:
    return [each for each in order.arguments if each.name.startswith(_FOR_BUILDKIT)]


def _check_arguments(arguments: Sequence[Argument]) -> None:
    for each in arguments:
        if "\0" in each.name + each.value or not each.name or "=" in each.name:
            raise Failure(f"build argument '{each.name}': a name without '=', and no NUL in name or value")
        if each.secret and (not _NAME.fullmatch(each.name) or _READ_BY_TOOLS.fullmatch(each.name)):
            raise Failure(
                f"secret build argument '{each.name}': a name of letters, digits and _ that means nothing to "
                "Docker itself is needed, for example MY_TOKEN"
            )


def _check_limits(limits: Limits) -> None:
    """Refuse the operator's limits; the number of processes that nobody asked for is none of them."""
    asked = {"cpus": limits.cpus, "memory": limits.memory, "disk": limits.disk}
    names = [name for name, value in asked.items() if value is not None]
    names += ["pids"] if limits.pids not in (None, PIDS) else []
    if names:
        raise Failure(
            f"the limit on {' and '.join(names)} cannot be kept here: a Docker engine bounds no build; leave it out of "
            "BASELIFT_RUN_LIMITS, or use the engine 'buildah'"
        )


def lay_out(order: BuildOrder, made: Recipe, directory: Path) -> None:
    """Fill a new, empty directory, which only we may enter, with the files of the build.

    Raises:
        Failure: a secret's id cannot be handed to buildx, or is there twice.
    """
    (directory / _CONFIG).mkdir(mode=0o700)
    _write(directory / _CONFIG / "config.json", config(order.credentials))
    _write(directory / _FILE, made.text)
    if made.ignore:
        _write(directory / f"{_FILE}.dockerignore", (order.source.root / made.ignore).read_bytes())
    (directory / _SECRETS).mkdir(mode=0o700)
    for number, each in enumerate(order.secrets):
        if not each.id or set(each.id) & set(',="\0\n') or each.id in (other.id for other in order.secrets[:number]):
            raise Failure(f"build secret '{each.id}': an id of its own is needed, without ',' and '='")
        _write(directory / _SECRETS / str(number), each.value)


def config(credentials: Mapping[str, Credential]) -> bytes:
    """Docker's configuration file: what it logs in with, and nothing else of this user's."""
    return json.dumps({"auths": {_HUB.get(host, host): auth for host, auth in auths(credentials).items()}}).encode()


def command(order: BuildOrder, buildx: str, directory: Path, network: str) -> list[str]:
    """The command line, which shows no secret; `network` is BuildKit's for RUN: default or host."""
    stamped = ",rewrite-timestamp=true" if order.reproducible else ""
    words = [buildx, "build", "--builder", "default", "--progress", "plain", "--provenance=false", "--sbom=false"]
    words += ["--output", f"type=oci,dest={directory / RESULT},{_OUTPUT}{stamped}"]
    words += ["--platform", order.platform, "--network", network, "-f", str(directory / _FILE)]
    words += ["--no-cache"] if order.no_cache or not order.layers else []
    # Directories of RUN --mount=type=cache are shared by all builds of one name space.
    words += ["--build-arg", f"{_FOR_BUILDKIT}CACHE_MOUNT_NS={_name_space(order.layers)}"]
    words += ["--target", order.target] if order.target else []
    for spelling, pinned in order.bases.items():
        words += ["--build-context", f"{spelling}=docker-image://{pinned}"]
    for each in order.arguments:
        if not each.name.startswith(_FOR_BUILDKIT):
            words += ["--build-arg", each.name if each.secret else f"{each.name}={each.value}"]
    for number, secret in enumerate(order.secrets):
        words += ["--secret", f"id={secret.id},src={directory / _SECRETS / str(number)}"]
    words += [word for each in order.labels.items() for word in ("--label", "=".join(each))]
    return [*words, str(order.source.root)]


def _name_space(layers: str) -> str:
    return hashlib.sha256(layers.encode()).hexdigest()[:16] if layers else random.token_hex(8)


def environment(order: BuildOrder, host: str, directory: Path) -> dict[str, str]:
    """Everything buildx's environment has."""
    stamp = {"SOURCE_DATE_EPOCH": str(order.source.epoch)} if order.reproducible else {}
    return {
        **{each.name: each.value for each in order.arguments if each.secret},
        "PATH": _PATH,
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "DOCKER_HOST": host,
        "DOCKER_CONFIG": str(directory / _CONFIG),
        **stamp,
    }


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
