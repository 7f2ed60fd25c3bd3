"""Partition and row keys. One place decides where a row lives.

Registry and task names are case-insensitive in ARM: keys hold them in lower case.
"""

import hashlib

RUNS_TOGETHER = 1000
RUNS_AT_ONCE = 64
_LAST = 9_999_999_999


def short(text: str, digits: int) -> str:
    """The first hex digits of a hash: spreads rows over partitions."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def newest_first(seq: int) -> str:
    """A key under which higher numbers come first."""
    return f"{_LAST - seq:010d}"


def seq_of(key: str) -> int:
    """The number that `newest_first` made a key of."""
    return _LAST - int(key)


def run_partition(registry: str, seq: int) -> str:
    """A thousand runs share a partition, so that retention deletes many in one batch."""
    return runs_partition(registry, seq // RUNS_TOGETHER)


def runs_partition(registry: str, block: int) -> str:
    """Where the runs of one block live; 0 is the oldest."""
    return f"{registry.lower()}|{9_999_999 - block:07d}"


def of_registry(registry: str) -> tuple[str, str]:
    """The range of all partitions of one registry."""
    return f"{registry.lower()}|", f"{registry.lower()}~"


def task_partition(registry: str, task: str) -> str:
    """Where a task, a task run, and a gate lives."""
    return f"{registry.lower()}|{short(task.lower(), 2)}"


def task_runs_partition(registry: str, task: str) -> str:
    """Where the runs of one task are listed."""
    return f"{registry.lower()}|{short(task.lower(), 8)}"


def active_partition(registry: str, seq: int) -> str:
    """Sixteen partitions spread the runs that are not over; runs that begin together share one, for one batch."""
    return f"{registry.lower()}|{seq // RUNS_AT_ONCE % 16:x}"


def base_partition(image: str) -> str:
    """Where a watched base lives."""
    return short(image, 2)


def dependents_partition(image: str, shard: int) -> str:
    """Where one part of the edges to a base lives."""
    return f"{short(image, 8)}|{shard:02x}"


def dependents_partitions(image: str) -> tuple[str, str]:
    """The range of all edges to a base: one movement reads these and no others."""
    return f"{short(image, 8)}|", f"{short(image, 8)}~"


def shard(dependent: str) -> int:
    """Which of 64 partitions an edge is in, by its key."""
    return int(short(dependent, 2), 16) % 64


def dependent(registry: str, task: str) -> str:
    """Key of the edge from a task."""
    return f"{registry.lower()}|{task.lower()}"
