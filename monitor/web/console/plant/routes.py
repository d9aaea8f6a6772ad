"""The pages about the plant, put together."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from monitor.web.console.page import Pages
from monitor.web.console.plant.trendpage import make_trends
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["make_plant"]


def make_plant(parts: Parts, live: LiveState, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    del live, pages
    return [*make_trends(parts)]
