"""A history of which only the changes are kept, and what becomes of it when the clock is set back.

Whoever keeps such a history writes a row when something begins, and it lasts until the next row. After the clock
was set back, rows stand ahead of the time that begins again: they are written anew with what holds now, so that
they change nothing when that time comes.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["Starts", "edges_ahead"]

_KEPT: Final = 16


class Starts:
    """When the last changes began (UTC ms), in their order in time."""

    __slots__ = ("_times",)

    def __init__(self, times: Iterable[int] = ()) -> None:
        self._times = sorted(times)

    def after(self, time: int) -> list[int]:
        """Those that lie behind a time."""
        return [each for each in self._times if each > time]

    def add(self, *times: int) -> None:
        """Something began then; the oldest are forgotten."""
        self._times = sorted({*self._times, *times})[-_KEPT:]

    def dump(self) -> list[int]:
        """Answer the memory, JSON-ready."""
        return list(self._times)


def edges_ahead(time: int, spans: Iterable[tuple[int, int]]) -> set[int]:
    """The begins and ends of spans that lie behind a time."""
    return {edge for span in spans for edge in span if edge > time}
