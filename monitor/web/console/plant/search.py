"""Finding things by their names."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.web.console.page import Pages
from monitor.web.console.plant.words import words
from monitor.web.finding import KINDS, LONGEST, Finder
from monitor.web.parts import Parts

__all__ = ["make_search"]


def make_search(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""
    finder = Finder(parts)

    async def search(request: Request) -> Response:
        question = request.query_params.get("q", "").strip()[:LONGEST]
        found = await finder.find(question, said=pages.words(request)) if question else []
        groups = {kind: [each for each in found if each.kind == kind] for kind in KINDS}
        return pages.draw(
            request,
            "plant/search.html.j2",
            words=words(pages.words(request)),
            question=question,
            longest=LONGEST,
            total=len(found),
            found={kind: rows for kind, rows in groups.items() if rows},
        )

    return [Route("/search", search, methods=["GET"])]
