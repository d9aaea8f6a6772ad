"""The routes about meters: how they stand, what was used, and what people say of them."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from monitor.errors import RequestRefused
from monitor.metering.checks import meter
from monitor.meters import billed_counter, counters_of
from monitor.model import Command, Reading
from monitor.periods import DAY, QUARTER, day_of, local_day, pieces
from monitor.ports import Batch
from monitor.schema import point_unit
from monitor.site import Device
from monitor.web.asked import period_of
from monitor.web.metershapes import (
    BreakOut,
    CorrectedOut,
    CorrectIn,
    CounterOut,
    CoverageOut,
    EnteredOut,
    EnterIn,
    EnterListIn,
    MeterDetailOut,
    MeterOut,
    RecomputedOut,
    RecomputeIn,
    ReplacedOut,
    ReplaceIn,
    UsageOut,
)
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import NotDone, NotKnown, problems
from monitor.web.shapes import PERIOD, PREFIX

__all__ = ["make_meter_router"]

_BREAKS_OF = 30 * DAY
_COVERAGE_OF = 6
_MOST_ROWS = 10_000
_T = TypeVar("_T")
_Per = Annotated[Literal["", "quarter", "hour", "day", "month"], Query(description="pieces of local time")]


def make_meter_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))
    _add_figures(router, parts)
    _add_words(router, parts)
    _add_recompute(router, parts)
    return router


def _add_recompute(router: APIRouter, parts: Parts) -> None:
    @router.post("/meters/recompute", response_class=StreamingResponse)
    async def recompute(wish: RecomputeIn) -> StreamingResponse:
        """Work out anew what was told of a period, after prices or virtual meters have changed in the settings.

        Answers a line of JSON for each step: `done` and `total` days of meters, and how many are told again.
        """
        span = period_of(parts, wish.period)
        known = [_meter(parts, device).id for device in wish.devices]
        chosen = known or [
            device.id for device in parts.site.devices.values() if billed_counter(device) is not None
        ]

        async def lines() -> AsyncIterator[bytes]:
            async for step in parts.meters.recompute(chosen, span.start, span.end):
                yield RecomputedOut(**asdict(step)).model_dump_json().encode() + b"\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")


def _add_figures(router: APIRouter, parts: Parts) -> None:
    @router.get("/meters")
    async def meters() -> list[MeterOut]:
        """Answer every meter with the counter that it is billed by."""
        return await _all(parts)

    @router.get("/meters/{device}")
    async def one(device: str) -> MeterDetailOut:
        """Answer one meter: its counters, where they did not simply count on, and how complete its samples are."""
        return await _one(parts, _meter(parts, device))

    @router.get("/meters/{device}/usage")
    async def usage(
        device: str,
        period: Annotated[str, Query(max_length=50, json_schema_extra=PERIOD)] = "today",
        per: _Per = "",
        point: Annotated[str, Query(max_length=1000, description="counters, joined by commas; `all`")] = "",
    ) -> list[UsageOut]:
        """Answer what a meter used in a period of the site's zone, whole or in pieces."""
        known = _meter(parts, device)
        zone, now = parts.site.timezone, parts.now()
        span = period_of(parts, period)
        points = _points(parts, known, point)
        end = min(span.end, now // QUARTER * QUARTER + QUARTER)
        if len(list(islice(pieces(span.start, end, per, zone), _MOST_ROWS + 1))) > _MOST_ROWS:
            raise HTTPException(422, f"more than {_MOST_ROWS} rows: ask for a shorter period or longer pieces")
        rows = await parts.meters.book.consumption([device], span.start, span.end, per=per, points=points)
        return [UsageOut.of(row) for row in rows if row.start <= now]


def _points(parts: Parts, device: Device, wanted: str) -> list[str]:
    known = _counters(parts, device)
    if wanted == "all":
        return known
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if strange := [name for name in names if name not in known]:
        raise NotKnown(f"{device.id} has no counter {strange[0]}", f"it has {', '.join(known)}")
    return names


def _counters(parts: Parts, device: Device) -> list[str]:
    """Its counters by name; those of a virtual meter have no register."""
    return [each.point for each in parts.meters.book.registers(device.id)] or counters_of(device)


def _meter(parts: Parts, device: str) -> Device:
    try:
        return meter(parts.site, device)
    except RequestRefused as refused:
        raise NotKnown(str(refused), "list them with `facility-monitor meter list`") from refused


async def _all(parts: Parts) -> list[MeterOut]:
    book, zone, now = parts.meters.book, parts.site.timezone, parts.now()
    billed = {each.device: each for each in reversed(book.registers())}
    billed |= {each.device: each for each in book.registers() if each.is_billed}
    meters = [each for each in parts.site.devices.values() if billed_counter(each) is not None]
    ids, day = [each.id for each in meters], day_of(now, zone)
    today = {row.device: row for row in await book.consumption(ids, day.start, day.end)}
    coverage = {row.device: row for row in await book.coverage(ids, day.first, day.last)}
    return [
        MeterOut(
            **_facts(each),
            counter=CounterOut.of(billed[each.id]) if each.id in billed else None,
            today=UsageOut.of(today[each.id]) if each.id in today else None,
            coverage=CoverageOut.of(coverage[each.id]) if each.id in coverage else None,
        )
        for each in meters
    ]


async def _one(parts: Parts, device: Device) -> MeterDetailOut:
    book, now = parts.meters.book, parts.now()
    counters = book.registers(device.id)
    today = local_day(now, parts.site.timezone)
    start, end = (now - _BREAKS_OF) // QUARTER * QUARTER, now // QUARTER * QUARTER + QUARTER
    rows = await book.consumption([device.id], start, end, points=_counters(parts, device))
    breaks = [BreakOut.of(row.point, each) for row in rows for each in row.breaks]
    days = await book.coverage([device.id], today - timedelta(days=_COVERAGE_OF), today)
    return MeterDetailOut(
        **_facts(device),
        counters=[CounterOut.of(each) for each in counters],
        breaks=sorted(breaks, key=lambda each: (each.end, each.point)),
        coverage=[CoverageOut.of(each) for each in days],
    )


def _facts(device: Device) -> dict[str, Any]:
    return {
        "device": device.id,
        "name": device.name,
        "device_class": device.device_class,
        "role": device.role,
        "building": device.building,
        "zone": device.zone,
        "tenant": device.tenant,
        "kind": "virtual" if device.virtual is not None else "by_hand" if device.by_hand else "wired",
        "ratio": device.ratio,
    }


def _add_words(router: APIRouter, parts: Parts) -> None:
    @router.post("/meters/enter", status_code=202)
    async def enter_list(wish: EnterListIn, request: Request) -> list[EnteredOut]:
        """Enter what meters showed that nobody can wire: the whole list or, with one mistake in it, nothing."""
        made = await _refusable(parts.meters.enter_list(wish.csv, by=who_asks(request)), "")
        await _keep(parts, *[entry for pair in made for entry in pair])
        return [_entered(*pair) for pair in made]

    @router.post("/meters/{device}/replace", status_code=202)
    async def replace(device: str, wish: ReplaceIn, request: Request) -> ReplacedOut:
        """Say that another meter hangs there; kept before this answers."""
        who = who_asks(request)
        making = parts.meters.replace(
            _meter(parts, device).id,
            wish.point,
            at=wish.at,
            final=wish.final,
            start=wish.start,
            serial=wish.serial,
            by=who,
            reason=wish.reason,
        )
        command, reading = await _refusable(making, device)
        await _keep(parts, command, reading)
        told: dict[str, Any] = {"serial": "", **command.arguments}
        return ReplacedOut(**_of(command), **{name: told[name] for name in ("at", "final", "start", "serial")})

    @router.post("/meters/{device}/correct", status_code=202)
    async def correct(device: str, wish: CorrectIn, request: Request) -> CorrectedOut:
        """Say what was really used in a span; kept before this answers."""
        who = who_asks(request)
        making = parts.meters.correct(
            _meter(parts, device).id,
            wish.point,
            start=wish.start,
            end=wish.end,
            amount=wish.amount,
            by=who,
            reason=wish.reason,
        )
        command = await _refusable(making, device)
        await _keep(parts, command)
        told: dict[str, Any] = dict(command.arguments)
        return CorrectedOut(
            **_of(command), start=told["from"], end=told["to"], amount=told["amount"], was=told["was"]
        )

    @router.post("/meters/{device}/enter", status_code=202)
    async def enter(device: str, wish: EnterIn, request: Request) -> EnteredOut:
        """Enter what a meter showed that nobody can wire; kept before this answers."""
        who = who_asks(request)
        known = _meter(parts, device).id
        making = parts.meters.enter(
            known, wish.point, register=wish.register_, at=wish.at, by=who, reason=wish.reason
        )
        command, reading = await _refusable(making, device)
        await _keep(parts, command, reading)
        return _entered(command, reading)


async def _refusable(making: Awaitable[_T], device: str) -> _T:
    """What was made, or why it cannot be, with where to look."""
    try:
        return await making
    except RequestRefused as refused:
        look = f"show {device}" if device else "list"
        raise NotDone(str(refused), f"look at it with `facility-monitor meter {look}`") from refused


async def _keep(parts: Parts, *entries: Command | Reading | None) -> None:
    """All of them or none."""
    await parts.journal.append([Batch(entries=[entry for entry in entries if entry is not None])])


def _of(command: Command) -> dict[str, Any]:
    point = str(command.arguments["point"])
    return {
        "command": command.id,
        "device": command.target,
        "point": point,
        "unit": point_unit(point) or "",
        "by": command.by,
    }


def _entered(command: Command, reading: Reading) -> EnteredOut:
    return EnteredOut(**_of(command), at=reading.time, register_=float(command.arguments["register"]))
