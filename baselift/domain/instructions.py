"""The instructions of a Dockerfile, those of an ONBUILD with here-documents too.

Parsing is `e2b_dockerfile_utils`, a port of BuildKit's parser, which takes here-documents after RUN, COPY and ADD only;
BuildKit (``parser.heredocCompoundDirectives``) takes them after ONBUILD as well.
"""

import re
from typing import Final

from e2b_dockerfile_utils import DockerfileAst, DockerfileInstruction, parse_dockerfile_ast

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+$")
_ONBUILD: Final = re.compile(r"([ \t]*)onbuild[ \t]+(?=(?:run|copy|add)[ \t])", re.IGNORECASE)


def parse(text: str) -> DockerfileAst:
    """The instructions in their order, and the escape character.

    The `original` of an ONBUILD with here-documents is as BuildKit keeps it in an image: with their texts in lines of
    their own.

    Raises:
        DockerfileSyntaxError: not a Dockerfile.
    """
    lines: list[str] = _LINES.findall(text)
    triggers = {number for number, line in enumerate(lines, 1) if _ONBUILD.match(line)} if "<<" in text else set()
    if triggers:
        # A line may look like an ONBUILD and be part of another instruction: only where one begins it is one.
        found = parse_dockerfile_ast(_bare(lines, triggers))
        triggers = {each.start_line for each in found.instructions if each.heredocs} & triggers
    found = parse_dockerfile_ast(_bare(lines, triggers) if triggers else text)
    for each in found.instructions:
        if each.start_line in triggers:
            _wrap(each)
    return found


def _bare(lines: list[str], triggers: set[int]) -> str:
    return "".join(
        _ONBUILD.sub(r"\1", line, count=1) if number in triggers else line for number, line in enumerate(lines, 1)
    )


def _wrap(instruction: DockerfileInstruction) -> None:
    texts = "".join(f"\n{each.content}{each.name}" for each in instruction.heredocs)
    instruction.name, instruction.original = "ONBUILD", f"ONBUILD {instruction.original.lstrip()}{texts}"
    instruction.flags, instruction.args, instruction.json, instruction.heredocs = [], [], False, []
