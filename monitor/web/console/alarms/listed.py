"""The list of alarms: what is open, all, or what is over; filtered by a form."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.model import Severity
from monitor.web.callers import caller_of
from monitor.web.console.alarms.seen import by_urgency, is_open, number_in, part_of, placed
from monitor.web.console.page import Pages
from monitor.web.parts import Parts

__all__ = ["make_list"]

_STATES: Final = ("open", "all", "over")
_HOLDS: Final = ("shelved", "suppressed", "out_of_service", "standing")
_FILTERS: Final = ("state", "severity", "building", "class", "text", "hold", "mine")
_LONGEST: Final = 100


def make_list(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""

    async def alarms(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "")[:_LONGEST] for name in _FILTERS}
        if asked["state"] not in _STATES:
            asked["state"] = "open"
        known = [placed(alarm, parts.site) for alarm in await parts.alarms.list_alarms()]
        found = [alarm for alarm in known if _is(alarm, asked, caller_of(request).person)]
        ordered = by_urgency(found) if asked["state"] == "open" else found
        devices = parts.site.devices.values()
        return pages.draw(
            request,
            "alarms/list.html.j2",
            part=part_of(ordered, number_in(request, "page")),
            asked=asked,
            is_filtered=any(asked[name] for name in _FILTERS if name != "state"),
            severities=list(reversed(Severity)),
            buildings=sorted({each.building for each in devices} - {""}),
            classes=sorted({each.device_class for each in devices}),
        )

    return [Route("/alarms", alarms, methods=["GET"])]


def _is(alarm: dict[str, Any], asked: dict[str, str], person: str) -> bool:
    if asked["state"] != "all" and is_open(alarm) != (asked["state"] == "open") and not _is_held(alarm, asked):
        return False
    for name, field in (("severity", "severity"), ("building", "building"), ("class", "device_class")):
        if asked[name] and alarm[field] != asked[name]:
            return False
    if asked["hold"] in _HOLDS and not _is_held(alarm, asked):
        return False
    if asked["mine"]:
        case = alarm["case"] or {}
        if not person or case.get("assigned_to") != person or not case.get("open"):
            return False
    return not asked["text"] or _says(alarm, asked["text"])


def _is_held(alarm: dict[str, Any], asked: dict[str, str]) -> bool:
    if asked["hold"] == "standing":
        return bool(alarm["standing"])
    return asked["hold"] in alarm["suppression"] and not alarm["momentary"]


def _says(alarm: dict[str, Any], text: str) -> bool:
    where = (
        alarm["title"],
        alarm["device"],
        alarm["device_name"],
        alarm["zone"],
        alarm["rule"],
        alarm["occurrence"],
    )
    return text.casefold() in " ".join(where).casefold()
