"""The report `usage`: what each meter counted, beside the year before."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.figures import Consumption
from monitor.reports.meters import (
    DIGITS,
    Asked,
    Notebook,
    by_key,
    change,
    clock,
    counted,
    is_known,
    label_of,
    name_of,
    per_of,
    quantity,
    rate,
    total,
)
from monitor.reports.report import Chart, Column, Headline, Phrase, Report, Row, Section, Series
from monitor.schema import rate_unit
from monitor.site import Device

__all__ = ["usage"]

_Found = Mapping[str, Consumption]
_HOURS = 24


async def usage(asked: Asked) -> Report:
    """Make the report."""
    book = Notebook()
    now = {each.device: each for each in await asked.consumption(asked.meters, (asked.period.start, asked.end))}
    before = {each.device: each for each in await asked.consumption(asked.meters, asked.before)}
    sections, headlines, charts = [], [], []
    for (device_class, unit), meters in _classes(asked.meters, now).items():
        sections.append(_section(asked, device_class, unit, meters, now, before, book))
        headlines.append(_headline(asked, device_class, unit, meters, now, before))
        charts.append(await _bars(asked, device_class, unit, counted(meters)))
    if len(asked.meters) == 1 and per_of(asked.period) != "hour":
        charts += await _heat(asked, asked.meters[0])
    book.notes[:0] = _remarks(asked, now)
    return asked.report(
        "usage",
        is_complete=all(is_known(now.get(device.id), asked) for device in asked.meters),
        headlines=headlines,
        charts=[chart for chart in charts if chart is not None],
        sections=sections,
        book=book,
    )


def _classes(meters: Sequence[Device], found: _Found) -> dict[tuple[str, str], list[Device]]:
    """Meters by class and unit; one that says nothing is taken to count in the first unit of its class."""
    units: dict[str, str] = {}
    for device in meters:
        if device.id in found:
            units.setdefault(device.device_class, found[device.id].unit)
    classes: dict[tuple[str, str], list[Device]] = {}
    for device in meters:
        usual = units.get(device.device_class, "m3" if device.device_class in {"water", "gas"} else "kWh")
        unit = found[device.id].unit if device.id in found else usual
        classes.setdefault((device.device_class, unit), []).append(device)
    return classes


def _columns(unit: str, *, has_energy: bool) -> tuple[Column, ...]:
    power = _rate_unit(unit)
    digits = DIGITS.get(unit, 1)

    def number(name: str, of: str, places: int) -> Column:
        return Column(name=name, unit=of, kind="number", digits=places, align="right")

    return (
        Column(name="meter"),
        Column(name="building"),
        Column(name="tenant"),
        number("register_begin", unit, digits),
        number("register_end", unit, digits),
        number("amount", unit, digits),
        *((number("energy", "kWh", 1),) if has_energy else ()),
        number("year_before", unit, digits),
        Column(name="change", unit="%", kind="percent", digits=1, align="right"),
        number("demand_max", power, DIGITS[power]),
        Column(name="demand_at", kind="time", align="right"),
        number("base", power, DIGITS[power]),
        Column(name="estimated", unit="%", kind="percent", digits=1, align="right"),
        Column(name="known", unit="%", kind="percent", digits=1, align="right"),
    )


def _rate_unit(unit: str) -> str:
    return "kW" if unit == "kWh" else rate_unit(unit)[0]


def _section(  # noqa: PLR0913, PLR0917 - what a table is made of
    asked: Asked,
    device_class: str,
    unit: str,
    meters: Sequence[Device],
    now: _Found,
    before: _Found,
    book: Notebook,
) -> Section:
    has_energy = any(now[one.id].energy is not None for one in meters if one.id in now)
    columns = _columns(unit, has_energy=has_energy)
    rows = [_row(asked, device, columns, now.get(device.id), before.get(device.id), book) for device in meters]
    sums = []
    real = [device for device in meters if device.virtual is None]
    buildings = by_key(real, "building")
    if len(buildings) > 1:
        for building, those in buildings.items():
            if building:
                sums.append(_sum(asked, "sum_building", building, counted(those), columns, now, before))
    if len(real) > 1:
        sums.append(_sum(asked, "sum_class", device_class, counted(real), columns, now, before, level="total"))
    return Section(title=Phrase(f"class_{device_class}"), columns=columns, rows=tuple(rows), totals=tuple(sums))


def _row(  # noqa: PLR0913, PLR0917 - what a row is made of
    asked: Asked,
    device: Device,
    columns: Sequence[Column],
    now: Consumption | None,
    before: Consumption | None,
    book: Notebook,
) -> Row:
    earlier = before.amount if before is not None and is_known(before, asked) else None
    cells: dict[str, str | float | int | None] = {
        "meter": name_of(device),
        "building": device.building,
        "tenant": device.tenant,
        "year_before": earlier,
    }
    notes: tuple[int, ...] = ()
    if now is None or now.amount is None:
        notes = (book.footnote("meter_unknown", meter=name_of(device)),)
        cells["known"] = 0.0
    if now is not None:
        cells |= {
            "register_begin": now.start_register,
            "register_end": now.end_register,
            "amount": now.amount,
            "energy": now.energy,
            "change": change(now.amount, earlier) if is_known(now, asked) else None,
            "demand_max": rate(now.demand_max, now.unit),
            "demand_at": now.demand_at,
            "base": rate(now.base, now.unit),
            "estimated": _share(now.estimated, now.amount),
            "known": 100 * now.known,
        }
        if now.amount is not None and not is_known(now, asked):
            notes += (book.footnote("meter_partly", meter=name_of(device), percent=f"{100 * now.known:.1f}"),)
        notes += book.breaks(now, asked.zone)
    level = "" if device.virtual is None else "apart"
    return Row(
        cells=tuple(cells.get(column.name) for column in columns), device=device.id, level=level, notes=notes
    )


def _share(estimated: float, amount: float | None) -> float | None:
    if amount is None:
        return None
    return 100 * min(1.0, estimated / amount) if amount > 0 else (100.0 if estimated else 0.0)


def _amounts(asked: Asked, meters: Sequence[Device], found: _Found) -> float | None:
    """The sum; not known when one is not known at all or, of the year before, not wholly."""
    return total(found[one.id].amount if is_known(found.get(one.id), asked) else None for one in meters)


def _sum(  # noqa: PLR0913, PLR0917 - what a sum is made of
    asked: Asked,
    key: str,
    what: str,
    meters: Sequence[Device],
    columns: Sequence[Column],
    now: _Found,
    before: _Found,
    *,
    level: str = "sum",
) -> Row:
    amount, earlier = _amounts(asked, meters, now), _amounts(asked, meters, before)
    estimated = total(now[one.id].estimated if one.id in now else None for one in meters)
    mains = [one for one in meters if one.role == "main"]
    energies = [now[one.id].energy if one.id in now else None for one in meters]
    cells = {
        "amount": amount,
        "energy": None if amount is None else total(energies),
        "year_before": earlier,
        "change": change(amount, earlier),
        "estimated": None if estimated is None else _share(estimated, amount),
        "known": 100 * min((now[one.id].known if one.id in now else 0.0 for one in meters), default=0.0),
    }
    said = Phrase(f"{key}_mains" if len(mains) == len(meters) else key, {"what": what})
    return Row(cells=tuple(cells.get(column.name) for column in columns), level=level, said=said)


def _headline(  # noqa: PLR0913, PLR0917 - what a number at the top is made of
    asked: Asked, device_class: str, unit: str, meters: Sequence[Device], now: _Found, before: _Found
) -> Headline:
    those = counted(meters) or tuple(meters)
    amount, earlier = _amounts(asked, those, now), _amounts(asked, those, before)
    estimated = total(now[one.id].estimated if one.id in now else None for one in those)
    missing = [name_of(one) for one in those if not is_known(now.get(one.id), asked)]
    remark = None
    if missing:
        remark = Phrase("headline_missing", {"meters": ", ".join(missing)})
    elif estimated:
        remark = Phrase("headline_estimated", {"amount": quantity(estimated, unit)})
    return Headline(
        name=Phrase(f"class_{device_class}"),
        value=amount,
        unit=unit,
        digits=DIGITS.get(unit, 1),
        before=earlier,
        change=change(amount, earlier),
        remark=remark,
    )


async def _bars(asked: Asked, device_class: str, unit: str, meters: Sequence[Device]) -> Chart | None:
    """What was used in each hour, day or month: the sum of what makes up the class."""
    per = per_of(asked.period)
    now, before = [
        await _pieces(asked, meters, span, per) for span in ((asked.period.start, asked.end), asked.before)
    ]
    if not now:
        return None
    labels = tuple(label_of(start, per, asked.zone) for start in now)
    values = tuple(amount for amount, _ in now.values())
    earlier = tuple(amount for amount, _ in before.values())
    earlier = tuple(earlier[: len(labels)]) + (None,) * (len(labels) - len(earlier))
    series = [Series("amount", values, is_word=True)]
    if any(value is not None for value in earlier):
        series.append(Series("year_before", earlier, is_word=True))
    what = name_of(meters[0]) if len(meters) == 1 else ""
    return Chart(
        kind="bars",
        title=Phrase(f"chart_per_{per}", {"class": device_class, "meter": what}),
        unit=unit,
        labels=labels,
        series=tuple(series),
        estimated=tuple(number for number, (_, estimated) in enumerate(now.values()) if estimated),
    )


async def _pieces(
    asked: Asked, meters: Sequence[Device], span: tuple[int, int], per: str
) -> dict[int, tuple[float | None, bool]]:
    """Begin -> the sum of the meters and whether some of it is estimated."""
    found = await asked.consumption(meters, span, per)
    pieces = {}
    for start, those in sorted(by_key(found, "start").items()):
        amount = total(each.amount if is_known(each, asked) else None for each in those)
        is_whole = len(those) == len(meters)
        pieces[start] = (amount if is_whole else None, any(each.estimated > 0 for each in those))
    return pieces


async def _heat(asked: Asked, meter: Device) -> list[Chart]:
    """The mean of each hour of the week of one meter."""
    found = await asked.consumption([meter], (asked.period.start, asked.end), "hour")
    sums: dict[tuple[int, int], list[float]] = {}
    for each in found:
        if each.amount is not None and is_known(each, asked):
            at = datetime.fromtimestamp(each.start / 1000, asked.zone)
            sums.setdefault((at.weekday(), at.hour), []).append(each.amount)
    if not sums:
        return []
    means = {at: sum(values) / len(values) for at, values in sums.items()}
    series = tuple(
        Series(f"day_{day + 1}", tuple(means.get((day, hour)) for hour in range(_HOURS)), is_word=True)
        for day in range(7)
    )
    title = Phrase("chart_week", {"meter": name_of(meter)})
    labels = tuple(f"{hour:02}:00" for hour in range(_HOURS))
    return [Chart(kind="heat", title=title, unit=found[0].unit, labels=labels, series=series)]


def _remarks(asked: Asked, now: _Found) -> list[Phrase]:
    """What is estimated, and why; what the columns mean."""
    notes = Notebook()
    for device in asked.meters:
        found = now.get(device.id)
        if found is not None and found.amount is not None and found.estimated > 0:
            notes.note("note_estimated", meter=name_of(device), amount=quantity(found.estimated, found.unit))
    if any(device.virtual is not None for device in asked.meters):
        notes.note("virtual_apart")
    if any(device.role == "main" for device in asked.meters) and len(asked.meters) > 1:
        notes.note("mains_only")
    if asked.is_running:
        notes.note("before_cut", until=clock(asked.before[1], asked.zone))
    return notes.notes
