"""When to try again (semantics 1.3 and 1.7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from baselift.domain.taskfile.model import Step

PUSH_ATTEMPTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_DOUBLINGS = 5


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a step runs. All repetitions run even if one fails; the step fails if any did."""

    repetitions: int
    """Times that the step is run: its repeat and one."""
    tries: int
    """Times that each repetition is tried at most: its retries and one."""
    delay: float
    """Seconds between tries."""
    timeout: float
    """Seconds for all of them together."""

    def pause(self, tried: int, elapsed: float, *, retryable: bool = True) -> float | None:
        """Seconds to wait after a failed try before the next; None when there is to be none.

        Args:
            tried: tries of this repetition so far.
            elapsed: seconds since the first try of the first repetition began.
            retryable: what `ErrorWatch.retryable` says of the try's output.
        """
        late = elapsed + self.delay >= self.timeout
        return None if tried >= self.tries or late or not retryable else self.delay


def attempts(step: Step) -> Attempts:
    """The plan of a step's attempts."""
    return Attempts(step.repeat + 1, step.retries + 1, float(step.retry_delay), float(step.timeout))


def backoff(tried: int) -> float:
    """Seconds to wait before trying a push, a login or the like again: 0.25, 0.5, 1 and so on, 5 at most."""
    return min(_FIRST_PAUSE * 2.0 ** min(max(tried - 1, 0), _DOUBLINGS), _LONGEST_PAUSE)


class ErrorWatch:
    """Looks for a step's retryOnErrors in the output of one try. Use one for stdout and one for stderr."""

    def __init__(self, errors: Sequence[str]) -> None:
        self._errors = [error.encode() for error in errors]
        self._kept = max((len(error) for error in self._errors), default=1) - 1
        self._tail = b""
        self._found = False

    @property
    def retryable(self) -> bool:
        """True when one of the texts has been seen, or none was asked for."""
        return self._found or not self._errors

    def feed(self, chunk: bytes) -> None:
        """Take in more output. Only as much of it is kept as a text can span."""
        if self.retryable:
            return
        seen = self._tail + chunk
        self._found = any(error in seen for error in self._errors)
        self._tail = seen[-self._kept :] if self._kept else b""
