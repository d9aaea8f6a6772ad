"""A small site for tests of what is written out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from monitor.model import Derived, Entry, Event, Position, Quality, Reading, Recorded, Transition
from monitor.site import Device, Point, Rule, Site

__all__ = ["NOW", "a_site", "derived", "event", "reading", "recorded", "step"]

NOW = 1_795_378_523_000


def _device(name: str, device_class: str, *points: str, **more: str) -> Device:
    return Device(
        id=name,
        name=name.replace("-", " ").capitalize(),
        connection="bus",
        device_class=device_class,
        points={point: Point(name=point) for point in points},
        **{"building": "b1", "zone": "plant room", **more},
    )


def a_site(**changes: Any) -> Site:
    """Meters, a detector, a pump, a door and its reader in one building."""
    devices = [
        _device("e-main", "electricity", "power_w", "voltage_l1_v", "energy_import_kwh", role="main"),
        _device("e-shop", "electricity", "power_w", role="sub"),
        _device("w-main", "water", "volume_m3", "flow_m3h", role="main", medium="cold"),
        _device("g-main", "gas", "volume_m3", role="main", zone="boiler room"),
        _device("leak", "safety", "alarm", "battery_pct", zone="basement"),
        _device("pump", "equipment", "running", "fault"),
        _device("front-door", "door", "open", zone="entrance"),
        _device("gate", "door", "open", building="", zone=""),
        _device("front-reader", "access", zone="entrance", direction="in"),
    ]
    rules = [
        Rule(id="high-power", name="High power", kind="threshold", params=None, sources=(), version="1"),
        Rule(id="door-forced", name="", kind="event", params=None, sources=(), version="1"),
    ]
    site = Site(
        id="hq",
        name="Headquarters",
        timezone=ZoneInfo("Europe/Berlin"),
        devices={device.id: device for device in devices},
        rules={rule.id: rule for rule in rules},
    )
    return replace(site, **changes)


def reading(device: str, time: int = NOW, quality: Quality = Quality.GOOD, **values: Any) -> Reading:
    return Reading(device=device, time=time, arrived=time, values=values, quality=quality)


def event(kind: str, time: int = NOW, device: str = "front-reader", **attributes: Any) -> Event:
    name = f"{kind}-{time}-{sorted(attributes.items())}"
    return Event(device=device, kind=kind, time=time, arrived=time, id=name, attributes=attributes)


def step(cause: str, number: int, time: int = NOW, **more: Any) -> Transition:
    """A step of the alarm high-power on e-main/power_w."""
    state = {"raised": ("active", "unacked"), "acknowledged": ("active", "acked"), "cleared": ("clear", "none")}
    condition, response = state[cause]
    base: Mapping[str, Any] = {
        "occurrence": "o-1",
        "rule": "high-power",
        "device": "e-main",
        "source_key": "e-main/power_w",
        "condition": condition,
        "response": response,
        "severity": "high",
        "value": 6100.0,
        "limit": 6000.0,
    }
    return Transition(number=number, cause=cause, time=time, **{**base, **more})


def derived(measurement: str, values: Mapping[str, Any], device: str = "e-main", **attributes: str) -> Derived:
    return Derived(
        producer="test",
        key="k",
        device=device,
        time=NOW,
        measurement=measurement,
        values=values,
        attributes=attributes,
    )


def recorded(*entries: Entry, first: int = 1) -> list[Recorded]:
    return [Recorded(Position(first + index), NOW + index, entry) for index, entry in enumerate(entries)]
