"""Transformations of frames that change rows and columns, as those of @grafana/data."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cmp_to_key
from typing import Any, Final

from tests.grafana.answers.frames import UNDEFINED, Field, Frame, display_name, guess_type, is_nothing
from tests.grafana.answers.joins import calculate_field, join_by_field, merge
from tests.grafana.answers.reducers import REDUCERS, reduced, type_of_reduced

__all__ = ["KNOWN", "transformed"]

Options = Mapping[str, Any]


def transformed(frames: Sequence[Frame], steps: Sequence[Mapping[str, Any]]) -> list[Frame]:
    """Frames after all steps of a panel; an id that this evaluator does not know is a KeyError."""
    found = list(frames)
    for step in steps:
        if step.get("disabled"):
            continue
        found = _for_one(found, step) if "filter" in step else KNOWN[step["id"]](found, step["options"])
    return found


def _for_one(frames: list[Frame], step: Mapping[str, Any]) -> list[Frame]:
    """A step for the frames of one query; the others are put in where the first of them was."""
    assert step["filter"]["id"] == "byRefId", "this evaluator knows the filter byRefId alone"
    wanted = step["filter"]["options"]
    found = KNOWN[step["id"]]([frame for frame in frames if frame.ref == wanted], step["options"])
    others = [frame for frame in frames if frame.ref != wanted]
    place = next((index for index, frame in enumerate(frames) if frame.ref != wanted), 0)
    return [*found[:place], *others, *found[place:]]


def _is_named(column: Field, frame: Frame, frames: Sequence[Frame], names: Sequence[str]) -> bool:
    return column.name in names or display_name(column, frame, frames) in names


def _group_by(frames: list[Frame], options: Options) -> list[Frame]:
    wanted = options["fields"]
    names = [name for name, how in wanted.items() if how["operation"] == "groupby"]
    if not names:
        return frames
    found = []
    for frame in frames:
        keys = [column for column in frame.fields if _is_named(column, frame, frames, names)]
        if not keys:
            continue
        groups: dict[str, list[int]] = {}
        for row in range(frame.length):
            groups.setdefault(",".join(str(column.values[row]) for column in keys), []).append(row)
        fields = [
            Field(
                column.name,
                column.type,
                [column.values[rows[0]] for rows in groups.values()],
                config=dict(column.config),
            )
            for column in keys
        ]
        for column in frame.fields:
            fields += _aggregated(column, wanted, list(groups.values()))
        found.append(Frame(fields, frame.ref))
    return found


def _aggregated(column: Field, wanted: Options, groups: Sequence[Sequence[int]]) -> list[Field]:
    name = display_name(column)
    how = wanted.get(name, wanted.get(column.name, {}))
    if how.get("operation") != "aggregate":
        return []
    made = []
    for calc in how.get("aggregations", []):
        parts = [Field(name, column.type, [column.values[row] for row in rows]) for rows in groups]
        values = [reduced(part, calc) for part in parts]
        made.append(Field(f"{name} ({calc})", type_of_reduced(calc, column.type), values))
    return made


def _matrix(frames: list[Frame], options: Options) -> list[Frame]:
    if len(frames) != 1:
        return frames
    [frame] = frames
    found = [_first_named(frame, options[key]) for key in ("columnField", "rowField", "valueField")]
    if any(column is None for column in found):
        return frames
    column, row, value = (each for each in found if each is not None)
    cells: dict[Any, dict[Any, Any]] = {}
    for across, down, content in zip(column.values, row.values, value.values, strict=True):
        cells.setdefault(across, {})[down] = content
    rows = list(dict.fromkeys(row.values))
    empty = {"null": None, "zero": 0, "true": True, "false": False}.get(options.get("emptyValue", "empty"), "")
    fields = [Field(f"{options['rowField']}\\{options['columnField']}", row.type, rows, config=dict(row.config))]
    config = {key: known for key, known in value.config.items() if key != "displayName"}
    for across, content in cells.items():
        if isinstance(across, int | float) and not isinstance(across, bool):
            config = {key: known for key, known in config.items() if key != "displayNameFromDS"}
        values = [empty if is_nothing(content.get(down)) else content[down] for down in rows]
        fields.append(Field(js_text(across), value.type, values, config=config))
    return [Frame(fields)]


def js_text(value: Any) -> str:
    """A value as JavaScript spells it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _first_named(frame: Frame, name: str) -> Field | None:
    return next((column for column in frame.fields if _is_named(column, frame, [frame], [name])), None)


def _sort_by(frames: list[Frame], options: Options) -> list[Frame]:
    [how] = options["sort"]
    return [_sorted(frame, how["field"], descending=how.get("desc", False)) for frame in frames]


def _sorted(frame: Frame, name: str, *, descending: bool) -> Frame:
    by = next((column for column in frame.fields if display_name(column, frame) == name), None)
    if by is None:
        return frame
    compare = _texts if by.type == "string" else _numbers
    sign = -1 if descending else 1

    def order_of(one: int, two: int) -> int:
        return sign * compare(by.values[one], by.values[two])

    order = sorted(range(frame.length), key=cmp_to_key(order_of))
    fields = [
        Field(each.name, each.type, [each.values[row] for row in order], each.labels, each.config)
        for each in frame.fields
    ]
    return Frame(fields, frame.ref, frame.name)


def _numbers(one: Any, two: Any) -> int:
    first, second = (0.0 if is_nothing(value) else float(value) for value in (one, two))
    return (first > second) - (first < second)


def _texts(one: Any, two: Any) -> int:
    if not one or not two:
        return bool(one) - bool(two)
    first, second = str(one).casefold(), str(two).casefold()
    return (first > second) - (first < second)


def _organize(frames: list[Frame], options: Options) -> list[Frame]:
    excluded = [name for name, is_out in options.get("excludeByName", {}).items() if is_out]
    places, names = options.get("indexByName", {}), options.get("renameByName", {})
    kept = []
    for frame in frames:
        fields = [column for column in frame.fields if not _is_named(column, frame, frames, excluded)]
        if fields:
            kept.append(Frame(fields, frame.ref, frame.name))
    for frame in kept:
        frame.fields.sort(key=lambda column: places.get(display_name(column, frame, kept), 1 << 53))
        for index, column in enumerate(frame.fields):
            shown = names.get(display_name(column, frame), "")
            if shown:
                config = column.config | {"displayName": shown}
                frame.fields[index] = Field(column.name, column.type, column.values, column.labels, config)
    return kept


def _reduce(frames: list[Frame], options: Options) -> list[Frame]:
    calcs = options["reducers"]
    assert options.get("mode", "seriesToRows") == "seriesToRows", "this evaluator knows seriesToRows alone"
    if not frames:
        return []
    labelled = options.get("labelsToFields", False)
    series = [(column, frame) for frame in frames for column in frame.fields if column.type != "time"]
    shown = [column.name if labelled else display_name(column, frame, frames) for column, frame in series]
    fields = [Field("Field", "string", list(shown))]
    labels = dict.fromkeys(key for column, _ in series for key in column.labels or {}) if labelled else {}
    for key in labels:
        fields.append(  # noqa: PERF401 - one column for each label
            Field(key, "string", [(column.labels or {}).get(key, UNDEFINED) for column, _ in series])
        )
    for calc in calcs:
        values = [reduced(column, calc) for column, _ in series]
        values = [float("nan") if value is None else value for value in values]
        fields.append(Field(REDUCERS[calc], guess_type(values), values))
    return [Frame(fields, "reduce-" + "-".join(frame.ref for frame in frames))]


def _config_from(frames: list[Frame], options: Options) -> list[Frame]:
    """Field options of all numbers from the answer of one query, which is not shown."""
    said = next((frame for frame in frames if frame.ref == options["configRefId"]), None)
    if said is None:
        return frames
    config = {}
    for mapping in options["mappings"]:
        column = _first_named(said, mapping["fieldName"])
        if column is not None:
            config[mapping["handlerKey"]] = reduced(column, mapping["reducerId"])
    found = []
    for frame in frames:
        if frame is said and len(frames) > 1:
            continue
        fields = [
            Field(each.name, each.type, each.values, each.labels, each.config | config)
            if each.type == "number"
            else each
            for each in frame.fields
        ]
        found.append(Frame(fields, frame.ref, frame.name))
    return found


def _extract_fields(frames: list[Frame], options: Options) -> list[Frame]:
    """A column for each key of the JSON objects of one column, after the others (`extractFields`)."""
    assert options["format"] == "json", "this evaluator knows JSON alone"
    found = []
    for frame in frames:
        source = next((each for each in frame.fields if _is_named(each, frame, frames, [options["source"]])), None)
        if source is None:
            found.append(frame)
            continue
        objects = [_parsed(value) for value in source.values]
        names = dict.fromkeys(name for each in objects for name in each)
        columns = [(name, [each.get(name, UNDEFINED) for each in objects]) for name in names]
        more = [Field(name, guess_type(values), values) for name, values in columns]
        found.append(replace(frame, fields=[*([] if options["replace"] else frame.fields), *more]))
    return found


def _parsed(text: Any) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (TypeError, ValueError):
        return {}


KNOWN: Final[Mapping[str, Callable[[list[Frame], Options], list[Frame]]]] = {
    "groupBy": _group_by,
    "groupingToMatrix": _matrix,
    "sortBy": _sort_by,
    "merge": lambda frames, _: merge(frames),
    "joinByField": join_by_field,
    "organize": _organize,
    "calculateField": calculate_field,
    "extractFields": _extract_fields,
    "reduce": _reduce,
    "configFromData": _config_from,
}
"""Id of a transformation -> what it does."""
