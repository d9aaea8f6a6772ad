"""A whole dashboard: heading, rows, panels at their places, footer."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.grafana.answers import ALL, Answers
from tests.grafana.answers.colours import GRID, MUTED, PANEL, TEXT
from tests.grafana.answers.dashboards import Answer, Mark
from tests.grafana.answers.variables import substitute
from tests.grafana.picture.canvas import Canvas, cut, width_of
from tests.grafana.picture.charts import state_timeline, time_series
from tests.grafana.picture.numbers import bar_gauge, gauge, pie, stat
from tests.grafana.picture.place import Box
from tests.grafana.picture.tables import table

__all__ = ["FOOTER", "drawn"]

FOOTER: Final = "Drawn by this project from the queries of the dashboard; Grafana's own picture looks alike"
_WALL: Final = 1920
_PHONE: Final = 430
_LINE: Final = 38
_HEAD: Final = 64
_MARGIN: Final = 16
_OVER_TIME: Final = {"timeseries": time_series, "state-timeline": state_timeline}
_VALUES: Final = {"stat": stat, "gauge": gauge, "bargauge": bar_gauge, "piechart": pie, "table": table}


def drawn(answers: Answers, *, phone: bool = False) -> Canvas:
    """The picture of a dashboard; on a phone its panels stand below each other in their order."""
    width = _PHONE if phone else _WALL
    places = list(_places(answers.dashboard["panels"], width, phone=phone))
    height = int(max(box.y + box.h for _, box in places)) + 44
    canvas = Canvas(width, height)
    _heading(canvas, answers)
    marks = answers.marks()
    for panel, box in places:
        if panel["type"] == "row":
            title = substitute(panel["title"], answers.chosen, {})
            canvas.say(box.x + 2, box.y + box.h / 2, f"⌄  {title}", 17, TEXT, bold=True)
        else:
            _panel(canvas, answers, panel, box, marks)
    footer = FOOTER if not phone else FOOTER.replace("; ", ";\n")
    canvas.say(width / 2, height - 20, footer, 12 if not phone else 10, MUTED, "center")
    return canvas


def _places(panels: Any, width: int, *, phone: bool) -> Iterator[tuple[Mapping[str, Any], Box]]:
    column, top = (width - 2 * _MARGIN + 8) / 24, float(_HEAD)
    for panel in sorted(panels, key=lambda each: (each["gridPos"]["y"], each["gridPos"]["x"])):
        place = panel["gridPos"]
        if phone:
            box = Box(_MARGIN / 2, top, width - _MARGIN, place["h"] * _LINE - 8)
            top += place["h"] * _LINE
        else:
            box = Box(
                _MARGIN + place["x"] * column, _HEAD + place["y"] * _LINE, place["w"] * column - 8,
                place["h"] * _LINE - 8,
            )  # fmt: skip
        yield panel, box


def _heading(canvas: Canvas, answers: Answers) -> None:
    phone = canvas.width == _PHONE
    canvas.say(_MARGIN, 20, answers.dashboard["title"], 16 if phone else 20, TEXT, bold=True)
    begin, end = (moment.strftime("%d %b %Y %H:%M") for moment in (answers.range.begin, answers.range.finish))
    said = f"{begin} to {end}"
    canvas.say(canvas.width - _MARGIN, 46 if phone else 20, said, 11 if phone else 14, MUTED, "right")
    x = float(_MARGIN)
    if phone:
        return
    for each in answers.dashboard["templating"]["list"]:
        if each.get("hide") == 2:
            continue
        chosen = answers.chosen[each["name"]]
        value = "All" if list(chosen) == [ALL] else " + ".join(chosen)
        if each["type"] == "datasource":
            value = "Facility access" if each["name"] == "access" else "Facility"
        for text, fill in ((each.get("label") or each["name"], MUTED), (value, TEXT)):
            width = width_of(text, 13) + 18
            canvas.box(x, 36, width, 22, PANEL, GRID)
            canvas.say(x + 9, 47, text, 13, fill)
            x += width
        x += 10


def _panel(
    canvas: Canvas, answers: Answers, panel: Mapping[str, Any], box: Box, marks: list[Mark]
) -> None:  # fmt: skip
    transparent = panel.get("transparent")
    if not transparent:
        canvas.box(box.x, box.y, box.w, box.h, PANEL, GRID, radius=3)
    title = substitute(panel.get("title", ""), answers.chosen, {})
    top = 8
    if title:
        own = _own_time(panel)
        canvas.say(box.x + box.w - 10, box.y + 16, own, 11, MUTED, "right")
        room = box.w - 20 - (width_of(own, 11) + 8 if own else 0)
        canvas.say(box.x + 10, box.y + 16, cut(title, 14, room), 14, TEXT, bold=True)
        top = 32
    inner = box.inside(10, top, 10, 8)
    kind = panel["type"]
    if kind == "text":
        _text(canvas, panel["options"]["content"], inner)
        return
    answer: Answer = answers.answer(panel)
    if kind in _OVER_TIME:
        _OVER_TIME[kind](canvas, answer, inner, marks)
    else:
        _VALUES[kind](canvas, answer, inner)


def _own_time(panel: Mapping[str, Any]) -> str:
    if panel.get("hideTimeOverride"):
        return ""
    own, shift = panel.get("timeFrom"), panel.get("timeShift")
    said = {"now/d": "Today so far", "now/w": "This week so far", "now/M": "This month so far", None: ""}
    words = said.get(own, f"Last {own}")
    return f"◷ {words}{f' timeshift -{shift}' if shift else ''}" if words or shift else ""


def _text(canvas: Canvas, content: str, box: Box) -> None:
    y = box.y + 10
    for paragraph in content.splitlines():
        heading = paragraph.startswith("#")
        size = 18 if heading else 13
        line = ""
        for word in paragraph.lstrip("# ").replace("**", "").split():
            if line and width_of(f"{line} {word}", size) > box.w:
                canvas.say(box.x, y, line, size, bold=heading)
                line, y = "", y + size * 1.5
            line = f"{line} {word}".strip()
        canvas.say(box.x, y, line, size, bold=heading)
        y += size * 1.6
