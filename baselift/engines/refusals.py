"""What buildah cannot do with a Dockerfile, known before it starts.

Which release brought what was measured with one Dockerfile per feature; a feature without a release is in none so far.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.builds import Failure

Version = tuple[int, ...]
_SHELL_EXPANSION: Final = re.compile(r"\$\{\w+[#%/]")
_EXPANDED: Final = frozenset(
    {"ADD", "ARG", "COPY", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)
_FILES: Final = frozenset({"ADD", "COPY"})


@dataclass(frozen=True, slots=True)
class Feature:
    """Something a Dockerfile may use: how to see it in an instruction, and the first buildah release that can."""

    title: str
    used: Callable[[DockerfileInstruction], bool]
    since: Version | None
    instead: str


def flag(instructions: Iterable[str], name: str, value: str = "") -> Callable[[DockerfileInstruction], bool]:
    """Sees a flag, or one with `value` in its value, in the instructions of these names."""
    names, pattern = frozenset(instructions), re.compile(rf"{name}(=.*{value}.*)?", re.DOTALL)
    return lambda each: each.name in names and any(pattern.fullmatch(word) for word in each.flags)


def _expands_like_a_shell(instruction: DockerfileInstruction) -> bool:
    return instruction.name in _EXPANDED and _SHELL_EXPANSION.search(instruction.original) is not None


def _mounts_secret_as_variable(instruction: DockerfileInstruction) -> bool:
    mounts = [flag.lower() for flag in instruction.flags if flag.startswith("--mount=")]
    return any("type=secret" in mount and re.search(r"[=,]env=", mount) for mount in mounts)


FEATURES: Final = (
    Feature("--parents", flag(_FILES, "--parents"), None, "name the target directory of each source"),
    Feature("--exclude", flag(_FILES, "--exclude"), (1, 39), "list the files in .dockerignore"),
    Feature("--unpack", flag({"ADD"}, "--unpack"), None, "unpack it in a RUN"),
    Feature("--network", flag({"RUN"}, "--network"), None, "leave the flag out: a RUN has the builder's network"),
    Feature("--security", flag({"RUN"}, "--security"), None, "leave the flag out"),
    Feature("--device", flag({"RUN"}, "--device"), None, "leave the flag out"),
    Feature("a secret as variable", _mounts_secret_as_variable, None, "read the secret from its file"),
    Feature(
        "${name#pattern}, ${name%pattern} or ${name/a/b}", _expands_like_a_shell, (1, 39), "pass the result as ARG"
    ),
)


def refuse(instructions: Iterable[DockerfileInstruction], version: Version) -> None:
    """Check every instruction against what this release of buildah can do.

    Raises:
        Failure: the first that it cannot do, with the line and what would do instead.
    """
    lacking = [feature for feature in FEATURES if feature.since is None or version < feature.since]
    refuse_all(instructions, lacking, f"buildah {'.'.join(map(str, version))}")


def refuse_all(instructions: Iterable[DockerfileInstruction], lacking: Sequence[Feature], who: str) -> None:
    """Check every instruction against what `who` lacks.

    Raises:
        Failure: the first that it cannot do, with the line and what would do instead.
    """
    for instruction in instructions:
        for feature in lacking:
            if feature.used(instruction):
                raise Failure(
                    f"Dockerfile line {instruction.start_line}: {instruction.name} uses {feature.title}, "
                    f"which {who} cannot do; {feature.instead}"
                )
