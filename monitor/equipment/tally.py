"""What is added to the local days of equipment: seconds, starts and failures, cut at the midnights of the site."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.periods import day_of

__all__ = ["Midnights", "Tally", "added"]

_SUMS: Final = ("known_s", "running_s", "fault_s", "starts", "failed", "short_cycles")


class Midnights:
    """Says on which local day a moment lies; remembers the day that it was asked for last."""

    __slots__ = ("_begin", "_end", "_name", "_zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._begin = self._end = 0
        self._name = ""

    def day(self, time: int) -> str:
        """The local day of a moment, ISO."""
        if not self._begin <= time < self._end:
            period = day_of(time, self._zone)
            self._begin, self._end, self._name = period.start, period.end, period.name
        return self._name

    def cut(self, start: int, end: int) -> Iterator[tuple[str, int]]:
        """The local days of [start, end), and how many ms of it lie on each."""
        while start < end:
            name = self.day(start)
            until = min(end, self._end)
            yield name, until - start
            start = until


class Tally:
    """What is new of the days of one device since it was last written down."""

    __slots__ = ("_days", "_midnights")

    def __init__(self, midnights: Midnights) -> None:
        self._midnights = midnights
        self._days: dict[str, dict[str, float]] = {}

    def span(self, name: str, start: int, end: int) -> None:
        """Add the time [start, end) to the seconds of that name."""
        for day, lasted in self._midnights.cut(start, end):
            self._add(day, name, lasted / 1000)

    def is_one_day(self, time: int, other: int) -> bool:
        """Whether two moments lie on the same local day."""
        return self._midnights.day(time) == self._midnights.day(other)

    def count(self, name: str, time: int, number: int = 1) -> None:
        """Add to a number of the day of a moment."""
        self._add(self._midnights.day(time), name, number)

    def run(self, time: int, lasted: int) -> None:
        """A run of so many ms ended."""
        found = self._days.setdefault(self._midnights.day(time), {})
        found["shortest_s"] = min(found.get("shortest_s", lasted / 1000), lasted / 1000)

    def news(self) -> dict[str, dict[str, float]]:
        """What is to be added to each local day; it is not told again."""
        days, self._days = self._days, {}
        return days

    def _add(self, day: str, name: str, number: float) -> None:
        found = self._days.setdefault(day, {})
        found[name] = found.get(name, 0) + number


def added(body: Mapping[str, Any], news: Mapping[str, float]) -> dict[str, Any]:
    """A day as it is kept, with what is new of it."""
    total = {name: round(body.get(name, 0) + news.get(name, 0), 3) for name in _SUMS}
    runs = [each["shortest_s"] for each in (body, news) if each.get("shortest_s") is not None]
    return {**total, "shortest_s": min(runs, default=None)}
