"""The report `balance`: main meters against what is measured below them."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.figures import Consumption
from monitor.meters import MeterGroup, meter_groups
from monitor.reports.meters import (
    DIGITS,
    Asked,
    Notebook,
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

__all__ = ["balance"]


@dataclass(frozen=True, slots=True)
class _Sum:
    """What both sides came to; None: not known."""

    mains: float | None
    subs: float | None

    @property
    def difference(self) -> float | None:
        """What no sub-meter measured."""
        return None if self.mains is None or self.subs is None else self.mains - self.subs

    @property
    def percent(self) -> float | None:
        """The difference in percent of the main meters."""
        return None if self.difference is None or not self.mains else 100 * self.difference / self.mains


async def balance(asked: Asked) -> Report:
    """Make the report, class by class."""
    book = Notebook()
    groups = meter_groups(asked.meters)
    meters = {one.id: one for group in groups for one in group.meters}
    per = per_of(asked.period)
    span = (asked.period.start, asked.end)
    whole = {each.device: each for each in await asked.consumption(meters.values(), span)}
    pieces: dict[int, dict[str, Consumption]] = {}
    for each in await asked.consumption(meters.values(), span, per):
        pieces.setdefault(each.start, {})[each.device] = each
    sections: dict[tuple[str, str], list[Row]] = {}
    details, headlines, charts = [], [], []
    for group in groups:
        unit = next((whole[one.id].unit for one in group.meters if one.id in whole), "kWh")
        found = _sum(asked, group, whole, unit)
        sections.setdefault((group.device_class, unit), []).append(_row(asked, group, found, whole, unit, book))
        headlines.append(_headline(group, found, unit))
        parts = {start: _sum(asked, group, those, unit) for start, those in sorted(pieces.items())}
        details.append(_details(group, parts, unit, per))
        charts.append(_chart(asked, group, parts, unit, per))
    _remarks(asked, groups, book)
    return asked.report(
        "balance",
        is_complete=bool(groups) and all(is_known(whole.get(one), asked) for one in meters),
        headlines=headlines,
        charts=charts,
        sections=[
            Section(
                title=Phrase(f"class_{name}"), columns=_columns(unit, is_water=name == "water"), rows=tuple(rows)
            )
            for (name, unit), rows in sections.items()
        ],
        details=details,
        book=book,
    )


def _sum(asked: Asked, group: MeterGroup, found: dict[str, Consumption], unit: str) -> _Sum:
    """Both sides; a meter that is not wholly known, or counts in another unit, makes its side not known."""
    sides = (total(_amount(asked, found.get(one.id), unit) for one in side) for side in (group.mains, group.subs))
    return _Sum(*sides)


def _amount(asked: Asked, found: Consumption | None, unit: str) -> float | None:
    return found.amount if found is not None and found.unit == unit and is_known(found, asked) else None


def _columns(unit: str, *, is_water: bool) -> tuple[Column, ...]:
    digits, power = DIGITS.get(unit, 1), "kW" if unit == "kWh" else rate_unit(unit)[0]
    base = Column(name="night", unit=power, kind="number", digits=DIGITS.get(power, 2), align="right")
    return (Column(name="where"), Column(name="counts"), *_sides(unit, digits), *((base,) if is_water else ()))


def _sides(unit: str, digits: int) -> tuple[Column, ...]:
    return (
        *(
            Column(name=name, unit=unit, kind="number", digits=digits, align="right")
            for name in ("mains", "subs", "difference")
        ),
        Column(name="difference_share", unit="%", kind="percent", digits=1, align="right"),
    )


def _row(  # noqa: PLR0913, PLR0917 - what a row is made of
    asked: Asked, group: MeterGroup, found: _Sum, whole: dict[str, Consumption], unit: str, book: Notebook
) -> Row:
    notes: tuple[int, ...] = ()
    lacking = [name_of(one) for one in group.meters if _amount(asked, whole.get(one.id), unit) is None]
    if lacking:
        notes += (book.footnote("balance_lacking", meters=", ".join(lacking)),)
    guessed = [each for each in (whole.get(one.id) for one in group.meters) if each is not None and each.estimated]
    for each in guessed:
        name = name_of(asked.site.devices[each.device])
        notes += (book.footnote("note_estimated", meter=name, amount=quantity(each.estimated, each.unit)),)
    if found.difference is not None and found.difference < 0:
        notes += (book.footnote("balance_negative"),)
    cells: list[str | float | None] = [
        group.building,
        f"{len(group.mains)} / {len(group.subs)}",
        found.mains,
        found.subs,
        found.difference,
        found.percent,
    ]
    if group.device_class == "water":
        bases = (whole[one.id].base if one.id in whole else None for one in group.mains)
        cells.append(rate(total(bases), unit))
    return Row(cells=tuple(cells), said=None if group.building else Phrase("whole_site"), notes=notes)


def _headline(group: MeterGroup, found: _Sum, unit: str) -> Headline:
    where = {"class": group.device_class, "what": group.building}
    remark = Phrase("balance_unknown")
    if found.percent is not None:
        remark = Phrase("balance_share", {"percent": f"{found.percent:.1f}"})
    return Headline(
        name=Phrase("not_measured_at" if group.building else "not_measured", where),
        value=found.difference,
        unit=unit,
        digits=DIGITS.get(unit, 1),
        remark=remark,
    )


def _details(group: MeterGroup, parts: dict[int, _Sum], unit: str, per: str) -> Section:
    columns = (
        Column(name="class"),
        Column(name="building"),
        Column(name="start", kind="time"),
        *_sides(unit, DIGITS.get(unit, 1)),
    )
    rows = tuple(
        Row(
            cells=(group.device_class, group.building, start, each.mains, each.subs, each.difference, each.percent)
        )
        for start, each in parts.items()
    )
    title = Phrase(f"balance_per_{per}", {"class": group.device_class, "what": group.building})
    return Section(title=title, columns=columns, rows=rows)


def _chart(asked: Asked, group: MeterGroup, parts: dict[int, _Sum], unit: str, per: str) -> Chart:
    names = ("subs", "difference", "mains")
    series = tuple(
        Series(name, tuple(getattr(each, name) for each in parts.values()), is_word=True) for name in names
    )
    title = Phrase(
        "chart_balance_at" if group.building else "chart_balance",
        {"class": group.device_class, "what": group.building, "per": f"per_{per}"},
    )
    labels = tuple(label_of(start, per, asked.zone) for start in parts)
    return Chart(kind="balance", title=title, unit=unit, labels=labels, series=series)


def _remarks(asked: Asked, groups: Sequence[MeterGroup], book: Notebook) -> None:
    if not groups and asked.meters:
        book.note("no_balance")
    if groups:
        book.note("balance_means")
    if any(one.virtual is not None for one in asked.meters):
        book.note("virtual_apart")
    if any(group.device_class == "water" for group in groups):
        book.note("night_means")
