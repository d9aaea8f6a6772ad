"""The routes about who is on call."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from monitor.duty import Override, Turn
from monitor.model import Command
from monitor.ports import Batch
from monitor.web.alarmparts import Duty, DutyDesk
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import problems
from monitor.web.shapes import PREFIX, Body, Time

__all__ = ["make_duty_router"]

_LATEST: Final = 4_102_444_800_000
_YEAR: Final = 366 * 86_400_000


class OverrideIn(Body):
    """Somebody stands in: from `starts` (else now) up to `ends`, UTC ms."""

    person: Annotated[str, Field(min_length=1, max_length=200)]
    starts: Time | None = None
    ends: Time
    reason: Annotated[str, Field(max_length=500)] = ""


class EndIn(Body):
    """Why something is taken back."""

    reason: Annotated[str, Field(max_length=500)] = ""


class TurnOut(BaseModel):
    """Who is on call (null: nobody) and why, up to `until` (UTC ms; null: for more than a year)."""

    person: str | None
    reason: str
    until: int | None


class OverrideOut(BaseModel):
    """Who stands in, as somebody said it."""

    id: str
    roster: str
    person: str
    starts: int
    ends: int
    by: str
    reason: str


class DutyOut(BaseModel):
    """A roster: who is on call at `at`, who is next, and what people said of it."""

    id: str
    name: str
    at: int
    now: TurnOut
    next: TurnOut | None
    overrides: list[OverrideOut]


class SaidOut(BaseModel):
    """What was kept: `id` is how it can be cancelled."""

    id: str
    roster: str
    by: str


def make_duty_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))
    if parts.duty is not None:
        _add(router, parts, parts.duty)
    return router


def _add(router: APIRouter, parts: Parts, desk: DutyDesk) -> None:
    @router.get("/duty")
    async def duty(at: Annotated[int | None, Query(ge=0, le=_LATEST)] = None) -> list[DutyOut]:
        """Answer each roster: who is on call, now or at a time, and who is next."""
        time = parts.now() if at is None else at
        said = await desk.overrides()
        return [
            _duty(one, time, [each for each in said if each.roster == one.roster])
            for one in await desk.rosters(time)
        ]

    @router.post("/duty/{roster}/override", status_code=202)
    async def override(roster: str, wish: OverrideIn, request: Request) -> SaidOut:
        """Say that somebody stands in."""
        command = await desk.override(
            roster, wish.person, starts=wish.starts, ends=wish.ends, by=who_asks(request), reason=wish.reason
        )
        return await _keep(parts, command, roster)

    @router.post("/duty/overrides/{ident}/end", status_code=202)
    async def end(ident: str, wish: EndIn, request: Request) -> SaidOut:
        """Take back that somebody stands in."""
        command = await desk.end(ident, by=who_asks(request), reason=wish.reason)
        roster = next(each.roster for each in await desk.overrides() if each.id == command.target)
        return await _keep(parts, command, roster, ident=command.target)


async def _keep(parts: Parts, command: Command, roster: str, ident: str = "") -> SaidOut:
    await parts.journal.append([Batch(entries=[command])])
    return SaidOut(id=ident or command.id, roster=roster, by=command.by)


def _duty(one: Duty, at: int, said: list[Override]) -> DutyOut:
    return DutyOut(
        id=one.roster,
        name=one.name,
        at=at,
        now=_turn(one.now, at),
        next=None if one.next is None else _turn(one.next, at),
        overrides=[
            OverrideOut(
                id=each.id,
                roster=each.roster,
                person=each.person,
                starts=each.starts,
                ends=each.ends,
                by=each.by,
                reason=each.reason,
            )
            for each in said
        ],
    )


def _turn(turn: Turn, at: int) -> TurnOut:
    """Turns are looked for within a year."""
    return TurnOut(person=turn.person, reason=turn.reason, until=None if turn.end >= at + _YEAR else turn.end)
