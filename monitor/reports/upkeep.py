"""Parts of the report `equipment` that tell of services, batteries, and who answered."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import fsum
from typing import Final

from monitor.periods import local_day
from monitor.reports.meters import Asked, Notebook, by_key, name_of, share
from monitor.reports.report import Column, Headline, Phrase, Row, Section
from monitor.site import Device
from monitor.upkeepbook import Availability, Battery, ServiceDone, ServiceDue, UpkeepBook

__all__ = [
    "BATTERY_SOON",
    "attended",
    "availability_by_class",
    "batteries",
    "services",
    "silent",
    "work_done",
]

BATTERY_SOON: Final = timedelta(days=30)
"""A battery that will be at 10 % within this has to be changed now."""
_BATTERIES: Final = 30
_HOUR: Final = 3600.0


def _number(name: str, unit: str = "", digits: int = 0) -> Column:
    return Column(name=name, unit=unit, kind="percent" if unit == "%" else "number", digits=digits, align="right")


def _day(asked: Asked, time: int | None) -> str | None:
    return None if time is None else local_day(time, asked.zone).isoformat()


def _names(devices: Sequence[Device]) -> dict[str, str]:
    return {one.id: name_of(one) for one in devices}


def _is_soon(asked: Asked, battery: Battery) -> bool:
    today = local_day(asked.now, asked.zone)
    return battery.low or (battery.empty is not None and battery.empty <= today + BATTERY_SOON)


def attended(asked: Asked, devices: Sequence[Device], upkeep: UpkeepBook) -> list[Headline]:
    """What has to be done now: services that are due, batteries that will soon be empty."""
    names = _names(devices)
    due = [each for each in upkeep.services() if each.device in names]
    headlines = []
    if due:
        count = sum(each.state == "due" for each in due)
        soon = sum(each.state == "soon" for each in due)
        remark = Phrase("services_soon", {"count": str(soon)}) if soon else None
        headlines.append(Headline(name=Phrase("services_due"), value=count, unit="", remark=remark))
    watched = [each for each in upkeep.batteries() if each.device in names]
    if watched:
        empty = [each for each in watched if _is_soon(asked, each)]
        remark = Phrase("first_is", {"what": names[empty[0].device]}) if empty else None
        headlines.append(Headline(name=Phrase("batteries_soon"), value=len(empty), unit="", remark=remark))
    return headlines


def services(asked: Asked, devices: Sequence[Device], found: Sequence[ServiceDue]) -> list[Section]:
    """All work and when it is due, as it is now."""
    names = _names(devices)
    columns = (
        Column(name="machine"),
        Column(name="service"),
        Column(name="service_state", kind="word"),
        Column(name="due", kind="day", align="right"),
        _number("hours_left", "h"),
        Column(name="done_last", kind="day", align="right"),
    )
    rows = tuple(
        Row(
            cells=(
                names[each.device],
                each.name,
                each.state,
                _day(asked, each.due),
                each.hours_left,
                _day(asked, each.last),
            ),
            device=each.device,
        )
        for each in found
        if each.device in names
    )
    return [Section(title=Phrase("services"), columns=columns, rows=rows)] if rows else []


def work_done(asked: Asked, devices: Sequence[Device], found: Sequence[ServiceDone]) -> list[Section]:
    """The work that was done in the period, by whom, with what was noted."""
    names = _names(devices)
    titles = {(one, each.id): each.name for one, told in asked.site.equipment.items() for each in told.services}
    columns = (
        Column(name="machine"),
        Column(name="service"),
        Column(name="done_by"),
        Column(name="remark"),
        Column(name="done_at", kind="time", align="right"),
        _number("hours_by_then", "h"),
    )
    rows = tuple(
        Row(
            cells=(
                names[each.device],
                titles.get((each.device, each.service), each.service),
                each.by,
                each.note,
                each.time,
                each.hours,
            ),
            device=each.device,
        )
        for each in found
        if each.device in names
    )
    return [Section(title=Phrase("work_done"), columns=columns, rows=rows)] if rows else []


def batteries(asked: Asked, devices: Sequence[Device], found: Sequence[Battery], book: Notebook) -> list[Section]:
    """Batteries as they are now, the emptiest first."""
    names = _names(devices)
    those = [each for each in found if each.device in names]
    if len(those) > _BATTERIES:
        book.note("batteries_more", count=str(len(those) - _BATTERIES))
    columns = (
        Column(name="device"),
        Column(name="battery_state", kind="word"),
        _number("battery", "%"),
        _number("battery_per_day", "%", 2),
        Column(name="battery_empty", kind="day", align="right"),
    )
    rows = []
    for each in those[:_BATTERIES]:
        state = "low" if each.low else ("soon" if _is_soon(asked, each) else "fine")
        empty = None if each.empty is None else each.empty.isoformat()
        notes = (book.footnote("battery_learning"),) if each.empty is None and not each.low else ()
        cells = (names[each.device], state, each.percent, each.per_day, empty)
        rows.append(Row(cells=cells, device=each.device, notes=notes))
    return [Section(title=Phrase("batteries"), columns=columns, rows=tuple(rows))] if rows else []


def availability_by_class(devices: Sequence[Device], answered: Mapping[str, Availability]) -> list[Section]:
    """How long the devices of each class answered."""
    columns = (
        Column(name="class", kind="word"),
        Column(name="least_available"),
        _number("devices"),
        _number("available", "%", 2),
        _number("outages"),
        _number("longest", "h", 1),
        _number("time_down", "h", 1),
        _number("time_unknown", "h", 1),
    )
    rows = []
    for name, those in by_key([one for one in devices if one.id in answered], "device_class").items():
        told = [answered[one.id] for one in those]
        up, down = fsum(each.up_s for each in told), fsum(each.down_s for each in told)
        worst = max(those, key=lambda one: answered[one.id].down_s)
        cells = (
            name,
            name_of(worst) if answered[worst.id].down_s else "",
            len(those),
            share(up, up + down),
            sum(each.outages for each in told),
            max(each.longest_s for each in told) / _HOUR,
            down / _HOUR,
            fsum(each.unknown_s for each in told) / _HOUR,
        )
        rows.append(Row(cells=cells))
    return [Section(title=Phrase("availability"), columns=columns, rows=tuple(rows))] if rows else []


def silent(devices: Sequence[Device], answered: Mapping[str, Availability], book: Notebook) -> list[Section]:
    """Detectors (class safety) that did not answer all the time: they could not have told of anything."""
    if not answered:
        return []
    columns = (
        Column(name="detector"),
        Column(name="building"),
        _number("available", "%", 2),
        _number("outages"),
        _number("longest", "h", 1),
        _number("time_down", "h", 1),
    )
    rows = []
    for one in devices:
        told = answered.get(one.id)
        if one.device_class != "safety" or (told is not None and told.up_s and not told.down_s):
            continue
        heard = None if told is None else share(told.up_s, told.up_s + told.down_s)
        notes = (book.footnote("detector_unheard", device=name_of(one)),) if not heard else ()
        outages = (None,) * 3 if told is None else (told.outages, told.longest_s / _HOUR, told.down_s / _HOUR)
        rows.append(Row(cells=(name_of(one), one.building, heard, *outages), device=one.id, notes=notes))
    if rows:
        book.note("silent_means")
    return [Section(title=Phrase("silent"), columns=columns, rows=tuple(rows))] if rows else []
