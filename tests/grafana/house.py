"""The data that all dashboards are looked at with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pytest

from tests.grafana.answers import Answer, Answers, Range, Source
from tests.grafana.day import END, fill_day
from tests.grafana.filled import filled
from tests.grafana.shipped import DASHBOARDS
from tests.servers.influxdb import InfluxServer

__all__ = ["FILL", "NOW", "House", "house"]


@dataclass(frozen=True, slots=True)
class House:
    """A server with data up to `now`; `is_whole`: of every measurement and field that dashboards ask for."""

    server: InfluxServer
    now: datetime
    is_whole: bool
    zone: str = "Europe/Berlin"

    _answers: dict[tuple[str, int], Answer] = field(default_factory=dict)

    def answer(self, name: str, panel: Mapping[str, Any]) -> Answer:
        """What a panel shows when nothing is chosen; asked once."""
        key = name, panel["id"]
        if key not in self._answers:
            self._answers[key] = self.look(name).answer(panel)
        return self._answers[key]

    def look(self, name: str, **chosen: Sequence[str]) -> Answers:
        """A dashboard with the time that it opens with, and what is chosen."""
        dashboard = DASHBOARDS[name]
        shown = Range(start=dashboard["time"]["from"], end=dashboard["time"]["to"], now=self.now, zone=self.zone)
        return Answers(dashboard, Source(self.server.url), shown, chosen)

    def fields(self) -> dict[str, set[str]]:
        """Measurement -> the fields that are there."""
        found: dict[str, set[str]] = {}
        for database in Source(self.server.url).databases.values():
            for measurement in _column(self.server.query("SHOW MEASUREMENTS", database), "name"):
                rows = self.server.query(f'SHOW FIELD KEYS FROM "{measurement}"', database)
                found.setdefault(measurement, set()).update(_column(rows, "fieldKey"))
        return found


def _column(rows: list[dict[str, Any]], name: str) -> list[str]:
    return [str(row[name]) for row in rows]


FILL: Final = fill_day
"""Writes the data into a server; gets a folder of its own."""
NOW: Final = END
"""When it is looked at."""


@contextmanager
def house(factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server of one's own with the data."""
    with filled(factory, "house", FILL) as server:
        yield House(server, NOW, is_whole=False)
