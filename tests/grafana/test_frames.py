"""Answers of InfluxDB as frames, and what fields are called."""

from tests.grafana.answers.frames import Field, Frame, display_name
from tests.grafana.answers.source import Series, series_frames, table_frames

_FOUND = [
    Series(
        "electricity", ["time", "mean", "max"], [[1, 2.5, 3], [2, None, 4]], {"device": "e-main", "role": "main"}
    ),
    Series("electricity", ["time", "mean", "max"], [[1, 7, 8]], {"device": "e-shop", "role": "sub"}),
]


def test_a_series_is_a_frame_for_each_column_called_by_its_alias():
    frames = series_frames(_FOUND, "A", "$tag_device $col [[tag_role]] $m $tag_none", "1m")

    assert [frame.name for frame in frames] == [
        "e-main mean main electricity $tag_none",
        "e-main max main electricity $tag_none",
        "e-shop mean sub electricity $tag_none",
        "e-shop max sub electricity $tag_none",
    ]
    assert [column.name for column in frames[0].fields] == ["Time", "Value"]
    assert frames[0].fields[1].values == [2.5, None]
    assert display_name(frames[0].fields[1], frames[0], frames) == "e-main mean main electricity $tag_none"


def test_without_an_alias_the_measurement_speaks():
    assert series_frames(_FOUND[:1], "A", "", "1m")[0].name == "electricity.mean { device: e-main, role: main }"


def test_a_table_is_one_frame_with_time_tags_and_columns():
    [frame] = table_frames(_FOUND, "B")

    assert [(column.name, column.type) for column in frame.fields] == [
        ("Time", "time"),
        ("device", "string"),
        ("role", "string"),
        ("mean", "number"),
        ("max", "number"),
    ]
    assert frame.fields[1].values == ["e-main", "e-main", "e-shop"]
    assert frame.fields[3].values == [2.5, None, 7]
    assert frame.ref == "B"


def test_texts_and_booleans_keep_their_types():
    found = [Series("alarms", ["time", "title", "active"], [[1, None, True], [2, "High", None]], {})]
    [frame] = table_frames(found, "A")

    assert [column.type for column in frame.fields] == ["time", "string", "boolean"]


def test_nothing_answered_is_no_frame():
    assert table_frames([], "A") == series_frames([], "A", "x", "1m") == []


def test_equal_names_are_numbered():
    fields = [Field("x", "number", []), Field("x", "number", [])]
    frame = Frame(fields)

    assert [display_name(column, frame, [frame]) for column in fields] == ["x 1", "x 2"]
