"""Who is on call: now, next and in the week ahead; who stands in, which can be said and taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.duty import Override, Turn, turns
from monitor.model import Command
from monitor.notify.along import reaching
from monitor.web.alarmparts import Duty
from monitor.web.callers import caller_of
from monitor.web.console.alarms.acting import Failed, Wish, acting
from monitor.web.console.alarms.asked import Form, Wrong, moment_in, one, reason_in
from monitor.web.console.alarms.seen import may
from monitor.web.console.page import Pages
from monitor.web.parts import Parts

__all__ = ["make_duty"]

_WEEK: Final = 7 * 86_400_000
_MOST_TURNS: Final = 40
_MOST_ROSTERS: Final = 50
_MOST_SAID: Final = 100


@dataclass(frozen=True, slots=True)
class _Shown:
    """A roster as the page shows it: now, next, its turns of a week, and who stands in by word of somebody."""

    duty: Duty
    week: Sequence[Turn]
    said: Sequence[Override]


def make_duty(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""

    async def draw(request: Request, failed: Failed | None = None) -> Response:
        people = parts.site.notify.people.values()
        return pages.draw(
            request,
            "alarms/oncall.html.j2",
            status=200 if failed is None else 422,
            rosters=await _rosters(parts),
            may_say=parts.duty is not None and may(caller_of(request), "/on-call/stand-in"),
            people=[(each.id, each.name or each.id) for each in people],
            begin=datetime.fromtimestamp(parts.now() / 1000, parts.site.timezone).strftime("%Y-%m-%dT%H:%M"),
            failed=failed,
            done=request.query_params.get("done", ""),
        )

    routes: list[BaseRoute] = [Route("/on-call", draw, methods=["GET"])]
    desk = parts.duty
    if desk is None:
        return routes

    async def stand_in(wish: Wish) -> Command:
        roster, person, starts, ends = _stand_in(wish.form, parts)
        return await desk.override(
            roster, person, starts=starts, ends=ends, by=wish.caller.name, reason=reason_in(wish.form)
        )

    async def take_back(wish: Wish) -> Command:
        return await desk.end(wish.path["ident"], by=wish.caller.name, reason=reason_in(wish.form))

    return [
        *routes,
        acting(parts, "/on-call/stand-in", "stand-in", stand_in, draw, lambda *_: ("/on-call", "stands")),
        acting(parts, "/on-call/{ident}/end", "end", take_back, draw, lambda *_: ("/on-call", "taken_back")),
    ]


def _stand_in(form: Form, parts: Parts) -> tuple[str, str, int | None, int]:
    """Roster, person, begin (None: now) and end of what a form says; UTC ms."""
    roster, person = one(form, "roster"), one(form, "person")
    if roster not in parts.site.notify.rosters:
        raise Wrong("roster", "choice")
    if person not in parts.site.notify.people:
        raise Wrong("person", "person")
    starts = moment_in(form, "starts", parts.site.timezone)
    ends = moment_in(form, "ends", parts.site.timezone)
    if ends is None:
        raise Wrong("ends", "time")
    if ends <= parts.now():
        raise Wrong("ends", "past")
    if starts is not None and ends <= starts:
        raise Wrong("ends", "order")
    # Forms know minutes: what begins in the one that runs begins now.
    return roster, person, None if starts is not None and starts <= parts.now() else starts, ends


async def _rosters(parts: Parts) -> Sequence[_Shown]:
    if parts.duty is None:
        return []
    now, site = parts.now(), parts.site
    said = await parts.duty.overrides()
    held = reaching(site, said)
    found = []
    for each in islice(await parts.duty.rosters(None), _MOST_ROSTERS):
        roster = site.notify.rosters[each.roster]
        coming = islice(turns(roster, now, now + _WEEK, site.timezone, held), 4 * _MOST_TURNS)
        mine = [one for one in said if one.roster == each.roster]
        found.append(_Shown(each, _joined(list(coming))[:_MOST_TURNS], mine[:_MOST_SAID]))
    return found


def _joined(found: Sequence[Turn]) -> Sequence[Turn]:
    """Turns from one person to another."""
    joined = []
    for person, same in groupby(found, key=lambda turn: turn.person):
        first, *others = same
        joined.append(Turn(first.start, others[-1].end if others else first.end, person, first.reason))
    return joined
