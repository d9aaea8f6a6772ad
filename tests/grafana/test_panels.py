"""Every query of all shipped dashboards on a real InfluxDB, and what each panel shows of it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from monitor import fieldkeys, schema
from monitor.grafana.looks import grafana_unit
from tests.grafana.answers.dashboards import Answer
from tests.grafana.answers.formats import DATES
from tests.grafana.answers.frames import Field, Frame, display_name, is_nothing
from tests.grafana.answers.looks import display
from tests.grafana.answers.reducers import reduced
from tests.grafana.answers.transform import transformed
from tests.grafana.house import House, house
from tests.grafana.shipped import DASHBOARDS, asked, panels_of

Json = Mapping[str, Any]

_RARE: Final = "no reader did so; the tests of the dashboard itself have some"
_NO_HEAT: Final = "the demo's house has no heat meter; the tests of the dashboard itself have some"
_HEAT: Final = (
    "Heat: today", "Heat: against last week", "Heat: this month", "Heat: cost this month", "Heat: power now",
    "Heat: hours of today and of last week", "Heat per day", "Heat: without sub-meter per day",
    "Heat: who uses how much", "Heat: shares", "Heat: meters per day", "Heat: meters per month",
    "Heat: hours of the week, in W", "Heat: highest demand per day", "Supply and return temperature",
    "Supply less return", "Heat power", "Heat flow", "Heat: cost per day", "Heat: cost per month",
    "Heat: cost per tenant",
)  # fmt: skip
NOTHING: Final[Mapping[tuple[str, str], str]] = {
    **{("heating", title): _NO_HEAT for title in _HEAT},
    ("access", "Tampered with, off line"): _RARE,
    ("access", "Told late"): _RARE,
    ("devices", "How fast devices answer"): "nobody waited for an answer in a month that was filled in",
    ("devices", "Events per hour"): "meters had none in the last seven days; test_stories looks at the day of one",
    ("equipment", "Concentration of gas"): "the detector of the demo says only whether there is gas",
}
"""Panels that show nothing of the data (dashboard, title) -> why that is right."""

_PANELS = [
    pytest.param(name, panel, id=f"{name}-{panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in panels_of(dashboard)
    if panel.get("targets")
]
_FREE: Final = {"amount", "cost", "estimated", "below", "week_before", "value", "threshold", "hours"}
"""Fields whose unit is said by nothing in their name."""
_TIMES: Final = frozenset({schema.ALARM_START, schema.ALARM_END, fieldkeys.HEALTH_SEEN})
_COUNTED: Final = frozenset({"count", "changeCount", "distinctCount"})


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory) as looked:
        yield looked


@pytest.mark.parametrize(("name", "panel"), _PANELS)
def test_every_panel_shows_something(looked: House, name: str, panel: Json):
    answer = looked.answer(name, panel)

    if (name, panel["title"]) in NOTHING:
        assert not _shows(answer), "this panel need not be in the list of those that show nothing"
    else:
        assert _shows(answer)


def _shows(answer: Answer) -> bool:
    """Whether there is something to look at: rows, a number, a state, or points that make a line or bars."""
    if answer.panel["type"] == "table":
        _, rows, _ = answer.table()
        return any(any(str(cell) for cell in row) for row in rows)
    if "reduceOptions" in answer.panel["options"]:
        says_none = answer.panel["fieldConfig"]["defaults"].get("noValue", "-") in {"0", "none"}
        return says_none or any(not is_nothing(_value(column, answer)) for _, _, column in answer.stats())
    least = 1 if answer.panel["type"] == "state-timeline" else 2
    return any(
        len([value for value in column.values if not is_nothing(value)]) >= least for column, _ in _drawn(answer)
    )


def _value(column: Field, answer: Answer) -> Any:
    how = answer.panel["options"]["reduceOptions"]
    return next(iter(column.values), None) if how["values"] else reduced(column, (how["calcs"] or ["last"])[0])


def _drawn(answer: Answer) -> Iterator[tuple[Field, Frame]]:
    for frame in answer.frames:
        for column in frame.fields:
            if column.type != "time":
                yield column, frame


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_can_be_chosen_narrows_what_is_shown(looked: House, name: str):
    for variable in (each for each in DASHBOARDS[name]["templating"]["list"] if each["type"] == "query"):
        found = looked.look(name).options(variable["name"])
        if found:
            for chosen in ([found[0]], found[:2]):
                look = looked.look(name, **{variable["name"]: chosen})
                for panel in look.panels():
                    look.answer(panel)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_annotations_mark_what_happened(looked: House, name: str):
    look = looked.look(name)
    look.range = replace(look.range, start="now-30d")
    marks = look.marks()

    if DASHBOARDS[name]["annotations"]["list"] and name != "monitor":
        assert marks
    for mark in marks:
        assert mark.text
        assert mark.end >= mark.begin


@pytest.mark.parametrize(("name", "panel"), _PANELS)
def test_aliases_name_tags_that_series_have(name: str, panel: Json):
    for target in panel["targets"]:
        tags = re.findall(r"\$tag_(\w+)", target["alias"])
        assert set(tags) <= set(asked(target["query"]).groups), name
        if target["resultFormat"] == "time_series":
            assert target["alias"], "nobody wants to read InfluxDB's names"


@pytest.mark.parametrize(("name", "panel"), _PANELS)
def test_columns_that_are_changed_are_there(looked: House, name: str, panel: Json):
    answer = looked.answer(name, panel)
    steps = panel.get("transformations", [])
    if answer.is_empty:
        return
    for index, step in enumerate(steps):
        before = transformed(answer.raw, steps[:index])
        known = _names(before)
        assert _NAMED.get(step["id"], lambda _: set())(step["options"]) <= known, step
    known = _names(transformed(answer.raw, steps))
    for override in panel["fieldConfig"]["overrides"]:
        matcher = override["matcher"]
        if matcher["id"] == "byFrameRefID":
            assert matcher["options"] in {target["refId"] for target in panel["targets"]}
        elif matcher["id"] == "byName" and panel["type"] == "table":
            assert matcher["options"] in known
    for rule in panel["options"].get("sortBy", []):
        names = {answer.named(column, frame) for frame in answer.frames for column in frame.fields}
        assert rule["displayName"] in names


def _names(frames: list[Frame]) -> set[str]:
    return {
        each
        for frame in frames
        for column in frame.fields
        for each in (column.name, display_name(column, frame, frames))
    }


_NAMED: Final[Mapping[str, Callable[[Json], set[str]]]] = {
    "organize": lambda how: {*how["renameByName"], *how["excludeByName"]},
    "groupBy": lambda how: set(how["fields"]),
    "groupingToMatrix": lambda how: {how["columnField"], how["rowField"], how["valueField"]},
    "sortBy": lambda how: {each["field"] for each in how["sort"]},
    "joinByField": lambda how: {how["byField"]},
    "calculateField": lambda how: {
        side
        for side in (how["binary"]["left"], how["binary"]["right"])
        if not re.fullmatch(r"-?\d+(\.\d+)?", side)
    },
}
"""Columns that a transformation names."""


@pytest.mark.parametrize(("name", "panel"), _PANELS)
def test_units_are_those_of_the_fields(looked: House, name: str, panel: Json):
    answer = looked.answer(name, panel)

    for column, frame in answer.numbers():
        unit = _unit(column, frame, answer)
        shown = column.config.get("unit", "")
        if unit is None or column.config.get("custom", {}).get("hidden"):
            continue
        assert shown in unit, f"{answer.named(column, frame)} is in {unit}"


def _unit(column: Field, frame: Frame, answer: Answer) -> set[str] | None:
    """Grafana's units that fit a column; None where nobody can say."""
    name, calc = re.fullmatch(r"(.*?)(?: \((\w+)\))?", column.name).groups()  # type: ignore[union-attr]
    target = next(
        (each for each in answer.panel["targets"] if each["refId"] == frame.ref), answer.panel["targets"][0]
    )
    question = asked(target["query"])
    if name == "Value" and len(question.columns) == 1:
        name = question.columns[0][0] or re.sub(r"\(.*", "", question.columns[0][1]).strip('"')
    said, field = question.field_of(name)
    if not field or field in _FREE or _is_state(field):
        return None
    if calc in _COUNTED or "count(" in said or field == schema.EVENT_COUNT:
        return {"", "none", "short"}
    if field in _TIMES:
        return set(DATES)
    unit = schema.MONITOR_POINTS.get(field) or schema.point_unit(field)
    spans = {"s", "dtdurations", "dthms", "dtdhms"} if unit == "s" else set()
    unit = {fieldkeys.HEALTH_POLL_MS: "ms", fieldkeys.USAGE_CARBON: "kg"}.get(field, unit)
    return {grafana_unit(unit), *spans} if unit else {"", "none", "short"}


def _is_state(field: str) -> bool:
    return field.endswith("_i")


@pytest.mark.parametrize(("name", "panel"), _PANELS)
def test_every_value_has_a_text_and_a_colour(looked: House, name: str, panel: Json):
    answer = looked.answer(name, panel)

    for frame in answer.frames:
        for column in frame.fields:
            for value in column.values[-50:]:
                shown = display(column, value, looked.now, looked.zone)
                assert shown.colour.startswith("#")
                assert is_nothing(value) or value == "" or str(shown) not in {"", "NaN"}
