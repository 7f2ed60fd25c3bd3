"""What a Dockerfile's variables and shell are at each of its instructions.

Rules are BuildKit's: ENV and ARG share one scope in which the later wins, and a stage inherits the scope of the stage
it builds on. What a base image from a registry sets is asked for only when it matters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.expansion import Expander, ExpansionError
from baselift.domain.stages import DockerfileError, Globals, Stage, parse_trigger, triggers

SHELL: Final = ("/bin/sh", "-c")
SCRATCH: Final = "scratch"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PAIR: Final = 3


@dataclass(frozen=True, slots=True)
class BaseConfig:
    """What a base image's configuration brings into a stage: variables, SHELL, ONBUILD and HEALTHCHECK it may have."""

    env: Mapping[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    health: Mapping[str, Any] | None = None


Bases = Callable[[str], BaseConfig]
"""The configuration of an image, by its reference as it is after expansion in FROM; never asked for scratch."""


class Scope(Mapping[str, str]):
    """The variables of a stage, the shell of its RUN, and those of what it builds on below."""

    def __init__(
        self, shared: Globals, arguments: Mapping[str, str], below: "Callable[[], Scope] | None" = None
    ) -> None:
        self._shared, self._arguments, self._below = shared, arguments, below
        self._expander = Expander(shared.escape)
        self._own: dict[str, str] = {}
        self._shell: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        if name in self._own:
            return self._own[name]
        if self._below is None:
            raise KeyError(name)
        return self._below()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**(dict(self._below()) if self._below else {}), **self._own})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def shell(self) -> tuple[str, ...]:
        """What RUN gives its text to, as the last word."""
        return self._shell or (self._below().shell if self._below else SHELL)

    def expand(self, word: str, line: int) -> str:
        """The word with variables replaced, quotes and escapes removed.

        Raises:
            DockerfileError: a bad substitution.
        """
        try:
            return self._expander.expand(word, self)
        except ExpansionError as error:
            raise DockerfileError(f"'{word[:100]}': {error}", line) from None

    def apply(self, *instructions: DockerfileInstruction) -> None:
        """Go past instructions.

        Raises:
            DockerfileError: one of them has a bad substitution.
        """
        for each in instructions:
            if each.name == "ENV":
                pairs = zip(each.args[::_PAIR], each.args[1::_PAIR], strict=False)
                self._own |= {
                    self.expand(name, each.start_line): self.expand(value, each.start_line) for name, value in pairs
                }
            elif each.name == "ARG":
                self._declare(each)
            elif each.name == "SHELL" and each.json:
                self._shell = tuple(each.args)

    def take(self, base: BaseConfig) -> None:
        """Take over what a base image has, and what its ONBUILD does."""
        self._own |= {"PATH": _PATH, **base.env}
        self._shell = base.shell
        for text in base.triggers:
            self.apply(*parse_trigger(text, "\\", 1))

    def _declare(self, instruction: DockerfileInstruction) -> None:
        for word in instruction.args:
            name, given, default = word.partition("=")
            if name in self._arguments:
                self._own[name] = self._arguments[name]
            elif given:
                self._own[name] = self.expand(default, instruction.start_line)
            elif name in self._shared.values:
                self._own[name] = self._shared.values[name]


def scopes(
    stages: Sequence[Stage], arguments: Mapping[str, str], bases: Bases
) -> Iterator[tuple[DockerfileInstruction, Scope]]:
    """Each instruction after a FROM, with the scope that it sees.

    Raises:
        DockerfileError: a bad substitution, or an ONBUILD that does not parse.
    """
    found: list[Scope] = []
    for stage in stages:
        base = stage.base.stage
        below = partial(_of_image, stage, arguments, bases) if base is None else partial(found.__getitem__, base)
        scope = Scope(stage.shared, arguments, cache(below))
        if base is not None:
            scope.apply(*triggers(stages[base]))
        found.append(scope)
        for instruction in stage.instructions:
            yield instruction, scope
            scope.apply(instruction)


def trigger_scopes(
    stages: Sequence[Stage], arguments: Mapping[str, str], bases: Bases
) -> Iterator[tuple[int, DockerfileInstruction, Scope]]:
    """Each instruction that a stage puts into ONBUILD for others of this file: that stage's index, and the scope there.

    Raises:
        DockerfileError: as `scopes`.
    """
    used = {stage.base.stage for stage in stages}
    firing = [each for each in stages if each.index in used and any(one.name == "ONBUILD" for one in each.instructions)]
    # Once all is gone past, each scope is as its stage ends.
    ends = {id(each): scope for each, scope in scopes(stages, arguments, bases)} if firing else {}
    for stage in firing:
        above = Scope(stage.shared, arguments, partial(ends.__getitem__, id(stage.instructions[-1])))
        for trigger in triggers(stage):
            yield stage.index, trigger, above
            above.apply(trigger)


def _of_image(stage: Stage, arguments: Mapping[str, str], bases: Bases) -> Scope:
    config = BaseConfig() if stage.base.name == SCRATCH else bases(stage.base.name)
    scope = Scope(stage.shared, arguments)
    scope.take(config)
    return scope
