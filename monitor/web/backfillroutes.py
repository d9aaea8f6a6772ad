"""The routes that send a period to InfluxDB again."""

from collections.abc import Mapping
from typing import Any, Final, Self
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator

from monitor.errors import RequestRefused
from monitor.model import Command, Value
from monitor.periods import parse
from monitor.ports import Batch
from monitor.web.parts import BackfillDesk, Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotDone, NotKnown, problems
from monitor.web.shapes import PERIOD, PREFIX, Body, Time

__all__ = ["make_backfill_router"]


class SinkIn(Body):
    """A sink by its name; it may be left out where there is one InfluxDB."""

    sink: str = Field(default="", max_length=100)


_PERIOD_OR_SPAN: Final[dict[str, Any]] = {
    "oneOf": [
        {
            "required": ["period"],
            "properties": {"period": PERIOD, "from": {"type": "null"}, "to": {"type": "null"}},
        },
        {"required": ["from"], "properties": {"period": {"const": ""}, "from": {"type": "integer"}}},
    ]
}


class BackfillIn(SinkIn, json_schema_extra=_PERIOD_OR_SPAN):
    """What is to be sent again: a period of the site's zone, or from one moment to another (UTC ms)."""

    period: str = Field(default="", max_length=100)
    first: Time | None = Field(default=None, alias="from")
    to: Time | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.period) == (self.first is not None) or (self.to is not None and self.first is None):
            raise ValueError("say `period`, or `from` and, if it is not now, `to`")
        return self


class BackfillOut(BaseModel):
    """The sink, and how far it is: `backfill_…`, as in the status."""

    sink: str
    facts: dict[str, int | float | bool | str]


def make_backfill_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))

    @router.post("/influx/backfill", status_code=202)
    async def backfill(wish: BackfillIn, request: Request) -> BackfillOut:
        """Begin to send a period again; who asked is kept in the journal first."""
        by = who_asks(request)
        name, desk = _desk(parts.backfills, wish.sink)
        first, until = _span(parts, wish)
        span: Mapping[str, str | float] = {"from": first, "to": until}
        await _note(parts, by, "influx_backfill", name, span)
        await _refusing(desk.start(first, until, by=by), "look with `facility-monitor influx backfill --show`")
        return _told(name, desk.status())

    @router.post("/influx/backfill/stop")
    async def stop(wish: SinkIn, request: Request) -> BackfillOut:
        """Leave it where it is; what was sent stays."""
        by = who_asks(request)
        name, desk = _desk(parts.backfills, wish.sink)
        await _note(parts, by, "influx_backfill_stop", name, {})
        await _refusing(desk.stop(), "begin with `facility-monitor influx backfill --period PERIOD`")
        return _told(name, desk.status())

    @router.get("/influx/backfill")
    async def look(sink: str = "") -> BackfillOut:
        """Answer how far it is."""
        name, desk = _desk(parts.backfills, sink)
        return _told(name, desk.status())

    return router


def _told(name: str, facts: Mapping[str, Value]) -> BackfillOut:
    return BackfillOut(sink=name, facts=dict(facts))


def _desk(desks: Mapping[str, BackfillDesk], wished: str) -> tuple[str, BackfillDesk]:
    if not desks:
        raise NotKnown("the site file has no `sinks.influxdb`", "write `sinks.influxdb` in the site file")
    if not wished and len(desks) > 1:
        raise NotDone(f"there are several: {', '.join(desks)}", "say which with --sink")
    name = wished or next(iter(desks))
    if name not in desks:
        raise NotKnown(f"no InfluxDB is called {name[:40]}", f"there is {', '.join(desks)}")
    return name, desks[name]


def _span(parts: Parts, wish: BackfillIn) -> tuple[int, int]:
    now = parts.now()
    if wish.period:
        try:
            period = parse(wish.period, parts.site.timezone, now)
        except ValueError as error:
            raise NotDone(str(error), "write the period as it says") from error
        first, until = period.start, period.end
    else:
        assert wish.first is not None
        first, until = wish.first, now if wish.to is None else wish.to
    until = min(until, now)
    if first >= until:
        raise NotDone("the period is empty, or has not begun yet", "say an earlier one")
    return first, until


async def _note(parts: Parts, by: str, kind: str, sink: str, arguments: Mapping[str, str | float]) -> None:
    command = Command(id=str(uuid4()), time=parts.now(), by=by, kind=kind, target=sink, arguments=arguments)
    await parts.journal.append([Batch(entries=[command])])


async def _refusing(asked: Any, what_to_do: str) -> None:
    try:
        await asked
    except RequestRefused as refused:
        raise NotDone(str(refused), what_to_do) from refused
