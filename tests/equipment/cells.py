"""Devices with batteries, and what they say of them."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from monitor.equipment.batteries import Batteries
from monitor.model import Event, Origin, Position, Reading, Recorded, Value
from monitor.periods import DAY, HOUR, begin_of
from monitor.site import Device, Point, Site

__all__ = ["BERLIN", "FIRST", "NOON", "heard", "noon_of", "only", "percents", "run", "said", "sensor", "site_of"]

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 1)
NOON = 12 * HOUR


def sensor(id: str = "leak", *points: str) -> Device:  # noqa: A002 - as in the site file
    names = points or ("battery_pct", "battery_low", "alarm")
    return Device(
        id=id,
        name=id.title(),
        connection="broker",
        device_class="safety",
        points={name: Point(name=name) for name in names},
    )


def site_of(*devices: Device) -> Site:
    every = devices or (sensor(), sensor("smoke", "battery_low"), sensor("volts", "battery_v"))
    return Site(id="hq", name="HQ", timezone=BERLIN, devices={each.id: each for each in every})


def noon_of(number: float) -> int:
    """UTC ms of noon of a day counted from the first; fractions are parts of a day."""
    whole = math.floor(number)
    return begin_of(FIRST + timedelta(days=whole), BERLIN) + NOON + round((number - whole) * DAY)


def said(day: float, device: str = "leak", **values: Value) -> Recorded:
    return heard(noon_of(day), device, values)


def heard(
    time: int, device: str, values: Mapping[str, Value], arrived: int | None = None, **more: Any
) -> Recorded:
    arrived = time if arrived is None else arrived
    more.setdefault("origin", Origin.PUSH)
    reading = Reading(device=device, time=time, arrived=arrived, values=values, **more)
    return Recorded(Position(1), arrived, reading)


def percents(values: Iterable[float], start: int = 0) -> list[Recorded]:
    return [said(start + day, battery_pct=value) for day, value in enumerate(values)]


def run(entries: Iterable[Recorded]) -> tuple[Batteries, list[Event]]:
    part = Batteries(site_of())
    for entry in entries:
        part.take(entry)
    return part, [each for each in part.news() if isinstance(each, Event)]


def only(part: Batteries, number: int) -> tuple[float | None, date | None, int]:
    (found,) = part.all(FIRST + timedelta(days=number))
    return found.per_day, found.empty, found.days
