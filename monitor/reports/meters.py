"""What all reports share: which meters, which span of time, what may be added, and notes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.figures import Break, Consumption, UsageBook
from monitor.meters import billed_counter
from monitor.periods import HOUR, QUARTER, Period, local_day, year_before
from monitor.reports.books import Books
from monitor.reports.report import Chart, Headline, Phrase, Report, Section
from monitor.schema import COUNTER_NAMES, rate_unit, unit_sign
from monitor.site import Device, Site

__all__ = [
    "DIGITS",
    "Asked",
    "Notebook",
    "by_key",
    "change",
    "clock",
    "counted",
    "is_known",
    "label_of",
    "meters_of",
    "name_of",
    "per_of",
    "quantity",
    "rate",
    "share",
    "total",
]

DIGITS: Final[Mapping[str, int]] = {"kWh": 1, "m3": 2, "kW": 2, "m3/h": 3}
_SLACK: Final = 2 * HOUR
"""While a period runs, what was read last may be this old, and all of it still counts as known."""
_NEARLY_ALL: Final = 0.9999
_DAYS: Final = 62
"""Longer periods are drawn by month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a report was asked about, and whom it asks."""

    books: Books
    site: Site
    period: Period
    now: int
    meters: tuple[Device, ...]
    chosen: frozenset[str] | None = None
    """Ids of the devices that were asked for, meters or not; None: all."""
    compares: bool = False
    """Whether meters are held against each other: then only quarters of an hour that are over for all of them."""

    @property
    def book(self) -> UsageBook:
        """Who answers about meters."""
        return self.books.usage

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the site."""
        return self.site.timezone

    @property
    def end(self) -> int:
        """The end of what can be known: of the period, or of a quarter of an hour, the one that runs now."""
        running = self.now // QUARTER * QUARTER + (0 if self.compares else QUARTER)
        return max(self.period.start, min(self.period.end, running))

    @property
    def is_running(self) -> bool:
        """Whether the period is not over."""
        return self.now < self.period.end

    @property
    def so_far(self) -> int:
        """The moment up to which something is known."""
        return min(self.now, self.end)

    @property
    def before(self) -> tuple[int, int]:
        """The same span a year before; of a period that runs, only as much as has gone by."""
        earlier = year_before(self.period, self.zone)
        if not self.is_running:
            return earlier.start, earlier.end
        elapsed = max(0, self.now // QUARTER * QUARTER - self.period.start)
        return earlier.start, min(earlier.end, earlier.start + elapsed)

    async def consumption(
        self, devices: Iterable[Device], span: tuple[int, int], per: str = ""
    ) -> Sequence[Consumption]:
        """Ask the book, but not for an empty span."""
        ids = [device.id for device in devices]
        return await self.book.consumption(ids, *span, per=per) if ids and span[0] < span[1] else ()

    def report(  # noqa: PLR0913 - the parts of a report
        self,
        kind: str,
        *,
        is_complete: bool,
        headlines: Sequence[Headline] = (),
        charts: Sequence[Chart] = (),
        sections: Sequence[Section] = (),
        details: Sequence[Section] = (),
        book: "Notebook",
        nothing: str | None = None,
    ) -> Report:
        """Put the parts together.

        `nothing`: key of what is said where there is nothing that it could be about; empty: there is something;
        None: it is about meters.
        """
        notes = list(book.notes)
        lacks = ("" if self.meters else "no_meters") if nothing is None else nothing
        if lacks:
            notes.insert(0, Phrase(lacks))
        elif self.is_running:
            notes.insert(0, Phrase("running", {"until": clock(self.so_far, self.zone)}))
        return Report(
            kind=kind,
            site=self.site.id,
            site_name=self.site.name,
            timezone=self.zone.key,
            language=self.site.language,
            period=self.period,
            generated=self.now,
            until=self.so_far,
            is_complete=is_complete and not self.is_running and not lacks,
            headlines=tuple(headlines),
            charts=tuple(charts),
            sections=tuple(sections),
            details=tuple(details),
            footnotes=tuple(book.footnotes),
            notes=tuple(notes),
        )


@dataclass(slots=True)
class Notebook:
    """Notes of a report while it is made; none is said twice."""

    notes: list[Phrase] = field(default_factory=list)
    footnotes: list[Phrase] = field(default_factory=list)

    def note(self, key: str, **facts: str) -> None:
        """Say something about the whole report."""
        phrase = Phrase(key, facts)
        if phrase not in self.notes:
            self.notes.append(phrase)

    def footnote(self, key: str, **facts: str) -> int:
        """Say something about a row; answers the number of the footnote."""
        phrase = Phrase(key, facts)
        if phrase not in self.footnotes:
            self.footnotes.append(phrase)
        return self.footnotes.index(phrase) + 1

    def breaks(self, found: Consumption, zone: ZoneInfo) -> tuple[int, ...]:
        """Footnotes about where a counter did not simply count on."""
        return tuple(self._break(each, found.unit, zone) for each in found.breaks)

    def _break(self, told: Break, unit: str, zone: ZoneInfo) -> int:
        facts = {
            "start": clock(told.start, zone),
            "end": clock(told.end, zone),
            "amount": quantity(told.amount, unit),
            "old": "?" if told.start_register is None else quantity(told.start_register, unit),
            "new": "?" if told.end_register is None else quantity(told.end_register, unit),
        }
        facts["by"] = f" ({told.by}: {told.reason or '-'})" if told.by else ""
        return self.footnote(f"break_{told.cause}{'_lost' if told.lost else ''}", **facts)


def meters_of(site: Site, devices: Sequence[str] | None) -> tuple[Device, ...]:
    """The devices that count something, or those of them that are named."""
    wanted = None if devices is None else frozenset(devices)
    return tuple(
        device for device in site.devices.values() if (wanted is None or device.id in wanted) and _is_meter(device)
    )


def _is_meter(device: Device) -> bool:
    return device.device_class in COUNTER_NAMES and billed_counter(device) is not None


def counted(meters: Iterable[Device]) -> tuple[Device, ...]:
    """Those meters of a class that make up its sum: nothing is counted by two of them.

    Main meters of the whole site when there are some; else those of the buildings, with the meters that are no
    sub-meters of the buildings that have no main meter; without any main meter, all. Virtual ones never.
    """
    real = [device for device in meters if device.virtual is None]
    mains = [device for device in real if device.role == "main"]
    if whole := [device for device in mains if not device.building]:
        return tuple(whole)
    if not mains:
        return tuple(real)
    measured = {device.building for device in mains}
    return (
        *mains,
        *(one for one in real if one.role not in {"main", "sub"} and one.building not in measured),
    )


def is_known(found: Consumption | None, asked: Asked) -> bool:
    """Whether all of a consumption is known; while the period runs, all but the last hours."""
    if found is None or found.amount is None:
        return False
    if found.known >= _NEARLY_ALL:
        return True
    span = found.end - found.start
    return asked.is_running and found.end >= asked.end and (1 - found.known) * span <= _SLACK


def share(part: float, whole: float) -> float | None:
    """Percent of a whole; None where there is none."""
    return 100 * part / whole if whole else None


def total(found: Iterable[float | None]) -> float | None:
    """The sum; not known when one of them is not, or when there are none."""
    values = list(found)
    known = [value for value in values if value is not None]
    return fsum(known) if known and len(known) == len(values) else None


def change(now: float | None, before: float | None) -> float | None:
    """The difference to the year before in percent of it; None where one is not known or there was nothing."""
    return None if now is None or not before else 100 * (now - before) / before


def per_of(period: Period) -> str:
    """The pieces in which a period is drawn."""
    if period.first == period.last:
        return "hour"
    return "day" if (period.last - period.first).days < _DAYS else "month"


def name_of(device: Device) -> str:
    """What people call a device."""
    return device.name or device.id


def rate(value: float | None, unit: str) -> float | None:
    """A rate of a counter (W, m3/h) as reports show it: in kW or m3/h."""
    return None if value is None else value / rate_unit(unit)[1]


def quantity(value: float, unit: str) -> str:
    """A number with its unit, as it stands in a sentence."""
    return f"{value:.{DIGITS.get(unit, 1)}f} {unit_sign(unit)}"


def clock(time: int, zone: ZoneInfo) -> str:
    """A moment on the clock of the site, to the minute."""
    return datetime.fromtimestamp(time / 1000, zone).strftime("%Y-%m-%d %H:%M")


def by_key(found: Iterable[Any], key: str) -> dict[Any, list[Any]]:
    """Things by one of their facts, in the order of the first of each."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for each in found:
        groups[getattr(each, key)].append(each)
    return dict(groups)


def label_of(start: int, per: str, zone: ZoneInfo) -> str:
    """The name of a piece of time: `2026-11-27`, `2026-11` or `13:00`."""
    if per == "hour":
        return datetime.fromtimestamp(start / 1000, zone).strftime("%H:%M")
    day = local_day(start, zone)
    return f"{day:%Y-%m}" if per == "month" else day.isoformat()
