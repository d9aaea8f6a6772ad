"""The data that all dashboards are looked at with: the month of the demo's house."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pytest

from tests.grafana.answers import Answer, Answers, Range, Source
from tests.grafana.filled import filled
from tests.grafana.month import NOW, fill_month
from tests.grafana.shipped import DASHBOARDS, panels_of
from tests.servers.influxdb import InfluxServer

__all__ = ["FILL", "NOW", "House", "house", "panel_of"]


@dataclass(frozen=True, slots=True)
class House:
    """A server with data up to `now`."""

    server: InfluxServer
    now: datetime
    zone: str = "Europe/Berlin"

    _answers: dict[tuple[str, int], Answer] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """The server, for which it is `now`."""
        return Source(self.server.url, now=round(self.now.timestamp() * 1000))

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
        if any(each["name"] == "timezone" for each in dashboard["templating"]["list"]):
            chosen = {"timezone": [self.zone], **chosen}
        return Answers(dashboard, self.source, shown, chosen)


FILL: Final = fill_month
"""Writes the data into a server; gets a folder of its own."""


@contextmanager
def house(factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server of one's own with the data."""
    with filled(factory, "house", FILL) as server:
        yield House(server, NOW)


def panel_of(name: str, title: str) -> Mapping[str, Any]:
    """The one panel of a title on a dashboard."""
    [found] = [panel for panel in panels_of(DASHBOARDS[name]) if panel["title"] == title]
    return found
