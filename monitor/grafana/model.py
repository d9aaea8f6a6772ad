"""Grafana's dashboard JSON (schema 39, Grafana 10 to 13), as far as these dashboards need it.

A dashboard is rows of panels; where each lies, its id and the names of its queries are worked out here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, Literal

from monitor.grafana.influxql import TIMEZONE, VARIABLES, Select, tag_values
from monitor.grafana.kinds import Kind, Table
from monitor.grafana.looks import Json, Link, Look, Override
from monitor.grafana.reshape import Reshape

__all__ = [
    "ACCESS",
    "ACCESS_MARK",
    "ANYWHERE",
    "DATA",
    "SCHEMA_VERSION",
    "TAG",
    "Annotation",
    "Choice",
    "Dashboard",
    "Panel",
    "Place",
    "Row",
    "Target",
    "to",
]

SCHEMA_VERSION: Final = 39
TAG: Final = "facility-monitor"
"""The tag that all dashboards have, by which they find each other."""
_WIDTH: Final = 24

Source = Literal["datasource", "access"]
DATA: Final = "datasource"
ACCESS: Final = "access"
"""Names of the two variables that choose the data source: of readings and alarms, and of access."""

ACCESS_MARK: Final = "(access)"
"""What the name of a data source of access data ends with: by that dashboards tell them apart."""
_SOURCES: Final = {
    DATA: ("Data", r"/^(?!.*\(access\)$).*$/"),
    ACCESS: ("Access data", r"/\(access\)$/"),
}
_LABELS: Final = {"site": "Site", "building": "Building", "zone": "Zone", "device": "Device", "tenant": "Tenant"}


def _source(variable: str) -> Json:
    return {"type": "influxdb", "uid": f"${{{variable}}}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where dashboards are to be: without one they fit everywhere.

    `timezone`: an IANA name, or that of the viewer's browser. `sources`: name and uid of the data source that is
    chosen at first.
    """

    timezone: str = "browser"
    sources: Mapping[Source, tuple[str, str]] = field(default_factory=dict)


ANYWHERE: Final = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One query of a panel; `alias` names its series: `$tag_device`, `$col`, or any word."""

    query: Select
    alias: str = ""
    source: Source = DATA

    def json(self, ref: str, *, table: bool) -> Json:
        """The query as `ref` (A, B …) of its panel."""
        return {
            "refId": ref,
            "datasource": _source(self.source),
            "query": str(self.query),
            "rawQuery": True,
            "resultFormat": "table" if table else "time_series",
            "alias": self.alias,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel, so many of 24 columns wide and so many rows of 30 pixels high.

    `description` is what a property manager reads when she points at it. `time_from` overrides the dashboard's
    range (`now/d`: today so far; `30d`), `time_shift` moves it back (`7d`). `tables`: whether queries answer rows
    rather than series; a table does. `says_time`: the title says the time, so that nothing beside it does.
    `shortest`: what `$__interval` is at least; `points`: how many of them make the whole width, at most.
    `classes`: of which devices it tells; it is left out where there are none of them. Empty: it is always there.
    """

    kind: Kind
    title: str
    description: str
    width: int
    height: int
    targets: Sequence[Target] = ()
    look: Look = field(default_factory=Look)
    overrides: Sequence[Override] = ()
    reshape: Sequence[Reshape] = ()
    links: Sequence[Link] = ()
    time_from: str | None = None
    time_shift: str | None = None
    tables: bool | None = None
    says_time: bool = False
    shortest: str | None = None
    points: int | None = None
    classes: frozenset[str] = frozenset()

    def json(self, number: int, x: int, y: int) -> Json:
        """The panel as Grafana stores it."""
        table = isinstance(self.kind, Table) if self.tables is None else self.tables
        found: Json = {
            "id": number,
            "type": self.kind.type,
            "title": self.title,
            "description": self.description,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                target.json(chr(ord("A") + index), table=table) for index, target in enumerate(self.targets)
            ],
            "fieldConfig": {
                "defaults": self.look.over(self.kind.look()),
                "overrides": [override.json() for override in self.overrides],
            },
            "options": self.kind.options(),
            "transformations": [step.json() for step in self.reshape],
            "links": [link.json() for link in self.links],
        }
        if self.targets:
            found["datasource"] = _source(self.targets[0].source)
        if self.time_from is not None:
            found["timeFrom"] = self.time_from
        if self.time_shift is not None:
            found["timeShift"] = self.time_shift
        if self.shortest is not None:
            found["interval"] = self.shortest
        if self.points is not None:
            found["maxDataPoints"] = self.points
        if self.time_from is not None or self.time_shift is not None:
            found["hideTimeOverride"] = self.says_time
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under a heading, from left to right and line by line; a phone shows them in this order.

    Without a title there is no heading. Panels of one line have one height, or the next line lies below the
    highest.
    """

    panels: Sequence[Panel]
    title: str = ""

    def json(self, numbers: Iterator[int], y: int) -> tuple[list[Json], int]:
        """The panels as Grafana stores them, from line `y` on, and the line below them."""
        found: list[Json] = []
        if self.title:
            place = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
            heading = {"id": next(numbers), "type": "row", "title": self.title, "collapsed": False}
            found.append(heading | {"gridPos": place, "panels": []})
            y += 1
        x = lowest = 0
        for panel in self.panels:
            if x + panel.width > _WIDTH:
                x, y, lowest = 0, y + lowest, 0
            found.append(panel.json(next(numbers), x, y))
            x, lowest = x + panel.width, max(lowest, panel.height)
        return found, y + lowest


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A variable that lets people choose among the values of the tag of its name; all of them at first.

    `measurement`: whose values; empty: of all. `among`: variables that are chosen before it. `where`: further
    conditions on tags.
    """

    name: str
    measurement: str = ""
    among: Sequence[str] = ()
    where: Sequence[str] = ()
    source: Source = DATA

    def json(self) -> Json:
        """The variable as Grafana stores it."""
        query = tag_values(self.name, measurement=self.measurement, variables=self.among, where=self.where)
        return {
            "type": "query",
            "name": self.name,
            "label": _LABELS[self.name],
            "datasource": _source(self.source),
            "query": query,
            "definition": query,
            "regex": "",
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
    """Marks on every chart; the query answers columns title, text, tags and the end of a region (UTC ms).

    Grafana calls a column of an annotation by its series and field, `alarms.end_ms`, as Grafana's server names
    series without an alias, and compares that (responseParser.ts of its InfluxDB data source, 10.3 and later).
    """

    name: str
    query: Select
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
                "query": str(self.query),
                "rawQuery": True,
                "queryType": "tags",
                "fromAnnotations": True,
                "titleColumn": self._of_series(self.title),
                "textColumn": self._of_series(self.text),
                "tagsColumn": self._of_series(self.tags),
                "timeEndColumn": self._of_series(self.end),
                "name": self.name,
            },
        }

    def _of_series(self, name: str) -> str:
        return f"{self.query.source}.{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard. `uid` is its address (`/d/<uid>`), which links and bookmarks keep.

    `range`: from when on it shows at first. `choices` in the order in which they narrow each other down.
    `classes`: of which devices it tells; a site that has none of them does not need it. Empty: every site needs
    it.
    """

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    choices: Sequence[Choice]
    annotations: Sequence[Annotation] = ()
    links: Sequence[Link] = ()
    range: str = "now-24h"
    refresh: str = "1m"
    sources: Sequence[Source] = (DATA,)
    classes: frozenset[str] = frozenset()

    def json(self, place: Place = ANYWHERE) -> Json:
        """The dashboard as Grafana stores it."""
        numbers, y, panels = count(1), 0, list[Json]()
        for row in self.rows:
            found, y = row.json(numbers, y)
            panels += found
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "timezone": place.timezone,
            "refresh": self.refresh,
            "time": {"from": self.range, "to": "now"},
            "templating": {
                "list": [
                    *(_data_source(name, place) for name in self.sources),
                    *([_zone(place)] if self._asks_for_days() else []),
                    *(each.json() for each in self.choices),
                ]
            },
            "annotations": {"list": [annotation.json() for annotation in self.annotations]},
            "panels": panels,
            "links": [_elsewhere(), *(_fixed(link) for link in self.links)],
        }

    def only(self, classes: frozenset[str] | set[str]) -> "Dashboard":
        """The dashboard without what a site that has devices of these classes alone would see empty."""
        rows = []
        for row in self.rows:
            kept = [panel for panel in row.panels if not panel.classes or panel.classes & classes]
            rows += [replace(row, panels=kept)] if kept else []
        return replace(self, rows=rows)

    def _asks_for_days(self) -> bool:
        panels = (panel for row in self.rows for panel in row.panels)
        return any(f"${{{TIMEZONE}}}" in str(target.query) for panel in panels for target in panel.targets)


def _zone(place: Place) -> Json:
    """Whose days are the days of queries: a browser's zone says nothing to the database, so UTC then."""
    zone = "UTC" if place.timezone == "browser" else place.timezone
    return {
        "type": "constant",
        "name": TIMEZONE,
        "label": "Time zone",
        "query": zone,
        "hide": 2,
        "skipUrlSync": True,
        "options": [],
        "current": {"selected": True, "text": zone, "value": zone},
    }


def _data_source(name: Source, place: Place) -> Json:
    """The variable that chooses a data source among those of InfluxDB by their names."""
    label, pattern = _SOURCES[name]
    known = place.sources.get(name)
    return {
        "type": "datasource",
        "name": name,
        "label": label,
        "query": "influxdb",
        "regex": pattern,
        "refresh": 1,
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "current": {} if known is None else {"selected": True, "text": known[0], "value": known[1]},
    }


def _elsewhere() -> Json:
    """The menu of all dashboards, which take along what is chosen and the time."""
    return {
        "type": "dashboards",
        "title": "Dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _fixed(link: Link) -> Json:
    return {
        "type": "link",
        "title": link.title,
        "url": link.url,
        "tags": [],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
    }


def to(uid: str, *variables: str, **chosen: str) -> str:
    """The address of another dashboard with the time, these variables as they are, and others as said here."""
    parts = ["${__url_time_range}", *(f"${{{name}:queryparam}}" for name in variables)]
    parts += [f"var-{name}={value}" for name, value in chosen.items()]
    assert all(name in VARIABLES or name in _SOURCES for name in (*variables, *chosen)), chosen
    return f"/d/{uid}?{'&'.join(parts)}"
