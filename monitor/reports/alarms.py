"""The report `alarms`: whether there are more alarms, and more messages, than people can heed."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.performance.figures import AIMS, Performance, performance_of
from monitor.performance.record import Record
from monitor.performance.response import GROUPS
from monitor.periods import DAY, HOUR
from monitor.reports.meters import Asked, Notebook, per_of, share
from monitor.reports.report import Chart, Column, Headline, Phrase, Report, Row, Section, Series

__all__ = ["alarms", "of_devices"]

_STANDING_AT_MOST: Final = 5
_KEPT: Final = 400 * DAY
_MOST_ROWS: Final = 20
MINUTE: Final = 60_000


async def alarms(asked: Asked) -> Report:
    """Make the report."""
    book = Notebook()
    start, end = asked.period.start, asked.so_far
    if asked.books.alarms is None or start >= end:
        nothing = "no_alarms_kept" if asked.books.alarms is None else ""
        return asked.report("alarms", is_complete=False, book=book, nothing=nothing)
    record = of_devices(await asked.books.alarms.record(start, end), asked.chosen)
    limits = asked.site.performance
    classes = asked.site.classes
    found = await asyncio.to_thread(performance_of, record, (start, end), asked.zone, limits, classes)
    book.note("alarms_mean")
    if start < asked.now - _KEPT:
        book.note("alarms_gone")
    return asked.report(
        "alarms",
        is_complete=start >= asked.now - _KEPT,
        headlines=_headlines(found),
        charts=_charts(asked, found),
        sections=[
            *_people(asked, found, book),
            *_figures(found),
            *_top(found),
            *_spans(found),
            *_severities(found),
            *_response(found, book),
            *_causes(found, book),
            *_standing(found, book),
            *_chattering(found),
        ],
        details=[_days(found)],
        book=book,
        nothing="",
    )


def of_devices(record: Record, chosen: frozenset[str] | None) -> Record:
    """What is about these devices; None: about all."""
    if chosen is None:
        return record
    return replace(
        record,
        episodes=[one for one in record.episodes if one.source_key.partition("/")[0] in chosen],
        messages=[one for one in record.messages if one.source_key.partition("/")[0] in chosen],
    )


def _number(name: str, unit: str = "", digits: int = 0) -> Column:
    return Column(name=name, unit=unit, kind="percent" if unit == "%" else "number", digits=digits, align="right")


def _table(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> list[Section]:
    return [Section(title=Phrase(title), columns=tuple(columns), rows=tuple(rows))] if rows else []


def _headlines(found: Performance) -> list[Headline]:
    remark = None if found.grade == "acceptable" else Phrase(f"alarms_{found.grade}")
    most = max((one.most_a_day for one in found.people), default=0)
    night = max((one.most_a_night for one in found.people), default=0)
    limits = found.limits
    return [
        Headline(name=Phrase("alarms_per_day"), value=found.per_day, unit="", digits=1, remark=remark),
        Headline(
            name=Phrase("messages_most_day"),
            value=most,
            unit="",
            remark=Phrase("messages_above", {"limit": str(limits.messages)}) if most > limits.messages else None,
        ),
        Headline(
            name=Phrase("messages_most_night"),
            value=night,
            unit="",
            remark=Phrase("messages_above", {"limit": str(limits.night_messages)})
            if night > limits.night_messages
            else None,
        ),
        Headline(name=Phrase("alarms_peak"), value=found.peak, unit=""),
    ]


def _charts(asked: Asked, found: Performance) -> list[Chart]:
    """Alarms by day (month, in long periods), and the worst ten minutes of those."""
    per = "month" if per_of(asked.period) == "month" else "day"
    raised: dict[str, int] = {}
    most: dict[str, int] = {}
    for one in found.days:
        label = one.day.isoformat()[: 7 if per == "month" else 10]
        raised[label] = raised.get(label, 0) + one.raised
        most[label] = max(most.get(label, 0), one.most)
    if not found.raised:
        return []
    return [
        Chart(
            kind="columns",
            title=Phrase(f"chart_{name}_{per}"),
            unit="",
            labels=tuple(counted),
            series=(Series(name, tuple(float(each) for each in counted.values()), is_word=True),),
        )
        for name, counted in (("alarms_raised", raised), ("alarms_worst", most))
    ]


# Tables --------------------------------------------------------------------------------------------------


def _figures(found: Performance) -> list[Section]:
    """Each figure beside what is aimed at."""
    limits = found.limits
    rows: list[tuple[str, str | None, str]] = [
        ("per_day", f"{found.per_day:.1f}", f"≤ {limits.acceptable}; < {limits.too_many}"),
        ("days_above", str(found.days_above), "0"),
        ("above_one", f"{found.above_one:.2f} %", ""),
        ("peak", str(found.peak), "≤ 10"),
        ("daily_peak", f"{found.daily_peak:.2f}", ""),
        ("floods", str(len(found.floods)), "0"),
        ("in_flood", f"{found.in_flood:.2f} %", "< 1 %"),
        ("chattering", str(len(found.chattering)), "0"),
        ("fleeting", _of(found.fleeting, found.fleeting_share), ""),
        ("standing", str(max((one.standing for one in found.days), default=0)), f"< {_STANDING_AT_MOST}"),
        ("acknowledge_time", _spell(found.response.acknowledge_median, found.response.acknowledge_p90), ""),
        ("unacknowledged", str(found.response.unacknowledged), "0"),
        ("repair_time", _spell(found.response.repair_median, found.response.repair_p90), ""),
        ("again", str(found.again), ""),
        ("top_share", None if found.top_share is None else f"{found.top_share:.0f} %", ""),
    ]
    columns = (
        Column(name="kpi", kind="word"),
        Column(name="kpi_value", align="right"),
        Column(name="aim", align="right"),
    )
    return _table("alarm_figures", columns, [Row(cells=row) for row in rows])


def _spell(median: int | None, p90: int | None) -> str | None:
    """Two times as text, in the unit that fits; None where there is none."""
    return None if median is None or p90 is None else f"{_long(median)}; {_long(p90)}"


def _long(ms: int) -> str:
    return f"{ms / MINUTE:.0f} min" if ms < 2 * HOUR else f"{ms / HOUR:.1f} h"


def _of(count: int, part: float | None) -> str:
    return str(count) if part is None else f"{count} ({part:.0f} %)"


def _people(asked: Asked, found: Performance, book: Notebook) -> list[Section]:
    columns = (
        Column(name="person"),
        _number("messages"),
        _number("messages_per_day", digits=1),
        _number("most_a_day"),
        _number("days_above"),
        _number("at_night"),
        _number("most_a_night"),
        _number("nights_above"),
    )
    rows = []
    names = {one.id: one.name for one in asked.site.notify.people.values()}
    for one in found.people:
        name = names.get(one.person) or one.person
        facts = {"most": str(found.limits.messages), "night": str(found.limits.night_messages)}
        notes = (book.footnote("budget_broken", **facts),) if one.days_above or one.nights_above else ()
        cells = (name, one.messages, one.per_day, one.most_a_day, one.days_above)
        rows.append(Row(cells=(*cells, one.at_night, one.most_a_night, one.nights_above), notes=notes))
    return _table("messages_to_people", columns, rows)


def _top(found: Performance) -> list[Section]:
    columns = (Column(name="rule"), Column(name="source"), _number("alarms_raised"), _number("share_of_all", "%"))
    rows = [Row(cells=(one.rule, one.source_key, one.alarms, one.share)) for one in found.top]
    return _table("alarms_top", columns, rows)


def _spans(found: Performance) -> list[Section]:
    whole = sum(found.bands.values())
    columns = (Column(name="in_ten_minutes"), _number("how_often"), _number("share_of_time", "%", 2))
    rows = [Row(cells=(name, count, share(count, whole))) for name, count in found.bands.items()]
    return _table("alarms_bands", columns, rows if found.raised else [])


def _severities(found: Performance) -> list[Section]:
    columns = (
        Column(name="severity", kind="word"),
        _number("alarms_raised"),
        _number("share_of_all", "%"),
        Column(name="aim", align="right"),
    )
    rows = []
    for name in ("critical", "high", "medium", "low"):
        aim = "" if name == "critical" else f"{AIMS[name]:.0f} %"
        rows.append(Row(cells=(name, found.severities[name], share(found.severities[name], found.raised), aim)))
    return _table("alarms_severities", columns, rows if found.raised else [])


def _response(found: Performance, book: Notebook) -> list[Section]:
    """How long people took, by class, rule and device."""
    sections = []
    for group in GROUPS:
        columns = (
            Column(name=group),
            _number("alarms_raised"),
            _number("unacknowledged"),
            _number("acknowledge_median", "min"),
            _number("acknowledge_p90", "min"),
            _number("repair_median", "h", 1),
            _number("repair_p90", "h", 1),
        )
        those = [one for one in found.responses if one.group == group]
        rows = [
            Row(
                cells=(
                    one.name,
                    one.alarms,
                    one.unacknowledged,
                    _in(one.acknowledge_median, MINUTE),
                    _in(one.acknowledge_p90, MINUTE),
                    _in(one.repair_median, HOUR),
                    _in(one.repair_p90, HOUR),
                )
            )
            for one in those[:_MOST_ROWS]
        ]
        sections += _table(f"response_{group}", columns, rows)
    if sections:
        book.note("response_means")
    return sections


def _in(ms: int | None, unit: int) -> float | None:
    return None if ms is None else ms / unit


def _causes(found: Performance, book: Notebook) -> list[Section]:
    closed = sum(found.causes.values())
    columns = (Column(name="came_of", kind="word"), _number("alarms_raised"), _number("share_of_closed", "%"))
    rows = [Row(cells=(cause, count, share(count, closed))) for cause, count in found.causes.items()]
    if rows and closed < found.raised:
        book.note("causes_open", count=str(found.raised - closed))
    return _table("alarms_causes", columns, rows)


def _standing(found: Performance, book: Notebook) -> list[Section]:
    columns = (
        Column(name="rule"),
        Column(name="source"),
        Column(name="severity", kind="word"),
        Column(name="raised_at", kind="time", align="right"),
        _number("stood", "h", 1),
    )
    rows = []
    for one in found.standing[:_MOST_ROWS]:
        notes = (book.footnote("standing_goes_on"),) if one.goes_on else ()
        cells = (one.rule, one.source_key, one.severity, one.raised, one.stood / HOUR)
        rows.append(Row(cells=cells, notes=notes))
    if len(found.standing) > _MOST_ROWS:
        book.note("standing_more", count=str(len(found.standing) - _MOST_ROWS))
    return _table("alarms_standing", columns, rows)


def _chattering(found: Performance) -> list[Section]:
    columns = (Column(name="rule"), Column(name="source"), _number("bursts"), _number("alarms_raised"))
    rows = [Row(cells=(one.rule, one.source_key, one.bursts, one.alarms)) for one in found.chattering[:_MOST_ROWS]]
    return _table("alarms_chattering", columns, rows)


def _days(found: Performance) -> Section:
    columns = (Column(name="day", kind="day"), _number("alarms_raised"), _number("worst"), _number("standing"))
    rows = tuple(Row(cells=(one.day.isoformat(), one.raised, one.most, one.standing)) for one in found.days)
    return Section(title=Phrase("alarms_by_day"), columns=columns, rows=rows)
