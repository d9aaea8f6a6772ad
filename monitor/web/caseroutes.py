"""The routes about what people do with alarms after they were told: assign, comment, close."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from monitor.model import Command
from monitor.ports import Batch
from monitor.web.alarmparts import CaseDesk
from monitor.web.alarmshapes import AlarmOut, HeldOut, ReasonIn
from monitor.web.paging import answered
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotKnown, problems
from monitor.web.shapes import PREFIX, Body

__all__ = ["make_case_router"]

_Person = Annotated[str, Query(max_length=100)]


class AssignIn(ReasonIn):
    """Whom an alarm is given to: the id of a person in the site file; nobody: null, or an empty text."""

    person: str | None = Field(max_length=100)


class CommentIn(Body):
    """What somebody says of an alarm."""

    text: str = Field(max_length=500)


class CloseIn(Body):
    """What an alarm came of, and what was done."""

    cause: str = Field(max_length=100)
    note: str = Field("", max_length=500)


def make_case_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))

    @router.get("/cases", response_model=list[AlarmOut])
    async def cases(request: Request, person: _Person = "") -> Response:
        """Answer the alarms that somebody sees to or wrote about and nobody has closed."""
        return answered(request, list(await parts.alarms.list_cases(person)))

    if parts.cases is not None:
        _add_work(router, parts, parts.cases)
    return router


def _add_work(router: APIRouter, parts: Parts, desk: CaseDesk) -> None:
    @router.post("/alarms/{occurrence}/assign", status_code=202)
    async def assign(occurrence: str, wish: AssignIn, request: Request) -> HeldOut:
        """Give an alarm to a person, who is told, or to nobody; that does not acknowledge it."""
        await _must_be_known(parts, occurrence)
        by = who_asks(request)
        return await _keep(parts, await desk.assign(occurrence, wish.person or "", by=by, reason=wish.reason))

    @router.post("/alarms/{occurrence}/comment", status_code=202)
    async def comment(occurrence: str, wish: CommentIn, request: Request) -> HeldOut:
        """Say something of an alarm."""
        await _must_be_known(parts, occurrence)
        return await _keep(parts, await desk.comment(occurrence, wish.text, by=who_asks(request)))

    @router.post("/alarms/{occurrence}/close", status_code=202)
    async def close(occurrence: str, wish: CloseIn, request: Request) -> HeldOut:
        """Close the case of an alarm that is over: it neither clears nor acknowledges."""
        await _must_be_known(parts, occurrence)
        by = who_asks(request)
        return await _keep(parts, await desk.close(occurrence, wish.cause, by=by, note=wish.note))

    @router.post("/alarms/{occurrence}/reopen", status_code=202)
    async def reopen(occurrence: str, wish: ReasonIn, request: Request) -> HeldOut:
        """Open a closed case again."""
        await _must_be_known(parts, occurrence)
        return await _keep(parts, await desk.reopen(occurrence, by=who_asks(request), reason=wish.reason))


async def _must_be_known(parts: Parts, occurrence: str) -> None:
    if await parts.alarms.show(occurrence) is None:
        raise NotKnown(f"no alarm {occurrence}", "list them with `facility-monitor alarms`")


async def _keep(parts: Parts, command: Command) -> HeldOut:
    await parts.journal.append([Batch(entries=[command])])
    return HeldOut(command=command.id, target=command.target, by=command.by)
