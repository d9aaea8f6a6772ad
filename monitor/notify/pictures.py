"""Draws the picture of a message: the day around an alarm. A process of its own: a wish as JSON in, a PNG out.

It reads the journal itself, so that the daemon has no work with it; it may be killed when it takes too long.
"""

import io
import json
import logging
import os
import resource
import sqlite3
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from monitor.errors import JournalError
from monitor.journal.codec import KINDS, decode
from monitor.model import Derived, Event, Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Curve", "draw", "read", "thin"]

_MEMORY: Final = 1 << 30
"""Bytes of address space that it may take."""
_MOST_DECODED: Final = 20_000
_MOST_DRAWN: Final = 500
_MOST_MARKS: Final = 200
_MIX: Final = 2_654_435_761
"""Knuth's multiplier (2^32 by the golden ratio): picks rows evenly, in step with no poll."""
_ENTRIES: Final = (
    "SELECT time, kind, body FROM entries INDEXED BY entries_by_device"
    " WHERE device = ? AND time >= ? AND time < ? ORDER BY time, position"
)
_COUNT: Final = (
    "SELECT count(*) FROM entries INDEXED BY entries_by_device WHERE device = ? AND time >= ? AND time < ?"
)
_FEW: Final = 3
_MOST_ROWS: Final = 6
_PAUSE: Final = 600_000
"""Milliseconds without a value after which a line is interrupted at the earliest."""

_SIZE: Final = (4.0, 2.1)
_DPI: Final = 264
_COLOURS: Final = 24
_BLUE, _RED, _INK, _FAINT, _SHADE = "#0072b2", "#b91c1c", "#374151", "#e5e7eb", "#fde3d3"
_FONTS: Final = [
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "DejaVu Sans",
    "sans-serif",
]
_STYLE: Final[Any] = {
    "axes.edgecolor": "#9ca3af",
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": _FONTS,
    "font.size": 9,
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


class Curve(NamedTuple):
    """What a device told over a day: (UTC ms, value) in order; a value is a number, a state or an event's kind."""

    points: Sequence[tuple[int, Any]]
    is_of_numbers: bool


def read(path: Path, wish: Mapping[str, Any]) -> Curve:
    """Read what a wish asks for, never more than some thousand entries. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        found = list(_told(db, wish))
    is_of_numbers = bool(found) and all(type(value) in {int, float} for _, value in found)
    if wish["point"] is None:
        return Curve(found[-_MOST_MARKS:], is_of_numbers=False)
    return Curve(thin(found, wish["start"], wish["end"]) if is_of_numbers else _changes(found), is_of_numbers)


def _told(db: sqlite3.Connection, wish: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    """The values of the point, or the events of the device when there is none."""
    span, point = (wish["device"], wish["start"], wish["end"]), wish["point"]
    every = max(1, -(-db.execute(_COUNT, span).fetchone()[0] // _MOST_DECODED))
    name = b"" if point is None else point.encode()
    kinds = {KINDS["event"]} if point is None else {KINDS["reading"], KINDS["derived"]}
    for number, (time, kind, body) in enumerate(db.execute(_ENTRIES, span)):
        if (
            kind not in kinds
            or name not in body
            or (number * _MIX & 0xFFFF_FFFF) >> 12 & 0xFFFF >= 0x1_0000 // every
        ):
            continue
        try:
            entry = decode(kind, body)
        except JournalError:
            continue
        if isinstance(entry, Event):
            yield time, entry.kind
        elif isinstance(entry, (Reading, Derived)) and (value := entry.values.get(point)) is not None:
            yield time, value


def thin(
    points: Sequence[tuple[int, float]], start: int, end: int, most: int = _MOST_DRAWN
) -> list[tuple[int, float]]:
    """At most `most` of these points: of each slice of time the least and the greatest, so no peak is lost."""
    if len(points) <= most:
        return list(points)
    slices: dict[int, list[tuple[int, float]]] = {}
    for point in points:
        slices.setdefault((point[0] - start) * (most // 2) // max(1, end - start), []).append(point)
    kept: list[tuple[int, float]] = []
    for _, those in sorted(slices.items()):
        ends = {min(those, key=lambda one: one[1]), max(those, key=lambda one: one[1])}
        kept += sorted(ends)
    return kept


def _changes(points: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Where a state changed, and the first and the last of all; the newest when there are too many."""
    kept = [
        point for at, point in enumerate(points) if at in {0, len(points) - 1} or point[1] != points[at - 1][1]
    ]
    return kept[-_MOST_DRAWN:]


def draw(wish: Mapping[str, Any], curve: Curve) -> bytes:
    """Draw a PNG; empty when there is too little to see."""
    if len(curve.points) < (1 if wish["point"] is None else _FEW) and not (
        curve.points and not curve.is_of_numbers
    ):
        return b""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    is_line = curve.is_of_numbers and wish["point"] is not None
    height = _SIZE[1] if is_line else _SIZE[1] * 0.6
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained", dpi=_DPI)
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        last = min(wish["end"], wish["now"])
        axes.axvspan(wish["since"], wish["ended"] or last, color=_SHADE, lw=0, zorder=0)
        axes.axvline(wish["since"], color=_RED, lw=0.8, zorder=1)
        if is_line:
            _line(axes, wish, curve.points)
        elif wish["point"] is not None:
            _band(axes, wish["names"], curve.points, last)
        else:
            _marks(axes, wish["names"], curve.points)
        axes.set_xlim(wish["start"], wish["end"])
        axes.set_xticks([at for at, _ in wish["ticks"]], [label for _, label in wish["ticks"]])
        axes.tick_params(length=2, width=0.6)
        axes.set_title(wish["title"], loc="left", fontsize=9.5, color=_INK)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return _small(out.getvalue())


def _line(axes: "Axes", wish: Mapping[str, Any], points: Sequence[tuple[int, float]]) -> None:
    """The values along time, broken where none came, with the limit across."""
    from matplotlib.ticker import MaxNLocator

    gaps = [after[0] - before[0] for before, after in pairwise(points)]
    longest = max(_PAUSE, 5 * median(gaps)) if gaps else _PAUSE
    times: list[float] = []
    values: list[float] = []
    for at, (time, value) in enumerate(points):
        if at and time - points[at - 1][0] > longest:
            times.append(time)
            values.append(float("nan"))
        times.append(time)
        values.append(value)
    axes.plot(times, values, color=_BLUE, lw=1.1)
    if wish["limit"] is not None:
        axes.axhline(wish["limit"], color=_RED, lw=0.9, ls=(0, (4, 2)))
        axes.annotate(
            wish["limit_label"],
            (0, wish["limit"]),
            xycoords=("axes fraction", "data"),
            xytext=(3, 2),
            textcoords="offset points",
            va="bottom",
            color=_RED,
        )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.08 * (high - low))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=_FAINT, lw=0.5)
    axes.set_axisbelow(True)


def _band(axes: "Axes", names: Mapping[str, str], points: Sequence[tuple[int, Any]], last: int) -> None:
    """A state as a row for each of its values, filled while it was so."""
    states = sorted({str(value) for _, value in points})[:_MOST_ROWS]
    for before, after in pairwise([*points, (last, None)]):
        if str(before[1]) in states:
            row = states.index(str(before[1]))
            axes.barh(row, max(0, after[0] - before[0]), left=before[0], height=0.6, color=_BLUE, lw=0)
    axes.set_yticks(range(len(states)), [names.get(state, state) for state in states])
    axes.set_ylim(-0.6, len(states) - 0.4)


def _marks(axes: "Axes", names: Mapping[str, str], points: Sequence[tuple[int, Any]]) -> None:
    """Events as marks, a row for each kind."""
    kinds = sorted({str(value) for _, value in points})[:_MOST_ROWS]
    shown = [(time, kinds.index(str(value))) for time, value in points if str(value) in kinds]
    axes.plot([time for time, _ in shown], [row for _, row in shown], "o", color=_BLUE, ms=4, mew=0)
    axes.set_yticks(range(len(kinds)), [names.get(kind, kind) for kind in kinds])
    axes.set_ylim(-0.6, len(kinds) - 0.4)


def _small(picture: bytes) -> bytes:
    """The same picture in few colours: a fifth of the bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(
        out, format="PNG", optimize=True
    )
    return out.getvalue()


def _main() -> None:
    """Draw what standard input asks for."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable(logging.WARNING)  # a font of the list that this machine does not have
    warnings.simplefilter("ignore")  # a sign that no font here has
    wish = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(wish, read(Path(wish["journal"]), wish)))


if __name__ == "__main__":
    _main()
