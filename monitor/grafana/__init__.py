"""Dashboards for Grafana, built from the same names as what is written to InfluxDB."""

import json
from collections.abc import Mapping
from typing import Final

from monitor.grafana.electricity import ELECTRICITY
from monitor.grafana.heating import HEATING
from monitor.grafana.model import Dashboard
from monitor.grafana.overview import OVERVIEW
from monitor.grafana.water import WATER

__all__ = ["DASHBOARDS", "dashboards"]

DASHBOARDS: Final[Mapping[str, Dashboard]] = {
    "overview": OVERVIEW,
    "electricity": ELECTRICITY,
    "water": WATER,
    "heating": HEATING,
}
"""Name of the file -> dashboard. A new one is a module beside these and a line here."""


def dashboards() -> Mapping[str, str]:
    """The text of each dashboard's file."""
    return {
        f"{name}.json": json.dumps(each.json(), ensure_ascii=False, indent=2) + "\n"
        for name, each in DASHBOARDS.items()
    }
