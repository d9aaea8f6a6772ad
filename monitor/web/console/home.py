"""The home page: what needs somebody now."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.web.console.page import Pages
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["make_home"]


def make_home(parts: Parts, live: LiveState, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""
    del live

    async def home(request: Request) -> Response:
        alarms = [dict(alarm) for alarm in await parts.alarms.list_alarms() if alarm.get("active")]
        return pages.draw(request, "home.html.j2", alarms=alarms)

    return [Route("/", home, methods=["GET"])]
