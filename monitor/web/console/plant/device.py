"""A device: what it is, how it does, what it says, what happened to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.meters import billed_counter
from monitor.model import Event, Reading, Recorded, Value
from monitor.periods import DAY, local_day
from monitor.schema import (
    ACCESS_EVENTS,
    POINT_BATTERY,
    POINT_FLOW,
    POINT_OPEN,
    POINT_POWER,
    POINT_RUNNING,
    is_counter,
    point_unit,
)
from monitor.site import Device
from monitor.web.callers import Caller, caller_of
from monitor.web.console.page import Pages
from monitor.web.console.plant.trendpage import may_see, spans_of
from monitor.web.console.plant.view import views_of
from monitor.web.console.plant.words import TONES, words
from monitor.web.live import LiveState
from monitor.web.parts import Parts
from monitor.web.permits import PERMITS

__all__ = ["make_device"]

_READINGS: Final = 200
"""That are looked through for the newest value of each point: slow points speak seldom."""
_EVENTS: Final = 15
_ALARMS: Final = 5
_POINTS: Final = 200
_RATES: Final = (POINT_POWER, POINT_FLOW)
_MAIN: Final = (
    *_RATES,
    POINT_RUNNING,
    POINT_OPEN,
    "temperature_c",
    "humidity_pct",
    "co2_ppm",
    "voltage_l1_v",
    POINT_BATTERY,
)
"""Points that show best how a device does, the best first."""
_MOST_MAIN: Final = 4
_FEW: Final = 2


@dataclass(slots=True)
class _Shown:
    """The newest value of a point, or why there is none."""

    name: str
    unit: str | None
    value: Value | None = None
    time: int | None = None
    quality: str = ""
    missing: str = ""


def make_device(parts: Parts, live: LiveState, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""

    async def device(request: Request) -> Response:
        known, say = parts.site.devices.get(str(request.path_params["device"])), pages.words(request)
        if known is None:
            raise HTTPException(404, say("There is no such device."))
        (view,) = await views_of(parts, live, [known])
        caller = caller_of(request)
        told = await parts.journal.readings(known.id, _READINGS) if caller.sees_readings_of(known) else ()
        points = _points(known, told)
        alarms = [each for each in await parts.alarms.list_alarms() if each["device"] == known.id]
        is_quiet = view.state in {"answering", "not_connected"}
        return pages.draw(
            request,
            "plant/device.html.j2",
            words=words(say),
            tones=TONES,
            view=view,
            device=known,
            advice="" if is_quiet else say(parts.advice(known.id, view.state)),
            polls=parts.polls().get(known.id),
            points=points,
            trend=_trend(request, caller, known, points, parts),
            main=_main(points, billed_counter(known)),
            alarms=alarms[:_ALARMS],
            alarm_count=len(alarms),
            events=await _events(parts, caller, known),
            maintenance=await _maintenance(parts, known),
            coverage=await _coverage(parts, known),
            is_meter=billed_counter(known) is not None,
            is_equipment=known.id in parts.site.equipment,
            has_labels="/labels" in PERMITS,
        )

    return [Route("/devices/{device}", device, methods=["GET"])]


def _points(device: Device, recorded: Sequence[Recorded]) -> Sequence[_Shown]:
    """Each point with its newest value; first those that have one."""
    found = {name: _Shown(name, point.unit) for name, point in device.points.items()}
    for each in recorded:
        reading = each.entry
        if not isinstance(reading, Reading):
            continue
        for name, value in reading.values.items():
            shown = found.setdefault(name, _Shown(name, point_unit(name)))
            shown.value, shown.time, shown.missing = value, reading.time, ""
            shown.quality = reading.quality.name
        for name, why in reading.missing.items():
            if name in found:
                found[name].missing = str(why)
    return list(found.values())[:_POINTS]


def _main(points: Sequence[_Shown], billed: str | None) -> Sequence[_Shown]:
    """The few values that show best how a device does; none where there are hardly more."""
    known = {each.name: each for each in points if each.value is not None}
    others = [name for name in known if not is_counter(name)]
    order = [*_RATES, *([billed] if billed else []), *_MAIN, *others]
    return (
        [] if len(known) <= _FEW else [known[name] for name in dict.fromkeys(order) if name in known][:_MOST_MAIN]
    )


def _trend(
    request: Request, caller: Caller, device: Device, points: Sequence[_Shown], parts: Parts
) -> Mapping[str, Any] | None:
    """Which picture to show; None where there is none to see."""
    asked = request.query_params
    told = {each.name for each in points if each.value is not None}
    choice = [name for name in device.points if name in told] or list(device.points)
    best = next((name for name in (*_MAIN, *choice) if name in choice), "")
    point = asked["point"] if asked.get("point") in device.points else best
    spans = spans_of(device, point)
    hours = int(asked["hours"]) if asked.get("hours") in {str(each) for each in spans} else spans[0]
    if parts.trends is None or not may_see(caller, device, point) or not (point or caller.sees_people):
        return None
    return {"point": point, "hours": hours, "spans": spans, "choice": sorted({*choice, point} - {""})}


async def _events(parts: Parts, caller: Caller, device: Device) -> Sequence[Event]:
    """What happened lately, newest first; of people only for who may see them."""
    now, at_doors = parts.now(), device.device_class in {"access", "door"}
    if at_doors and not caller.sees_people:
        return []
    kept = await parts.journal.between(device.id, now - (1 if at_doors else 7) * DAY, now + DAY, ("event",))
    events = [each.entry for each in kept if isinstance(each.entry, Event)]
    if not caller.sees_people:
        events = [each for each in events if each.kind not in ACCESS_EVENTS]
    return events[: -_EVENTS - 1 : -1]


async def _maintenance(parts: Parts, device: Device) -> Sequence[Any]:
    if parts.holds is None:
        return []
    planned = await parts.holds.maintenance()
    return [each for each in planned if each.window.devices is None or device.id in each.window.devices]


async def _coverage(parts: Parts, device: Device) -> Any:
    today = local_day(parts.now(), parts.site.timezone)
    return next(iter(await parts.meters.book.coverage([device.id], today, today)), None)
