"""The pages about the plant, put together."""

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from monitor.web.callers import Role, Scope
from monitor.web.console.page import Pages, Place
from monitor.web.console.plant.device import make_device
from monitor.web.console.plant.doors import make_doors
from monitor.web.console.plant.equipment import make_equipment
from monitor.web.console.plant.meterforms import make_meter_forms
from monitor.web.console.plant.meters import make_meters
from monitor.web.console.plant.overview import make_overview
from monitor.web.console.plant.quality import make_quality
from monitor.web.console.plant.reports import make_reports
from monitor.web.console.plant.search import make_search
from monitor.web.console.plant.trendpage import make_trends
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["PLANT_PLACES", "make_plant"]

PLANT_PLACES: Final = (
    Place("/search", "Search"),
    Place("/plant", "Devices", group="plant"),
    Place("/doors", "Doors and people", group="plant"),
    Place("/rollcall", "Roll call", Role.OPERATOR, Scope.ACCESS, group="plant"),
    Place("/meters", "Meters", group="plant"),
    Place("/equipment", "Equipment", group="plant"),
    Place("/supply", "Supply", group="plant"),
    Place("/reports", "Reports", group="records"),
    Place("/quality", "Data quality", group="records"),
    Place("/status", "The monitor itself", group="run"),
)


def make_plant(parts: Parts, live: LiveState, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    return [
        *make_overview(parts, live, pages),
        *make_device(parts, live, pages),
        *make_trends(parts),
        *make_doors(parts, pages),
        *make_meters(parts, pages),
        *make_meter_forms(parts, pages),
        *make_equipment(parts, pages),
        *make_quality(parts, pages),
        *make_reports(parts, pages),
        *make_search(parts, pages),
    ]
