"""Transformations that put frames together, or columns of one, as those of @grafana/data."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tests.grafana.answers.frames import UNDEFINED, Field, Frame, display_name, is_nothing

__all__ = ["calculate_field", "join_by_field", "merge"]


def _spelt(value: Any) -> str:
    return "null" if value is None else "undefined" if value is UNDEFINED else str(value)


def merge(frames: list[Frame]) -> list[Frame]:
    """One frame: rows that are equal in every column that all frames have become one, if nothing contradicts."""
    there = [frame for frame in frames if frame.fields]
    if len(frames) <= 1 or not there:
        return frames[:1]
    names = [{column.name for column in frame.fields} for frame in there]
    keys = names[0].intersection(*names)
    if not keys:
        return frames
    rows: dict[str, list[dict[str, Any]]] = {}
    order: list[tuple[str, int]] = []
    for frame in there:
        columns = {column.name: column.values for column in frame.fields}
        for index in range(frame.length):
            key = "".join(_spelt(columns[column.name][index]) for column in frame.fields if column.name in keys)
            known = rows.setdefault(key, [])
            if _is_new(known, {name: values[index] for name, values in columns.items()}):
                order.append((key, len(known) - 1))
    fields = _shaped(there)
    for key, place in order:
        for column in fields:
            column.values.append(rows[key][place].get(column.name, UNDEFINED))
    return [Frame(fields, "merge-" + "-".join(frame.ref for frame in there))]


def _is_new(known: list[dict[str, Any]], row: dict[str, Any]) -> bool:
    """Put a row into those that it fits to, or behind them."""
    fitting = [place for place, each in enumerate(known) if _agree(each, row)]
    for place in fitting:
        known[place] = known[place] | row
    if not fitting:
        known.append(row)
    return not fitting


def _shaped(frames: Sequence[Frame]) -> list[Field]:
    """Empty columns, one for each name."""
    found: dict[str, Field] = {}
    for frame in frames:
        for column in frame.fields:
            config = {key: value for key, value in column.config.items() if key != "displayName"}
            found.setdefault(column.name, Field(column.name, column.type, [], config=config))
    return list(found.values())


def _agree(known: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(is_nothing(known.get(name, UNDEFINED)) or known[name] == value for name, value in row.items())


def join_by_field(frames: list[Frame], options: Mapping[str, Any]) -> list[Frame]:
    """Frames side by side, row by row of one column; of those without that column nothing is left."""
    if len(frames) <= 1:
        return frames
    by, mode = options.get("byField"), options.get("mode", "outer")
    tables: list[list[list[Any]]] = []
    fields: list[Field] = []
    dropped = False
    for frame in frames:
        key = next((column for column in frame.fields if _joins(column, frame, frames, by)), None)
        if key is None:
            dropped = True
            continue
        rest = [_joined(column, frame) for column in frame.fields if column is not key]
        fields += rest if fields else [key, *rest]
        tables.append([key.values, *(column.values for column in rest)])
    if not tables:
        return [Frame([])]
    if dropped and mode == "inner":
        joined: list[list[Any]] = [[] for _ in fields]
    else:
        joined = _by_value(tables) if mode == "outer" else _tabular(tables, outer=mode == "outerTabular")
    made = [
        Field(column.name, column.type, values, column.labels, column.config)
        for column, values in zip(fields, joined, strict=True)
    ]
    return [Frame(made, "joinByField-" + "-".join(frame.ref for frame in frames))]


def _joins(column: Field, frame: Frame, frames: Sequence[Frame], by: str | None) -> bool:
    if by is None:
        return column.type == "time"
    return column.name == by or display_name(column, frame, frames) == by


def _joined(column: Field, frame: Frame) -> Field:
    name, labels = column.name, column.labels or {}
    if frame.name:
        if column.name == "Value":
            name = frame.name
        elif "name" not in labels:
            labels = labels | {"name": frame.name}
    return Field(name, column.type, column.values, labels, column.config)


def _by_value(tables: Sequence[Sequence[list[Any]]]) -> list[list[Any]]:
    if all(table[0] == tables[0][0] for table in tables):
        found = [tables[0][0], *(values for table in tables for values in table[1:])]
        order = sorted(range(len(found[0])), key=lambda row: found[0][row]) if _is_number(found[0]) else None
        return found if order is None else [[values[row] for row in order] for values in found]
    keys = list(dict.fromkeys(value for table in tables for value in table[0]))
    if _is_number(keys):
        keys.sort()
    place = {value: index for index, value in enumerate(keys)}
    joined: list[list[Any]] = [keys]
    for table in tables:
        for values in table[1:]:
            column: list[Any] = [UNDEFINED] * len(keys)
            for key, value in zip(table[0], values, strict=True):
                column[place[key]] = value
            joined.append(_spread(column))
    return joined


def _spread(values: list[Any]) -> list[Any]:
    """A hole is a hole up to the next values: what is undefined beside a null is null."""
    known = [index for index, value in enumerate(values) if value is None]
    for index in known:
        for step in (-1, 1):
            beside = index + step
            while 0 <= beside < len(values) and is_nothing(values[beside]):
                values[beside] = None
                beside += step
    return values


def _is_number(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _tabular(tables: Sequence[Sequence[list[Any]]], *, outer: bool) -> list[list[Any]]:
    left = list(tables[0])
    for right in tables[1:]:
        index: dict[Any, list[int]] = {}
        for row, value in enumerate(right[0]):
            index.setdefault(value, []).append(row)
        pairs: list[tuple[int | None, int | None]] = []
        lonely: list[tuple[int | None, int | None]] = []
        for row, value in enumerate(left[0]):
            found = index.get(value) if value is not None else None
            if found:
                pairs += [(row, other) for other in found]
            elif outer:
                lonely.append((row, None))
        known = set(left[0])
        others = [(None, row) for value, rows in index.items() if value not in known for row in rows]
        pairs += [*lonely, *(others if outer else [])]
        keys = [left[0][a] if a is not None else right[0][b or 0] for a, b in pairs]
        first = [[None if a is None else values[a] for a, _ in pairs] for values in left[1:]]
        second = [[None if b is None else values[b] for _, b in pairs] for values in right[1:]]
        left = [keys, *first, *second]
    return left


def _number(value: Any) -> float:
    if value is UNDEFINED:
        return math.nan
    return 0.0 if value is None else float(value)


def _divided(one: float, two: float) -> float:
    if two:
        return one / two
    return math.nan if not one or math.isnan(one) else math.copysign(math.inf, one)


_OPERATORS: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": lambda one, two: one + two,
    "-": lambda one, two: one - two,
    "*": lambda one, two: one * two,
    "/": _divided,
}


def calculate_field(frames: list[Frame], options: Mapping[str, Any]) -> list[Frame]:
    """One more column of two; where one of them is not there, nothing is added and nobody says so."""
    assert options["mode"] == "binary", "this evaluator knows binary calculations alone"
    assert not options.get("replaceFields"), "this evaluator keeps the other columns"
    binary = options["binary"]
    if len(frames) > 1 and all(_time_name(frame) == _time_name(frames[0]) is not None for frame in frames):
        frames = join_by_field(frames, {"byField": _time_name(frames[0])})
    found = []
    for frame in frames:
        left, right = (_operand(binary[side], frame, frames) for side in ("left", "right"))
        if left is None or right is None:
            found.append(frame)
            continue
        how = _OPERATORS[binary["operator"]]
        values = [how(_number(one), _number(two)) for one, two in zip(left, right, strict=True)]
        name = options.get("alias") or f"{binary['left']} {binary['operator']} {binary['right']}"
        config = {"displayName": options["alias"]} if options.get("alias") else {}
        found.append(Frame([*frame.fields, Field(name, "number", values, config=config)], frame.ref, frame.name))
    return found


def _time_name(frame: Frame) -> str | None:
    return next((column.name for column in frame.fields if column.type == "time"), None)


def _operand(value: str | Mapping[str, Any], frame: Frame, frames: Sequence[Frame]) -> list[Any] | None:
    if isinstance(value, Mapping):
        name = value["matcher"]["options"] if "matcher" in value else None
        fixed = value.get("fixed", name)
    else:
        name = fixed = value
    for column in frame.fields:
        if display_name(column, frame, frames) == name:
            return [int(each) for each in column.values] if column.type == "boolean" else column.values
    try:
        return [float(str(fixed))] * frame.length
    except ValueError:
        return None
