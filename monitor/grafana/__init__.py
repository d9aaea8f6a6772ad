"""Dashboards for Grafana, built from the same names as what is written to InfluxDB."""

import json
from collections.abc import Mapping

from monitor.grafana.overview import overview

__all__ = ["dashboards"]


def dashboards() -> Mapping[str, str]:
    """The text of each dashboard's file."""
    return {"overview.json": json.dumps(overview(), ensure_ascii=False, indent=2) + "\n"}
