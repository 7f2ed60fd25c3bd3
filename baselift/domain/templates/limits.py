"""How much one rendering may cost: templates are hostile input."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from baselift.domain.templates.errors import Fault

MAX_TEXT = 1 << 20
MAX_OUTPUT = 4 << 20
MAX_STEPS = 250_000
MAX_BYTES = 64 << 20
MAX_NODES = 50_000
MAX_NESTING = 50
MAX_TEMPLATE_DEPTH = 40
MAX_DATA_DEPTH = 100
ELEMENT = 32  # bytes a list needs for each value, about


@dataclass(slots=True)
class Context:
    """What one rendering knows and what it may still spend.

    `bytes_left` counts everything functions ever made, not what is alive: a bound on memory and on copying at once.
    """

    now: datetime | None = None
    random: Random | None = None
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    max_output: int = MAX_OUTPUT
    steps_left: int = MAX_STEPS
    bytes_left: int = MAX_BYTES

    def step(self, count: int = 1) -> None:
        """Account for work.

        Raises:
            Fault: the rendering has used up its steps.
        """
        self.steps_left -= count
        if self.steps_left < 0:
            raise Fault(f"the template takes more than {MAX_STEPS} steps")

    def charge(self, size: int) -> None:
        """Account for a value of `size` bytes, before it is made.

        Raises:
            Fault: the value is larger than the output may be, or all values together are too large.
        """
        if size > self.max_output:
            raise Fault(f"a value of {size} bytes is larger than the {self.max_output} bytes that are allowed")
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise Fault(f"the template makes more than {MAX_BYTES} bytes of values")
