"""Why buildah failed, in words for the person who wrote the Dockerfile."""

import re
import signal
from contextlib import suppress
from typing import Final

_ERROR: Final = re.compile(r"^Error: (.*)", re.MULTILINE | re.DOTALL)
_STEP: Final = r'building at STEP "(?P<step>.*?)": '

_REASONS: Final = (
    (r"no space left on device", "no space left on the builder's disk; free some, or make the image smaller"),
    (
        r".*(?P<what>unauthorized|authentication required|denied): .*",
        "base image cannot be pulled: access denied. {all}",
    ),
    (r".*(manifest unknown|name unknown|repository name not known).*", "base image cannot be pulled: not there. {all}"),
    (
        r".*(connection refused|no such host|i/o timeout|x509: |server gave HTTP response to HTTPS client).*",
        "base image cannot be pulled: its registry does not answer. {all}",
    ),
    (rf"{_STEP}(?:while running runtime: )?exit status (?P<code>\d+)", "'{step}' exited with {code}"),
    (rf"{_STEP}(?P<why>.*)", "'{step}': {why}"),
    (r".*creating build container: (?P<why>.*)", "base image cannot be used: {why}"),
)
_TABLE: Final = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in _REASONS)
_LENGTH: Final = 1500


def reason(output: str, code: int) -> str:
    """The reason for a failed build; `output` is the end of what buildah printed, `code` its exit code.

    buildah ends with the exit code of the RUN that failed, or 125 for anything else.
    """
    errors = _ERROR.findall(output)
    message = errors[-1].strip() if errors else ""
    if not message:
        return _unsaid(output, code)
    for pattern, text in _TABLE:
        if found := pattern.search(message):
            return text.format(**{"all": message, **found.groupdict()})[:_LENGTH]
    return message[:_LENGTH]


def _unsaid(output: str, code: int) -> str:
    """The reason where buildah gave none: it was killed, or what it printed last may tell."""
    with suppress(ValueError):
        return f"buildah was ended by {signal.Signals(-code if code < 0 else code - 128).name}"
    return f"buildah ended with {code}: {output.strip()[-_LENGTH:] or 'no output'}"
