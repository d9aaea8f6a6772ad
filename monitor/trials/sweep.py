"""One parameter of one rule, tried at several values: how many alarms a week each would have made."""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from monitor.trials.backtest import Result

__all__ = ["draw", "values_of"]

_MOST: Final = 40
_WEEK: Final = 7 * 86_400_000


def values_of(text: str) -> list[str]:
    """`0 s, 30 s, 1 min` are three values; `200..210 V step 2` are six. Raises ValueError."""
    if ".." not in text:
        values = [one.strip() for one in text.split(",") if one.strip()]
    else:
        span, _, step = text.partition("step")
        first, _, rest = span.partition("..")
        last, _, unit = rest.strip().partition(" ")
        try:
            begin, end = float(first), float(last)
            by = float(step) if step.strip() else (end - begin) / 10
        except ValueError:
            raise ValueError("write values with commas, or a span such as `200..210 V step 2`") from None
        if not (math.isfinite(begin) and math.isfinite(end) and by > 0 and end >= begin):
            raise ValueError("a span goes upward, in steps above 0")
        count = math.floor((end - begin) / by + 1e-9) + 1
        values = [f"{begin + number * by:.12g} {unit}".strip() for number in range(min(count, _MOST + 1))]
    if not 1 < len(values) <= _MOST:
        raise ValueError(f"a sweep tries 2 to {_MOST} values")
    return values


def draw(name: str, values: Sequence[str], results: Sequence[Result], *, form: str) -> bytes:
    """A picture (`svg` or `png`): alarms a week and messages at night by the value that is tried."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "facility-monitor"
    weeks = [max(1, result.span[1] - result.span[0]) / _WEEK for result in results]
    alarms = [
        sum(one.occurrences for one in each.figures) / week for each, week in zip(results, weeks, strict=True)
    ]
    nights = [sum(one.night for one in each.figures) / week for each, week in zip(results, weeks, strict=True)]
    hours = [
        sum(one.active for one in each.figures) / week / 3_600_000
        for each, week in zip(results, weeks, strict=True)
    ]
    figure = Figure(figsize=(max(6.0, 0.55 * len(values)), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    places = range(len(values))
    above.bar(places, alarms, color="#4c78a8", label="alarms a week")
    above.plot(places, nights, "o-", color="#e45756", label="messages at night, a week")
    above.set_ylim(0, 1.3 * max(*alarms, *nights, 1.0))
    above.legend(frameon=False, ncols=2, loc="upper center")
    above.set_title(name)
    below.bar(places, hours, color="#72b7b2")
    below.set_ylabel("hours in alarm, a week")
    below.set_xticks(list(places), values, rotation=40, ha="right")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(b=False)
    out = BytesIO()
    figure.savefig(out, format=form, metadata={"Date": None} if form == "svg" else None, dpi=120)
    return out.getvalue()
