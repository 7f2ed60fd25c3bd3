"""The task that a single command stands for, as ``az acr run --cmd`` makes it (semantics 2.6)."""

from baselift.domain.taskfile.errors import TaskFileError


def single_command(cmd: str, timeout: int | None = None) -> str:
    """A v1.1.0 task file with one ``cmd`` step. Templates and aliases in the command work as in any task file.

    Args:
        cmd: an image and what runs in it.
        timeout: seconds for the step; None for the default.

    Raises:
        TaskFileError: the command is empty.
    """
    if not cmd.strip():
        raise TaskFileError("the command is empty; it is an image and what runs in it")
    # A block scalar keeps the text as it is: quotes inside would change templates.
    lines = "\n".join(f"      {line}" if line.strip() else "" for line in cmd.strip().splitlines())
    limit = "" if timeout is None else f"    timeout: {timeout}\n"
    return f"version: v1.1.0\nsteps:\n  - cmd: |-\n{lines}\n    disableWorkingDirectoryOverride: true\n{limit}"
