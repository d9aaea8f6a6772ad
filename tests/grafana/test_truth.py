"""Every number on the dashboards of electricity, water and gas is what the simulated meters truly counted."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from monitor import schema
from tests.grafana.answers import Answer
from tests.grafana.answers.frames import is_nothing
from tests.grafana.counted import Counted
from tests.grafana.house import House, house, panel_of
from tests.grafana.reading import shown_by
from tests.grafana.shipped import DASHBOARDS, panels_of
from tests.grafana.truths import Expected, Truths

Panel = Callable[[Truths, Answer], Expected]


def _any(points: Mapping[str, str], within: float) -> Panel:
    """The greatest of each phase."""
    return lambda truths, answer: Expected(lines=truths.any_of(points, max, answer), within=within)


def _voltage(truths: Truths, answer: Answer) -> Expected:
    lines = {
        f"{name} {said}": line
        for said, how in (("lowest", min), ("highest", max))
        for name, line in truths.any_of(schema.POINTS_VOLTAGE, how, answer).items()
    }
    return Expected(lines=lines, within=0.051)


def _frequency(truths: Truths, answer: Answer) -> Expected:
    lines = {
        said: truths.any_of({"": schema.POINT_FREQUENCY}, how, answer)[""]
        for said, how in (("lowest", min), ("highest", max))
    }
    return Expected(lines=lines, within=0.0051)


_BOTH: Final[Mapping[str, Panel]] = {
    "Today": lambda truths, _: truths.today(),
    "Against last week": lambda truths, _: truths.change(),
    "This month": lambda truths, _: truths.month(),
    "Cost this month": lambda truths, _: truths.cost_this_month(),
    "Without sub-meter this month": lambda truths, _: truths.unmetered_share(),
    "Hours of today and of last week": lambda truths, _: truths.hours(),
    "Who uses how much": lambda truths, _: truths.who(),
    "Shares": lambda truths, _: truths.shares(),
    "Meters per day": lambda truths, _: truths.stacked("day"),
    "Meters per month": lambda truths, _: truths.stacked("month"),
    "Without sub-meter per day": lambda truths, _: truths.unmetered(),
    "Highest demand per day": lambda truths, _: truths.peaks("day"),
    "Highest demand per month": lambda truths, _: truths.peaks("month"),
    "Highest hours": lambda truths, _: truths.highest_hours(),
    "Cost per day": lambda truths, _: truths.costs("day"),
    "Cost per month": lambda truths, _: truths.costs("month"),
    "Cost per tenant": lambda truths, _: truths.per_tenant(),
}
_ELECTRICITY: Final[Mapping[str, Panel]] = {
    **_BOTH,
    "Power now": lambda truths, _: truths.now("power", schema.POINT_POWER),
    "Electricity per day": lambda truths, _: truths.days(),
    "Hours of the week, in W": lambda truths, _: truths.week(),
    "Power": lambda truths, answer: truths.sampled(schema.POINT_POWER, answer, [truths.main]),
    "Mean power of each meter": lambda truths, answer: truths.power_of_each(answer),
    "Highest demand this month": lambda truths, _: truths.highest(),
    "Base load per day": lambda truths, _: truths.base(),
    "CO₂ per day": lambda truths, _: truths.carbon("day"),
    "CO₂ per month": lambda truths, _: truths.carbon("month"),
    "Voltage": _voltage,
    "Current by phase": _any(schema.POINTS_CURRENT, 0.011),
    "Power by phase": _any(schema.POINTS_POWER, 0.011),
    "Power factor": lambda truths, answer: truths.sampled(schema.POINT_POWER_FACTOR, answer, [truths.main]),
    "Frequency": _frequency,
}
_WATER: Final[Mapping[str, Panel]] = {
    **_BOTH,
    "Flow now": lambda truths, _: truths.now("flow", schema.POINT_FLOW),
    "Flow last night": lambda truths, _: truths.least(),
    "Leaks: what never stops": lambda truths, _: truths.leaks(),
    "Flow at night": lambda truths, _: truths.nights(),
    "Water per day": lambda truths, _: truths.days(),
    "Hours of the week, in litres": lambda truths, _: truths.week(),
    "Flow": lambda truths, answer: truths.sampled(schema.POINT_FLOW, answer),
}
_GAS: Final[Mapping[str, Panel]] = {
    "Gas: today": lambda truths, _: truths.today("volume", energy="energy"),
    "Gas: this month": lambda truths, _: truths.month("volume", energy="energy"),
    "Gas burnt and heat made per day": lambda truths, _: truths.burnt("day"),
    "Gas burnt and heat made per month": lambda truths, _: truths.burnt("month"),
    "Gas: against last week": lambda truths, _: truths.change(),
    "Gas: cost this month": lambda truths, _: truths.cost_this_month(),
    "Gas: flow now": lambda truths, _: truths.now("flow", schema.POINT_FLOW),
    "Gas: hours of today and of last week": lambda truths, _: truths.hours(),
    "Gas per day": lambda truths, _: truths.days(),
    "Gas per month": lambda truths, _: truths.months(),
    "Gas: who uses how much": lambda truths, _: truths.who(),
    "Gas: hours of the week, in litres": lambda truths, _: truths.week(),
    "Gas: highest demand per day": lambda truths, _: truths.peaks("day"),
    "Gas: flow at night": lambda truths, _: truths.nights(),
    "Gas flow": lambda truths, answer: truths.sampled(schema.POINT_FLOW, answer),
    "Gas: cost per day": lambda truths, _: truths.costs("day"),
    "Gas: cost per month": lambda truths, _: truths.costs("month"),
    "Gas: cost per tenant": lambda truths, _: truths.per_tenant(),
    "Gas: CO₂ per day": lambda truths, _: truths.carbon("day"),
    "Gas: CO₂ per month": lambda truths, _: truths.carbon("month"),
}
_PANELS: Final = {"electricity": _ELECTRICITY, "water": _WATER, "heating": _GAS}
_UTILITY: Final = {"electricity": "electricity", "water": "water", "heating": "gas"}
_EACH: Final = [(name, title) for name, panels in _PANELS.items() for title in panels]
_SCALES: Final = {"k": 1e3, "M": 1e6, "G": 1e9}


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory) as looked:
        yield looked


@pytest.fixture(scope="module")
def counted() -> Counted:
    return Counted()


@pytest.mark.parametrize("name", ["electricity", "water"])
def test_every_panel_is_compared(name: str):
    assert {panel["title"] for panel in panels_of(DASHBOARDS[name]) if panel.get("targets")} == set(_PANELS[name])


@pytest.mark.parametrize(("name", "title"), _EACH)
def test_a_panel_shows_what_was_truly_counted(looked: House, counted: Counted, name: str, title: str):
    answer = looked.answer(name, panel_of(name, title))
    expected = _PANELS[name][title](Truths(counted, _UTILITY[name]), answer)
    shown = shown_by(answer)

    assert {series: sorted(map(str, line)) for series, line in shown.items()} == {
        series: sorted(map(str, line)) for series, line in expected.lines.items()
    }
    wrong = [
        (series, place, value, expected.lines[series][place])
        for series, line in shown.items()
        for place, value in line.items()
        if abs(value - expected.lines[series][place]) > expected.within
    ]
    assert not wrong
    for series, place, text in _texts(answer):
        if place != "Stood still last":
            number, digit = _number(text)
            assert abs(number - expected.lines[series][place]) <= digit / 2 + expected.within, text


def _number(text: str) -> tuple[float, float]:
    """What a text says in the unit of its field, and how much one of its last digit is."""
    found = re.match(r"(-?\d+(?:\.(\d+))?) ?([kMG]?)", text)
    assert found is not None, text
    scale = _SCALES.get(found[3], 1.0) if re.search(r"[kMG]W$", text) else 1.0
    return float(found[1]) * scale, scale * 10.0 ** -len(found[2] or "")


def _texts(answer: Answer) -> Iterator[tuple[str, object, str]]:
    """What people read: of each number in a table or a stat, and of the newest value of a line or bar."""
    if answer.panel["type"] == "table":
        headings, rows, columns = answer.table()
        for row in rows:
            cells = {name: str(cell) for name, cell in zip(headings, row, strict=True)}
            for name, column in zip(headings, columns, strict=True):
                if (
                    column.type == "number"
                    and name != "Day"
                    and cells[name] not in {"", "-"}
                    and "Demand" not in cells
                ):
                    yield cells.get("Day") or cells["Meter"], name, cells[name]
    elif "reduceOptions" in answer.panel["options"]:
        for title, shown, _ in answer.stats():
            yield title, "", str(shown)
    else:
        for column, frame in answer.numbers():
            times = next(each for each in frame.fields if each.type == "time").values
            found = [(at, value) for at, value in zip(times, column.values, strict=True) if not is_nothing(value)]
            for at, value in found[-1:]:
                yield answer.named(column, frame), at, str(answer.shown(column, value))
