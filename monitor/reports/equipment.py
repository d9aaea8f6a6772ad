"""The report `equipment`: how long pumps, lifts and fans ran, how often they failed, whether they were there."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Final

from monitor.periods import local_day, pieces
from monitor.plant import Group
from monitor.reports.meters import Asked, Notebook, by_key, label_of, name_of, per_of, share
from monitor.reports.report import Cell, Chart, Column, Headline, Phrase, Report, Row, Section, Series
from monitor.reports.upkeep import (
    attended,
    availability_by_class,
    batteries,
    services,
    silent,
    work_done,
)
from monitor.site import Device
from monitor.upkeepbook import Availability, EquipmentDay, EquipmentNow, UpkeepBook

__all__ = ["UNEVEN", "UNEVEN_HOURS", "equipment"]

UNEVEN: Final = 0.5
"""A member of a group that ran for less than this part of an even share is pointed out."""
UNEVEN_HOURS: Final = 24.0
"""Running hours of a group below which nothing is said of how they are shared."""
_COLOURS: Final = 8
_HOUR: Final = 3600.0
_NEARLY_ALL: Final = 99.99
"""Percent of a period from which on it counts as wholly known."""

_Days = Mapping[str, Sequence[EquipmentDay]]
_Answered = Mapping[str, Availability]


async def equipment(asked: Asked) -> Report:
    """Make the report; batteries and availability are those of all chosen devices, whatever their class."""
    upkeep, book = asked.books.upkeep, Notebook()
    if upkeep is None:
        return asked.report("equipment", is_complete=False, book=book, nothing="no_upkeep")
    devices = [one for one in asked.site.devices.values() if asked.chosen is None or one.id in asked.chosen]
    machines = [one for one in devices if one.device_class == "equipment"]
    heard = [one for one in devices if one.has_connection]
    days = await _days(asked, upkeep, machines)
    answered: _Answered = {}
    if heard and asked.period.start < asked.so_far:
        told = await upkeep.availability([one.id for one in heard], asked.period.start, asked.so_far)
        answered = {each.device: each for each in told}
    now = {each.device: each for each in upkeep.equipment()}
    done = await upkeep.done(asked.period.start, max(asked.period.start, asked.so_far))
    sections = [
        *_runs(asked, machines, days, answered, now, book),
        *_groups(asked, upkeep, machines, days, book),
        *services(asked, devices, upkeep.services()),
        *work_done(asked, devices, done),
        *batteries(asked, devices, upkeep.batteries(), book),
        *availability_by_class(heard, answered),
        *silent(heard, answered, book),
    ]
    return asked.report(
        "equipment",
        is_complete=_is_complete(asked, machines, days, answered),
        headlines=[*_headlines(machines, days, answered), *attended(asked, devices, upkeep)] if devices else [],
        charts=[*_hours_chart(asked, machines, days), *await _calendar(asked, upkeep, machines)],
        sections=sections,
        details=[_details(machines, days)] if machines else [],
        book=book,
        nothing="" if devices else "no_equipment",
    )


async def _days(asked: Asked, upkeep: UpkeepBook, machines: Sequence[Device]) -> _Days:
    last = min(asked.period.last, local_day(asked.now, asked.zone))
    found: Sequence[EquipmentDay] = ()
    if machines and last >= asked.period.first:
        found = await upkeep.days([one.id for one in machines], asked.period.first, last)
    known = by_key(found, "device")
    return {one.id: known.get(one.id, []) for one in machines}


def _is_complete(asked: Asked, machines: Sequence[Device], days: _Days, answered: _Answered) -> bool:
    if machines:
        return all((_known(asked, days[one.id]) or 0.0) >= _NEARLY_ALL for one in machines)
    return bool(answered) and all(not each.unknown_s for each in answered.values())


def _known(asked: Asked, days: Sequence[EquipmentDay]) -> float | None:
    """Percent of what has gone by of the period that is known."""
    return share(1000 * fsum(each.known_s for each in days), asked.so_far - asked.period.start)


def _number(name: str, unit: str = "", digits: int = 0) -> Column:
    return Column(name=name, unit=unit, kind="percent" if unit == "%" else "number", digits=digits, align="right")


_SUMMED: Final = (
    _number("run_time", "h", 1),
    _number("starts"),
    _number("mean_run", "min", 1),
    _number("shortest_run", "min", 1),
    _number("fault", "h", 1),
    _number("failed"),
    _number("short_cycles"),
)
"""The columns of `_sums`."""


# What ran -----------------------------------------------------------------------------------------------


def _runs(  # noqa: PLR0913, PLR0917 - what a row is made of
    asked: Asked,
    machines: Sequence[Device],
    days: _Days,
    answered: _Answered,
    now: Mapping[str, EquipmentNow],
    book: Notebook,
) -> list[Section]:
    if not machines:
        return []
    columns = (
        Column(name="machine"),
        Column(name="building"),
        *_SUMMED,
        _number("available", "%", 2),
        _number("known", "%", 1),
        _number("hours_total", "h", 0),
    )
    rows = tuple(_run(asked, one, days[one.id], answered.get(one.id), now.get(one.id), book) for one in machines)
    every = [each for one in machines for each in days[one.id]]
    totals: tuple[Row, ...] = ()
    if len(rows) > 1 and every:
        known = (_known(asked, every) or 0.0) / len(machines)
        cells = ("", "", *_sums(every), _available(list(answered.values()), machines), known, None)
        totals = (Row(cells=cells, level="total", said=Phrase("sum_all")),)
    book.note("equipment_means")
    return [Section(title=Phrase("equipment_runs"), columns=columns, rows=rows, totals=totals)]


def _sums(days: Sequence[EquipmentDay]) -> tuple[Cell, ...]:
    """Running hours, starts, mean and shortest run, hours of faults, failures, short cycling.

    What never started in that time runs through it, and would make the mean run of all the others long.
    """
    running, starts = fsum(each.running_s for each in days), sum(each.starts for each in days)
    started = {each.device for each in days if each.starts}
    ran = fsum(each.running_s for each in days if each.device in started)
    return (
        running / _HOUR,
        starts,
        ran / 60 / starts if starts else None,
        min((each.shortest_s / 60 for each in days if each.shortest_s is not None), default=None),
        fsum(each.fault_s for each in days) / _HOUR,
        sum(each.failed for each in days),
        sum(each.short_cycles for each in days),
    )


def _run(  # noqa: PLR0913, PLR0917 - what a row is made of
    asked: Asked,
    one: Device,
    days: Sequence[EquipmentDay],
    answered: Availability | None,
    now: EquipmentNow | None,
    book: Notebook,
) -> Row:
    known, notes = _known(asked, days), []
    if not known:
        notes.append(book.footnote("equipment_unknown", device=name_of(one)))
    elif known < _NEARLY_ALL and not asked.is_running:
        notes.append(book.footnote("equipment_partly", device=name_of(one), percent=f"{known:.1f}"))
    if now is not None and now.is_own:
        notes.append(book.footnote("equipment_own"))
    sums = _sums(days) if known else (None,) * len(_SUMMED)
    available = None if answered is None else share(answered.up_s, answered.up_s + answered.down_s)
    total = None if now is None else now.hours
    cells = (name_of(one), one.building, *sums, available, known or 0.0, total)
    return Row(cells=cells, device=one.id, notes=tuple(notes))


def _available(answered: Sequence[Availability], devices: Sequence[Device]) -> float | None:
    ids = {one.id for one in devices}
    those = [each for each in answered if each.device in ids]
    up, down = fsum(each.up_s for each in those), fsum(each.down_s for each in those)
    return share(up, up + down)


def _details(machines: Sequence[Device], days: _Days) -> Section:
    columns = (
        Column(name="device"),
        Column(name="machine"),
        Column(name="day", kind="day"),
        *_SUMMED,
        _number("time_known", "h", 1),
    )
    rows = tuple(
        Row(
            cells=(one.id, name_of(one), each.day.isoformat(), *_sums([each]), each.known_s / _HOUR),
            device=one.id,
        )
        for one in machines
        for each in days[one.id]
    )
    return Section(title=Phrase("equipment_runs"), columns=columns, rows=rows)


# Who shares the work --------------------------------------------------------------------------------------


def _groups(
    asked: Asked, upkeep: UpkeepBook, machines: Sequence[Device], days: _Days, book: Notebook
) -> list[Section]:
    """How the members of each group shared the work; a group of which a member was not chosen is left out."""
    names = {one.id: name_of(one) for one in machines}
    groups = [each for each in asked.site.groups.values() if set(each.members) <= set(names)]
    for now in upkeep.groups():
        if now.reserve < 1 and any(each.id == now.group for each in groups):
            book.note("group_no_reserve", group=asked.site.groups[now.group].name)
    rows = [row for each in groups for row in _members(each, names, days, book)]
    if not rows:
        return []
    columns = (
        Column(name="group"),
        Column(name="machine"),
        _number("run_time", "h", 1),
        _number("share", "%", 1),
        _number("starts"),
    )
    return [Section(title=Phrase("equipment_groups"), columns=columns, rows=tuple(rows))]


def _members(group: Group, names: Mapping[str, str], days: _Days, book: Notebook) -> list[Row]:
    hours = {one: fsum(each.running_s for each in days[one]) / _HOUR for one in group.members}
    whole = fsum(hours.values())
    rows = []
    for one in group.members:
        part = share(hours[one], whole)
        is_uneven = (
            part is not None
            and len(group.members) > group.needed
            and whole >= UNEVEN_HOURS
            and part < UNEVEN * 100 / len(group.members)
        )
        notes = (book.footnote("group_uneven", device=names[one], percent=f"{part:.0f}"),) if is_uneven else ()
        starts = sum(each.starts for each in days[one])
        is_known = bool(days[one])
        cells = (group.name, names[one], hours[one] if is_known else None, part if is_known else None)
        rows.append(Row(cells=(*cells, starts if is_known else None), device=one, notes=notes))
    return rows


# At the top, and pictures ---------------------------------------------------------------------------------


def _headlines(machines: Sequence[Device], days: _Days, answered: _Answered) -> list[Headline]:
    if not machines:
        return []
    every = [each for one in machines for each in days[one.id]]
    failed = {one.id: sum(each.failed for each in days[one.id]) for one in machines}
    worst = max(machines, key=lambda one: failed[one.id])
    remark = Phrase("most_at", {"what": name_of(worst)}) if failed[worst.id] else None
    return [
        Headline(
            name=Phrase("run_time"),
            value=fsum(each.running_s for each in every) / _HOUR if every else None,
            unit="h",
            digits=1,
        ),
        Headline(name=Phrase("failed"), value=sum(failed.values()) if every else None, unit="", remark=remark),
        Headline(
            name=Phrase("equipment_available"),
            value=_available(list(answered.values()), machines),
            unit="%",
            digits=2,
        ),
    ]


def _hours_chart(asked: Asked, machines: Sequence[Device], days: _Days) -> list[Chart]:
    """Running hours of each day (month, in long periods), by device; the least of many are put together."""
    if not any(days.values()):
        return []
    per = "month" if per_of(asked.period) == "month" else "day"
    spans = list(pieces(asked.period.start, asked.period.end, per, asked.zone))
    labels = [label_of(start, per, asked.zone) for start, _ in spans]
    hours: dict[str, dict[str, float]] = {one.id: {} for one in machines}
    for one in machines:
        for each in days[one.id]:
            label = each.day.isoformat()[: len(labels[0])]
            if each.known_s:
                hours[one.id][label] = hours[one.id].get(label, 0.0) + each.running_s / _HOUR
    ranked = sorted(machines, key=lambda one: -fsum(hours[one.id].values()))
    shown = ranked if len(ranked) <= _COLOURS else ranked[: _COLOURS - 1]
    series = [
        Series(name_of(one), tuple(hours[one.id].get(label) for label in labels))
        for one in machines
        if one in shown
    ]
    if rest := [hours[one.id] for one in ranked if one not in shown]:
        values = tuple(_together([each.get(label) for each in rest]) for label in labels)
        series.append(Series("others", values, is_word=True))
    title = Phrase(f"chart_running_{per}")
    return [Chart(kind="columns", title=title, unit="h", labels=tuple(labels), series=tuple(series))]


def _together(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) if known else None


async def _calendar(asked: Asked, upkeep: UpkeepBook, machines: Sequence[Device]) -> list[Chart]:
    """The share of each day (month, in long periods) in which each device was there."""
    if not machines or asked.so_far <= asked.period.start:
        return []
    per = "month" if per_of(asked.period) == "month" else "day"
    ids = [one.id for one in machines]
    shares: dict[str, list[float | None]] = {one: [] for one in ids}
    labels = []
    for start, end in pieces(asked.period.start, asked.period.end, per, asked.zone):
        labels.append(label_of(start, per, asked.zone))
        until = min(end, asked.so_far)
        found = await upkeep.availability(ids, start, until) if start < until else ()
        told = {each.device: share(each.up_s, each.up_s + each.down_s) for each in found}
        for one in ids:
            shares[one].append(told.get(one))
    series = tuple(Series(name_of(one), tuple(shares[one.id])) for one in machines)
    title = Phrase("chart_available")
    return [Chart(kind="calendar", title=title, unit="%", labels=tuple(labels), series=series)]
