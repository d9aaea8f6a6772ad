"""Draws the charts of reports with matplotlib. Run as a process of its own: charts as JSON in, pictures out.

Colours are those of Okabe and Ito, which people with any kind of colour vision can tell apart.
"""

import io
import json
import logging
import sys
import warnings
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from monitor.reports.report import Chart, Phrase, Series
from monitor.reports.words import number, word
from monitor.schema import unit_sign

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picture"]

_BLUE, _ORANGE, _GREEN, _RED, _SKY, _PURPLE = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7"
_STACK: Final = (_BLUE, _ORANGE, _GREEN, _SKY, _PURPLE, _RED, "#999999", "#000000")
_INK, _FAINT, _NOTHING = "#333333", "#d9d9d9", "#f0f0f0"
_FONTS: Final = [
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "sans-serif",
]
_STYLE: Final[Any] = {
    "axes.edgecolor": "#888888",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": _FONTS,
    "font.size": 8,
    "hatch.color": "#ffffff",
    "hatch.linewidth": 1.1,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_WIDTH: Final = 8.2
_TICKS: Final = 11
_DAYS: Final = 62
"""A calendar of more days has no lines between them."""
_LEGEND: Final = 120
_SIGN: Final = 6
"""Characters that a line of a legend has room for, and those that the colour of one name takes."""
_ORDER: Final = ("BarContainer", "Line2D", "Rectangle")
"""What a legend says first: bars, lines, what is not known."""


def picture(chart: Chart, language: str, form: str = "svg") -> bytes:
    """Draw one chart; `form` is svg (text stays text) or png."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _height(chart)), layout="constrained", dpi=150)
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        _KINDS[chart.kind](figure, axes, chart, language)
        out = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, metadata=metadata)
    return out.getvalue()


def _height(chart: Chart) -> float:
    if chart.kind == "calendar":
        return 0.9 + 0.24 * max(1, len(chart.series))
    return 0.9 + 0.34 * len(chart.labels) if chart.kind == "stack" else 2.4


def _unit(chart: Chart) -> str:
    return unit_sign(chart.unit)


def _bars(figure: "Figure", axes: "Axes", chart: Chart, language: str) -> None:
    """What was used, the year before as a thin line."""
    amounts = chart.series[0].values
    for is_estimated in (False, True):
        those = [
            at for at, one in enumerate(amounts) if one is not None and (at in chart.estimated) == is_estimated
        ]
        if those:
            name = word("chart_estimated", language) if is_estimated else _name(chart.series[0], language)
            heights = [amounts[at] or 0.0 for at in those]
            axes.bar(those, heights, 0.78, color=_BLUE, hatch="////" if is_estimated else None, label=name, lw=0)
    for earlier in chart.series[1:]:
        values = [float("nan") if value is None else value for value in earlier.values]
        steps: Any = {"drawstyle": "steps-mid"} if len(values) > 1 else {"marker": "_"}
        axes.plot(range(len(values)), values, color=_RED, lw=1.1, label=_name(earlier, language), **steps)
    _unknown(axes, amounts, language)
    _along(axes, chart)
    _legend(figure, axes)


def _columns(figure: "Figure", axes: "Axes", chart: Chart, language: str) -> None:
    """What several did along time, stacked; where nothing is known of any of them there is a pale band."""
    at = range(len(chart.labels))
    ends = [0.0] * len(chart.labels)
    for number_, one in enumerate(chart.series):
        values = [value or 0.0 for value in one.values]
        colour = _STACK[number_ % len(_STACK)]
        axes.bar(at, values, 0.78, bottom=list(ends), color=colour, label=_label(one, language), lw=0)
        ends = [end + value for end, value in zip(ends, values, strict=True)]
    known = [any(one.values[place] is not None for one in chart.series) for place in at]
    _unknown(axes, [0.0 if is_known else None for is_known in known], language)
    _along(axes, chart)
    _legend(figure, axes)


def _unknown(axes: "Axes", values: Sequence[float | None], language: str) -> None:
    """A pale band where nothing is known: not the same as nothing used."""
    for number_, value in enumerate(values):
        if value is None:
            told = [
                text for text in axes.get_legend_handles_labels()[1] if text == word("chart_unknown", language)
            ]
            label = "" if told else word("chart_unknown", language)
            axes.axvspan(number_ - 0.5, number_ + 0.5, color=_FAINT, lw=0, label=label, zorder=0)


def _along(axes: "Axes", chart: Chart) -> None:
    """The axes of charts along time."""
    from matplotlib.ticker import MaxNLocator

    labels = [_short(label) for label in chart.labels]
    every = max(1, -(-len(labels) // _TICKS))
    if len(labels) > _TICKS and len(chart.labels[0]) == len("2026-11-27"):
        every = max(7, every)
    ticks = range(0, len(labels), every)
    axes.set_xticks(list(ticks), [labels[at] for at in ticks])
    axes.set_xlim(-0.7, len(labels) - 0.3)
    axes.set_ylabel(_unit(chart))
    axes.yaxis.set_major_formatter(_tick)
    if not chart.unit:  # things that are counted: there is no half of one
        axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.grid(axis="y", color=_FAINT, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(length=2.5, width=0.6)


def _short(label: str) -> str:
    """`2026-11-27` -> `11-27`; months and hours stay."""
    return label[5:] if len(label) == len("2026-11-27") else label


def _tick(value: float, _: float) -> str:
    """A number at an axis, without zeros that say nothing."""
    text = number(value, 4)
    return text.rstrip("0").rstrip(".")


def _legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1 or (labels and not axes.containers):
        order = sorted(range(len(labels)), key=lambda at: _ORDER.index(type(handles[at]).__name__))
        handles, labels = [handles[at] for at in order], [labels[at] for at in order]
        room = _LEGEND // (_SIGN + max(map(len, labels)))
        ncols = max(1, min(len(labels), room))
        figure.legend(handles, labels, loc="outside upper right", ncols=ncols, handlelength=1.4)


def _heat(figure: "Figure", axes: "Axes", chart: Chart, language: str) -> None:
    """Hour of the day by day of the week."""
    rows = [[float("nan") if value is None else value for value in one.values] for one in chart.series]
    axes.set_facecolor(_NOTHING)
    drawn = axes.imshow(rows, aspect="auto", cmap="Blues", vmin=0, interpolation="nearest")
    axes.set_yticks(range(len(rows)), [_name(one, language) for one in chart.series])
    ticks = range(0, len(chart.labels), 3)
    axes.set_xticks([at - 0.5 for at in ticks], [chart.labels[at] for at in ticks])
    axes.tick_params(length=2.5, width=0.6)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=axes, pad=0.01, aspect=14)
    bar.set_label(f"{_unit(chart)} / h")
    bar.outline.set(visible=False)
    bar.ax.tick_params(length=2, width=0.6)


def _balance(figure: "Figure", axes: "Axes", chart: Chart, language: str) -> None:
    """Sub-meters and the difference, stacked; the main meters as a line over them."""
    found = {one.name: one.values for one in chart.series}
    at = range(len(chart.labels))
    subs = [value or 0.0 for value in found["subs"]]
    differences = [value or 0.0 for value in found["difference"]]
    axes.bar(at, subs, 0.78, color=_BLUE, label=word("subs", language), lw=0)
    above = [max(0.0, each) for each in differences]
    below = [min(0.0, each) for each in differences]
    axes.bar(at, above, 0.78, bottom=subs, color=_ORANGE, label=word("difference", language), lw=0)
    if any(below):
        axes.bar(at, below, 0.78, color=_ORANGE, lw=0)
    mains = [float("nan") if value is None else value for value in found["mains"]]
    axes.plot(
        at, mains, "_", color=_INK, ms=max(3, 260 / max(1, len(mains))), mew=1.2, label=word("mains", language)
    )
    _unknown(axes, found["difference"], language)
    _along(axes, chart)
    _legend(figure, axes)


def _stack(figure: "Figure", axes: "Axes", chart: Chart, language: str) -> None:
    """Lying bars of what is paid, in its parts; what is paid back goes to the left."""
    at = range(len(chart.labels))
    ends = {1: [0.0] * len(chart.labels), -1: [0.0] * len(chart.labels)}
    for number_, one in enumerate(chart.series):
        for sign, ended in ends.items():
            values = [max(0.0, sign * (value or 0.0)) * sign for value in one.values]
            if any(values) or (sign == 1 and not any(one.values)):
                known = axes.get_legend_handles_labels()[1]
                name = _label(one, language)
                label = "" if name in known else name
                axes.barh(
                    at, values, 0.62, left=list(ended), color=_STACK[number_ % len(_STACK)], label=label, lw=0
                )
                ends[sign] = [end + value for end, value in zip(ended, values, strict=True)]
    axes.set_yticks(list(at), [_cut(label or word("no_tenant", language)) for label in chart.labels])
    axes.invert_yaxis()
    axes.set_xlabel(_unit(chart))
    axes.xaxis.set_major_formatter(_tick)
    axes.grid(axis="x", color=_FAINT, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(length=2.5, width=0.6)
    _legend(figure, axes)


def _calendar(figure: "Figure", axes: "Axes", chart: Chart, language: str) -> None:
    """Each day (or month) of each meter, device or building: what share was as it should be."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    is_short = len(chart.labels) <= _DAYS
    bounds = (0.0, 50.0, 90.0, 99.0, 99.995, 100.001)
    colours = ListedColormap(["#d55e00", "#e69f00", "#f4d58d", "#7fb8dc", "#cfe4f1"])
    rows = [[float("nan") if value is None else value for value in one.values] for one in chart.series]
    axes.set_facecolor(_NOTHING)
    norm = BoundaryNorm(bounds, colours.N)
    drawn = axes.pcolormesh(rows, cmap=colours, norm=norm, edgecolors="#ffffff", linewidth=0.6 if is_short else 0)
    if not is_short:
        axes.hlines(range(1, len(rows)), 0, len(chart.labels), color="#ffffff", lw=1.5)
    axes.set_yticks([at + 0.5 for at in range(len(rows))], [_name(one, language) for one in chart.series])
    axes.invert_yaxis()
    least = 7 if len(chart.labels[0]) == len("2026-11-27") else 1
    every = max(least, -(-len(chart.labels) // _TICKS))
    ticks = range(0, len(chart.labels), every)
    axes.set_xticks([at + 0.5 for at in ticks], [_short(chart.labels[at]) for at in ticks])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(drawn, ax=axes, location="top", pad=0.02, aspect=60, shrink=0.5, anchor=(1.0, 0.0))
    bar.set_ticks([25, 70, 94.5, 99.5, 99.9975], labels=["< 50 %", "< 90", "< 99", "< 100", "100 %"])
    bar.ax.tick_params(length=0, labelsize=7)
    bar.outline.set(visible=False)


def _name(series: Series, language: str) -> str:
    name = word(series.name, language) if series.is_word else series.name
    return _cut(f"{series.where}: {name}" if series.where else name)


def _label(series: Series, language: str) -> str:
    """A name in a legend: the library leaves out what begins with an underscore."""
    name = _name(series, language)
    return f"\u200b{name}" if name.startswith("_") else name


def _cut(name: str) -> str:
    most = 28
    return name if len(name) <= most else name[: most - 1] + "…"


_KINDS: Final = {
    "bars": _bars,
    "columns": _columns,
    "heat": _heat,
    "balance": _balance,
    "stack": _stack,
    "calendar": _calendar,
}


def _chart(data: dict[str, Any]) -> Chart:
    series = tuple(Series(**one | {"values": tuple(one["values"])}) for one in data["series"])
    chart = Chart(**data | {"series": series, "title": Phrase(**data["title"])})
    return replace(chart, labels=tuple(chart.labels), estimated=tuple(chart.estimated))


def _main() -> None:
    """Draw what standard input asks for."""
    logging.disable(logging.WARNING)  # a font of the list that this machine does not have
    warnings.simplefilter("ignore")  # a sign that no font here has: the reader's may have it
    wish = json.load(sys.stdin)
    drawn = [picture(_chart(one), wish["language"], wish["form"]) for one in wish["charts"]]
    json.dump([b64encode(one).decode() for one in drawn], sys.stdout)


if __name__ == "__main__":
    _main()
