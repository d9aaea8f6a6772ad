"""Equipment, its services and batteries, and the supply of buildings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.errors import RequestRefused
from monitor.periods import DAY, local_day
from monitor.upkeepbook import EquipmentNow
from monitor.web.callers import Role, Scope, caller_of
from monitor.web.console.forms import form_of, keep
from monitor.web.console.page import Pages, address
from monitor.web.console.plant.fields import listed, moment, number, said
from monitor.web.console.plant.words import TONES, words
from monitor.web.parts import Parts, UpkeepDesk

__all__ = ["make_equipment"]

_DAYS: Final = 14
_DONE_OF: Final = 3 * 366 * DAY
_SPANS_OF: Final = 30 * DAY
_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class _Room:
    """Draws the pages of equipment."""

    parts: Parts
    pages: Pages

    def desk(self, request: Request) -> UpkeepDesk:
        """What knows of equipment. Raises HTTPException."""
        say = self.pages.words(request)
        if self.parts.equipment is None:
            raise HTTPException(404, say("This site has no equipment."))
        return self.parts.equipment

    def known(self, request: Request) -> EquipmentNow:
        """The equipment of an address. Raises HTTPException."""
        ident, say = str(request.path_params["device"]), self.pages.words(request)
        for each in self.desk(request).book.equipment():
            if each.device == ident:
                return each
        raise HTTPException(404, say("There is no such equipment."))

    async def everything(self, request: Request) -> Response:
        """Answer all of it as it is."""
        book = self.desk(request).book
        due = {each.device: each for each in reversed(book.services())}
        machines = sorted(book.equipment(), key=lambda each: (TONES.get(each.state) != "bad", each.device))
        return self.pages.draw(
            request,
            "plant/equipment.html.j2",
            words=words(self.pages.words(request)),
            tones=TONES,
            page=listed(request, machines),
            due=due,
            teams=book.groups(),
            services=[each for each in book.services() if each.state != "fine"][:_SHOWN],
            batteries=book.batteries()[:_SHOWN],
        )

    async def show(self, request: Request, now: EquipmentNow, *, status: int = 200, **forms: Any) -> Response:
        """Answer one: its days, its services, the work that was done."""
        parts, book = self.parts, self.desk(request).book
        today = local_day(parts.now(), parts.site.timezone)
        days = await book.days([now.device], today - timedelta(days=_DAYS - 1), today)
        done = await book.done(parts.now() - _DONE_OF, parts.now() + 1)
        services = [each for each in book.services() if each.device == now.device]
        return self.pages.draw(
            request,
            "plant/machine.html.j2",
            status=status,
            words=words(self.pages.words(request)),
            tones=TONES,
            device=parts.site.devices[now.device],
            machine=now,
            days=list(reversed(days)),
            services=services,
            work=[each for each in reversed(done) if each.device == now.device][:_SHOWN],
            may_tell=bool(services) and caller_of(request).may(Role.OPERATOR, Scope.PLAN),
            done=request.query_params.get("done") == "serviced",
            **{"errors": {}, "typed": {}, **forms},
        )

    async def serviced(self, request: Request) -> Response:
        """Say that work was done."""
        now, desk, say = self.known(request), self.desk(request), self.pages.words(request)
        form = await form_of(request)
        typed = {name: said(form, name) for name in ("service", "at", "hours", "note")}
        at, hours = moment(typed["at"], self.parts.site.timezone), number(typed["hours"])
        errors: dict[str, str] = {}
        if typed["at"] and at is None:
            errors["at"] = say("This is no date with a time.")
        if typed["hours"] and hours is None:
            errors["hours"] = say("This is no number.")
        if not errors:
            try:
                by = caller_of(request).name
                command = await desk.service(
                    now.device, typed["service"], at=at, by=by, hours=hours, note=typed["note"]
                )
            except RequestRefused as refused:
                errors[""] = refused.said(say)
            else:
                await keep(self.parts, command)
                return RedirectResponse(address(request, f"/equipment/{now.device}", done="serviced"), 303)
        return await self.show(request, now, status=422, errors=errors, typed=typed)

    async def supply(self, request: Request) -> Response:
        """Answer whether each building has what it needs, and how that was."""
        book, now = self.desk(request).book, self.parts.now()
        spans = await book.supply_spans(now - _SPANS_OF, now + 1)
        return self.pages.draw(
            request,
            "plant/supply.html.j2",
            words=words(self.pages.words(request)),
            tones=TONES,
            supply=[
                {
                    "now": each,
                    "spans": [
                        one
                        for one in reversed(spans)
                        if (one.building, one.utility) == (each.building, each.utility)
                        and one.state in {"lost", "partial"}
                    ][:_SHOWN],
                }
                for each in book.supply()
            ],
        )


def make_equipment(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    room = _Room(parts, pages)

    async def one(request: Request) -> Response:
        return await room.show(request, room.known(request))

    return [
        Route("/equipment", room.everything, methods=["GET"]),
        Route("/equipment/{device}", one, methods=["GET"]),
        Route("/equipment/{device}/service", room.serviced, methods=["POST"]),
        Route("/supply", room.supply, methods=["GET"]),
    ]
