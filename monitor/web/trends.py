"""What can be asked of whoever draws pictures of what a device told."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Trend", "TrendBusy", "TrendDesk", "TrendNotDrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """What is to be drawn: a point of a device in [start, end) (UTC ms), or its events (`point` empty).

    `unit` is that of the point, `limit` in it: a line across. `silence`: milliseconds after which nobody knows a
    state any more (None: it lasts until the next). `is_counter`: the ledger has what was before the journal.
    `language` and `timezone` are those of the words in it.
    """

    device: str
    point: str
    start: int
    end: int
    unit: str = ""
    limit: float | None = None
    silence: int | None = None
    is_counter: bool = False
    language: str = "en"
    timezone: str = "UTC"


class TrendNotDrawn(Exception):
    """There is no picture: it took too long, or whoever draws it ended."""


class TrendBusy(TrendNotDrawn):
    """Too many pictures are asked for at once."""


class TrendDesk(Protocol):
    """Draws pictures."""

    async def draw(self, trend: Trend) -> bytes:
        """Answer an SVG without scripts; raises TrendNotDrawn."""
