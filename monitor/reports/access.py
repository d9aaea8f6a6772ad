"""The report `access`: what happened at doors and in zones, and which doors want looking at. Nobody is named."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import fsum
from statistics import median
from typing import Final

from monitor.accessbook import AccessBook, AccessEntry, DoorDay
from monitor.doorways import door_of, doors_of
from monitor.periods import local_day, pieces
from monitor.reports.baddoors import findings, summed
from monitor.reports.meters import Asked, Notebook, by_key, clock, label_of, name_of, per_of, share
from monitor.reports.report import Cell, Chart, Column, Headline, Phrase, Report, Row, Section, Series
from monitor.reports.traffic import Traffic, traffic
from monitor.site import Device, Site
from monitor.upkeepbook import Availability
from monitor.zones import AccessZone

__all__ = ["access"]

_CAUSES: Final = ("card", "rex", "unlocked", "schedule", "none")
"""Why a door was opened, in the order of the columns."""
_HOUR_MS: Final = 3_600_000
_HOUR: Final = 3600.0
_ZONES_DRAWN: Final = 4

_Days = Mapping[str, Sequence[DoorDay]]


async def access(asked: Asked) -> Report:
    """Make the report; a door is taken when any of its devices was chosen, a zone when one of its doors was."""
    book, source = Notebook(), asked.books.access
    doors = _doors(asked)
    if source is None or not doors:
        lacks = "no_doors" if source is not None else "no_access"
        return asked.report("access", is_complete=False, book=book, nothing=lacks)
    days = await _days(asked, source, doors)
    counted = await _traffic(asked, source, doors)
    readers = [one for members in doors.values() for one in members if one.device_class == "access"]
    answered: Sequence[Availability] = ()
    if asked.books.upkeep is not None and readers and asked.period.start < asked.so_far:
        ids = [one.id for one in readers]
        answered = await asked.books.upkeep.availability(ids, asked.period.start, asked.so_far)
    names = _names(asked.site, doors)
    sums = {door: _whole(summed(door, asked.period.first, told), counted) for door, told in days.items() if told}
    is_kept = _remarks(asked, book)
    return asked.report(
        "access",
        is_complete=is_kept and len(sums) == len(doors),
        headlines=_headlines(names, sums, counted),
        charts=[*_charts(asked, days, counted), *_zone_charts(asked, counted, _zones(asked, doors))],
        sections=[
            _table(names, sums, counted, book),
            *_bad(asked, names, sums, book),
            *_zone_table(counted, _zones(asked, doors), book),
            *_reader_table(asked.site, names, readers, counted, {each.device: each for each in answered}),
        ],
        details=[_door_details(names, days), *_zone_details(counted, _zones(asked, doors))],
        book=book,
        nothing="",
    )


def _whole(told: DoorDay, counted: Traffic) -> DoorDay:
    """Days have only their part of an opening over midnight; the closing tells all of it."""
    return replace(told, longest_s=max([told.longest_s, *counted.open_s.get(told.door, ())]))


def _doors(asked: Asked) -> dict[str, tuple[Device, ...]]:
    """Doors with their devices, by the id of the door; only doors that are a device of the site."""
    return {
        door: members
        for door, members in doors_of(asked.site.devices).items()
        if asked.chosen is None or any(one.id in asked.chosen for one in members)
    }


def _names(site: Site, doors: Mapping[str, Sequence[Device]]) -> dict[str, str]:
    return {door: name_of(site.devices[door]) if door in site.devices else door for door in doors}


def _zones(asked: Asked, doors: Mapping[str, Sequence[Device]]) -> list[AccessZone]:
    zones = asked.site.access.zones.values()
    return [one for one in zones if asked.chosen is None or any(door in doors for door in one.doors)]


async def _days(asked: Asked, source: AccessBook, doors: Mapping[str, Sequence[Device]]) -> _Days:
    last = min(asked.period.last, local_day(asked.now, asked.zone))
    found = await source.door_days(asked.period.first, last) if last >= asked.period.first else ()
    known = by_key(found, "door")
    return {door: known.get(door, []) for door in doors}


async def _traffic(asked: Asked, source: AccessBook, doors: Mapping[str, Sequence[Device]]) -> Traffic:
    """All is counted, since people go from zone to zone by any door; what was not chosen is left out after it."""
    devices = asked.site.devices

    def at(entry: AccessEntry) -> str:
        named = entry.door or str(entry.attributes.get("door", ""))
        if named or entry.device not in devices:
            return named
        return door_of(devices[entry.device], devices)

    return await traffic(
        source,
        asked.site.access.zones,
        asked.period.first,
        asked.period.last,
        until=asked.so_far,
        zone=asked.zone,
        door_of=at,
        doors=frozenset(doors),
    )


def _remarks(asked: Asked, book: Notebook) -> bool:
    """Say that nobody is named, and from when on single entries are kept; answers whether all of them are."""
    book.note("access_means")
    kept = asked.now - round(1000 * asked.site.access.keep)
    if asked.period.start < kept:
        book.note("access_kept", since=clock(kept, asked.zone))
    return asked.period.start >= kept


def _number(name: str, unit: str = "", digits: int = 0) -> Column:
    return Column(name=name, unit=unit, kind="percent" if unit == "%" else "number", digits=digits, align="right")


# Doors --------------------------------------------------------------------------------------------------


def _counts() -> tuple[Column, ...]:
    return (
        _number("opened"),
        *(_number(f"by_{cause}") for cause in _CAUSES),
        _number("forced"),
        _number("held"),
        _number("granted"),
        _number("denied"),
    )


def _told(each: DoorDay) -> tuple[Cell, ...]:
    causes = [each.opened.get(cause, 0) for cause in _CAUSES]
    return (sum(each.opened.values()), *causes, each.forced, each.held, each.granted, each.denied)


def _table(names: Mapping[str, str], sums: Mapping[str, DoorDay], counted: Traffic, book: Notebook) -> Section:
    columns = (
        Column(name="door"),
        *_counts(),
        _number("out_of_hours"),
        _number("median_open", "s", 1),
        _number("longest", "min", 1),
    )
    rows = []
    for door, name in names.items():
        if door not in sums:
            note = book.footnote("door_unknown", door=name)
            rows.append(Row(cells=(name, *(None,) * (len(columns) - 1)), device=door, notes=(note,)))
            continue
        times = counted.open_s.get(door)
        ends = (counted.out_of_hours[door], median(times) if times else None, sums[door].longest_s / 60)
        rows.append(Row(cells=(name, *_told(sums[door]), *ends), device=door))
    totals: tuple[Row, ...] = ()
    if len(rows) > 1 and sums:
        whole = summed("", next(iter(sums.values())).day, sums.values())
        cells = ("", *_told(whole), counted.out_of_hours.total(), None, None)
        totals = (Row(cells=cells, level="total", said=Phrase("sum_all")),)
    return Section(title=Phrase("access_doors"), columns=columns, rows=tuple(rows), totals=totals)


def _bad(asked: Asked, names: Mapping[str, str], sums: Mapping[str, DoorDay], book: Notebook) -> list[Section]:
    """Doors that somebody should look at, and at what."""
    unlocked = [door for door, told in asked.site.access.doors.items() if told.unlocked is not None]
    found = findings(sums, unlocked)
    if not found:
        return []
    book.note("bad_doors_mean")
    columns = (
        Column(name="door"),
        Column(name="finding", kind="word"),
        _number("times"),
        _number("whole"),
        _number("share", "%"),
        _number("for_long", "h", 1),
        Column(name="look", kind="word"),
    )
    rows = tuple(
        Row(
            cells=(
                names[each.door],
                each.kind,
                each.times,
                each.whole,
                None if each.times is None or not each.whole else share(each.times, each.whole),
                None if each.seconds is None else each.seconds / _HOUR,
                each.kind,
            ),
            device=each.door,
        )
        for each in found
    )
    return [Section(title=Phrase("bad_doors"), columns=columns, rows=rows)]


def _door_details(names: Mapping[str, str], days: _Days) -> Section:
    columns = (
        Column(name="device"),
        Column(name="door"),
        Column(name="day", kind="day"),
        *_counts(),
        *(_number(name) for name in ("forced_short", "forced_late", "bounces", "unused")),
        *(_number(name, "s", 1) for name in ("open_sum", "longest_open", "stuck")),
    )
    rows = tuple(
        Row(
            cells=(
                door,
                name,
                each.day.isoformat(),
                *_told(each),
                *(each.forced_short, each.forced_late, each.bounces, each.unused),
                *(each.open_s, each.longest_s, each.stuck_s),
            ),
            device=door,
        )
        for door, name in names.items()
        for each in days[door]
    )
    return Section(title=Phrase("access_doors"), columns=columns, rows=rows)


# Zones and readers ---------------------------------------------------------------------------------------


def _zone_table(counted: Traffic, zones: Sequence[AccessZone], book: Notebook) -> list[Section]:
    columns = (
        Column(name="zone"),
        _number("entries"),
        _number("exits"),
        _number("most_at_once"),
        Column(name="most_when", kind="time", align="right"),
        _number("mean_most", digits=1),
        _number("most_allowed"),
        _number("crowded"),
        _number("passback"),
    )
    rows = []
    for one in zones:
        days = list(counted.zones.get(one.id, {}).values())
        peak = max(days, key=lambda day: day.most, default=None)
        notes = () if one.reset is not None else (book.footnote("zone_no_reset", zone=one.name),)
        cells = (
            one.name,
            sum(day.entries for day in days),
            sum(day.exits for day in days),
            None if peak is None else peak.most,
            None if peak is None else peak.at,
            fsum(day.most for day in days) / len(days) if days else None,
            one.most,
            counted.crowded[one.id],
            counted.passback[one.id],
        )
        rows.append(Row(cells=cells, notes=notes))
    if rows:
        book.note("zones_mean")
    return [Section(title=Phrase("access_zones"), columns=columns, rows=tuple(rows))] if rows else []


def _zone_details(counted: Traffic, zones: Sequence[AccessZone]) -> list[Section]:
    columns = (
        Column(name="zone"),
        Column(name="day", kind="day"),
        _number("entries"),
        _number("exits"),
        _number("most_at_once"),
        Column(name="most_when", kind="time", align="right"),
    )
    rows = tuple(
        Row(cells=(one.id, day.isoformat(), told.entries, told.exits, told.most, told.at))
        for one in zones
        for day, told in counted.zones.get(one.id, {}).items()
    )
    return [Section(title=Phrase("access_zones"), columns=columns, rows=rows)] if rows else []


def _reader_table(
    site: Site,
    names: Mapping[str, str],
    readers: Sequence[Device],
    counted: Traffic,
    answered: Mapping[str, Availability],
) -> list[Section]:
    columns = (
        Column(name="reader"),
        Column(name="door"),
        _number("offline_times"),
        _number("offline", "h", 1),
        _number("available", "%", 2),
        _number("outages"),
        _number("longest", "h", 1),
        _number("tampered"),
    )
    rows = []
    for one in readers:
        told, heard = counted.readers.get(one.id), answered.get(one.id)
        available = None if heard is None else share(heard.up_s, heard.up_s + heard.down_s)
        cells = (
            name_of(one),
            names.get(door_of(one, site.devices), ""),
            told.offline if told else 0,
            told.lost / _HOUR_MS if told else 0.0,
            available,
            None if heard is None else heard.outages,
            None if heard is None else heard.longest_s / _HOUR,
            told.tampered if told else 0,
        )
        rows.append(Row(cells=cells, device=one.id))
    return [Section(title=Phrase("access_readers"), columns=columns, rows=tuple(rows))] if rows else []


# At the top, and pictures ---------------------------------------------------------------------------------


def _headlines(names: Mapping[str, str], sums: Mapping[str, DoorDay], counted: Traffic) -> list[Headline]:
    def headline(key: str, values: Mapping[str, int]) -> Headline:
        worst = max(values, key=lambda door: values[door], default="")
        total = sum(values.values())
        remark = Phrase("most_at", {"what": names[worst]}) if worst and values[worst] and len(names) > 1 else None
        return Headline(name=Phrase(key), value=total if sums else None, unit="", remark=remark)

    return [
        headline("opened", {door: sum(each.opened.values()) for door, each in sums.items()}),
        headline("denied", {door: each.denied for door, each in sums.items()}),
        headline("forced", {door: each.forced for door, each in sums.items()}),
        headline("held", {door: each.held for door, each in sums.items()}),
        headline("out_of_hours", counted.out_of_hours),
    ]


def _charts(asked: Asked, days: _Days, counted: Traffic) -> list[Chart]:
    charts = []
    if any(counted.hours):
        labels = tuple(f"{hour:02}:00" for hour in range(24))
        passages = Series("passages", tuple(float(count) for count in counted.hours), is_word=True)
        title = Phrase("chart_hours")
        charts.append(Chart(kind="bars", title=title, unit="", labels=labels, series=(passages,)))
    per = "month" if per_of(asked.period) == "month" else "day"
    labels = tuple(
        label_of(start, per, asked.zone)
        for start, _ in pieces(asked.period.start, asked.period.end, per, asked.zone)
    )
    causes: dict[str, dict[str, float]] = {}
    for told in days.values():
        for each in told:
            label = each.day.isoformat()[: len(labels[0])]
            kept = causes.setdefault(label, dict.fromkeys(_CAUSES, 0.0))
            for cause in _CAUSES:
                kept[cause] += each.opened.get(cause, 0)
    if causes:
        series = tuple(
            Series(
                f"by_{cause}", tuple(causes[at][cause] if at in causes else None for at in labels), is_word=True
            )
            for cause in _CAUSES
        )
        title = Phrase(f"chart_opened_{per}")
        charts.append(Chart(kind="columns", title=title, unit="", labels=labels, series=series))
    return charts


def _zone_charts(asked: Asked, counted: Traffic, zones: Sequence[AccessZone]) -> list[Chart]:
    """The most people at once on each day, for the first zones."""
    if per_of(asked.period) != "day":
        return []
    count = (asked.period.last - asked.period.first).days + 1
    days = [asked.period.first + timedelta(days=number) for number in range(count)]
    charts = []
    for one in zones[:_ZONES_DRAWN]:
        told = counted.zones.get(one.id, {})
        if any(each.most for each in told.values()):
            values = tuple(float(told[day].most) if day in told else None for day in days)
            charts.append(
                Chart(
                    kind="bars",
                    title=Phrase("chart_zone", {"what": one.name}),
                    unit="",
                    labels=tuple(day.isoformat() for day in days),
                    series=(Series("most_at_once", values, is_word=True),),
                )
            )
    return charts
