"""Panels over time: lines, bars, points, and when which state was."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes

from tests.grafana.answers import Answer
from tests.grafana.answers.colours import MUTED, TEXT, colour
from tests.grafana.answers.dashboards import Mark
from tests.grafana.answers.formats import formatted
from tests.grafana.answers.frames import Field
from tests.grafana.answers.looks import series_colour
from tests.grafana.picture.canvas import Canvas, cut, width_of
from tests.grafana.picture.legend import Line, legend
from tests.grafana.picture.place import Box

__all__ = ["joined", "state_timeline", "time_series"]


def _lines(answer: Answer) -> list[Line]:
    found = []
    for column, frame in answer.numbers():
        times = next((each.values for each in frame.fields if each.type == "time"), None)
        if times is not None and not _hidden(column):
            found.append((column, frame, times))
    return found


def _hidden(column: Field) -> bool:
    custom = column.config.get("custom", {})
    return bool(custom.get("hideFrom", {}).get("viz") or custom.get("hidden"))


def _nothing(canvas: Canvas, box: Box) -> None:
    canvas.say(box.x + box.w / 2, box.y + box.h / 2, "No data", 16, MUTED, "center")


def time_series(canvas: Canvas, answer: Answer, box: Box, marks: Sequence[Mark]) -> None:
    """A chart over the panel's time with its legend below."""
    lines = _lines(answer)
    if not lines:
        _nothing(canvas, box)
        return
    room = legend(canvas, answer, lines, box)
    scales = list(dict.fromkeys(_scale_of(column) for column, _, _ in lines))
    labels = [_widest(answer, lines, scale) for scale in scales[:2]]
    area = box.inside(labels[0] + 10, 8, labels[1] + 12 if len(scales) > 1 else 10, 22 + room)
    first = canvas.axes(area.x, area.y, area.w, area.h)
    _times(first, answer, area.w)
    for index, scale in enumerate(scales[:2]):
        axes = first if index == 0 else canvas.axes(area.x, area.y, area.w, area.h)
        mine = [
            line
            for line in lines
            if _scale_of(line[0]) == scale or (index == 1 and _scale_of(line[0]) in scales[2:])
        ]
        if index:
            axes.grid(visible=False)
            axes.yaxis.tick_right()
            axes.set_xticks([])
        axes.set_xlim(*answer.range.ms)
        axes.set_ylim(*_extent(mine))
        _draw(axes, mine)
        _values(axes, answer, mine, area.h)
        _limits(axes, mine[0][0])
    _mark(first, marks, answer)


def _scale_of(column: Field) -> tuple[Any, ...]:
    custom = column.config.get("custom", {})
    placement = custom.get("axisPlacement", "auto")
    return column.config.get("unit", ""), "right" if placement == "right" else "left", custom.get("axisLabel", "")


def _widest(answer: Answer, lines: Sequence[Line], scale: tuple[Any, ...]) -> float:
    values = [value for column, _, _ in lines if _scale_of(column) == scale for value in _numbers(column)]
    ends = [min(values, default=0.0), max(values, default=1.0), max(values, default=1.0) * 0.37]
    column = next(column for column, _, _ in lines if _scale_of(column) == scale)
    return max(width_of(_said(answer, column, value), 11) for value in ends) + 6


def _said(answer: Answer, column: Field, value: float, *, trimmed: bool = False) -> str:
    unit = column.config.get("unit") or "none"
    text, after = formatted(unit, round(value, 9), None, answer.now, answer.range.zone)
    if trimmed and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text + after


def _numbers(column: Field) -> list[float]:
    return [float(value) for value in column.values if isinstance(value, int | float) and not math.isnan(value)]


def _draw(axes: Axes, lines: Sequence[Line]) -> None:
    bars = [line for line in lines if line[0].config["custom"].get("drawStyle") == "bars"]
    if bars:
        _bars(axes, bars)
    bottoms: dict[int, float] = {}
    for column, _, times in lines:
        custom = column.config["custom"]
        if custom.get("drawStyle") == "bars":
            continue
        values = [math.nan if value is None else float(value) for value in column.values]
        fill = series_colour(column)
        if custom.get("drawStyle") == "points":
            axes.plot(times, values, ".", color=fill, markersize=custom.get("pointSize", 5))
            continue
        base = None
        if custom.get("stacking", {}).get("mode") == "normal":
            base = [bottoms.get(time, 0.0) for time in times]
            values = [low + (0.0 if math.isnan(value) else value) for low, value in zip(base, values, strict=True)]
            bottoms |= dict(zip(times, values, strict=True))
        _line(axes, times, values, base, column)


def _line(axes: Axes, times: list[int], values: list[float], base: list[float] | None, column: Field) -> None:
    custom, fill = column.config["custom"], series_colour(column)
    join = custom.get("spanNulls")
    if join and base is None:
        times, values = joined(times, values, math.inf if join is True else join)
    step = "post" if custom.get("lineInterpolation") == "stepAfter" else None
    style: dict[str, Any] = {"drawstyle": "steps-post"} if step else {}
    if custom.get("lineStyle", {}).get("fill") == "dash":
        style["dashes"] = (5, 4)
    width = custom.get("lineWidth", 1)
    if width:
        axes.plot(times, values, color=fill, linewidth=width * 1.1, **style)
    if custom.get("showPoints") == "always" or sum(not math.isnan(value) for value in values) == 1:
        axes.plot(times, values, ".", color=fill, markersize=custom.get("pointSize", 5))
    opacity = custom.get("fillOpacity", 0) / 100
    if opacity:
        floor = base if base is not None else [axes.get_ylim()[0]] * len(values)
        axes.fill_between(times, floor, values, color=fill, alpha=opacity, linewidth=0, step=step)  # type: ignore[arg-type]


def joined(times: list[int], values: list[float], longest: float) -> tuple[list[int], list[float]]:
    """Without the holes that are not longer; neighbours are joined however far apart they are."""
    kept: list[tuple[int, float]] = []
    for index, (time, value) in enumerate(zip(times, values, strict=True)):
        if math.isnan(value):
            continue
        if kept and math.isnan(values[index - 1]) and time - kept[-1][0] > longest:
            kept.append((kept[-1][0] + 1, math.nan))
        kept.append((time, value))
    return [time for time, _ in kept], [value for _, value in kept]


def _is_stacked(column: Field) -> bool:
    return bool(column.config["custom"].get("stacking", {}).get("mode") == "normal")


def _bars(axes: Axes, lines: Sequence[Line]) -> None:
    gaps = [b - a for _, _, times in lines for a, b in pairwise(times) if b > a]
    begin, end = axes.get_xlim()
    width = (min(gaps) if gaps else (end - begin) / 12) * lines[0][0].config["custom"].get("barWidthFactor", 0.6)
    bottoms: dict[int, float] = {}
    for column, _, times in lines:
        custom = column.config["custom"]
        values = [0.0 if value is None or math.isnan(value) else float(value) for value in column.values]
        align: Literal["edge", "center"] = "edge" if custom.get("barAlignment", 0) == 1 else "center"
        stacked = _is_stacked(column)
        base = [bottoms.get(time, 0.0) for time in times] if stacked else 0.0
        fill, opacity = series_colour(column), max(custom.get("fillOpacity", 80) / 100, 0.05)
        axes.bar(times, values, width, base, align=align, color=fill, alpha=opacity, edgecolor=fill, linewidth=0.6)
        if stacked:
            for time, value in zip(times, values, strict=True):
                bottoms[time] = bottoms.get(time, 0.0) + value


def _values(axes: Axes, answer: Answer, lines: Sequence[Line], height: float) -> None:
    """The labels of the value axis; the bottom line of a fill lies on it."""
    axes.set_ylim(*_extent(lines))
    low, high = axes.get_ylim()
    axes.locator_params(axis="y", nbins=max(int(height / 45), 2))
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    axes.set_yticks(ticks, [_said(answer, lines[0][0], tick, trimmed=True) for tick in ticks])
    axes.set_ylim(low, high)
    custom = lines[0][0].config["custom"]
    if custom.get("axisLabel"):
        axes.set_ylabel(custom["axisLabel"], color=MUTED, fontsize=8)


def _extent(lines: Sequence[Line]) -> tuple[float, float]:
    """From where to where the value axis goes: what is said, or the values with some room; bars stand on 0."""
    customs = [column.config["custom"] for column, _, _ in lines]
    values = [value for column, _, _ in lines for value in _numbers(column)]
    if any(_is_stacked(column) for column, _, _ in lines):
        sums: dict[int, float] = {}
        for column, _, times in lines:
            if _is_stacked(column):
                for time, value in zip(times, column.values, strict=True):
                    sums[time] = sums.get(time, 0.0) + (value or 0.0)
        values += [*sums.values(), 0.0]
    if any(custom.get("drawStyle") == "bars" for custom in customs):
        values.append(0.0)
    low, high = min(values, default=0.0), max(values, default=1.0)
    pad = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    low, high = (max(low - pad, 0.0) if low >= 0 else low - pad), high + pad * 0.7
    if 0 < low < high * 0.25:
        low = 0.0
    soft = [custom["axisSoftMin"] for custom in customs if custom.get("axisSoftMin") is not None]
    tops = [custom["axisSoftMax"] for custom in customs if custom.get("axisSoftMax") is not None]
    lows = [column.config["min"] for column, _, _ in lines if column.config.get("min") is not None]
    highs = [column.config["max"] for column, _, _ in lines if column.config.get("max") is not None]
    low, high = min([low, *soft]), max([high, *tops])
    low, high = min(lows, default=low), max(highs, default=high)
    return low, high if high > low else low + 1


def _limits(axes: Axes, column: Field) -> None:
    mode = column.config["custom"].get("thresholdsStyle", {}).get("mode", "off")
    steps = (column.config.get("thresholds") or {}).get("steps", [])
    low, high = axes.get_ylim()
    if mode == "off":
        return
    for index, step in enumerate(steps):
        begin = low if step["value"] is None else step["value"]
        end = steps[index + 1]["value"] if index + 1 < len(steps) else high
        shade = colour(step["color"])
        if "area" in mode and end > low and begin < high:
            axes.axhspan(max(begin, low), min(end, high), color=shade, alpha=0.12, linewidth=0)
        if step["value"] is not None and ("dashed" in mode or "line" in mode) and low <= begin <= high:
            axes.axhline(begin, color=shade, linewidth=1.2, dashes=(6, 5) if "dashed" in mode else (None, None))
    axes.set_ylim(low, high)


def _times(axes: Axes, answer: Answer, width: float) -> None:
    """Labels of the time axis: round local times, a date at midnight."""
    begin, end = answer.range.ms
    axes.set_xlim(begin, end)
    zone, span = ZoneInfo(answer.range.zone), end - begin
    hours = next(
        (
            step
            for step in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 744)
            if span / 3_600_000 / step * 62 < width
        ),
        1500,
    )
    ticks, labels = [], []
    moment = datetime.fromtimestamp(begin / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    origin, index = moment, 0
    while True:
        step = index * hours * 3600
        stamp = (origin.timestamp() + step) * 1000
        local = datetime.fromtimestamp(stamp / 1000, zone)
        if hours >= 24:
            stamp = local.replace(hour=0, minute=0).timestamp() * 1000 if local.hour < 12 else stamp + 3_600_000
            local = datetime.fromtimestamp(stamp / 1000, zone)
        if stamp > end:
            break
        if stamp >= begin:
            ticks.append(stamp)
            is_day = hours >= 24 or (local.hour, local.minute) == (0, 0)
            labels.append(local.strftime("%d %b" if is_day else "%H:%M"))
        index += 1
    axes.set_xticks(ticks, labels)


def _mark(axes: Axes, marks: Sequence[Mark], answer: Answer) -> None:
    begin, end = answer.range.ms
    for mark in marks:
        if mark.end < begin or mark.begin > end:
            continue
        if mark.end > mark.begin:
            axes.axvspan(mark.begin, mark.end, color="#F2495C", alpha=0.14, linewidth=0)
        for edge in {mark.begin, mark.end}:
            axes.axvline(edge, color="#F2495C", linewidth=0.8, dashes=(3, 3))
    axes.set_xlim(begin, end)


def state_timeline(canvas: Canvas, answer: Answer, box: Box, marks: Sequence[Mark]) -> None:
    """A row of each series, in the colours of its states."""
    found = [
        (column, frame, next(each.values for each in frame.fields if each.type == "time"))
        for frame in answer.frames
        for column in frame.fields
        if column.type != "time" and any(each.type == "time" for each in frame.fields)
    ]
    if not found:
        _nothing(canvas, box)
        return
    names = min(max(width_of(answer.named(column, frame), 12) for column, frame, _ in found) + 14, box.w * 0.35)
    area = box.inside(names, 4, 10, 44)
    axes = canvas.axes(area.x, area.y, area.w, area.h)
    _times(axes, answer, area.w)
    axes.grid(visible=False)
    states: dict[str, str] = {}
    for row, (column, frame, times) in enumerate(found):
        for begin, end, value in _spells(times, column.values, answer.range.ms[1]):
            shown = answer.shown(column, value)
            states.setdefault(str(shown), shown.colour)
            axes.barh(row, end - begin, 0.8, begin, color=shown.colour, alpha=0.85, linewidth=0)
        y = area.y + area.h * (row + 0.5) / len(found)
        canvas.say(area.x - 8, y, cut(answer.named(column, frame), 12, names - 12), 12, TEXT, "right")
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_yticks([])
    _mark(axes, marks, answer)
    x = box.x + 8
    for text, fill in states.items():
        canvas.box(x, box.y + box.h - 14, 14, 10, fill, radius=1)
        canvas.say(x + 19, box.y + box.h - 9, text, 12)
        x += width_of(text, 12) + 40


def _spells(times: Sequence[int], values: Sequence[Any], end: int) -> list[tuple[int, int, Any]]:
    """Begin, end and value of each stretch of one value; where there is none, nothing."""
    found: list[tuple[int, int, Any]] = []
    for index, (time, value) in enumerate(zip(times, values, strict=True)):
        until = times[index + 1] if index + 1 < len(times) else end
        if value is None:
            continue
        if found and found[-1][1] == time and found[-1][2] == value:
            found[-1] = found[-1][0], until, value
        else:
            found.append((time, until, value))
    return found
