"""Values as text and colour, on examples whose answers @grafana/data 13.2 gave."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.grafana.answers.colours import colour, on_scheme
from tests.grafana.answers.frames import Field, Frame
from tests.grafana.answers.looks import configured, display
from tests.grafana.answers.reducers import reduced

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def _text(value: Any, unit: str = "", decimals: int | None = None, kind: str = "number", **config: Any) -> str:
    known = {"unit": unit} if unit else {}
    column = Field("x", kind, [], config={**known, "decimals": decimals, **config})
    return str(display(column, value, _NOW, "Europe/Berlin"))


@pytest.mark.parametrize(
    ("unit", "value", "decimals", "text"),
    [
        ("", 3, None, "3"),
        ("none", 1 / 3, None, "0.333"),
        ("watt", 4000, 1, "4.0 kW"),
        ("watt", 4020, None, "4.02 kW"),
        ("watt", -1234.5, None, "-1.23 kW"),
        ("watt", 0, None, "0 W"),
        ("suffix:kWh", 12_345.678, 0, "12346 kWh"),
        ("suffix:kWh", 390, 1, "390.0 kWh"),
        ("suffix:m³", 2.25, None, "2.25 m³"),
        ("percent", 99.95, 1, "100.0%"),
        ("percentunit", 0.5, None, "50%"),
        ("celsius", 21.04, 1, "21.0 °C"),
        ("decmbytes", 61_000, None, "61 GB"),
        ("s", 90, None, "1.50 mins"),
        ("s", 60, None, "1 min"),
        ("s", 0.041, None, "41 ms"),
        ("s", 7200, 0, "2 hours"),
        ("ms", 41.2, 0, "41 ms"),
        ("dtdurations", 93_784, 1, "1 day, 2 hours"),
        ("dthms", 3725, None, "01:02:05"),
        ("short", 12_345, None, "12.3 K"),
        ("dateTimeAsLocal", 1_795_762_800_000, None, "27/11/2026, 08:00:00"),
        ("dateTimeFromNow", 1_795_762_800_000, None, "5 hours ago"),
        ("time:YYYY-MM-DD HH:mm", 1_795_762_800_000, None, "2026-11-27 08:00"),
    ],
)
def test_numbers_are_written_as_grafana_writes_them(unit: str, value: float, decimals: int | None, text: str):
    assert _text(value, unit, decimals) == text


def test_a_unit_that_grafana_does_not_know_is_a_mistake():
    with pytest.raises(AssertionError, match="knows no unit"):
        _text(1, "kilowatts")


def test_what_is_not_there_has_a_text_of_its_own():
    assert _text(None) == ""
    assert _text(None, noValue="-") == "-"
    assert _text(math.nan) == "NaN"


_MAPPINGS = [
    {"type": "value", "options": {"0": {"text": "OK", "color": "green"}, "1": {"text": "ALARM", "color": "red"}}},
    {"type": "range", "options": {"from": 5, "to": 9, "result": {"text": "some", "color": "blue"}}},
    {"type": "special", "options": {"match": "null", "result": {"text": "none", "color": "dark-red"}}},
]


@pytest.mark.parametrize(
    ("value", "text", "shade"),
    [
        (0, "OK", "green"),
        (1.0, "ALARM", "red"),
        (7, "some", "blue"),
        (None, "none", "dark-red"),
        (20, "20 V", "gray"),
    ],
)
def test_states_have_names_and_colours(value: Any, text: str, shade: str):
    column = Field("x", "number", [], config={"unit": "volt", "mappings": _MAPPINGS})
    shown = display(column, value, _NOW, "UTC")

    assert (str(shown), shown.colour) == (text, colour(shade))


def test_steps_give_the_colour_from_their_value_on():
    steps = [{"value": None, "color": "red"}, {"value": 207, "color": "green"}, {"value": 253, "color": "red"}]
    column = Field("x", "number", [], config={"thresholds": {"mode": "absolute", "steps": steps}})
    shown = [display(column, value, _NOW, "UTC").colour for value in (206.9, 207, 252.9, 253)]

    assert shown == [colour(name) for name in ("red", "green", "green", "red")]


@pytest.mark.parametrize(("share", "shade"), [(0, "#73bf69"), (0.5, "#e2c03d"), (1, "#f2495c")])
def test_a_scheme_runs_from_its_first_colour_to_its_last(share: float, shade: str):
    assert on_scheme("continuous-GrYlRd", share) == shade


def _options(*overrides: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    rules = [
        {
            "matcher": {"id": kind, "options": wanted},
            "properties": [{"id": key, "value": value} for key, value in props.items()],
        }
        for kind, wanted, props in overrides
    ]
    return {
        "defaults": {"unit": "watt", "decimals": 1, "custom": {"width": 5, "align": "left"}},
        "overrides": rules,
    }


def test_overrides_change_what_they_name():
    frames = [Frame([Field(name, "number", [1]) for name in ("power", "power_max", "flow")], "A")]
    options = _options(
        ("byName", "flow", {"unit": "suffix:m³/h", "custom.width": 9}),
        ("byRegexp", "/^power_/", {"displayName": "Peak"}),
        ("byFrameRefID", "B", {"unit": "volt"}),
    )
    [frame] = configured(frames, options)
    units = [column.config["unit"] for column in frame.fields]

    assert units == ["watt", "watt", "suffix:m³/h"]
    assert frame.fields[1].config["displayName"] == "Peak"
    assert frame.fields[2].config["custom"] == {"width": 9, "align": "left"}
    assert frame.fields[0].config["custom"] == {"width": 5, "align": "left"}


def test_the_range_of_a_scale_is_that_of_all_numbers_where_none_is_said():
    frames = [Frame([Field("a", "number", [2, 8]), Field("b", "number", [-1, None])])]
    [frame] = configured(frames, {"defaults": {"min": 0}, "overrides": []})

    assert frame.fields[0].range == (0, 8)


@pytest.mark.parametrize(
    ("calc", "value"),
    [
        ("lastNotNull", 5), ("last", None), ("firstNotNull", 1), ("min", 1), ("max", 5), ("mean", 3), ("sum", 9),
        ("count", 3), ("range", 4), ("diff", 4), ("delta", 4), ("changeCount", 2), ("distinctCount", 3),
        ("median", 3), ("diffperc", 400),
    ],
)  # fmt: skip
def test_a_reducer_makes_one_value_and_leaves_out_what_is_not_there(calc: str, value: Any):
    assert reduced(Field("x", "number", [1, None, 3, 5, None]), calc) == value


def test_of_nothing_sums_are_nought_and_the_rest_is_not_there():
    empty = Field("x", "number", [])

    assert [reduced(empty, calc) for calc in ("sum", "count", "lastNotNull", "mean")] == [0, 0, None, None]
