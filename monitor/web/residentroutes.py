"""Routes of the API about the places where residents report: which codes work, and taking one out of use."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from monitor.errors import RequestRefused
from monitor.places import Place
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotKnown, problems
from monitor.web.residents.codes import Code
from monitor.web.residents.desk import ResidentDesk
from monitor.web.shapes import PREFIX
from monitor.wording import Sentence

__all__ = ["ResidentPlaceOut", "make_resident_router"]


class ResidentPlaceOut(BaseModel):
    """A place where residents report. `address`: what its label says; `code`: which one it is, 0 is the first.

    `closed`: nothing is taken there. `changed_at`: UTC ms of when somebody last closed it, opened it or made a new
    code; null: never.
    """

    id: str
    name: str
    building: str
    zone: str
    address: str
    code: int
    closed: bool
    changed_at: int | None
    changed_by: str


def make_resident_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))

    @router.get("/residents/places")
    async def places() -> list[ResidentPlaceOut]:
        """Answer the places where residents report, in the order of the site file."""
        desk = _desk(parts)
        return [_place(desk, _known(parts, place), code) for place, code in desk.codes.all().items()]

    @router.post("/residents/places/{place}/close")
    async def close(place: str, request: Request) -> ResidentPlaceOut:
        """Take nothing at a place any more: its label says so."""
        desk, known = _desk(parts), _known(parts, place)
        return _place(desk, known, await desk.codes.close(place, by=who_asks(request)))

    @router.post("/residents/places/{place}/open")
    async def open_again(place: str, request: Request) -> ResidentPlaceOut:
        """Take reports at a place again that was closed, by the same label."""
        desk, known = _desk(parts), _known(parts, place)
        return _place(desk, known, await desk.codes.open(place, by=who_asks(request)))

    @router.post("/residents/places/{place}/renew")
    async def renew(place: str, request: Request) -> ResidentPlaceOut:
        """Make a new code of a place, for a new label: those before take nothing any more."""
        desk, known = _desk(parts), _known(parts, place)
        return _place(desk, known, await desk.codes.renew(place, by=who_asks(request)))

    return router


def _desk(parts: Parts) -> ResidentDesk:
    if parts.residents is None:
        raise RequestRefused(
            Sentence("residents do not report here: write the section `residents` of the site file")
        )
    return parts.residents


def _known(parts: Parts, place: str) -> Place:
    places = {} if parts.site.residents is None else parts.site.residents.places
    if place not in places:
        raise NotKnown(
            f"there is no place {place[:100]} where residents report", f"GET {PREFIX}/residents/places lists them"
        )
    return places[place]


def _place(desk: ResidentDesk, place: Place, code: Code) -> ResidentPlaceOut:
    return ResidentPlaceOut(
        id=place.id,
        name=place.name,
        building=place.building,
        zone=place.zone,
        address=desk.codes.address(place.id),
        code=code.number,
        closed=code.closed,
        changed_at=code.changed_at,
        changed_by=code.changed_by,
    )
