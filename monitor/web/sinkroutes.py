"""The routes about what sinks refused, and about the InfluxDB they write to."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Self
from uuid import uuid4

import structlog
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, model_validator

from monitor.errors import RequestRefused
from monitor.model import Command
from monitor.ports import Batch
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotKnown, problems
from monitor.web.shapes import PREFIX, Body

__all__ = ["make_sink_router"]

_log = structlog.get_logger()

_MOST = 5000
_LARGEST = (1 << 53) - 1  # what every reader of JSON takes exactly
_LONGEST_ID = 200

_Sink = Annotated[str, Query(max_length=_LONGEST_ID)]


class LetterOut(BaseModel):
    """A dead letter: `time` is the entry's, `refused` that of the (last) refusal; UTC in milliseconds."""

    id: int
    sink: str
    kind: str
    device: str
    time: int
    refused: int
    refusals: int
    waiting: bool
    reason: str
    line: str


_SOME_OR_ALL: Final[dict[str, Any]] = {
    "oneOf": [
        {
            "required": ["ids"],
            "properties": {"ids": {"minItems": 1}, "all": {"const": False}, "sink": {"const": ""}},
        },
        {"required": ["all"], "properties": {"all": {"const": True}, "ids": {"maxItems": 0}}},
    ]
}


class ChosenIn(Body, json_schema_extra=_SOME_OR_ALL):
    """Dead letters by number, or all of them, or all of one sink."""

    ids: list[Annotated[int, Field(ge=0, le=_LARGEST)]] = Field(default=[], max_length=_MOST)
    all: bool = False
    sink: str = Field(default="", max_length=_LONGEST_ID)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.all == bool(self.ids):
            raise ValueError("say `ids`, or `all: true`")
        if self.sink and not self.all:
            raise ValueError("say `sink` with `all: true`")
        return self


class ChosenOut(BaseModel):
    """The dead letters that it was done to."""

    ids: list[int]


class FindingOut(BaseModel):
    """One thing that was looked at, of which sink; `state` is fine, warning, wrong or unknown."""

    sink: str
    check: str
    state: str
    found: str
    what_to_do: str


class ExaminationOut(BaseModel):
    """What was found at InfluxDB; `fine` when nothing is wrong."""

    fine: bool
    findings: list[FindingOut]


def make_sink_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))

    @router.get("/dead-letters")
    async def dead_letters(
        last: Annotated[int, Query(ge=1, le=10_000)] = 100, sink: _Sink = ""
    ) -> list[LetterOut]:
        """Answer the newest dead letters, of all sinks or of one, newest first."""
        return [LetterOut(**letter) for letter in await parts.letters.list_letters(last, sink)]

    @router.post("/dead-letters/retry", status_code=202)
    async def retry(chosen: ChosenIn) -> ChosenOut:
        """Have dead letters tried again: those that are taken vanish, the others say why not."""
        return await _change(parts.letters.retry, chosen)

    @router.post("/dead-letters/drop")
    async def drop(chosen: ChosenIn, request: Request) -> ChosenOut:
        """Throw dead letters away for good; who did is kept in the journal first."""
        by = who_asks(request)
        command = Command(
            id=str(uuid4()),
            time=parts.now(),
            by=by,
            kind="drop_dead_letters",
            target=chosen.sink or "sinks",
            arguments={"ids": "all" if chosen.all else ",".join(map(str, chosen.ids))},
        )
        await parts.journal.append([Batch(entries=[command])])
        dropped = await _change(parts.letters.drop, chosen)
        _log.warning("dead_letters_dropped", by=by, count=len(dropped.ids))
        return dropped

    @router.post("/influx/check")
    async def influx_check(sink: _Sink = "") -> ExaminationOut:
        """Look at every InfluxDB, or that of one sink, from where the daemon stands; writes nothing."""
        try:
            findings = [FindingOut(**finding) for finding in await parts.examine_influx(sink)]
        except RequestRefused as refused:
            raise NotKnown(str(refused), "look at `sinks.influxdb` in the site file") from refused
        return ExaminationOut(fine=all(each.state != "wrong" for each in findings), findings=findings)

    return router


async def _change(
    change: Callable[[Sequence[int] | None, str], Awaitable[Sequence[int]]], chosen: ChosenIn
) -> ChosenOut:
    try:
        return ChosenOut(ids=list(await change(None if chosen.all else chosen.ids, chosen.sink)))
    except RequestRefused as refused:
        raise NotKnown(str(refused), "list them with `facility-monitor dead-letters`") from refused
