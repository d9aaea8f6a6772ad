"""One dashboard over the three weeks, asked as Grafana asks, by the titles of its panels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.grafana.answers import Answer, Answers, Range, Source
from tests.grafana.answers.looks import Display
from tests.grafana.shipped import DASHBOARDS
from tests.grafana.weeks import NOW, SITE
from tests.servers.influxdb import InfluxServer

__all__ = ["Weeks"]


@dataclass(frozen=True)
class Weeks:
    """A dashboard on a server; `chosen` are values of its variables."""

    server: InfluxServer
    name: str = ""
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def on(self, name: str) -> "Weeks":
        """Another dashboard, with its own time zone as a site would have it."""
        return Weeks(self.server, name)

    def choose(self, **chosen: str) -> "Weeks":
        """The same with something chosen."""
        return Weeks(self.server, self.name, {name: [value] for name, value in chosen.items()})

    @property
    def answers(self) -> Answers:
        """What Grafana would ask."""
        dashboard = DASHBOARDS[self.name]
        now = datetime.fromtimestamp(NOW / 1000, UTC)
        shown = Range(start=dashboard["time"]["from"], now=now, zone=SITE.timezone.key)
        zone = {"timezone": [SITE.timezone.key]}
        return Answers(dashboard, Source(self.server.url, now=NOW), shown, {**zone, **self.chosen})

    def answer(self, title: str) -> Answer:
        """What the one panel of a title shows."""
        [panel] = [panel for panel in self.answers.panels() if panel["title"] == title]
        return self.answers.answer(panel)

    def stats(self, title: str) -> dict[str, float]:
        """Name -> value of every number or bar."""
        return {name: float(shown.number or 0) for name, shown, _ in self.answer(title).stats()}

    def table(self, title: str) -> list[dict[str, Display]]:
        """The rows as people see them."""
        names, rows, _ = self.answer(title).table()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def series(self, title: str) -> dict[str, list[tuple[int, Any]]]:
        """Name -> times and values."""
        answer, found = self.answer(title), {}
        for frame in answer.frames:
            times = next(each.values for each in frame.fields if each.type == "time")
            for column in frame.fields:
                if column.type != "time":
                    found[answer.named(column, frame)] = list(zip(times, column.values, strict=True))
        return found

    def options(self, variable: str) -> list[str]:
        """What can be chosen."""
        return self.answers.options(variable)

    def rows(self, query: str, database: str = "facility") -> list[dict[str, Any]]:
        """What InfluxDB answers."""
        return self.server.query(query, database)
