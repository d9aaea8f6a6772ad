"""The picture of what a device told: an address for the pages that show it."""

import math
from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.meters import counters_of
from monitor.site import Device
from monitor.web.callers import Caller, NotAllowed, caller_of
from monitor.web.console.page import language_of
from monitor.web.parts import Parts
from monitor.web.trends import Trend, TrendNotDrawn
from monitor.wording import Sentence
from rules.kind import patience

__all__ = ["make_trends", "may_see", "spans_of"]

_SPANS: Final = (24, 7 * 24, 30 * 24)
_OF_COUNTERS: Final = (90 * 24, 365 * 24)
_HOUR: Final = 3_600_000
_LONGEST: Final = 31 * 24
_LONGEST_OF_COUNTERS: Final = 366 * 24
_HEADERS: Final = {
    "cache-control": "private, max-age=60",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
_PERSONAL: Final = {"cache-control": "no-store"}
"""Who came and went: whoever uses the browser next, with less rights, does not find it."""


def make_trends(parts: Parts) -> Sequence[BaseRoute]:
    """Make the route."""

    async def trend(request: Request) -> Response:
        device = parts.site.devices.get(str(request.path_params["device"]))
        if device is None or parts.trends is None:
            raise HTTPException(404, "there is no such picture")
        wish = _wish(parts, request, device)
        if not may_see(caller_of(request), device, wish.point):
            raise NotAllowed(Sentence("somebody who may see who came and went"))
        try:
            picture = await parts.trends.draw(wish)
        except TrendNotDrawn as error:
            return Response(str(error), 503, {"retry-after": "60"}, "text/plain")
        headers = _HEADERS | _PERSONAL if device.device_class in {"access", "door"} else _HEADERS
        return Response(picture, headers=headers, media_type="image/svg+xml")

    return [Route("/devices/{device}/trend.svg", trend, methods=["GET"])]


def spans_of(device: Device, point: str) -> Sequence[int]:
    """Hours of the pictures that pages offer: of counters, which the ledger has for years, also of months."""
    return (*_SPANS, *_OF_COUNTERS) if _is_counted(device, point) else _SPANS


def _is_counted(device: Device, point: str) -> bool:
    return device.virtual is None and point in counters_of(device)


def may_see(caller: Caller, device: Device, point: str) -> bool:
    """Whether somebody may see a picture: those of readers of cards, and of what happened, show who moves."""
    if device.device_class == "door" and not point:
        return caller.sees_people
    return caller.sees_readings_of(device)


def _wish(parts: Parts, request: Request, device: Device) -> Trend:
    """What is asked for, within bounds. Raises HTTPException."""
    asked, now = request.query_params, parts.now()
    point = asked.get("point", "")
    if point and point not in device.points:
        raise HTTPException(404, "there is no such point")
    is_counter = _is_counted(device, point)
    hours = _number(asked.get("hours") or "24", 1, _LONGEST_OF_COUNTERS if is_counter else _LONGEST)
    end = min(now, round(_number(asked.get("end") or str(now), 0, float(2**53))))
    unit = device.points[point].unit if point else None
    seconds = patience(device, point or None)
    return Trend(
        device=device.id,
        point=point,
        start=end - round(hours * _HOUR),
        end=end,
        unit=unit or "",
        limit=_number(asked["limit"], -1e15, 1e15) if asked.get("limit") and point else None,
        silence=None if seconds is None else round(seconds * 1000),
        is_counter=is_counter,
        language=language_of(request, parts.site),
        timezone=parts.site.timezone.key,
    )


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise HTTPException(422, "that is no number that can be")
    return number
