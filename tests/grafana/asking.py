"""One shipped dashboard, asked as Grafana asks: panels by their title, with the ranges that they override."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import config
from monitor.grafana.influxql import VARIABLES
from monitor.periods import DAY
from tests.grafana import community
from tests.grafana.substitute import substitute
from tests.servers.influxdb import InfluxServer

__all__ = ["Board", "shipped", "targets"]

Row = dict[str, Any]
_ALL = dict.fromkeys(VARIABLES, ".*")


def shipped(name: str) -> Row:
    """The dashboard as it is committed."""
    path = Path(config.__file__).parent / "grafana" / "dashboards" / f"{name}.json"
    found: Row = json.loads(path.read_text("utf-8"))
    return found


def targets(name: str) -> Iterator[tuple[str, str]]:
    """Title and query name of every query."""
    for panel in shipped(name)["panels"]:
        yield from ((panel["title"], target["refId"]) for target in panel.get("targets", ()))


def _range(time_from: str | None) -> tuple[int, int]:
    if time_from == "now/d":
        return community.days(0)[0], community.NOW
    if time_from == "now/M":
        return community.month_begin(), community.NOW
    days = {None: 1, "3d": 3, "30d": 30, "1y": 365}[time_from]
    return community.NOW - days * DAY, community.NOW


def _asked_now(query: str) -> str:
    """The query as a server would take it for which it is `community.NOW`."""
    return query.replace("now()", f"{community.NOW}ms")


@dataclass(frozen=True)
class Board:
    """A dashboard on a server."""

    server: InfluxServer
    name: str

    def panel(self, title: str) -> Row:
        """The one panel of a title."""
        [found] = [panel for panel in shipped(self.name)["panels"] if panel["title"] == title]
        return found

    def ask(self, title: str, ref: str = "A", **chosen: str) -> list[Row]:
        """The rows that InfluxDB answers to a query of a panel."""
        panel = self.panel(title)
        [target] = [target for target in panel["targets"] if target["refId"] == ref]
        start, end = _range(panel.get("timeFrom"))
        query = substitute(target["query"], start, end, {**_ALL, **chosen}, interval="15m")
        return self.server.query(_asked_now(query), "facility")

    def one(self, title: str, ref: str = "A", **chosen: str) -> Any:
        """The one value of a query that answers one row."""
        [row] = self.ask(title, ref, **chosen)
        [value] = [value for name, value in row.items() if name not in {"time", *VARIABLES}]
        return value

    def by_device(self, title: str, ref: str = "A", **chosen: str) -> Mapping[str, list[Row]]:
        """The rows of each meter, in the order of time."""
        found: dict[str, list[Row]] = {}
        for row in self.ask(title, ref, **chosen):
            found.setdefault(row["device"], []).append(row)
        return found

    def variable(self, name: str, **chosen: str) -> set[str]:
        """What can be chosen."""
        [found] = [each for each in shipped(self.name)["templating"]["list"] if each["name"] == name]
        query = substitute(found["query"], 0, 0, {**_ALL, **chosen})
        return {row["value"] for row in self.server.query(_asked_now(query), "facility")}
