"""Dashboards for Grafana, built from the same names as what is written to InfluxDB."""

import json
from collections.abc import Mapping
from typing import Final

from monitor.grafana.access import DOORS
from monitor.grafana.alarms import ALARMS
from monitor.grafana.devices import DEVICES
from monitor.grafana.electricity import ELECTRICITY
from monitor.grafana.equipment import EQUIPMENT
from monitor.grafana.heating import HEATING
from monitor.grafana.itself import ITSELF
from monitor.grafana.model import ANYWHERE, Dashboard, Place
from monitor.grafana.overview import OVERVIEW
from monitor.grafana.wall import WALL
from monitor.grafana.water import WATER

__all__ = ["DASHBOARDS", "dashboards"]

DASHBOARDS: Final[Mapping[str, Dashboard]] = {
    "overview": OVERVIEW,
    "wall": WALL,
    "electricity": ELECTRICITY,
    "water": WATER,
    "heating": HEATING,
    "access": DOORS,
    "alarms": ALARMS,
    "equipment": EQUIPMENT,
    "devices": DEVICES,
    "monitor": ITSELF,
}
"""Name of the file -> dashboard. A new one is a module beside these and a line here."""


def dashboards(place: Place = ANYWHERE) -> Mapping[str, str]:
    """The text of each dashboard's file."""
    return {
        f"{name}.json": json.dumps(each.json(place), ensure_ascii=False, indent=2) + "\n"
        for name, each in DASHBOARDS.items()
    }
