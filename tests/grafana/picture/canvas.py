"""A page in pixels, from its top left, on Matplotlib."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Rectangle, Wedge
from matplotlib.textpath import TextPath
from PIL import Image

from tests.grafana.answers.colours import CANVAS, GRID, MUTED, TEXT

__all__ = ["Canvas", "cut", "width_of"]

_DPI: Final = 100
_COLOURS: Final = 256
_FONT: Final = "DejaVu Sans"


@lru_cache(maxsize=20_000)
def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How many pixels a text is wide."""
    if not text.strip():
        return size * 0.3 * len(text)
    font = FontProperties(family=_FONT, weight="bold" if bold else "normal")
    return float(TextPath((0, 0), _plain(text), size=size, prop=font).get_extents().width)


def _plain(text: str) -> str:
    return text.replace("$", r"\$")


def cut(text: str, size: float, width: float) -> str:
    """The text, or as much of it as has room, and dots."""
    if width_of(text, size) <= width:
        return text
    kept = text
    while kept and width_of(kept + "…", size) > width:
        kept = kept[:-1]
    return kept + "…" if kept else ""


class Canvas:
    """Draws rectangles, texts and axes; `width` and `height` in pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure((width / _DPI, height / _DPI), dpi=_DPI, facecolor=CANVAS)
        FigureCanvasAgg(self.figure)

    def box(  # noqa: PLR0917 - a place and a colour in their usual order
        self, x: float, y: float, w: float, h: float, fill: str, edge: str = "none", radius: float = 0
    ) -> None:
        """A rectangle."""
        place = (x, self.height - y - h)
        shape: Any
        if radius:
            style = f"round,pad=0,rounding_size={radius}"
            shape = FancyBboxPatch(place, w, h, boxstyle=style, transform=None, facecolor=fill, edgecolor=edge)
        else:
            shape = Rectangle(place, w, h, transform=None, facecolor=fill, edgecolor=edge)
        shape.set_linewidth(1 if edge != "none" else 0)
        self.figure.add_artist(shape)

    def arc(  # noqa: PLR0917 - a place and a colour in their usual order
        self, x: float, y: float, radius: float, share: tuple[float, float], fill: str, thick: float
    ) -> None:
        """A part of a dial, from left (0) over the top to right (1)."""
        begin, end = (210 - 240 * part for part in share)
        shape = Wedge(
            (x, self.height - y), radius, end, begin, width=thick, transform=None, facecolor=fill, linewidth=0
        )
        self.figure.add_artist(shape)

    def say(  # noqa: PLR0917 - a place and a colour in their usual order
        self, x: float, y: float, text: str, size: float = 12, fill: str = TEXT, align: str = "left", *,
        bold: bool = False, middle: bool = True,
    ) -> None:  # fmt: skip
        """A text; `y` is its middle, or its base."""
        self.figure.text(
            x / self.width, 1 - y / self.height, _plain(text), fontsize=size * 72 / _DPI, color=fill, ha=align,
            va="center" if middle else "baseline", zorder=3, fontfamily=_FONT,
            fontweight="bold" if bold else "normal",
        )  # fmt: skip

    def axes(self, x: float, y: float, w: float, h: float) -> Axes:
        """A chart's area, in Grafana's looks."""
        place = (x / self.width, 1 - (y + h) / self.height, max(w, 1) / self.width, max(h, 1) / self.height)
        axes = self.figure.add_axes(place, facecolor="none", zorder=2)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(colors=MUTED, labelsize=11 * 72 / _DPI, length=0, pad=4)
        axes.grid(visible=True, color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        return axes

    def save(self, file: Path) -> None:
        """Write a PNG of few colours: a quarter of the bytes, and nobody sees the difference."""
        drawn = io.BytesIO()
        self.figure.savefig(drawn, format="png", dpi=_DPI, facecolor=CANVAS)
        with Image.open(drawn) as picture:
            picture.convert("RGB").quantize(_COLOURS).save(file, format="PNG", optimize=True)
