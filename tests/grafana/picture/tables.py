"""Tables, with colours of cells; a matrix of hours and weekdays is one of these."""

from collections.abc import Sequence

from tests.grafana.answers import Answer
from tests.grafana.answers.colours import GRID, MUTED, TEXT
from tests.grafana.answers.frames import Field
from tests.grafana.answers.looks import Display
from tests.grafana.picture.canvas import Canvas, cut, width_of
from tests.grafana.picture.place import Box

__all__ = ["table"]

_SIZES = {"sm": 30, "md": 38, "lg": 44}


def table(canvas: Canvas, answer: Answer, box: Box) -> None:
    """Headings and as many rows as have room."""
    names, rows, columns = answer.table()
    if not names or not rows:
        canvas.say(box.x + box.w / 2, box.y + box.h / 2, "No data", 16, MUTED, "center")
        return
    line = _SIZES[answer.panel["options"].get("cellHeight", "sm")]
    widths = _widths(names, rows, columns, box.w)
    top = box.y
    if answer.panel["options"].get("showHeader", True):
        x = box.x
        for name, column, width in zip(names, columns, widths, strict=True):
            _say(canvas, Box(x, top, width, line), name, "#6E9FFF", column, bold=True)
            x += width
        top += line
        canvas.box(box.x, top - 1, box.w, 1, GRID)
    room = int((box.y + box.h - top) / line)
    for index, row in enumerate(rows[:room]):
        x, y = box.x, top + index * line
        for shown, column, width in zip(row, columns, widths, strict=True):
            _cell(canvas, Box(x, y, width, line), shown, column)
            x += width
        canvas.box(box.x, y + line - 1, box.w, 1, GRID)
    if len(rows) > room:
        canvas.say(box.x + box.w - 8, box.y + box.h - 2, f"{len(rows) - room} more (scroll)", 10, MUTED, "right")


def _widths(
    names: Sequence[str], rows: Sequence[Sequence[Display]], columns: Sequence[Field], room: float
) -> list[float]:  # fmt: skip
    """Widths that are said; others share the rest equally, as in Grafana (at least 60)."""
    said = [column.config.get("custom", {}).get("width") for column in columns]
    free = room - sum(width for width in said if width)
    count = sum(not width for width in said)
    wanted = [
        max(width_of(name, 13), *(min(width_of(str(row[index]), 13), 400) for row in rows)) + 20
        for index, name in enumerate(names)
    ]
    if not count:
        return [width * room / sum(said) for width in said]
    total = sum(width for width, fixed in zip(wanted, said, strict=True) if not fixed)
    share = [free / count] * len(names)
    if any(width > free / count for width, fixed in zip(wanted, said, strict=True) if not fixed):
        share = [width * free / total for width in wanted]
    return [fixed or max(each, 24) for fixed, each in zip(said, share, strict=True)]


def _cell(canvas: Canvas, box: Box, shown: Display, column: Field) -> None:
    how = column.config.get("custom", {}).get("cellOptions", {})
    kind, text = how.get("type", "auto"), str(shown)
    ink = TEXT
    if kind == "color-background" and text:
        canvas.box(box.x + 0.5, box.y, box.w - 1, box.h - 1, shown.colour)
        ink = _ink(shown.colour)
    elif kind == "color-text":
        ink = shown.colour
    elif kind == "gauge" and column.type == "number":
        width = box.w - 90
        canvas.box(box.x + 8, box.y + 7, width, box.h - 14, "#22252b", radius=2)
        canvas.box(
            box.x + 8, box.y + 7, max(width * min(max(shown.share, 0), 1), 1), box.h - 14, shown.colour, radius=2
        )
        ink = shown.colour
    elif column.config.get("links"):
        ink = "#6E9FFF"
    _say(canvas, box, text, ink, column)


def _say(canvas: Canvas, box: Box, text: str, ink: str, column: Field, *, bold: bool = False) -> None:
    align = column.config.get("custom", {}).get("align", "auto")
    if align == "auto":
        align = "right" if column.type == "number" else "left"
    x = {"right": box.x + box.w - 8, "center": box.x + box.w / 2}.get(align, box.x + 8)
    size = 13 if box.w > 48 else 11
    canvas.say(x, box.y + box.h / 2, cut(text, size, box.w - 8), size, ink, align, bold=bold)


def _ink(fill: str) -> str:
    red, green, blue = (int(fill[place : place + 2], 16) for place in (1, 3, 5))
    return "#111217" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
