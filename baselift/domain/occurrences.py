"""When the app's own timers are due: NCRONTAB, which may begin with a field for seconds."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from baselift.domain import schedules

_WITH_SECONDS = 6


def occurrences(text: str, moment: datetime) -> Iterator[datetime]:
    """The times later than `moment`, in order, in UTC.

    Args:
        text: five fields as for `schedules.parse`, or six with the seconds first, as the Functions host takes them.
        moment: aware.

    Raises:
        ValueError: the text is no schedule.
    """
    words = text.split()
    with_seconds = len(words) == _WITH_SECONDS
    minutes = schedules.parse(" ".join(words[1:] if with_seconds else words))
    # Seconds are written as minutes are.
    seconds = sorted(schedules.parse(f"{words[0]} * * * *").minutes) if with_seconds else [0]
    return _each(minutes, seconds, moment)


def _each(minutes: schedules.Schedule, seconds: list[int], moment: datetime) -> Iterator[datetime]:
    start = moment.replace(second=0, microsecond=0) - timedelta(minutes=1)
    while (start := minutes.after(start)) is not None:  # type: ignore[assignment]  # it ends the loop
        for second in seconds:
            if (at := start + timedelta(seconds=second)) > moment:
                yield at
