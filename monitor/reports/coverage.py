"""The report `coverage`: what each meter should have said, what it did, and why the rest is lost."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from monitor.figures import CAUSES, DayCoverage
from monitor.periods import local_day
from monitor.reports.meters import Asked, Notebook, by_key, name_of
from monitor.reports.report import Chart, Column, Headline, Phrase, Report, Row, Section, Series
from monitor.site import Device

__all__ = ["coverage"]

_WORST = 5
_MOST_DAYS = 400
"""Days that a picture has room for."""
_WHOLE = 100.0


async def coverage(asked: Asked) -> Report:
    """Make the report; virtual meters and those that are read by hand are expected to say nothing."""
    book = Notebook()
    meters = tuple(one for one in asked.meters if one.virtual is None and not one.by_hand)
    last = min(asked.period.last, local_day(asked.now, asked.zone))
    found: Sequence[DayCoverage] = ()
    if meters and last >= asked.period.first:
        found = await asked.book.coverage([one.id for one in meters], asked.period.first, last)
    known = by_key(found, "device")
    days = {one.id: known.get(one.id, []) for one in meters}
    if len(meters) < len(asked.meters):
        book.note("coverage_without")
    rows = tuple(_row(one, days[one.id], book) for one in meters)
    total = _cells("", found)
    totals = (Row(cells=total, level="total", said=Phrase("sum_all")),) if len(rows) > 1 else ()
    section = Section(title=Phrase("coverage"), columns=_columns(), rows=rows, totals=totals)
    worst = _worst(found, {one.id: name_of(one) for one in meters})
    return asked.report(
        "coverage",
        is_complete=_share(found) == _WHOLE and all(days.values()),
        headlines=_headlines(found),
        charts=_charts(asked, meters, found),
        sections=[section, *worst] if rows else [],
        details=[_details(meters, days)] if rows else [],
        book=book,
    )


def _share(days: Sequence[DayCoverage]) -> float | None:
    """Percent of what was expected that came; None where nothing was expected."""
    expected = sum(each.expected for each in days)
    return 100 * sum(each.received for each in days) / expected if expected else None


def _counts() -> tuple[Column, ...]:
    names = ("expected", "received", "late", *(f"lost_{cause}" for cause in CAUSES))
    return tuple(Column(name=name, kind="number", align="right") for name in names)


def _percent() -> Column:
    return Column(name="received_share", unit="%", kind="percent", digits=2, align="right")


def _columns() -> tuple[Column, ...]:
    return (Column(name="meter"), _percent(), *_counts(), Column(name="worst_day", kind="day", align="right"))


def _told(days: Sequence[DayCoverage]) -> tuple[int, ...]:
    return (
        sum(each.expected for each in days),
        sum(each.received for each in days),
        sum(each.late for each in days),
        *(sum(each.lost.get(cause, 0) for each in days) for cause in CAUSES),
    )


def _cells(name: str, days: Sequence[DayCoverage]) -> tuple[str | int | float | None, ...]:
    bad = [each for each in days if each.received < each.expected]
    worst = max(bad, key=lambda each: (each.expected - each.received) / each.expected, default=None)
    return (name, _share(days), *_told(days), worst.day.isoformat() if worst else None)


def _row(meter: Device, days: Sequence[DayCoverage], book: Notebook) -> Row:
    notes = () if _share(days) is not None else (book.footnote("coverage_unknown", meter=name_of(meter)),)
    return Row(cells=_cells(name_of(meter), days), device=meter.id, notes=notes)


def _headlines(found: Sequence[DayCoverage]) -> list[Headline]:
    told = _told(found)
    lost = sum(told[3:])
    causes = [(count, cause) for cause, count in zip(CAUSES, told[3:], strict=True) if count]
    remark = None
    if causes:
        count, cause = max(causes)
        remark = Phrase("mostly", {"cause": f"cause_{cause}", "percent": f"{100 * count / lost:.0f}"})
    return [
        Headline(name=Phrase("received_share"), value=_share(found), unit="%", digits=2),
        Headline(name=Phrase("lost"), value=lost, unit="", remark=remark),
        Headline(name=Phrase("late"), value=told[2], unit=""),
    ]


def _worst(found: Sequence[DayCoverage], names: Mapping[str, str]) -> list[Section]:
    """The days and meters that lost most."""
    bad = sorted(
        (each for each in found if each.received < each.expected),
        key=lambda each: (each.received / each.expected, each.day, each.device),
    )[:_WORST]
    if not bad:
        return []
    columns = (Column(name="meter"), Column(name="day", kind="day"), _percent(), *_counts())
    rows = tuple(
        Row(
            cells=(names.get(each.device, each.device), each.day.isoformat(), _share([each]), *_told([each])),
            device=each.device,
        )
        for each in bad
    )
    return [Section(title=Phrase("worst_days"), columns=columns, rows=rows)]


def _details(meters: Sequence[Device], days: Mapping[str, Sequence[DayCoverage]]) -> Section:
    columns = (Column(name="device"), Column(name="meter"), Column(name="day", kind="day"), _percent(), *_counts())
    rows = tuple(
        Row(cells=(one.id, name_of(one), each.day.isoformat(), _share([each]), *_told([each])), device=one.id)
        for one in meters
        for each in days[one.id]
    )
    return Section(title=Phrase("coverage"), columns=columns, rows=rows)


def _charts(asked: Asked, meters: Sequence[Device], found: Sequence[DayCoverage]) -> list[Chart]:
    count = (asked.period.last - asked.period.first).days + 1
    if not found or count > _MOST_DAYS:
        return []
    labels = [(asked.period.first + timedelta(days=number)).isoformat() for number in range(count)]
    shares = {(each.device, each.day.isoformat()): _share([each]) for each in found}
    series = tuple(Series(name_of(one), tuple(shares.get((one.id, day)) for day in labels)) for one in meters)
    title = Phrase("chart_calendar")
    return [Chart(kind="calendar", title=title, unit="%", labels=tuple(labels), series=series)]
