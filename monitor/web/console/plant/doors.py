"""Doors and who is in: how each door is, how many people are where, and the roll call."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.access.erasing import audit
from monitor.accessbook import Name, Present, ZoneNow
from monitor.periods import DAY, local_day
from monitor.ports import Batch
from monitor.web.callers import Role, Scope, caller_of
from monitor.web.console.page import Pages
from monitor.web.console.plant.fields import listed
from monitor.web.console.plant.words import TONES, words
from monitor.web.parts import AccessDesk, Parts

__all__ = ["make_doors"]

_ENTRIES: Final = 50
_GRAVE: Final = ("forced", "held", "open", "unknown", "unlocked", "closed")


def make_doors(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""

    async def doors(request: Request) -> Response:
        desk = _desk(parts, pages, request)
        page = listed(request, sorted(await _doors(parts, desk), key=_order))
        entries: Sequence[Any] = []
        if caller_of(request).sees_people:
            entries = await desk.book.entries(parts.now() - DAY, parts.now() + DAY, limit=_ENTRIES)
        return pages.draw(
            request,
            "plant/doors.html.j2",
            words=words(pages.words(request)),
            tones=TONES,
            page=page,
            zones=_zones(parts, desk.book.zones()),
            entries=list(reversed(entries)),
            may_call=caller_of(request).may(Role.OPERATOR, Scope.ACCESS),
        )

    async def rollcall(request: Request) -> Response:
        desk, say = _desk(parts, pages, request), pages.words(request)
        asked, zones = request.query_params.get("zone", ""), parts.site.access.zones
        if asked and asked not in zones:
            raise HTTPException(404, say("There is no such zone."))
        caller = caller_of(request)
        may_name = caller.sees_people and bool(parts.site.access.names_key)
        names: Mapping[str, Name] = {}
        if may_name and request.query_params.get("names") == "1":
            names = await desk.names() or {}
            note = audit("names_read", caller.name, "", parts.now(), what="rollcall")
            await parts.journal.append([Batch(entries=[note])])
        return pages.draw(
            request,
            "plant/rollcall.html.j2",
            words=words(pages.words(request)),
            zones=_called(parts, desk, await desk.book.present(), asked),
            choice=list(zones.values()),
            asked=asked,
            names=names,
            may_name=may_name,
            has_names=may_name and request.query_params.get("names") == "1",
        )

    return [Route("/doors", doors, methods=["GET"]), Route("/rollcall", rollcall, methods=["GET"])]


def _desk(parts: Parts, pages: Pages, request: Request) -> AccessDesk:
    say = pages.words(request)
    if parts.access is None:
        raise HTTPException(404, say("This site has no doors."))
    return parts.access


async def _doors(parts: Parts, desk: AccessDesk) -> list[dict[str, Any]]:
    """Every door as it is, with what happened today."""
    today = local_day(parts.now(), parts.site.timezone)
    days = {each.door: each for each in await desk.book.door_days(today, today)}
    known = parts.site.devices
    return [
        {
            "id": now.door,
            "name": known[now.door].name if now.door in known else now.door,
            "place": ", ".join(filter(None, (known[now.door].building, known[now.door].zone)))
            if now.door in known
            else "",
            "is_device": now.door in known,
            "now": now,
            "today": days.get(now.door),
        }
        for now in desk.book.doors()
    ]


def _order(door: Mapping[str, Any]) -> tuple[int, str, str]:
    """What is open stands first."""
    state = door["now"].state
    return _GRAVE.index(state) if state in _GRAVE else len(_GRAVE), door["place"], door["name"]


def _zones(parts: Parts, found: Sequence[ZoneNow]) -> list[dict[str, Any]]:
    zones, zone, now = parts.site.access.zones, parts.site.timezone, parts.now()
    return [
        {
            "zone": zones[each.zone],
            "now": each,
            "is_full": zones[each.zone].most is not None and each.count > (zones[each.zone].most or 0),
            "is_open": None if (hours := zones[each.zone].hours) is None else hours.is_on(now, zone),
        }
        for each in found
        if each.zone in zones
    ]


def _called(parts: Parts, desk: AccessDesk, present: Sequence[Present], asked: str) -> list[dict[str, Any]]:
    """Each zone that is called, with who is in it and in no zone within it."""
    zones, now = parts.site.access.zones, {each.zone: each for each in desk.book.zones()}
    answer = []
    for zone in zones.values():
        if zone.id not in now or (asked and asked not in _around(parts, zone.id)):
            continue
        inner = [now[each.id] for each in zones.values() if each.within == zone.id and each.id in now]
        nameless = now[zone.id].count - now[zone.id].known - sum(each.count - each.known for each in inner)
        here = [each for each in present if each.zone == zone.id]
        answer.append({"zone": zone, "present": here, "others": max(0, nameless)})
    return answer


def _around(parts: Parts, zone: str) -> list[str]:
    """A zone and those that it lies in."""
    found, zones = [], parts.site.access.zones
    while zone in zones and zone not in found:
        found.append(zone)
        zone = zones[zone].within
    return found
