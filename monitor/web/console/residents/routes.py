"""The pages about residents and labels, and their places in the navigation."""

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from monitor.web.callers import Role, Scope
from monitor.web.console.page import Pages, Place
from monitor.web.console.residents.labels import make_labels
from monitor.web.console.residents.places import make_places
from monitor.web.console.residents.reports import make_reports_of_residents
from monitor.web.parts import Parts

__all__ = ["PLACES", "make_residents"]

PLACES: Final = (
    Place("/residents", "Residents' reports", Role.OPERATOR, Scope.ALARMS, group="now"),
    Place("/labels", "Labels", group="run"),
)


def make_residents(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    return [*make_reports_of_residents(parts, pages), *make_places(parts), *make_labels(parts, pages)]
