"""The legend of a chart: a list, or a table of what its series come to."""

from collections.abc import Sequence
from typing import Final

from tests.grafana.answers import Answer
from tests.grafana.answers.colours import TEXT
from tests.grafana.answers.frames import Field, Frame
from tests.grafana.answers.looks import series_colour
from tests.grafana.answers.reducers import REDUCERS, reduced
from tests.grafana.picture.canvas import Canvas, cut, width_of
from tests.grafana.picture.place import Box

__all__ = ["Line", "legend"]

Line = tuple[Field, Frame, list[int]]
"""A series: its values, the frame they are in, their times."""
_LINE: Final = 18


def legend(canvas: Canvas, answer: Answer, lines: Sequence[Line], box: Box) -> float:
    """Draw the legend at the bottom; answer its height."""
    how = answer.panel["options"]["legend"]
    shown = [line for line in lines if not line[0].config["custom"].get("hideFrom", {}).get("legend")]
    if not how["showLegend"] or not shown:
        return 0
    if how["displayMode"] == "table" and how["calcs"]:
        return _table(canvas, answer, shown, box)
    x, rows = box.x + 8, 1
    places: list[tuple[float, int, str, str]] = []
    for column, frame, _ in shown:
        name = cut(answer.named(column, frame), 12, box.w - 40)
        if x + width_of(name, 12) + 34 > box.x + box.w and places:
            x, rows = box.x + 8, rows + 1
        places.append((x, rows, name, series_colour(column)))
        x += width_of(name, 12) + 34
    rows = min(rows, 3)
    for x, row, name, fill in places:
        if row <= rows:
            y = box.y + box.h - (rows - row + 0.5) * _LINE
            canvas.box(x, y - 2, 14, 4, fill, radius=1)
            canvas.say(x + 19, y, name, 12)
    return rows * _LINE + 4


def _table(canvas: Canvas, answer: Answer, lines: Sequence[Line], box: Box) -> float:
    calcs = answer.panel["options"]["legend"]["calcs"]
    room = max(int(box.h * 0.4 / _LINE) - 1, 1)
    kept = lines[:room]
    top = box.y + box.h - (len(kept) + 1) * _LINE
    cell = min(92.0, (box.w - 90) / len(calcs))
    canvas.say(
        box.x + 8, top + 8, "Name" if len(kept) == len(lines) else f"Name ({len(lines)}, scroll)", 11, "#6E9FFF"
    )
    for index, calc in enumerate(calcs):
        canvas.say(
            box.x + box.w - (len(calcs) - 1 - index) * cell - 8, top + 8, REDUCERS[calc], 11, "#6E9FFF", "right"
        )
    for row, (column, frame, _) in enumerate(kept):
        y = top + (row + 1.45) * _LINE
        canvas.box(box.x + 8, y - 2, 14, 4, series_colour(column), radius=1)
        name = cut(answer.named(column, frame), 12, box.w - 40 - cell * len(calcs))
        canvas.say(box.x + 27, y, name, 12)
        for index, calc in enumerate(calcs):
            text = str(answer.shown(column, reduced(column, calc)))
            canvas.say(box.x + box.w - (len(calcs) - 1 - index) * cell - 8, y, text, 12, TEXT, "right")
    return (len(kept) + 1) * _LINE + 4
