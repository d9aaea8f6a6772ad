"""Draws the picture of a message: the day around an alarm. A process of its own: a wish as JSON in, a PNG out.

It reads the journal itself, so that the daemon has no work with it; it may be killed when it takes too long.
"""

import contextlib
import io
import json
import logging
import os
import resource
import sys
import warnings
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.notify.curves import Curve, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLUE", "FAINT", "INK", "RED", "STYLE", "band", "be_small", "draw", "line", "marks"]

_MEMORY: Final = 1 << 30
"""Bytes of address space that it may take."""
_FEW: Final = 3
_MOST_ROWS: Final = 6

_SIZE: Final = (4.0, 2.1)
_DPI: Final = 264
_COLOURS: Final = 24
BLUE, RED, INK, FAINT, _SHADE = "#0072b2", "#b91c1c", "#374151", "#e5e7eb", "#fde3d3"
_FONTS: Final = [
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "DejaVu Sans",
    "sans-serif",
]
STYLE: Final[Any] = {
    "axes.edgecolor": "#9ca3af",
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": _FONTS,
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained", dpi=_DPI)
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        last = min(wish["end"], wish["now"])
        axes.axvspan(wish["since"], wish["ended"] or last, color=_SHADE, lw=0, zorder=0)
        axes.axvline(wish["since"], color=RED, lw=0.8, zorder=1)
        if is_line:
            line(axes, curve, limit=wish["limit"], limit_label=wish["limit_label"])
        elif wish["point"] is not None:
            band(axes, wish["names"], curve.points, last)
        else:
            marks(axes, wish["names"], curve.points)
        axes.set_xlim(wish["start"], wish["end"])
        axes.set_xticks([at for at, _ in wish["ticks"]], [label for _, label in wish["ticks"]])
        axes.tick_params(length=2, width=0.6)
        axes.set_title(wish["title"], loc="left", fontsize=9.5, color=INK)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return _small(out.getvalue())


def line(axes: "Axes", curve: Curve, *, limit: float | None, limit_label: str) -> None:
    """Draw the values along time, broken where none came, with the limit across."""
    from matplotlib.ticker import MaxNLocator

    broken = [after for _, after in curve.gaps]
    times: list[float] = []
    values: list[float] = []
    for at, (time, value) in enumerate(curve.points):
        if at and bisect_right(broken, time) > bisect_right(broken, curve.points[at - 1][0]):
            times.append(time)
            values.append(float("nan"))
        times.append(time)
        values.append(value)
    axes.plot(times, values, color=BLUE, lw=1.1)
    if limit is not None:
        axes.axhline(limit, color=RED, lw=0.9, ls=(0, (4, 2)))
        axes.annotate(
            limit_label,
            (0, limit),
            xycoords=("axes fraction", "data"),
            xytext=(3, 2),
            textcoords="offset points",
            va="bottom",
            color=RED,
        )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.08 * (high - low))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)


def band(axes: "Axes", names: Mapping[str, str], points: Sequence[tuple[int, Any]], last: int) -> None:
    """Draw a state as a row for each of its values, filled while it was so."""
    states = sorted({str(value) for _, value in points if value is not None})[:_MOST_ROWS]
    for before, after in pairwise([*points, (last, None)]):
        if before[1] is not None and str(before[1]) in states:
            row = states.index(str(before[1]))
            axes.barh(row, max(0, after[0] - before[0]), left=before[0], height=0.6, color=BLUE, lw=0)
    axes.set_yticks(range(len(states)), [names.get(state, state) for state in states])
    axes.set_ylim(-0.6, len(states) - 0.4)


def marks(axes: "Axes", names: Mapping[str, str], points: Sequence[tuple[int, Any]]) -> None:
    """Draw events as marks, a row for each kind."""
    kinds = sorted({str(value) for _, value in points})[:_MOST_ROWS]
    shown = [(time, kinds.index(str(value))) for time, value in points if str(value) in kinds]
    axes.plot([time for time, _ in shown], [row for _, row in shown], "o", color=BLUE, ms=4, mew=0)
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


def be_small() -> None:
    """Let everybody else go first, take no more memory than a picture needs, and be quiet about fonts."""
    with contextlib.suppress(PermissionError):  # a sandbox that forbids even that: it is drawn all the same
        os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable(logging.WARNING)  # a font of the list that this machine does not have
    warnings.simplefilter("ignore")  # a sign that no font here has


def _main() -> None:
    """Draw what standard input asks for."""
    be_small()
    wish = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(wish, read(Path(wish["journal"]), wish)))


if __name__ == "__main__":
    _main()
