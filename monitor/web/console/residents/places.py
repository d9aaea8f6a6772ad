"""What supervisors do about the codes of places: close one, open it again, make a new one."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.errors import RequestRefused
from monitor.web.callers import Role, Scope, caller_of
from monitor.web.console.forms import form_of
from monitor.web.console.page import address
from monitor.web.parts import Parts

__all__ = ["make_places", "places_for"]


def places_for(request: Request, parts: Parts) -> Sequence[Mapping[str, Any]]:
    """The places as somebody may change them, with `code`; nothing for who may not."""
    desk, settings = parts.residents, parts.site.residents
    if desk is None or settings is None or not caller_of(request).may(Role.SUPERVISOR, Scope.PLAN):
        return ()
    return [{"place": settings.places[place], "code": code} for place, code in desk.codes.all().items()]


def make_places(parts: Parts) -> Sequence[BaseRoute]:
    """Make the route."""

    async def change(request: Request) -> Response:
        await form_of(request)
        place, action = str(request.path_params["place"]), str(request.path_params["action"])
        desk = parts.residents
        if desk is None or place not in desk.codes.all():
            raise HTTPException(404, "there is no such place")
        doing = {"close": desk.codes.close, "open": desk.codes.open, "renew": desk.codes.renew}
        if action not in doing:
            raise HTTPException(404, "nothing of that kind can be done")
        done = action
        try:
            await doing[action](place, by=caller_of(request).name)
        except RequestRefused:  # somebody else was quicker, or it has had all its codes
            done = "as_it_was"
        return RedirectResponse(f"{address(request, '/residents', done=done)}#places", 303)

    return [Route("/residents/places/{place}/{action}", change, methods=["POST"])]
