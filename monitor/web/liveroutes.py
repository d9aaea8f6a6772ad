"""The route by which pages and programs are told what changes."""

from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request

from monitor.web.callers import NotAllowed, caller_of
from monitor.web.live import LiveState
from monitor.web.livefeed import TOPICS, LiveFeed, Stream
from monitor.web.parts import Parts
from monitor.web.permits import PEOPLE
from monitor.web.problems import problems
from monitor.web.routes import NotKnown
from monitor.web.seats import Seats
from monitor.web.shapes import PREFIX

__all__ = ["make_live_router"]

_LATEST: Final = 4_102_444_800_000


def make_live_router(parts: Parts, live: LiveState, seats: Seats) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX)
    feed = LiveFeed(parts, live)

    @router.get(
        "/live",
        status_code=200,
        response_class=Stream,
        responses=problems(404, 429, 503)
        | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def live_events(
        request: Request,
        topics: Annotated[str, Query(max_length=100)] = "alarms,devices,doors,notifications",
        device: Annotated[str, Query(max_length=200)] = "",
        since: Annotated[int | None, Query(ge=0, le=_LATEST)] = None,
    ) -> Stream:
        """Answer server-sent events: which of the topics changed, and each reading of the device asked for.

        `since` (UTC ms): what has changed since then is told at once; without it, and to who comes again, all is.
        """
        wanted = frozenset(filter(None, topics.split(",")))
        if unknown := wanted - set(TOPICS):
            raise HTTPException(422, f"there is no topic {min(unknown)}; there are {', '.join(TOPICS)}")
        if not wanted or ("readings" in wanted) != bool(device):
            raise HTTPException(
                422, "say topics; with the topic readings also of which device, without it of none"
            )
        if device and device not in parts.site.devices:
            raise NotKnown(f"no device {device}", "list them with `facility-monitor devices`")
        if device and not caller_of(request).sees_readings_of(parts.site.devices[device]):
            raise NotAllowed(PEOPLE.needs)
        seat = seats.of(request)
        comes_again = "last-event-id" in request.headers
        return feed.stream(seat, wanted, device, since=None if comes_again else since)

    return router
