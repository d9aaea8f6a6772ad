"""The pages of labels: which to print, and the sheet."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.errors import RequestRefused
from monitor.notify.languages import TAGS
from monitor.web.console.page import Pages, address, language_of
from monitor.web.console.static import version_of
from monitor.web.labels import KINDS, SIZES, draw_sheet, labels_of
from monitor.web.parts import Parts

__all__ = ["make_labels"]


def make_labels(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    site = parts.site
    places = {} if site.residents is None else site.residents.places
    there = {each.building for each in site.devices.values()} | {each.building for each in places.values()}
    buildings = sorted(there - {""})
    classes = sorted({each.device_class for each in site.devices.values()})

    def draw(request: Request, *, status: int = 200, wrong: str = "") -> HTMLResponse:
        asked = {name: request.query_params.get(name, "") for name in ("kind", "building", "class", "size")}
        return pages.draw(
            request,
            "residents/labels.html.j2",
            status=status,
            asked=asked,
            buildings=[(each, each) for each in buildings],
            classes=classes,
            has_places=bool(places),
            has_base=bool(site.console is not None and site.console.base),
            wrong=wrong,
        )

    async def choose(request: Request) -> Response:
        return draw(request)

    async def sheet(request: Request) -> Response:
        query = request.query_params
        kind, size = query.get("kind", ""), query.get("size", SIZES[1])
        if kind not in KINDS or size not in SIZES:
            return draw(request, status=422, wrong="kind")
        try:
            found = labels_of(
                site,
                parts.residents,
                kind,
                building=query.get("building", ""),
                device_class=query.get("class", ""),
            )
        except RequestRefused:
            return draw(request, status=422, wrong=kind)
        if not found:
            return draw(request, status=422, wrong="none")
        style = address(request, "/static/labels.css", v=version_of("labels.css"))
        lang = TAGS[language_of(request, site)]
        return HTMLResponse(draw_sheet(found, size, lang=lang, title=site.name or site.id, style=style))

    return [Route("/labels", choose, methods=["GET"]), Route("/labels/sheet", sheet, methods=["GET"])]
