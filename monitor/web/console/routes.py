"""The pages of the console, put together from its areas."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from monitor.web.console.accounts.routes import ACCOUNT_PLACES, make_accounts
from monitor.web.console.alarms.routes import PLACES as ALARM_PLACES
from monitor.web.console.alarms.routes import make_alarms
from monitor.web.console.home import make_home
from monitor.web.console.page import Pages, Place
from monitor.web.console.plant.routes import PLANT_PLACES, make_plant
from monitor.web.console.residents.routes import PLACES as RESIDENT_PLACES
from monitor.web.console.residents.routes import make_residents
from monitor.web.console.static import make_static
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["PLACES", "make_console"]

PLACES: Sequence[Place] = (Place("/", "Home"), *ALARM_PLACES, *PLANT_PLACES, *RESIDENT_PLACES, *ACCOUNT_PLACES)
"""The navigation, in its order."""


def make_console(parts: Parts, live: LiveState) -> tuple[Pages, Sequence[BaseRoute]]:
    """Make what draws the pages, and their routes."""
    pages = Pages(parts.site, parts.now, PLACES)
    return pages, [
        *make_static(),
        *make_home(parts, live, pages),
        *make_alarms(parts, pages),
        *make_plant(parts, live, pages),
        *make_residents(parts, pages),
        *make_accounts(parts, pages),
    ]
