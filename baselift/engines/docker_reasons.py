"""Why BuildKit failed, in words for the person who wrote the Dockerfile."""

import re
from typing import Final

_ERROR: Final = re.compile(r"^ERROR: (.*)", re.MULTILINE | re.DOTALL)
_STEP: Final = re.compile(r"^ > \[[^\]\n]*\d+/\d+\] (.*):$", re.MULTILINE)
_LINE: Final = re.compile(r"^\w\S*:(\d+)\n-+$", re.MULTILINE)
_LENGTH: Final = 1500
_CANNOT_BE_PULLED: Final = "base image cannot be pulled: "
_REASONS: Final = (
    (r".*no space left on device.*", "no space left on the Docker engine's disk; free some: docker builder prune"),
    (r".*process .* did not complete successfully: exit code: (?P<code>\d+).*", "'{step}' exited with {code}"),
    (r"(?i).*(unauthorized|authentication required|denied|authorization failed).*", "{base}access denied. {all}"),
    (
        r".*server gave HTTP response to HTTPS client.*",
        "{base}the Docker engine asks for https: list the host in insecure-registries of its daemon.json. {all}",
    ),
    (
        r".*(connection refused|no such host|i/o timeout|x509: ).*",
        "{base}its registry does not answer the Docker engine. {all}",
    ),
    (r".*failed to resolve source metadata for .*: not found", "{base}not there. {all}"),
    (r"(dockerfile parse error on line (?P<number>\d+): )(?P<why>.*)", "Dockerfile line {number}: {why}"),
)
_TABLE: Final = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in _REASONS)


def reason(output: str, code: int) -> str:
    """The reason for a failed build; `output` is the end of what buildx printed, `code` its exit code."""
    errors = _ERROR.findall(output)
    message = errors[-1].strip().removeprefix("failed to solve: ") if errors else ""
    if not message:
        return f"buildx ended with {code}: {output.strip()[-_LENGTH:] or 'no output'}"
    step, line = _STEP.findall(output), _LINE.findall(output)
    facts = {"all": message, "step": step[-1] if step else "a step", "base": _CANNOT_BE_PULLED}
    for pattern, text in _TABLE:
        if found := pattern.fullmatch(message):
            return text.format(**{**facts, **found.groupdict()})[:_LENGTH]
    return (f"Dockerfile line {line[-1]}: " if line else "")[:_LENGTH] + message[:_LENGTH]
