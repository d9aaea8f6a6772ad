"""Panels of large numbers: stat, gauge, bar gauge."""

import math
from collections.abc import Mapping

from tests.grafana.answers import Answer
from tests.grafana.answers.colours import GRID, MUTED, TEXT, colour
from tests.grafana.answers.frames import Field
from tests.grafana.answers.looks import Display
from tests.grafana.picture.canvas import Canvas, cut, width_of
from tests.grafana.picture.place import Box

__all__ = ["bar_gauge", "gauge", "pie", "stat"]

_DARK = "#111217"


def _nothing(canvas: Canvas, answer: Answer, box: Box) -> None:
    said = answer.panel["fieldConfig"]["defaults"].get("noValue") or "No data"
    canvas.say(box.x + box.w / 2, box.y + box.h / 2, str(said), 22, MUTED, "center")


def _calm(canvas: Canvas, answer: Answer, box: Box) -> None:
    """What stands for nothing, on the colour of the lowest step."""
    defaults, size = (
        answer.panel["fieldConfig"]["defaults"],
        answer.panel["options"].get("text", {}).get("valueSize"),
    )
    fill = colour(defaults["thresholds"]["steps"][0]["color"])
    canvas.box(box.x, box.y, box.w, box.h, fill, radius=3)
    ink = _DARK if _is_light(fill) else "white"
    said = str(defaults.get("noValue") or "No data")
    canvas.say(box.x + box.w / 2, box.y + box.h / 2, said, min(size or 32, 48), ink, "center", bold=True)


def _grid(count: int, box: Box) -> tuple[int, int]:
    """How many columns and rows show so many values largest."""
    best = max(
        range(1, count + 1),
        key=lambda columns: min(box.w / columns, 2.6 * box.h / math.ceil(count / columns)),
    )
    return best, math.ceil(count / best)


def stat(canvas: Canvas, answer: Answer, box: Box) -> None:
    """Large numbers, each in its colour or on it."""
    found, options = answer.stats(), answer.panel["options"]
    if not found and options.get("colorMode") == "background":
        _calm(canvas, answer, box)
        return
    if not found:
        _nothing(canvas, answer, box)
        return
    columns, rows = _grid(len(found), box)
    if options.get("orientation") == "horizontal":
        columns, rows = 1, len(found)
    elif options.get("orientation") == "vertical":
        columns, rows = len(found), 1
    mode = options.get("textMode", "auto")
    named = mode in {"name", "value_and_name"} or (mode == "auto" and len(found) > 1)
    for index, (title, shown, column) in enumerate(found):
        cell = box.part(index % columns, index // columns, columns, rows)
        background = options.get("colorMode", "value").startswith("background")
        if background:
            canvas.box(cell.x, cell.y, cell.w, cell.h, shown.colour, radius=3)
        elif options.get("graphMode") == "area":
            _sparkline(canvas, column, cell, shown.colour)
        ink = (_DARK if _is_light(shown.colour) else "white") if background else shown.colour
        plain = options.get("colorMode") == "none"
        inks = TEXT if plain else ink, ink if background else TEXT
        sizes = options.get("text", {})
        if sizes.get("titleSize") and options.get("orientation") == "horizontal":
            canvas.say(cell.x + 12, cell.y + cell.h / 2, cut(title, sizes["titleSize"], cell.w * 0.8),
                       sizes["titleSize"], inks[1])  # fmt: skip
            canvas.say(
                cell.x + cell.w - 12, cell.y + cell.h / 2, str(shown), sizes["valueSize"], ink, "right", bold=True
            )
        else:
            _value(canvas, cell, (title if named else "", shown), inks, sizes)


def _is_light(fill: str) -> bool:
    red, green, blue = (int(fill[place : place + 2], 16) for place in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 140


def _value(
    canvas: Canvas, cell: Box, said: tuple[str, Display], inks: tuple[str, str], sizes: Mapping[str, int]
) -> None:
    room, (title, shown), (ink, name_ink) = cell.w - 16, said, inks
    text = f"{shown.text}{shown.suffix}"
    size = sizes.get("valueSize") or min(cell.h * (0.42 if title else 0.55), 64)
    size = min(size, size * room / max(width_of(text, size, bold=True), 1))
    size = max(size, 9)
    middle = cell.y + cell.h / 2
    if title:
        name = sizes.get("titleSize") or min(max(size * 0.5, 11), 18)
        canvas.say(cell.x + cell.w / 2, middle - size * 0.6, cut(title, name, room), name, name_ink, "center")
        middle += name * 0.6
    canvas.say(cell.x + cell.w / 2, middle, cut(text, size, cell.w), size, ink, "center", bold=True)


def _sparkline(canvas: Canvas, column: Field, cell: Box, fill: str) -> None:
    values = [value for value in column.values if isinstance(value, int | float)]
    if len(values) < 2:
        return
    axes = canvas.axes(cell.x, cell.y + cell.h * 0.6, cell.w, cell.h * 0.4)
    axes.axis("off")
    axes.plot(values, color=fill, linewidth=1)
    axes.fill_between(range(len(values)), min(values), values, color=fill, alpha=0.2, linewidth=0)
    axes.margins(0, 0.05)


def _ends(column: Field) -> tuple[float, float]:
    low, high = column.range
    return low or 0.0, 100.0 if high is None else high


def gauge(canvas: Canvas, answer: Answer, box: Box) -> None:
    """Dials."""
    found = answer.stats()
    if not found:
        _nothing(canvas, answer, box)
        return
    columns, rows = _grid(len(found), box)
    for index, (title, shown, column) in enumerate(found):
        cell = box.part(index % columns, index // columns, columns, rows)
        radius = min(cell.w / 2, cell.h * 0.55) - 6
        x, y, thick = cell.x + cell.w / 2, cell.y + radius + 8, radius * 0.24
        low, high = _ends(column)
        canvas.arc(x, y, radius, (0, 1), GRID, thick)
        share = 0.0 if math.isnan(shown.number) else min(max((shown.number - low) / ((high - low) or 1), 0), 1)
        canvas.arc(x, y, radius, (0, share), shown.colour, thick)
        _rim(canvas, column, (x, y, radius + 5), (low, high))
        size = min(radius * 0.42, radius * 0.42 * 1.3 * radius / max(width_of(str(shown), radius * 0.42), 1))
        canvas.say(x, y, str(shown), size, shown.colour, "center", bold=True)
        if len(found) > 1:
            canvas.say(x, y + radius * 0.62, cut(title, 12, cell.w), 12, TEXT, "center")


def _rim(canvas: Canvas, column: Field, place: tuple[float, float, float], ends: tuple[float, float]) -> None:
    steps = (column.config.get("thresholds") or {}).get("steps", [])
    low, high = ends
    marks = [low if step["value"] is None else min(max(step["value"], low), high) for step in steps] + [high]
    for step, begin, end in zip(steps, marks, marks[1:], strict=False):
        share = tuple((mark - low) / ((high - low) or 1) for mark in (begin, end))
        canvas.arc(*place, (share[0], share[1]), colour(step["color"]), 4)


def bar_gauge(canvas: Canvas, answer: Answer, box: Box) -> None:
    """A bar for each value."""
    found = answer.stats()
    if not found:
        _nothing(canvas, answer, box)
        return
    line = min(box.h / len(found), 44)
    size = min(max(line * 0.42, 10), 14)
    names = min(max(width_of(title, size) for title, _, _ in found) + 12, box.w * 0.45)
    values = max(width_of(str(shown), size + 1) for _, shown, _ in found) + 14
    for index, (title, shown, column) in enumerate(found):
        y = box.y + index * line
        low, high = _ends(column)
        share = 0.0 if math.isnan(shown.number) else min(max((shown.number - low) / ((high - low) or 1), 0), 1)
        room = box.w - names - values
        canvas.say(box.x + names - 8, y + line / 2, cut(title, size, names - 10), size, TEXT, "right")
        canvas.box(box.x + names, y + line * 0.14, room, line * 0.72, "#22252b", radius=2)
        if share * room > 1:
            canvas.box(box.x + names, y + line * 0.14, share * room, line * 0.72, shown.colour, radius=2)
        canvas.say(box.x + box.w, y + line / 2, str(shown), size + 1, shown.colour, "right", bold=True)


def pie(canvas: Canvas, answer: Answer, box: Box) -> None:
    """A ring, with value and percentage of each part beside it."""
    found = [each for each in answer.stats() if each[1].number > 0]
    if not found:
        _nothing(canvas, answer, box)
        return
    found.sort(key=lambda each: -each[1].number)
    whole = sum(shown.number for _, shown, _ in found)
    side = min(box.h, box.w * 0.45)
    axes = canvas.axes(box.x, box.y + (box.h - side) / 2, side, side)
    axes.pie(
        [shown.number for _, shown, _ in found],
        colors=[shown.colour for _, shown, _ in found],
        startangle=90,
        counterclock=False,
        wedgeprops={"width": 0.45},
    )
    x, line = box.x + side + 16, min(22.0, box.h / (len(found) + 1))
    for index, (title, shown, _) in enumerate(found):
        y = box.y + box.h / 2 + (index - (len(found) - 1) / 2) * line
        canvas.box(x, y - 3, 14, 6, shown.colour)
        said = f"{shown}   {100 * shown.number / whole:.0f}%"
        canvas.say(box.x + box.w, y, said, 12, TEXT, "right")
        canvas.say(x + 20, y, cut(title, 12, box.w - side - width_of(said, 12) - 50), 12, TEXT)
