"""A site with doors, for the tests of access."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from monitor.model import Event, Origin, Reading, Value
from monitor.site import Device, Point, Site
from monitor.zones import AccessSettings, DoorSettings


def device(id: str, device_class: str = "door", door: str = "", every: float | None = None) -> Device:  # noqa: A002
    """A contact (class door), or a reader, lock or button of a door."""
    scan = {} if every is None else {"fast": every}
    points = {"open": Point(name="open")} if device_class == "door" else {}
    return Device(
        id=id, name=id, connection="broker", device_class=device_class, door=door, scan=scan, points=points
    )


def site(
    *devices: Device,
    unlock_pulse: float = 5.0,
    held_after: float = 30.0,
    doors: Mapping[str, DoorSettings] | None = None,
    timezone: str = "UTC",
) -> Site:
    """The front door (contact, reader, exit button, lock), a back door that nothing guards, and a meter."""
    every = devices or (
        device("front"),
        device("front-reader", "access", "front"),
        device("front-button", "access", "front"),
        device("front-lock", "access", "front"),
        device("back"),
        device("meter", "electricity"),
    )
    return Site(
        id="hq",
        name="HQ",
        timezone=ZoneInfo(timezone),
        devices={item.id: item for item in every},
        access=AccessSettings(unlock_pulse=unlock_pulse, held_after=held_after, doors=doors or {}),
    )


def said(device: str, time: int, origin: Origin = Origin.PUSH, *, late: bool = False, **values: Value) -> Reading:
    return Reading(device=device, time=time, arrived=time, values=values, origin=origin, late=late)


def card(time: int, device: str = "front-reader", result: str = "granted") -> Event:
    return Event(
        device=device, kind="card", time=time, arrived=time, id=f"card-{time}", attributes={"result": result}
    )


def happened(kind: str, time: int, device: str) -> Event:
    return Event(device=device, kind=kind, time=time, arrived=time, id=f"sent-{kind}-{time}")
