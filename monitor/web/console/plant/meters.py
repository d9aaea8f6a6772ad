"""Meters: what they show, what was used, and what people say of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.errors import RequestRefused
from monitor.figures import Consumption, Register
from monitor.metering.checks import meter
from monitor.meters import billed_counter, counters_of
from monitor.periods import DAY, QUARTER, day_of, local_day, month_of, parse
from monitor.schema import rate_unit
from monitor.site import Device
from monitor.web.callers import Role, Scope, caller_of
from monitor.web.console.page import Pages
from monitor.web.console.plant.fields import listed
from monitor.web.console.plant.words import TONES, words
from monitor.web.parts import Parts

__all__ = ["Meters", "known_meter", "make_meters"]

_BREAKS_OF: Final = 30 * DAY
_DAYS: Final = 7
_DONE: Final = ("replaced", "corrected", "entered")


@dataclass(frozen=True, slots=True)
class Meters:
    """Draws the pages of meters."""

    parts: Parts
    pages: Pages

    async def show(self, request: Request, device: Device, *, status: int = 200, **forms: Any) -> Response:
        """Answer the page of a meter. `forms`: what was typed, what is wrong with it, what would be booked."""
        parts, caller = self.parts, caller_of(request)
        now, zone, book = parts.now(), parts.site.timezone, parts.meters.book
        today = local_day(now, zone)
        counters = [each.point for each in book.registers(device.id)] or counters_of(device)
        rows = await book.consumption(
            [device.id],
            (now - _BREAKS_OF) // QUARTER * QUARTER,
            now // QUARTER * QUARTER + QUARTER,
            points=counters,
        )
        breaks = sorted(
            ((row, each) for row in rows for each in row.breaks), key=lambda pair: pair[1].end, reverse=True
        )
        done = request.query_params.get("done", "")
        return self.pages.draw(
            request,
            "plant/meter.html.j2",
            status=status,
            words=words(self.pages.words(request)),
            tones=TONES,
            device=device,
            registers=book.registers(device.id),
            usage=await self._usage(device),
            breaks=breaks[:50],
            coverage=await book.coverage([device.id], today - timedelta(days=_DAYS - 1), today),
            counters=counters,
            done=done if done in _DONE else "",
            may_tell=caller.may(Role.SUPERVISOR, Scope.METERS) and device.virtual is None,
            may_enter=caller.may(Role.OPERATOR, Scope.METERS) and device.by_hand,
            **{"errors": {}, "typed": {}, "asked": "", "booked": None, **forms},
        )

    async def _usage(self, device: Device) -> Mapping[str, Consumption | None]:
        """What it used today, yesterday and this month."""
        zone, now, book = self.parts.site.timezone, self.parts.now(), self.parts.meters.book
        spans = {
            "today": day_of(now, zone),
            "yesterday": parse("yesterday", zone, now),
            "month": month_of(now, zone),
        }
        found = {
            name: await book.consumption(
                [device.id], span.start, min(span.end, now // QUARTER * QUARTER + QUARTER)
            )
            for name, span in spans.items()
        }
        return {name: rows[0] if rows else None for name, rows in found.items()}


def known_meter(parts: Parts, pages: Pages, request: Request) -> Device:
    """The meter of an address. Raises HTTPException."""
    say = pages.words(request)
    try:
        return meter(parts.site, str(request.path_params["device"]))
    except RequestRefused as refused:
        raise HTTPException(404, say("There is no such meter.")) from refused


def make_meters(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes of what is shown."""
    show = Meters(parts, pages).show

    async def meters(request: Request) -> Response:
        asked = request.query_params.get("class", "")
        known = [each for each in parts.site.devices.values() if billed_counter(each) is not None]
        classes = sorted({each.device_class for each in known})
        fitting = [each for each in known if asked in {"", each.device_class}]
        page = listed(request, sorted(fitting, key=lambda each: (each.building, each.zone, each.name)))
        say = pages.words(request)
        told = words(say)
        return pages.draw(
            request,
            "plant/meters.html.j2",
            words=told,
            tones=TONES,
            page=page,
            asked=asked,
            classes=[("", say("all")), *((each, told.classes[each]) for each in classes)],
            **await _figures(parts, [each.id for each in page.rows]),
        )

    async def one(request: Request) -> Response:
        return await show(request, known_meter(parts, pages, request))

    return [Route("/meters", meters, methods=["GET"]), Route("/meters/{device}", one, methods=["GET"])]


async def _figures(parts: Parts, ids: Sequence[str]) -> dict[str, Any]:
    """How the meters of a page stand, and what they used today, each asked for once."""
    book, day = parts.meters.book, day_of(parts.now(), parts.site.timezone)
    billed: dict[str, Register] = {}
    for each in book.registers():
        if each.is_billed or each.device not in billed:
            billed[each.device] = each
    today = await book.consumption(ids, day.start, min(day.end, parts.now() // QUARTER * QUARTER + QUARTER))
    rates = {each.unit: rate_unit(each.unit)[0] for each in billed.values()}
    return {"rate_units": rates, "billed": billed, "today": {each.device: each for each in today}}
