"""Reports by kind, each made from what the books answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.periods import Period
from monitor.reports.access import access
from monitor.reports.alarms import alarms
from monitor.reports.balance import balance
from monitor.reports.books import Books
from monitor.reports.cost import cost
from monitor.reports.coverage import coverage
from monitor.reports.equipment import equipment
from monitor.reports.meters import Asked, meters_of
from monitor.reports.notifications import notifications
from monitor.reports.report import KINDS, Report
from monitor.reports.supply import supply
from monitor.reports.usage import usage
from monitor.site import Site

__all__ = ["Desk", "build"]

_MAKERS: Final = dict(
    zip(
        KINDS,
        (usage, cost, coverage, balance, access, equipment, supply, alarms, notifications),
        strict=True,
    )
)


async def build(  # noqa: PLR0913 - what a report depends on
    kind: str, books: Books, site: Site, period: Period, *, now: int, devices: Sequence[str] | None = None
) -> Report:
    """Make a report of a kind about a period, at `now` (UTC ms).

    `devices`: ids of what it is about; None: all there is. Meters, doors (by any of their devices), equipment and
    the buildings of these are taken, each by the reports about them; others are left out.
    Raises ValueError for a kind that there is not.
    """
    if kind not in _MAKERS:
        raise ValueError(f"there is no report `{kind[:40]}`: it is one of {', '.join(KINDS)}")
    asked = Asked(
        books=books,
        site=site,
        period=period,
        now=now,
        meters=meters_of(site, devices),
        chosen=None if devices is None else frozenset(devices),
        compares=kind == "balance",
    )
    return await _MAKERS[kind](asked)


@dataclass(frozen=True, slots=True)
class Desk:
    """Makes reports of one site at the moment they are asked for; `now` answers UTC ms."""

    books: Books
    site: Site
    now: Callable[[], int]

    async def build(self, kind: str, period: Period, devices: Sequence[str] | None) -> Report:
        """Make a report of a kind; `devices`: ids, None: all. Raises as `build` does."""
        return await build(kind, self.books, self.site, period, now=self.now(), devices=devices)
