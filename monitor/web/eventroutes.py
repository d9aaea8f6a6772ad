"""The route about events: the newest in memory, or any that the journal still has.

Who came and went is told only to those who may see it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.journal.happened import Mark, events_before
from monitor.model import Event
from monitor.schema import ACCESS_EVENTS
from monitor.web.callers import caller_of
from monitor.web.live import LiveState
from monitor.web.paging import PAGE, Cursor, Limit, answered, opened, sealed
from monitor.web.parts import Parts
from monitor.web.problems import problems
from monitor.web.shapes import PREFIX, EventOut

__all__ = ["make_event_router", "shown_to_all"]

_LATEST: Final = 1 << 62
_OF_PEOPLE: Final = frozenset({"credential", "card", "person", "name", "pseudonym"})
_Word = Annotated[str, Query(max_length=200)]
_Time = Annotated[int | None, Query(ge=-_LATEST, le=_LATEST, description="UTC ms")]


def shown_to_all(event: Event) -> Event | None:
    """An event as those see it who may not see people: none of a door, and no pseudonym."""
    if event.kind in ACCESS_EVENTS:
        return None
    if _OF_PEOPLE.isdisjoint(event.attributes):
        return event
    kept = {name: value for name, value in event.attributes.items() if name not in _OF_PEOPLE}
    return replace(event, attributes=kept)


def make_event_router(parts: Parts, live: LiveState) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/events", response_model=list[EventOut], responses=problems(503))
    async def events(  # noqa: PLR0913, PLR0917 - one for each way to choose
        request: Request,
        last: Annotated[int, Query(ge=1, le=10_000, description="how many, without anything else")] = 100,
        device: _Word = "",
        kind: _Word = "",
        since: _Time = None,
        until: _Time = None,
        limit: Limit = None,
        cursor: Cursor = "",
    ) -> Response:
        """Answer events, newest last: the newest, or a page of those that fit; the next page is of older ones.

        Events of doors and readers are only for those who may see people. A page may be shorter than `limit` and
        be followed by another.
        """
        sees_people = caller_of(request).sees_people

        def is_wanted(event: Event) -> bool:
            return kind in {"", event.kind} and (sees_people or shown_to_all(event) is not None)

        place = opened(cursor, int, int)
        if place is None and not (device or kind or limit or since is not None or until is not None):
            found = [event for event in live.events(10_000) if is_wanted(event)][-last:]
            return answered(request, _rows(found, sees_people=sees_people))
        before = Mark(_LATEST if until is None else until, 0) if place is None else Mark(*place)
        begins = -_LATEST if since is None else since
        older, more = await parts.journal.look(
            lambda db: events_before(db, before, begins, limit or PAGE, device=device, is_wanted=is_wanted)
        )
        rows = await asyncio.to_thread(_rows, older[::-1], sees_people=sees_people)
        return answered(request, rows, "" if more is None else sealed(more.time, more.position))

    return router


def _rows(events: Sequence[Event], *, sees_people: bool) -> list[dict[str, object]]:
    shown = events if sees_people else [told for one in events if (told := shown_to_all(one)) is not None]
    return [EventOut.of(event).model_dump() for event in shown]
