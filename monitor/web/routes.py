"""The routes under `/api/v1`."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import TypeAdapter

from monitor.model import Reading
from monitor.ports import Gap
from monitor.site import Device
from monitor.web.callers import NotAllowed, caller_of
from monitor.web.live import LiveState
from monitor.web.paging import PAGE, Cursor, Limit, link, opened, sealed
from monitor.web.parts import Parts
from monitor.web.permits import PEOPLE
from monitor.web.problems import NotDone, NotKnown, problems
from monitor.web.seats import Seated, Seats
from monitor.web.shapes import (
    PREFIX,
    DeviceDetailOut,
    DeviceOut,
    ReadingOut,
    ReloadIn,
    ReloadOut,
    StatusOut,
    ValueOut,
)

__all__ = ["NotDone", "NotKnown", "is_held", "make_router"]

_Last = Annotated[int, Query(ge=1, le=10_000, description="how many, the newest")]
_DETAIL = 400
_NOT_CONNECTED = "not_connected"
"""Readings that are looked through for the newest value of each point: slow points speak seldom."""
_DEVICES = TypeAdapter(list[DeviceOut])


def make_router(parts: Parts, live: LiveState, seats: Seats) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))
    _add_status(router, parts)
    _add_devices(router, parts, live)
    _add_readings(router, parts, seats)
    _add_reload(router, parts)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Answer the metrics in Prometheus' text format."""
        exposition, content_type = await asyncio.to_thread(_metrics)
        return Response(await exposition(parts), media_type=content_type)

    return router


def _metrics() -> tuple[Any, str]:
    """In a thread: the library is loaded when somebody asks for the first time."""
    from monitor.web.metrics import CONTENT_TYPE, exposition

    return exposition, CONTENT_TYPE


def _add_status(router: APIRouter, parts: Parts) -> None:
    @router.get("/status")
    async def status() -> StatusOut:
        """Answer how the daemon does."""
        states = list(parts.health().values())
        alarms = [alarm for alarm in await parts.alarms.list_alarms() if not alarm.get("shadow")]
        active = [alarm for alarm in alarms if alarm.get("active")]
        unacked = [alarm for alarm in alarms if alarm.get("response") == "unacked"]
        return StatusOut(
            site=parts.site.id,
            name=parts.site.name,
            timezone=parts.site.timezone.key,
            version=parts.version,
            started=parts.started,
            loaded=parts.loaded,
            now=parts.now(),
            downtime=dict(parts.downtime),
            devices={"total": len(states)} | {state: states.count(state) for state in sorted(set(states))},
            connections={name: dict(facts) for name, facts in parts.connections().items()},
            poller=dict(parts.poller()),
            journal=dict(parts.journal.stats()),
            metering=dict(parts.metering()),
            access=dict(parts.people()),
            equipment=dict(parts.upkeep()),
            sinks={name: dict(facts) for name, facts in parts.sinks().items()},
            notify=dict(await parts.notify()),
            channels={} if parts.channels is None else dict(await parts.channels.summary()),
            itself=dict(parts.itself()),
            deadman=dict(parts.deadman()),
            console=dict(parts.console()),
            alarms={
                "active": len(active),
                "unacknowledged": len(unacked),
                "flooding": int(bool(parts.judging().get("flooding"))),
            }
            | _held(alarms),
        )


def is_held(alarm: Mapping[str, Any], how: str) -> bool:
    """Whether people are kept from being told of an alarm now; an event says how it was when it happened."""
    return how in alarm.get("suppression", ()) and not alarm.get("momentary")


def _held(alarms: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many alarms people are kept from being told of, stand for long, or wait for their review."""
    counts = {
        name: sum(is_held(alarm, name) for alarm in alarms) for name in ("shelved", "suppressed", "out_of_service")
    }
    counts["standing"] = sum(bool(alarm.get("standing")) for alarm in alarms)
    return counts | {"review_due": sum(bool(alarm.get("review_due")) for alarm in alarms)}


def _add_devices(router: APIRouter, parts: Parts, live: LiveState) -> None:
    @router.get("/devices", response_model=list[DeviceOut], responses=problems(422))
    def devices(  # noqa: PLR0913, PLR0917 - one for each way to choose; in a thread: ten thousand take long
        request: Request,
        device_class: Annotated[str, Query(alias="class", max_length=100)] = "",
        building: Annotated[str, Query(max_length=100)] = "",
        zone: Annotated[str, Query(max_length=100)] = "",
        state: Annotated[str, Query(max_length=100)] = "",
        q: Annotated[str, Query(max_length=100, description="a text in the id or the name")] = "",
        limit: Limit = None,
        cursor: Cursor = "",
    ) -> Response:
        """Answer every device and how it does, or those that fit, in the order of the site file."""
        known = parts.polls(), parts.health(), parts.losses()
        wanted = {"device_class": device_class, "building": building, "zone": zone}
        place = opened(cursor, int)
        first, most = max(0, place[0] if place else 0), limit or (PAGE if place else len(parts.site.devices))
        found = [
            _device(parts, live, device, *known)
            for device in parts.site.devices.values()
            if all(not text or getattr(device, name) == text for name, text in wanted.items())
            and q.casefold() in f"{device.id} {device.name}".casefold()
        ]
        fitting = [each for each in found if state in {"", each.state}]
        rows = fitting[first : first + most]
        more = sealed(first + most) if first + most < len(fitting) else ""
        body = _DEVICES.dump_json(rows, by_alias=True)
        return Response(body, media_type="application/json", headers=link(request, more))

    @router.get("/devices/{device}")
    async def device(request: Request, device: str) -> DeviceDetailOut:
        """Answer one device with the newest value of each point; of readers only to those who may see people."""
        known = _known(parts, device)
        may_see = caller_of(request).sees_readings_of(known)
        recorded = await parts.journal.readings(device, _DETAIL) if may_see else ()
        readings = [each.entry for each in recorded if isinstance(each.entry, Reading)]
        points = {
            name: ValueOut(value=None, unit=point.unit, time=None, missing=None)
            for name, point in known.points.items()
        }
        for reading in readings:
            _overlay(points, reading)
        facts = _device(parts, live, known, parts.polls(), parts.health(), parts.losses())
        return DeviceDetailOut(**facts.model_dump(), points=points)


def _overlay(points: dict[str, ValueOut], reading: Reading) -> None:
    for name, value in reading.values.items():
        unit = points[name].unit if name in points else None
        points[name] = ValueOut(value=value, unit=unit, time=reading.time, missing=None)
    for name, why in reading.missing.items():
        if name in points:
            points[name] = points[name].model_copy(update={"missing": str(why)})


def _add_readings(router: APIRouter, parts: Parts, seats: Seats) -> None:
    @router.get("/devices/{device}/readings")
    async def readings(request: Request, device: str, last: _Last = 10) -> list[ReadingOut]:
        """Answer the newest readings of a device, newest last."""
        _readable(parts, device, request)
        recorded = await parts.journal.readings(device, last)
        return [ReadingOut.of(each.entry) for each in recorded if isinstance(each.entry, Reading)]

    @router.get(
        "/devices/{device}/readings/stream", status_code=200, response_class=Seated, responses=problems(429)
    )
    async def stream(request: Request, device: str, last: Annotated[int, Query(ge=0, le=10_000)] = 0) -> Seated:
        """Answer the newest readings, then each that comes: one JSON object a line, until the client goes."""
        _readable(parts, device, request)
        seat = seats.of(request)
        return Seated(seat, _follow(parts, device, last), media_type="application/x-ndjson")


async def _follow(parts: Parts, device: str, last: int) -> AsyncIterator[bytes]:
    position = parts.journal.last
    told = set()
    if last:
        for recorded in await parts.journal.readings(device, last):
            told.add(recorded.position)
            if isinstance(recorded.entry, Reading):
                yield _line(recorded.entry)
    async with aclosing(parts.journal.follow(position)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            if isinstance(batch, Gap):
                continue
            for recorded in batch:
                entry = recorded.entry
                if isinstance(entry, Reading) and entry.device == device and recorded.position not in told:
                    yield _line(entry)
            await asyncio.sleep(0)


def _line(reading: Reading) -> bytes:
    return ReadingOut.of(reading).model_dump_json().encode() + b"\n"


def _add_reload(router: APIRouter, parts: Parts) -> None:
    @router.post("/reload", status_code=202)
    async def reload(wish: ReloadIn) -> ReloadOut:
        """Take the site file again: answer what it changes, then begin again with it; refused when it is wrong."""
        return ReloadOut(**await parts.reload(dry_run=wish.dry_run))


def _known(parts: Parts, device: str) -> Device:
    if device not in parts.site.devices:
        raise NotKnown(f"no device {device}", "list them with `facility-monitor devices`")
    return parts.site.devices[device]


def _readable(parts: Parts, device: str, request: Request) -> None:
    """Raises NotKnown, and NotAllowed of a reader of cards for whom people's movements are none."""
    if not caller_of(request).sees_readings_of(_known(parts, device)):
        raise NotAllowed(PEOPLE.needs)


def _device(  # noqa: PLR0913, PLR0917 - facts of three parts, asked for once for all devices
    parts: Parts,
    live: LiveState,
    device: Device,
    polls: Mapping[str, Any],
    states: Mapping[str, str],
    losses: Mapping[str, float],
) -> DeviceOut:
    facts = asdict(polls[device.id]) if device.id in polls else _pushed(live, device)
    facts.pop("connection", None)
    facts["state"] = state = states.get(device.id, "never_answered") if device.has_connection else _NOT_CONNECTED
    loss = losses.get(device.id)
    facts["loss_pct"] = None if loss is None else round(100 * loss, 2)
    facts["advice"] = "" if state in {"answering", _NOT_CONNECTED} else parts.advice(device.id, state)
    return DeviceOut(
        id=device.id,
        name=device.name,
        device_class=device.device_class,
        profile=device.profile,
        connection=device.connection,
        building=device.building,
        zone=device.zone,
        **facts,
    )


def _pushed(live: LiveState, device: Device) -> dict[str, Any]:
    """What is known of a device that sends by itself."""
    counts = dict.fromkeys(("failures", "polls", "late", "requests", "answers"), 0)
    nothing: dict[str, Any] = {"poll_ms": None, "latency_ms": None, "last_error": "", "errors": {}}
    return {"last_answer": live.heard.get(device.id), **counts, **nothing}
