"""Places where residents report what is wrong, as a site has them, and what everybody can report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = [
    "EVENT_REPORT",
    "OWN",
    "STOCK_REPORTS",
    "TOO_MANY",
    "WHOLE_SITE",
    "Place",
    "Report",
    "Residents",
    "Weight",
]

EVENT_REPORT: Final = "resident_report"
"""Kind of the event that somebody reported something; never with what he wrote."""

OWN: Final = "own"
"""Stands for all reports that a site has words of its own for."""

TOO_MANY: Final = "too-many"
"""What the monitor reports itself: more was reported than people are told of."""
WHOLE_SITE: Final = "residents"
"""The place of that: no other has this id."""


class Weight(StrEnum):
    """How a report is treated."""

    DANGER = "danger"
    """Somebody may be hurt: the page says first whom to call."""
    USUAL = "usual"


STOCK_REPORTS: Final[Mapping[str, Weight]] = {
    "person-stuck": Weight.DANGER,
    "fire": Weight.DANGER,
    "smell-of-gas": Weight.DANGER,
    "water": Weight.USUAL,
    "no-power": Weight.USUAL,
    "no-water": Weight.USUAL,
    "no-heating": Weight.USUAL,
    "lift-stuck": Weight.USUAL,
    "door": Weight.USUAL,
    "light": Weight.USUAL,
    "noise": Weight.USUAL,
    "other": Weight.USUAL,
}
"""What can be reported without words of the site's own, the gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing that can be reported at a place. `texts`: the site's own words by language; empty: it is stock."""

    id: str
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether the site has words of its own for it."""
        return bool(self.texts)

    @property
    def is_danger(self) -> bool:
        """Whether somebody may be hurt."""
        return STOCK_REPORTS.get(self.id) is Weight.DANGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a label with a code hangs. `device`: what it is about, such as a lift; empty: none that is known."""

    id: str
    name: str
    building: str = ""
    zone: str = ""
    device: str = ""
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residents:
    """How residents report: `base` is how they reach the pages, `host` and `port` where those are served.

    `keep`: seconds for which what they reported and wrote is kept. `languages`: those offered, the usual one
    first. `emergency`: the number to call first where somebody may be hurt; `contact`: whom else to call. `most`:
    so many alarms an hour, of those in danger and of all others.
    """

    base: str
    host: str = "127.0.0.1"
    port: int = 8490
    keep: float = 90 * 86400.0
    languages: tuple[str, ...] = ("en", "zh")
    emergency: str = ""
    contact: str = ""
    most: int = 10
    places: Mapping[str, Place] = field(default_factory=dict)
