"""The files of one build: what buildah reads instead of this machine's configuration."""

import base64
import json
import re
import resource
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from baselift.domain.builds import Argument, Credential, Failure
from baselift.engines.sandbox import give

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names that buildah, its libraries or the shell that starts it read from their environment.
_READ_BY_TOOLS: Final = re.compile(
    r"PATH|HOME|TMPDIR|PWD|OLDPWD|IFS|PPID|OPT\w+|ENV|PS\d|MAIL\w*|CDPATH|TZ|USER|LC_\w+|LANG"
    r"|(?:XDG|_?CONTAINERS|REGISTRY|BUILDAH|STORAGE|LD|GO|SSL|DOCKER|LIBPOD|_)_?\w*|\w+_(?i:proxy)"
)
_TEMPORARY: Final = "temporary"
_FILES: Final = (".config/containers/registries.d/default.yaml", ".config/containers/policy.json")


def prepare(
    directory: Path,
    dockerfile: bytes,
    *,
    arguments: Sequence[Argument] = (),
    credentials: Mapping[str, Credential] | None = None,
    plain_http_hosts: Collection[str] = (),
) -> None:
    """Fill a new, empty directory with what only root inside the sandbox may read.

    Raises:
        Failure: an argument cannot be handed to buildah.
    """
    contents = {
        "Dockerfile": dockerfile,
        "arguments.sh": _exports(arguments).encode(),
        "auth.json": json.dumps({"auths": auths(credentials or {})}).encode(),
        "registries.conf": _registries(plain_http_hosts).encode(),
        "containers.conf": _limits().encode(),
        _FILES[0]: b"default-docker:\n  lookaside: file:///nonexistent\n",
        _FILES[1]: b'{"default": [{"type": "insecureAcceptAnything"}]}',
    }
    give(directory)
    for name in (_TEMPORARY, ".config", ".config/containers", ".config/containers/registries.d"):
        (directory / name).mkdir(mode=0o700)
        give(directory / name)
    for name, content in contents.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        give(path)


def environment(root: str) -> dict[str, str]:
    """Everything buildah's environment has, with `root` the sandbox's directory."""
    scratch = f"{root}/scratch"
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": scratch,
        "TMPDIR": f"{scratch}/{_TEMPORARY}",
        "XDG_RUNTIME_DIR": f"{scratch}/{_TEMPORARY}",
        "REGISTRY_AUTH_FILE": f"{scratch}/auth.json",
        "CONTAINERS_REGISTRIES_CONF": f"{scratch}/registries.conf",
        "CONTAINERS_CONF": f"{scratch}/containers.conf",
    }


def flags(arguments: Sequence[Argument]) -> list[str]:
    """``--build-arg`` for each: the name alone where buildah finds the value in its environment."""
    return [
        word
        for each in arguments
        for word in ("--build-arg", f"{each.name}={each.value}" if _on_command_line(each) else each.name)
    ]


def _on_command_line(argument: Argument) -> bool:
    return not argument.secret and (
        not _NAME.fullmatch(argument.name) or _READ_BY_TOOLS.fullmatch(argument.name) is not None
    )


def _exports(arguments: Sequence[Argument]) -> str:
    lines = []
    for argument in arguments:
        if "\0" in argument.name + argument.value or not argument.name or "=" in argument.name:
            raise Failure(f"build argument '{argument.name}': a name without '=', and no NUL in name or value")
        if argument.secret and (not _NAME.fullmatch(argument.name) or _READ_BY_TOOLS.fullmatch(argument.name)):
            raise Failure(
                f"secret build argument '{argument.name}': a name of letters, digits and _ that means nothing to "
                "buildah itself is needed, for example MY_TOKEN"
            )
        if not _on_command_line(argument):
            lines.append(f"export {argument.name}={shlex.quote(argument.value)}\n")
    return "".join(lines)


def auths(credentials: Mapping[str, Credential]) -> dict[str, dict[str, str]]:
    """What ``auths`` is in the configuration files of container tools."""
    return {
        host: {"auth": base64.b64encode(f"{each.username}:{each.password}".encode()).decode()}
        for host, each in credentials.items()
    }


def _registries(plain_http_hosts: Collection[str]) -> str:
    hosts = (f"[[registry]]\nlocation = {json.dumps(host)}\ninsecure = true\n" for host in sorted(plain_http_hosts))
    return 'unqualified-search-registries = ["docker.io"]\n' + "".join(hosts)


def _limits() -> str:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f'[containers]\ndefault_ulimits = ["nofile={files}:{files}"]\n'
