"""Transformations, on examples whose answers @grafana/data 13.2 gave."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from tests.grafana.answers.frames import UNDEFINED, Field, Frame, display_name
from tests.grafana.answers.transform import transformed

_STATED = {"displayNameFromDS": ""}


def _table(ref: str = "A", **columns: Sequence[Any]) -> Frame:
    def kind(values: Sequence[Any]) -> str:
        return "string" if any(isinstance(value, str) for value in values) else "number"

    return Frame(
        [
            Field(
                name, "time" if name == "Time" else kind(values), list(values), config={"displayNameFromDS": name}
            )
            for name, values in columns.items()
        ],
        ref,
        "m",
    )


def _shown(frames: Sequence[Frame]) -> list[dict[str, list[Any]]]:
    return [{display_name(each, frame, frames): each.values for each in frame.fields} for frame in frames]


def _step(name: str, **options: Any) -> dict[str, Any]:
    return {"id": name, "options": options}


_GROUP = _step(
    "groupBy",
    fields={
        "hour": {"operation": "groupby", "aggregations": []},
        "weekday": {"operation": "groupby", "aggregations": []},
        "amount": {"operation": "aggregate", "aggregations": ["mean", "count"]},
    },
)
_HOURS = {"Time": [1, 2, 3, 4], "hour": [5, 5, 6, 5], "weekday": [1, 1, 1, 2], "amount": [2.0, 4.0, 7.0, None]}


def test_groups_have_a_row_for_each_combination():
    [found] = _shown(transformed([_table(**_HOURS)], [_GROUP]))

    assert found == {
        "hour": [5, 6, 5],
        "weekday": [1, 1, 2],
        "amount (mean)": [3.0, 7.0, None],
        "amount (count)": [2, 1, 0],
    }


def test_a_matrix_has_a_row_for_each_hour_and_a_column_for_each_weekday():
    matrix = _step(
        "groupingToMatrix", columnField="weekday", rowField="hour", valueField="amount (mean)", emptyValue="null"
    )
    frames = transformed([_table(**_HOURS)], [_GROUP, matrix])

    assert [column.name for column in frames[0].fields] == ["hour\\weekday", "1", "2"]
    assert _shown(frames) == [{"hour": [5, 6], "1": [3.0, 7.0], "2": [None, None]}]


def test_columns_of_a_matrix_by_a_text_are_all_called_by_the_value():
    """Grafana keeps the data source's name of the value where columns are texts; a group before it drops it."""
    matrix = _step("groupingToMatrix", columnField="device", rowField="hour", valueField="x", emptyValue="zero")
    frames = transformed([_table(hour=[1, 2], device=["a", "b"], x=[3, 4])], [matrix])

    assert [display_name(column, frames[0], frames) for column in frames[0].fields] == ["hour", "x", "x"]
    assert [column.name for column in frames[0].fields] == ["hour\\device", "a", "b"]
    assert [column.values for column in frames[0].fields] == [[1, 2], [3, 0], [0, 4]]


def test_a_matrix_of_several_frames_is_left_alone():
    matrix = _step("groupingToMatrix", columnField="a", rowField="b", valueField="c")
    frames = [_table(a=[1]), _table(a=[2])]

    assert transformed(frames, [matrix]) == frames


def test_rows_are_sorted_by_what_a_column_is_called():
    rename = _step("organize", renameByName={"x": "Used"}, indexByName={}, excludeByName={})
    table = _table(x=[2, None, 1], device=["b", "C", "a"])

    def order(*steps: dict[str, Any]) -> list[Any]:
        return transformed([table], steps)[0].fields[1].values

    assert order(_step("sortBy", sort=[{"field": "x", "desc": True}])) == ["b", "a", "C"]
    assert order(_step("sortBy", sort=[{"field": "device"}])) == ["a", "b", "C"]
    assert order(rename, _step("sortBy", sort=[{"field": "x"}])) == ["b", "C", "a"]
    assert order(rename, _step("sortBy", sort=[{"field": "Used"}])) == ["C", "a", "b"]


def test_columns_are_renamed_moved_and_left_out():
    step = _step(
        "organize",
        renameByName={"x": "Used", "device": ""},
        indexByName={"x": 0, "device": 1},
        excludeByName={"Time": True},
    )
    frames = transformed([_table(Time=[1], device=["a"], other=[3], x=[2])], [step])

    assert _shown(frames) == [{"Used": [2], "device": ["a"], "other": [3]}]
    assert [column.name for column in frames[0].fields] == ["x", "device", "other"]


def _series(name: str, *values: Any) -> Frame:
    times = Field("Time", "time", list(range(len(values))))
    value = Field("Value", "number", list(values), {"device": name}, {"displayNameFromDS": name})
    return Frame([times, value], "A", name)


def test_series_become_rows():
    frames = [_series("a", 1, None), _series("b", None, None)]
    [found] = _shown(transformed(frames, [_step("reduce", reducers=["lastNotNull", "max"], mode="seriesToRows")]))
    [labelled] = _shown(
        transformed(frames, [_step("reduce", reducers=["sum"], mode="seriesToRows", labelsToFields=True)])
    )

    assert found["Field"] == ["a", "b"]
    assert found["Last *"][0] == found["Max"][0] == 1
    assert math.isnan(found["Max"][1])
    assert labelled == {"Field": ["Value", "Value"], "device": ["a", "b"], "Total": [1, 0]}


def test_tables_merge_row_by_row_of_what_they_share():
    one, two = _table("A", device=["a", "b", "b"], x=[1, 2, 3]), _table("B", device=["b", "c"], y=[8, 9])
    [found] = transformed([one, two], [_step("merge")])

    assert [column.name for column in found.fields] == ["device", "x", "y"]
    assert [column.values for column in found.fields] == [
        ["a", "b", "b", "c"],
        [1, 2, 3, UNDEFINED],
        [UNDEFINED, 8, 8, 9],
    ]
    assert found.ref == "merge-A-B"


def test_tables_whose_times_differ_do_not_merge():
    """The newest values of two fields of one device stand at different times: two rows of one device."""
    one, two = _table("A", Time=[1], device=["a"], x=[1]), _table("B", Time=[2], device=["a"], y=[8])
    without = _step("organize", excludeByName={"Time": True}, indexByName={}, renameByName={})

    assert transformed([one, two], [_step("merge")])[0].length == 2
    assert transformed([one, two], [without, _step("merge")])[0].length == 1


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("outer", [["a", "b", "c"], [1, 2, UNDEFINED], [UNDEFINED, 8, 9]]),
        ("inner", [["b"], [2], [8]]),
        ("outerTabular", [["b", "a", "c"], [2, 1, None], [8, None, 9]]),
    ],
)
def test_tables_join_by_a_column(mode: str, rows: list[list[Any]]):
    frames = [_table("A", device=["a", "b"], x=[1, 2]), _table("B", device=["b", "c"], y=[8, 9])]
    [found] = transformed(frames, [_step("joinByField", byField="device", mode=mode)])

    assert [column.values for column in found.fields] == rows


def test_a_column_is_worked_out_of_two_and_null_counts_as_nothing():
    step = _step(
        "calculateField", mode="binary", binary={"left": "x", "operator": "-", "right": "y"}, alias="rest"
    )
    [found] = transformed([_table(x=[5.0, None], y=[2.0, 3.0])], [step])

    assert display_name(found.fields[2], found) == "rest"
    assert found.fields[2].values == [3.0, -3.0]


def test_a_column_that_is_not_there_gives_no_result_and_no_error():
    step = _step(
        "calculateField", mode="binary", binary={"left": "x", "operator": "*", "right": "z"}, alias="rest"
    )

    assert len(transformed([_table(x=[5.0])], [step])[0].fields) == 1


def test_a_number_stands_for_itself():
    step = _step(
        "calculateField", mode="binary", binary={"left": "x", "operator": "/", "right": "2"}, alias="half"
    )

    assert transformed([_table(x=[5.0])], [step])[0].fields[1].values == [2.5]


def test_keys_of_objects_become_columns_after_the_others():
    """As `extractFields` of Grafana's own source does; @grafana/data has no part in it."""
    told = _table(
        Time=[1, 2, 3], detail=['{"due": "2026-12-03"}', "no object", '{"left": 4, "due": "2027-01-01"}']
    )
    step = _step("extractFields", source="detail", format="json", replace=False, keepTime=False)

    [frame] = transformed([told], [step])

    assert [(each.name, each.type) for each in frame.fields][2:] == [("due", "string"), ("left", "number")]
    assert [each.values for each in frame.fields][2:] == [
        ["2026-12-03", UNDEFINED, "2027-01-01"], [UNDEFINED, UNDEFINED, 4],
    ]  # fmt: skip
