"""What a panel shows, as numbers and as texts, in a form that tests compare."""

from collections.abc import Mapping

from tests.grafana.answers import Answer
from tests.grafana.answers.frames import is_nothing
from tests.grafana.answers.looks import Display
from tests.grafana.answers.reducers import reduced

__all__ = ["Lines", "rows_of", "shown_by"]

Lines = Mapping[str, Mapping[object, float]]
"""Name of a series, a stat or a row -> when, or the column -> value."""


def rows_of(answer: Answer) -> list[Mapping[str, Display]]:
    """The rows of a table as people see them."""
    headings, rows, _ = answer.table()
    return [dict(zip(headings, row, strict=True)) for row in rows]


def shown_by(answer: Answer) -> Lines:
    """The numbers that a panel shows: by series and time, by stat, or by row and column."""
    if answer.panel["type"] == "table":
        return _rows(answer)
    if "reduceOptions" in answer.panel["options"]:
        how = answer.panel["options"]["reduceOptions"]
        found = answer.stats()
        if how["values"]:
            return {title: {"": shown.number} for title, shown, _ in found}
        return {title: {"": reduced(column, how["calcs"][0])} for title, _, column in found}
    lines = {}
    for column, frame in answer.numbers():
        times = next(each for each in frame.fields if each.type == "time").values
        found = zip(times, column.values, strict=True)
        lines[answer.named(column, frame)] = {time: value for time, value in found if not is_nothing(value)}
    return lines


def _rows(answer: Answer) -> dict[str, dict[object, float]]:
    """The numbers of a table: by meter and column, by meter and hour, or by weekday and hour."""
    [frame] = answer.frames
    columns = {answer.named(each, frame): each for each in frame.fields}
    rows: dict[str, dict[object, float]] = {}
    for row in range(frame.length):
        cells = {name: each.values[row] for name, each in columns.items()}
        name = str(answer.shown(columns["Day"], cells.pop("Day"))) if "Day" in cells else str(cells.pop("Meter"))
        if "Hour from" in cells:
            cells = {cells["Hour from"]: cells["Demand"]}
        numbers = {key: value for key, value in cells.items() if isinstance(value, int | float)}
        rows.setdefault(name, {}).update(numbers)
    return rows
