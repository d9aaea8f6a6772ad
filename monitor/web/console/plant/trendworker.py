"""Draws trends for as long as somebody asks: a process of its own. Wishes come as lines of JSON, SVGs go out.

It reads the journal and the ledger itself, so that the daemon has no work with it, and may be killed at any time.
It ends by itself when nobody is at the other end any more, or when one picture takes much too long.
"""

import io
import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from zoneinfo import ZoneInfo

from monitor.notify.curves import Curve, oldest, read
from monitor.notify.languages import Speech, known, point_names, speech, words_of
from monitor.notify.pictures import BLUE, FAINT, INK, RED, STYLE, band, be_small, line, marks
from monitor.notify.scales import names, ticks
from monitor.schema import unit_sign
from monitor.web.console.plant.trendframes import DRAWN, FAILED, frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_SIZE: Final = (4.2, 2.2)
"""Inches: on a phone, its 9.5 points are about as large as the text around."""
_EDGE, _GROUND, _PAST = "#9ca3af", "#ffffff", "#f3f4f6"
_COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    BLUE: ("curve", "#5bb8f0"),
    RED: ("limit", "#ff9c9c"),
    INK: ("ink", "#d7dbe0"),
    FAINT: ("faint", "#3a414b"),
    _EDGE: ("edge", "#7d8590"),
    _GROUND: ("ground", "#15181d"),
    _PAST: ("past", "#22272e"),
}
"""Colour -> what it is called in the picture, and what it is at night."""
_STYLE: Final[Any] = {
    **STYLE,
    "font.size": 9.5,
    "figure.facecolor": _GROUND,
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "facility-monitor",
}
_LONGEST: Final = 40
_SHARE: Final = 0.02
"""Of the width: a piece at the left that is shorter is not worth a word."""
_PICTURES: Final = 500
"""It ends after so many: what a library may have kept of them goes with it."""


def draw(wish: Mapping[str, Any], journal: Path) -> bytes:
    """Draw an SVG. Raises sqlite3.Error."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    spoken = speech(known(wish["language"]), wish["timezone"])
    point = wish["point"] or None
    curve, first = _told({**wish, "point": point}, journal)
    is_line = curve.is_of_numbers and point is not None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_SIZE[0], _SIZE[1] if is_line or not curve.points else 0.7 * _SIZE[1]))
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        _curve(axes, wish, curve, spoken)
        axes.set_xlim(wish["start"], wish["end"])
        _past(axes, wish, first, spoken)
        found = list(ticks(wish["start"], wish["end"], ZoneInfo(wish["timezone"]), spoken.day))
        axes.set_xticks([at for at, _ in found], [label for _, label in found])
        axes.tick_params(length=2, width=0.6)
        title = "" if point is None else point_names(spoken.language)(point)
        title = f"{title} ({unit_sign(wish['unit'])})" if wish["unit"] else title
        axes.set_title(_plain(title), loc="left", fontsize=9.5, color=INK)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _of_day_and_night(out.getvalue()).encode()


def _told(wish: Mapping[str, Any], journal: Path) -> tuple[Curve, int | None]:
    """What is drawn, and from when on (UTC ms) something is kept."""
    curve, first = read(journal, wish), oldest(journal, wish["device"])
    if not wish["ledger"]:
        return curve, first
    from monitor.web.console.plant.trendledger import with_the_ledger  # few pictures need what it loads

    return with_the_ledger(curve, first, wish, journal=journal, ledger=Path(wish["ledger"]))


def _curve(axes: "Axes", wish: Mapping[str, Any], curve: Curve, spoken: Speech) -> None:
    """Draw what is known, or say that nothing is."""
    say = words_of(spoken.language).ugettext
    called = {**{str(value): _plain(str(value)) for _, value in curve.points}, **names(say)}
    if not curve.points:
        axes.set_yticks([])
        axes.text(0.5, 0.5, say("no values in this time"), ha="center", va="center", transform=axes.transAxes)
    elif not wish["point"]:
        marks(axes, called, curve.points)
    elif curve.is_of_numbers:
        limit = wish["limit"]
        label = "" if limit is None else say("limit %(limit)s") % {"limit": spoken.quantity(limit, wish["unit"])}
        line(axes, curve, limit=limit, limit_label=label)
    else:
        band(axes, called, curve.points, wish["until"])


def _past(axes: "Axes", wish: Mapping[str, Any], first: int | None, spoken: Speech) -> None:
    """Say from when on something of the device is kept, where that is within the picture."""
    start, end = wish["start"], wish["end"]
    if first is None or first - start < _SHARE * (end - start):
        return
    say = words_of(spoken.language).ugettext
    axes.axvspan(start, min(first, end), color=_PAST, lw=0, zorder=0)
    told = say("nothing kept before %(time)s") % {"time": spoken.clock(first, wish["until"])}
    low, high = axes.get_ylim()
    is_limit_low = wish["limit"] is not None and wish["limit"] < (low + high) / 2
    height, align = (0.96, "top") if is_limit_low else (0.04, "bottom")  # not where the limit is written
    axes.text(0.02, height, told, ha="left", va=align, fontsize=8, transform=axes.transAxes)


def _plain(text: str) -> str:
    """What can stand in a picture of what a device said."""
    return "".join(each if each.isprintable() else " " for each in text[:_LONGEST])


def _of_day_and_night(svg: str) -> str:
    """The picture alone, its colours by name: those of the day, and of the night where it is dark."""
    svg = svg[svg.index("<svg") :]
    for colour, (name, _) in _COLOURS.items():
        svg = re.sub(rf"(fill|stroke|stop-color): {colour}\b", rf"\1: var(--{name})", svg)
    day = "; ".join(f"--{name}: {colour}" for colour, (name, _) in _COLOURS.items())
    night = "; ".join(f"--{name}: {dark}" for name, dark in _COLOURS.values())
    style = f"<style>svg {{ {day} }} @media (prefers-color-scheme: dark) {{ svg {{ {night} }} }}</style>"
    begin = svg.index(">") + 1
    return svg[:begin] + style + svg[begin:]


def _serve(wishes: BinaryIO, out: BinaryIO) -> None:
    """Draw what each line asks for, one after the other."""
    for count, said in enumerate(wishes):
        if count >= _PICTURES:
            return
        wish = json.loads(said)
        signal.alarm(wish["patience"])
        try:
            status, answer = DRAWN, draw(wish, Path(wish["journal"]))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one picture, the others are drawn
            status, answer = FAILED, f"{type(error).__name__}: {error}".encode()[:300]
        signal.alarm(0)
        out.write(frame(wish["number"], status, answer))
        out.flush()


if __name__ == "__main__":
    be_small()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library may print is no picture
    _serve(sys.stdin.buffer, answers)
