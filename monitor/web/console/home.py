"""The home page: what needs somebody now."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.web.callers import caller_of
from monitor.web.console.alarms.seen import by_urgency, is_open, placed, waits
from monitor.web.console.page import Pages
from monitor.web.console.trouble import answering, troubles
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["make_home"]

_MOST: Final = 20
_MOST_ENDS: Final = 5
_DAY: Final = 86_400_000


def make_home(parts: Parts, live: LiveState, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""
    del live

    async def home(request: Request) -> Response:
        person = caller_of(request).person
        alarms = [placed(alarm, parts.site) for alarm in await parts.alarms.list_alarms()]
        listed = by_urgency(each for each in alarms if is_open(each) and not _is_held(each))
        waiting = [each for each in listed if waits(each)]
        seen_to = [each for each in listed if not waits(each)]
        mine = [placed(each, parts.site) for each in await parts.alarms.list_cases(person)] if person else []
        wrong = await troubles(parts)
        answer, expected = answering(parts)
        return pages.draw(
            request,
            "home.html.j2",
            waiting=waiting[:_MOST],
            waiting_count=len(waiting),
            seen_to=seen_to[:_MOST],
            seen_to_count=len(seen_to),
            mine=mine[:_MOST],
            mine_count=len(mine),
            wrong=wrong[:_MOST],
            wrong_count=len(wrong),
            answer=answer,
            expected=expected,
            held=await _held(alarms, parts),
            duty=[] if parts.duty is None else await parts.duty.rosters(None),
            ends=_ends(alarms, parts.now()),
            done=request.query_params.get("done", ""),
        )

    return [Route("/", home, methods=["GET"])]


def _is_held(alarm: Mapping[str, Any]) -> bool:
    return bool(alarm["suppression"]) and not alarm["momentary"]


def _ends(alarms: Sequence[dict[str, Any]], now: int) -> list[dict[str, Any]]:
    """What was over in the last day, the newest first."""
    over = [each for each in alarms if each["cleared_at"] and now - each["cleared_at"] < _DAY]
    return sorted(
        (each for each in over if not each["shadow"] and not each["momentary"]),
        key=lambda each: -int(each["cleared_at"]),
    )[:_MOST_ENDS]


async def _held(alarms: Sequence[Mapping[str, Any]], parts: Parts) -> Mapping[str, int]:
    counts = {
        word: sum(word in each["suppression"] and not each["momentary"] for each in alarms)
        for word in ("shelved", "out_of_service", "suppressed")
    }
    windows = [] if parts.holds is None else await parts.holds.maintenance()
    return {
        **counts,
        "review_due": sum(bool(each["review_due"]) for each in alarms),
        "standing": sum(bool(each["standing"]) and not each["shadow"] for each in alarms),
        "maintenance": sum(each.on for each in windows),
    }
