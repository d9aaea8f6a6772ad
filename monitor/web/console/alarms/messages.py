"""Messages to people, and the channels that carry them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.errors import RequestRefused
from monitor.model import SEVERITY_RANK
from monitor.web.callers import caller_of
from monitor.web.console.alarms.acting import Failed
from monitor.web.console.alarms.asked import one
from monitor.web.console.alarms.seen import PAGE, may, number_in, part_of, placed
from monitor.web.console.forms import form_of
from monitor.web.console.page import Pages, address
from monitor.web.parts import Parts

__all__ = ["make_messages"]

_MOST: Final = 1000
_LONGEST: Final = 200
_FILTERS: Final = ("person", "channel", "state")
_STATES: Final[Mapping[str, frozenset[str]]] = {
    "sent": frozenset({"sent", "unknown"}),
    "waiting": frozenset({"queued", "sending", "failed"}),
    "failed": frozenset({"failed", "dead"}),
}
"""What the filter says -> states of the outbox."""


def make_messages(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""

    async def notifications(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "")[:_LONGEST] for name in _FILTERS}
        rows = [row for row in await parts.alarms.notifications(_MOST) if _is(row, asked)]
        part = part_of(rows, number_in(request, "page"))
        people = parts.site.notify.people.values()
        return pages.draw(
            request,
            "alarms/notifications.html.j2",
            part=part,
            most=_MOST,
            page_size=PAGE,
            alarms=await _alarms(parts),
            asked=asked,
            is_filtered=any(asked.values()),
            people=[(each.id, each.name or each.id) for each in people],
            channels=sorted({channel for each in people for channel in each.channels}),
        )

    return [Route("/notifications", notifications, methods=["GET"]), *_channels(parts, pages)]


def _is(row: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    if asked["state"] in _STATES and row["state"] not in _STATES[asked["state"]]:
        return False
    return all(not asked[name] or row[name] == asked[name] for name in ("person", "channel"))


async def _alarms(parts: Parts) -> Mapping[str, Mapping[str, Any]]:
    """The alarms that lists know, by occurrence: what a message is about."""
    return {each["occurrence"]: placed(each, parts.site) for each in await parts.alarms.list_alarms()}


def _channels(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    async def draw(request: Request, failed: Failed | None = None) -> Response:
        found = [] if parts.channels is None else await parts.channels.list_channels()
        known = {(each["person"], each["channel"]) for each in found}
        tried = tuple(request.query_params.get(name, "") for name in ("person", "channel"))
        return pages.draw(
            request,
            "alarms/channels.html.j2",
            status=200 if failed is None else 422,
            part=part_of(found, number_in(request, "page")),
            may_test=parts.channels is not None and may(caller_of(request), "/channels/test"),
            severities=list(SEVERITY_RANK),
            tried=tried if tried in known else None,
            done=request.query_params.get("done", ""),
            failed=failed,
        )

    routes: list[BaseRoute] = [Route("/channels", draw, methods=["GET"])]
    desk = parts.channels
    if desk is None:
        return routes

    async def test(request: Request) -> Response:
        form = await form_of(request)
        person, channel, severity = (one(form, name) for name in ("person", "channel", "severity"))
        if severity not in SEVERITY_RANK:
            return await draw(request, Failed(action="test", form=form, field="severity", word="choice"))
        try:
            results = await desk.test(person, channel, severity, by=caller_of(request).name)
        except RequestRefused as refused:
            return await draw(request, Failed(action="test", form=form, said=refused.sentence))
        result = str(results[0]["result"]) if len(results) == 1 else ""
        where = address(request, "/channels", done=result, person=person, channel=channel)
        return RedirectResponse(where, 303)

    return [*routes, Route("/channels/test", test, methods=["POST"])]
