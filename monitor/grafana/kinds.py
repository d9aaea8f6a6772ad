"""The kinds of panels: what each shows, and what Grafana would otherwise guess."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from monitor.grafana.looks import Json, Look, Step

__all__ = ["BarGauge", "Gauge", "Kind", "Pie", "Stat", "StateTimeline", "Table", "Text", "TimeSeries"]

_PLAIN = (Step(None, "green"),)


class Kind(Protocol):
    """A kind of panel."""

    type: ClassVar[str]

    def options(self) -> Json:
        """Its options."""

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""


def _reduce(calc: str, *, values: bool = False, limit: int | None = None) -> Json:
    found: Json = {"calcs": [calc], "fields": "", "values": values}
    return found if limit is None else found | {"limit": limit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """Large numbers, one for each series; `calc` makes one value of a series; `area` draws it small behind.

    `rows`: each of so many rows of a table has a number of its own, called after the texts in its row. `lines`:
    they lie below each other rather than side by side.
    """

    type: ClassVar[str] = "stat"
    calc: str = "lastNotNull"
    area: bool = False
    background: bool = False
    text: str = "auto"
    """auto, value, value_and_name, name or none."""
    large: int | None = None
    named: int | None = None
    """Sizes of the number and of its name in pixels, for a display on a wall."""
    rows: int | None = None
    lines: bool = False

    def options(self) -> Json:
        """Its options."""
        found: Json = {
            "reduceOptions": _reduce(self.calc, values=self.rows is not None, limit=self.rows),
            "colorMode": "background" if self.background else "value",
            "graphMode": "area" if self.area else "none",
            "justifyMode": "auto",
            "orientation": "horizontal" if self.lines else "auto",
            "textMode": self.text,
            "wideLayout": True,
            "showPercentChange": False,
        }
        sizes = {"titleSize": self.named, "valueSize": self.large}
        sizes = {key: size for key, size in sizes.items() if size is not None}
        return found | {"text": sizes} if sizes else found

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look(unit="", steps=_PLAIN, no_value="-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A dial from the look's minimum to its maximum."""

    type: ClassVar[str] = "gauge"
    calc: str = "lastNotNull"

    def options(self) -> Json:
        """Its options."""
        return {
            "reduceOptions": _reduce(self.calc),
            "showThresholdLabels": False,
            "showThresholdMarkers": True,
            "orientation": "auto",
            "sizing": "auto",
        }

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look(unit="", steps=_PLAIN, no_value="-")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGauge:
    """A bar for each series: the busiest doors, the noisiest rules.

    `rows`: a bar for each of so many rows of a table, called after the texts in its row.
    """

    type: ClassVar[str] = "bargauge"
    calc: str = "lastNotNull"
    rows: int | None = None

    def options(self) -> Json:
        """Its options."""
        return {
            "reduceOptions": _reduce(self.calc, values=self.rows is not None, limit=self.rows),
            "displayMode": "basic",
            "orientation": "horizontal",
            "valueMode": "color",
            "namePlacement": "auto",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizHeight": 16,
            "minVizWidth": 8,
            "maxVizHeight": 300,
        }

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look(unit="", steps=_PLAIN, no_value="-", minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pie:
    """A ring of what each series has of the whole, with value and percentage."""

    type: ClassVar[str] = "piechart"
    calc: str = "lastNotNull"

    def options(self) -> Json:
        """Its options."""
        return {
            "reduceOptions": _reduce(self.calc),
            "pieType": "donut",
            "displayLabels": ["percent"],
            "legend": {
                "displayMode": "table",
                "placement": "right",
                "showLegend": True,
                "values": ["value", "percent"],
            },
            "tooltip": {"mode": "single", "sort": "none"},
        }

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look(unit="", scheme="palette-classic")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries:
    """Lines or bars over time; `calcs` are the columns of the legend.

    `bars` begin at their time and are as wide as the time between them: a day's bar covers the day. `stacked`: on
    top of each other. `stepped`: a value holds until the next one. `dots`: points alone. `limits` draws the look's
    steps as dashed lines. Holes stay holes, unless they are shorter than `joined` seconds.
    """

    type: ClassVar[str] = "timeseries"
    bars: bool = False
    stacked: bool = False
    stepped: bool = False
    dots: bool = False
    limits: bool = False
    joined: float = 0.0
    fill: int | None = None
    calcs: Sequence[str] = ("min", "max", "lastNotNull")
    legend: bool = True

    def options(self) -> Json:
        """Its options."""
        return {
            "legend": {
                "displayMode": "table" if self.calcs else "list",
                "placement": "bottom",
                "showLegend": self.legend,
                "calcs": list(self.calcs),
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        fill = self.fill if self.fill is not None else (80 if self.bars else 10)
        return Look(
            unit="",
            steps=_PLAIN,
            scheme="palette-classic",
            custom={
                "drawStyle": "points" if self.dots else "bars" if self.bars else "line",
                "barAlignment": 1,
                "barWidthFactor": 0.9,
                "lineInterpolation": "stepAfter" if self.stepped else "linear",
                "lineWidth": 1,
                "fillOpacity": fill,
                "gradientMode": "none",
                "showPoints": "always" if self.dots else "never",
                "pointSize": 6 if self.dots else 5,
                "spanNulls": round(self.joined * 1000) if self.joined else False,
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
                "axisPlacement": "auto",
                "axisLabel": "",
                "axisBorderShow": False,
                "thresholdsStyle": {"mode": "dashed" if self.limits else "off"},
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTimeline:
    """When which state was; for fields of whole numbers or texts, named by the look's states."""

    type: ClassVar[str] = "state-timeline"

    def options(self) -> Json:
        """Its options."""
        return {
            "showValue": "never",
            "mergeValues": True,
            "rowHeight": 0.8,
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "single", "sort": "none"},
        }

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look(unit="", steps=_PLAIN, custom={"lineWidth": 0, "fillOpacity": 80, "spanNulls": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows and columns, sorted by a column; what belongs to single columns is said by overrides."""

    type: ClassVar[str] = "table"
    sort: str = ""
    descending: bool = True

    def options(self) -> Json:
        """Its options."""
        order = [{"displayName": self.sort, "desc": self.descending}] if self.sort else []
        return {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "fields": ""},
            "frameIndex": 0,
            "sortBy": order,
        }

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look(steps=_PLAIN, custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text in Markdown."""

    type: ClassVar[str] = "text"
    content: str

    def options(self) -> Json:
        """Its options."""
        return {"mode": "markdown", "content": self.content}

    def look(self) -> Look:
        """How its values are shown where the panel does not say."""
        return Look()
