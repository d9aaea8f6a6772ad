"""The page of what residents reported: for staff, with what they wrote."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.places import WHOLE_SITE
from monitor.web.console.page import Pages, language_of
from monitor.web.console.residents.places import places_for
from monitor.web.parts import Parts
from monitor.web.residents.known import Standing
from monitor.web.residents.words import named

__all__ = ["make_reports_of_residents"]

_MOST = 50
_LONGEST_NUMBER = 15


def make_reports_of_residents(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""
    settings = parts.site.residents
    places = {} if settings is None else settings.places

    async def reports(request: Request) -> Response:
        language = language_of(request, parts.site)
        written = request.query_params.get("before", "")
        before = int(written) if written.isdecimal() and len(written) <= _LONGEST_NUMBER else None
        found = [] if parts.residents is None else await parts.residents.reports(before=before, most=_MOST + 1)
        shown = found[:_MOST]
        return pages.draw(
            request,
            "residents/reports.html.j2",
            is_on=parts.residents is not None,
            reports=[
                {
                    "one": one,
                    "name": named(one, settings, language),
                    "place": ""
                    if one.place == WHOLE_SITE
                    else places[one.place].name
                    if one.place in places
                    else one.place,
                    "state": _state(one),
                }
                for one in shown
            ],
            places_here=places_for(request, parts),
            done=request.query_params.get("done", ""),
            older=shown[-1].number if len(found) > _MOST else None,
        )

    return [Route("/residents", reports, methods=["GET"])]


def _state(one: Standing) -> str:
    """How it stands, in a word that the template knows."""
    if one.closed_at is not None:
        return "done"
    if one.assigned_at is not None:
        return "worked_on"
    if one.seen_at is not None:
        return "seen"
    return "received" if one.occurrence is not None else "listed"
