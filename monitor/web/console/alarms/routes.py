"""The pages of this area, put together."""

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from monitor.web.console.alarms.actions import make_alarm_page
from monitor.web.console.alarms.duty import make_duty
from monitor.web.console.alarms.held import make_holds
from monitor.web.console.alarms.listed import make_list
from monitor.web.console.alarms.messages import make_messages
from monitor.web.console.page import Pages, Place
from monitor.web.parts import Parts

__all__ = ["PLACES", "make_alarms"]

PLACES: Final = (
    Place("/alarms", "Alarms"),
    Place("/shelves", "Shelves"),
    Place("/maintenance", "Maintenance"),
    Place("/on-call", "On call", group="people"),
    Place("/notifications", "Messages", group="people"),
    Place("/channels", "Channels", group="people"),
)
"""The entries of the navigation."""


def make_alarms(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    return [
        *make_list(parts, pages),
        *make_alarm_page(parts, pages),
        *make_holds(parts, pages),
        *make_messages(parts, pages),
        *make_duty(parts, pages),
    ]
