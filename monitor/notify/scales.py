"""What stands along the axes of pictures: hours and days of the site, and what states and events are called."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["names", "ticks"]

_HOUR: Final = 3_600_000
_STEPS: Final = (
    (3, 1),
    (8, 2),
    (30, 6),
    (72, 12),
    (5 * 24, 24),
    (9 * 24, 48),
    (16 * 24, 96),
    (40 * 24, 168),
    (100 * 24, 14 * 24),
    (400 * 24, 56 * 24),
)
"""Hours of a picture up to which its ticks are so many hours apart."""


def names(say: Callable[[str], str]) -> Mapping[str, str]:
    """Answer what states and events are called; those of devices' own stay as they are."""
    return {
        "True": say("yes"),
        "False": say("no"),
        "card": say("card"),
        "opened": say("opened"),
        "closed": say("closed"),
        "forced": say("forced"),
        "held": say("held open"),
        "rex": say("exit button"),
        "duress": say("duress"),
        "tamper": say("tampering"),
        "reader_online": say("reader on-line"),
        "reader_offline": say("reader off-line"),
    }


def ticks(start: int, end: int, zone: ZoneInfo, day: Callable[[int], str]) -> Iterator[tuple[int, str]]:
    """Yield the ticks of [start, end], three to nine of them: (UTC ms, label); midnight has the day as its label.

    They are whole hours of the local day: every sixth for a day, midnight of some days for a week and more.
    """
    hours = next((step for most, step in _STEPS if end - start <= most * _HOUR), _STEPS[-1][1])
    quarter = datetime.fromtimestamp(start / 1000, UTC).replace(minute=0, second=0, microsecond=0)
    while (ms := round(quarter.timestamp() * 1000)) <= end:
        local = quarter.astimezone(zone)
        is_whole = local.minute == 0 and local.hour % min(hours, 24) == 0
        if ms >= start and is_whole and (hours <= 24 or local.date().toordinal() % (hours // 24) == 0):  # noqa: PLR2004
            yield ms, f"{local:%H:%M}" if local.hour else day(ms)
        quarter += timedelta(minutes=15)  # the hours of some zones begin at the half of those of UTC
