"""Grafana's dashboard JSON (schema 39, Grafana 10 to 13), as far as these dashboards need it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "ACCESS",
    "DATA",
    "SCHEMA_VERSION",
    "Annotation",
    "DataVariable",
    "Panel",
    "QueryVariable",
    "Step",
    "Target",
    "dashboard",
]

SCHEMA_VERSION = 39

DATA = "datasource"
ACCESS = "access"
"""Names of the two variables that choose the data source: of readings and alarms, and of access."""

Json = dict[str, Any]


def _source(variable: str) -> Json:
    return {"type": "influxdb", "uid": f"${{{variable}}}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One InfluxQL query of a panel; `alias` names its series (`$tag_device`)."""

    query: str
    alias: str = ""
    table: bool = False
    source: str = DATA

    def json(self, ref: str) -> Json:
        """The query as `ref` (A, B …) of its panel."""
        return {
            "refId": ref,
            "datasource": _source(self.source),
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "table" if self.table else "time_series",
            "alias": self.alias,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` on (None: from the start) a value has this colour."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `kind` is Grafana's type; `calc` is how a stat reduces its series to one value.

    `time_from` overrides the dashboard's range (`now/d`: today so far). `states` names values and colours them.
    """

    id: int
    kind: str
    title: str
    description: str
    x: int
    y: int
    w: int
    h: int
    targets: Sequence[Target]
    unit: str = "none"
    decimals: int | None = None
    calc: str = "lastNotNull"
    steps: Sequence[Step] = (Step(None, "green"),)
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    time_from: str | None = None
    no_value: str = "-"
    minimum: float | None = None
    bars: bool = False
    overrides: Sequence[Json] = ()

    def json(self) -> Json:
        """The panel as Grafana stores it."""
        source = self.targets[0].source
        found: Json = {
            "id": self.id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": _source(source),
            "gridPos": {"x": self.x, "y": self.y, "w": self.w, "h": self.h},
            "targets": [target.json(chr(ord("A") + index)) for index, target in enumerate(self.targets)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": list(self.overrides)},
            "options": _OPTIONS[self.kind](self),
        }
        if self.time_from is not None:
            found |= {"timeFrom": self.time_from, "hideTimeOverride": False}
        return found

    def _defaults(self) -> Json:
        steps = [{"value": step.value, "color": step.color} for step in self.steps]
        defaults: Json = {
            "unit": self.unit,
            "noValue": self.no_value,
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": [],
        }
        if self.states:
            options = {
                value: {"text": text, "color": color, "index": index}
                for index, (value, (text, color)) in enumerate(self.states.items())
            }
            defaults["mappings"] = [{"type": "value", "options": options}]
        if self.decimals is not None:
            defaults["decimals"] = self.decimals
        if self.minimum is not None:
            defaults["min"] = self.minimum
        if self.kind == "timeseries":
            defaults["custom"] = {
                "drawStyle": "bars" if self.bars else "line",
                "lineWidth": 1,
                "fillOpacity": 60 if self.bars else 10,
                "showPoints": "never",
                "spanNulls": False,
                "thresholdsStyle": {"mode": "dashed" if len(self.steps) > 1 else "off"},
            }
        return defaults


def _stat(panel: Panel) -> Json:
    return {
        "reduceOptions": {"calcs": [panel.calc], "fields": "", "values": False},
        "colorMode": "background" if panel.states else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }


def _timeseries(panel: Panel) -> Json:
    calcs = ["sum"] if panel.bars else ["min", "max", "lastNotNull"]
    return {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": calcs},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _table(_panel: Panel) -> Json:
    return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}, "frameIndex": 0}


def _timeline(_panel: Panel) -> Json:
    return {
        "showValue": "never",
        "mergeValues": True,
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }


_OPTIONS = {"stat": _stat, "timeseries": _timeseries, "table": _table, "state-timeline": _timeline}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVariable:
    """Chooses a data source among those of InfluxDB whose name matches `pattern`."""

    name: str
    label: str
    pattern: str

    def json(self) -> Json:
        """The variable as Grafana stores it."""
        return {
            "type": "datasource",
            "name": self.name,
            "label": self.label,
            "query": "influxdb",
            "regex": self.pattern,
            "refresh": 1,
            "hide": 0,
            "multi": False,
            "includeAll": False,
            "options": [],
            "current": {},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryVariable:
    """Lets people choose among the answers of a query; all of them at first."""

    name: str
    label: str
    query: str
    source: str = DATA

    def json(self) -> Json:
        """The variable as Grafana stores it."""
        return {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": _source(self.source),
            "query": self.query,
            "definition": self.query,
            "refresh": 2,
            "sort": 1,
            "hide": 0,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "options": [],
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Marks on every chart; the query answers columns title, text, tags and the end of a region."""

    name: str
    query: str
    title: str
    text: str
    tags: str
    end: str
    color: str = "red"

    def json(self) -> Json:
        """The annotation as Grafana stores it."""
        return {
            "name": self.name,
            "datasource": _source(DATA),
            "enable": True,
            "hide": False,
            "iconColor": self.color,
            "target": {
                "refId": "Anno",
                "query": self.query,
                "rawQuery": True,
                "queryType": "tags",
                "fromAnnotations": True,
                "titleColumn": self.title,
                "textColumn": self.text,
                "tagsColumn": self.tags,
                "timeEndColumn": self.end,
                "name": self.name,
            },
        }


def dashboard(
    *,
    uid: str,
    title: str,
    panels: Sequence[Panel],
    variables: Sequence[DataVariable | QueryVariable],
    annotations: Sequence[Annotation],
) -> Json:
    """Put a dashboard together; it shows the last day and follows the viewer's time zone."""
    return {
        "uid": uid,
        "title": title,
        "tags": ["facility-monitor"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [variable.json() for variable in variables]},
        "annotations": {"list": [annotation.json() for annotation in annotations]},
        "panels": [panel.json() for panel in panels],
        "links": [],
    }
