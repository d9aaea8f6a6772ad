"""The report `supply`: when buildings had no electricity, water, gas or heat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Final

from monitor.periods import HOUR, begin_of
from monitor.reports.meters import Asked, Notebook, share
from monitor.reports.report import Chart, Column, Headline, Phrase, Report, Row, Section, Series
from monitor.upkeepbook import SupplySpan

__all__ = ["supply"]

_MINUTE: Final = 60_000
_MOST_DAYS: Final = 400
"""Days that a picture has room for."""
_WANTING: Final = ("lost", "partial")


@dataclass(frozen=True, slots=True)
class _Outage:
    """An interruption: the supply was lost or partial without a break. UTC ms, cut to what is reported."""

    start: int
    end: int
    is_lost: bool
    lost: tuple[str, ...]
    remarks: tuple[str, ...]
    """Keys of footnotes."""

    @property
    def length(self) -> int:
        """How long it was, in ms."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One utility of a building in the period; ms in each state."""

    building: str
    utility: str
    spans: tuple[SupplySpan, ...]
    present: int
    partial: int
    lost: int
    unknown: int
    outages: tuple[_Outage, ...]

    @property
    def available(self) -> float | None:
        """Percent of what is known in which all of it was there; None: nothing is known."""
        return share(self.present, self.present + self.partial + self.lost)


async def supply(asked: Asked) -> Report:
    """Make the report; a building is one of those of the chosen devices."""
    book = Notebook()
    found: Sequence[SupplySpan] = ()
    if asked.books.upkeep is not None and asked.period.start < asked.so_far:
        # A little more at both ends, since spans are cut: whether something goes on there is seen by it.
        found = await asked.books.upkeep.supply_spans(asked.period.start - 1, asked.so_far + 1)
    lines = [_line(asked, pair, found) for pair in _pairs(asked, found)]
    if lines:
        book.note("supply_means")
    outages = [(line, outage) for line in lines for outage in line.outages]
    return asked.report(
        "supply",
        is_complete=all(not line.unknown for line in lines),
        headlines=_headlines(lines) if lines else [],
        charts=_charts(asked, lines) if lines else [],
        sections=_sections(lines, outages, book),
        details=[_list(outages, book)] if lines else [],
        book=book,
        nothing=_nothing(asked, lines),
    )


def _nothing(asked: Asked, lines: Sequence[_Line]) -> str:
    if asked.books.upkeep is None:
        return "no_upkeep"
    return "" if lines else "no_supply"


def _pairs(asked: Asked, found: Sequence[SupplySpan]) -> list[tuple[str, str]]:
    """Buildings with their utilities: those of the site file, then what else is on record."""
    if asked.books.upkeep is None:
        return []
    told = [(each.building, each.utility) for each in asked.site.supplies]
    told += [(each.building, each.utility) for each in found]
    if asked.chosen is None:
        return list(dict.fromkeys(told))
    buildings = {asked.site.devices[one].building for one in asked.chosen if one in asked.site.devices}
    by_device = {(each.building, each.utility) for each in asked.site.supplies if each.device in asked.chosen}
    return [pair for pair in dict.fromkeys(told) if (pair[0] and pair[0] in buildings) or pair in by_device]


def _line(asked: Asked, pair: tuple[str, str], found: Sequence[SupplySpan]) -> _Line:
    start, end = asked.period.start, asked.so_far
    spans = sorted((each for each in found if (each.building, each.utility) == pair), key=lambda each: each.start)
    lengths = {"present": 0, "partial": 0, "lost": 0}
    for each in spans:
        if each.state in lengths:
            lengths[each.state] += _overlap(each, start, end)
    return _Line(
        building=pair[0],
        utility=pair[1],
        spans=tuple(spans),
        unknown=max(0, end - start) - sum(lengths.values()),
        outages=tuple(_outages(asked, spans)),
        **lengths,
    )


def _overlap(span: SupplySpan, start: int, end: int) -> int:
    return max(0, min(end, end if span.end is None else span.end) - max(start, span.start))


def _outages(asked: Asked, spans: Sequence[SupplySpan]) -> list[_Outage]:
    """Spans that want something and follow each other are one interruption."""
    start, end = asked.period.start, asked.so_far
    groups: list[list[SupplySpan]] = []
    for each in spans:
        if each.state not in _WANTING:
            continue
        if groups and groups[-1][-1].end == each.start:
            groups[-1].append(each)
        else:
            groups.append([each])
    outages = []
    for group in groups:
        begin, until = group[0].start, group[-1].end
        within = [each for each in group if _overlap(each, start, end)]
        if not within:
            continue
        remarks = []
        if begin < start:
            remarks.append("supply_before")
        if until is None or until > end:
            remarks.append("supply_goes_on")
        if any(each.state == "unknown" and (each.end == begin or each.start == until) for each in spans):
            remarks.append("supply_edge")
        points = dict.fromkeys(point for each in within for point in each.lost)
        outages.append(
            _Outage(
                max(start, begin),
                end if until is None else min(end, until),
                any(each.state == "lost" for each in within),
                tuple(points),
                tuple(remarks),
            )
        )
    return outages


def _where() -> tuple[Column, ...]:
    return (Column(name="building"), Column(name="utility", kind="word"))


def _hours(name: str) -> Column:
    return Column(name=name, unit="h", kind="number", digits=2, align="right")


def _sections(lines: Sequence[_Line], outages: Sequence[tuple[_Line, _Outage]], book: Notebook) -> list[Section]:
    if not lines:
        return []
    columns = (
        *_where(),
        Column(name="available", unit="%", kind="percent", digits=3, align="right"),
        *(_hours(f"time_{state}") for state in ("lost", "partial", "unknown")),
        Column(name="outages", kind="number", align="right"),
        Column(name="longest", unit="min", kind="number", digits=1, align="right"),
    )
    rows = tuple(_row(line, book) for line in lines)
    return [
        Section(title=Phrase("supply_by_building"), columns=columns, rows=rows),
        *([_list(outages, book)] if outages else []),
    ]


def _row(line: _Line, book: Notebook) -> Row:
    is_known = line.available is not None
    cells = (
        line.building,
        line.utility,
        line.available,
        line.lost / HOUR if is_known else None,
        line.partial / HOUR if is_known else None,
        line.unknown / HOUR,
        len(line.outages) if is_known else None,
        max((each.length / _MINUTE for each in line.outages), default=None),
    )
    notes = () if is_known else (book.footnote("supply_unknown"),)
    return Row(cells=cells, said=None if line.building else Phrase("whole_site"), notes=notes)


def _list(outages: Sequence[tuple[_Line, _Outage]], book: Notebook) -> Section:
    columns = (
        *_where(),
        Column(name="supply_state", kind="word"),
        Column(name="points"),
        Column(name="start", kind="time", align="right"),
        Column(name="end", kind="time", align="right"),
        Column(name="duration", unit="min", kind="number", digits=1, align="right"),
    )
    rows = tuple(
        Row(
            cells=(
                line.building,
                line.utility,
                "lost" if each.is_lost else "partial",
                ", ".join(each.lost),
                each.start,
                each.end,
                each.length / _MINUTE,
            ),
            said=None if line.building else Phrase("whole_site"),
            notes=tuple(book.footnote(key) for key in each.remarks),
        )
        for line, each in sorted(outages, key=lambda told: told[1].start)
    )
    return Section(title=Phrase("supply_outages"), columns=columns, rows=rows)


def _headlines(lines: Sequence[_Line]) -> list[Headline]:
    outages = [(each.length, line) for line in lines for each in line.outages]
    known = [(line.available, line) for line in lines if line.available is not None]
    worst = min(known, key=itemgetter(0), default=None)
    longest = max(outages, key=itemgetter(0), default=None)
    return [
        Headline(
            name=Phrase("supply_worst"),
            value=None if worst is None else worst[0],
            unit="%",
            digits=3,
            remark=None if worst is None else _place(worst[1]),
        ),
        Headline(name=Phrase("outages"), value=len(outages), unit=""),
        Headline(
            name=Phrase("longest_outage"),
            value=0.0 if longest is None else longest[0] / _MINUTE,
            unit="min",
            digits=1,
            remark=None if longest is None else _place(longest[1]),
        ),
        Headline(
            name=Phrase("time_unknown"), value=sum(line.unknown for line in lines) / HOUR, unit="h", digits=2
        ),
    ]


def _place(line: _Line) -> Phrase:
    facts = {"utility": line.utility, "what": line.building}
    return Phrase("utility_at" if line.building else "utility_of_site", facts)


def _charts(asked: Asked, lines: Sequence[_Line]) -> list[Chart]:
    count = (asked.period.last - asked.period.first).days + 1
    if count > _MOST_DAYS:
        return []
    days = [asked.period.first + timedelta(days=number) for number in range(count)]
    edges = [begin_of(day, asked.zone) for day in (*days, days[-1] + timedelta(days=1))]
    series = []
    for line in lines:
        values = []
        for start, end in pairwise(edges):
            states = {"present": 0, "partial": 0, "lost": 0}
            for span in line.spans:
                if span.state in states:
                    states[span.state] += _overlap(span, start, min(end, asked.so_far))
            values.append(share(states["present"], sum(states.values())))
        name = f"utility_{line.utility}"
        series.append(Series(name, tuple(values), is_word=True, where=line.building))
    labels = tuple(day.isoformat() for day in days)
    title = Phrase("chart_supply")
    return [Chart(kind="calendar", title=title, unit="%", labels=labels, series=tuple(series))]
