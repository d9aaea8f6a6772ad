"""What a message that somebody has copied means by a profile. Pure; credentials are not shown."""

from typing import Any, Final

from drivers.mqtt.devices import Decoder, Message
from drivers.mqtt.settings import MqttDevice
from monitor.model import Event, Reading
from monitor.profiles import Bound
from monitor.site import Device

__all__ = ["meanings"]

_DEVICE: Final = "device"


def meanings(bound: Bound, topic: str, payload: bytes, now: int = 0) -> list[dict[str, Any]]:
    """Rows of point, value, unit and why it is missing; an event is a row whose value names its attributes.

    `topic`: what follows the device's own; empty: the message is tried on each topic that the profile has.
    """
    device = Device(
        id=_DEVICE,
        name=_DEVICE,
        connection="",
        device_class="",
        address=MqttDevice(topic=_DEVICE),
        protocol=bound.protocol,
        points=bound.points,
        events=bound.events,
    )
    decoder = Decoder([device], lambda _: "hidden", qos=1)
    suffix = topic.strip("/")
    topics = [f"{_DEVICE}/{suffix}"] if suffix else [_plain(each) for each in decoder.wanted]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for each in topics:
        entries = decoder.decode(Message(0, 0, 0, False, False, each, payload, now)).entries
        for number, entry in enumerate(entries):
            if isinstance(entry, Reading):
                _add(rows, entry, bound)
            elif isinstance(entry, Event):
                told = ", ".join(f"{name} {value}" for name, value in entry.attributes.items())
                rows["event", f"{each} {number}"] = _row(entry.kind, f"event: {told}" if told else "event")
    return list(rows.values())


def _plain(topic: str) -> str:
    """A topic that a filter matches."""
    return topic.replace("+", "x").replace("#", "x")


def _add(rows: dict[tuple[str, str], dict[str, Any]], reading: Reading, bound: Bound) -> None:
    """Keep what a reading has; a value from one topic outweighs a point that another one lacks."""
    for name, value in reading.values.items():
        rows["point", name] = _row(name, value, bound.points[name].unit)
    for name, reason in reading.missing.items():
        rows.setdefault(("point", name), _row(name, None, bound.points[name].unit, str(reason)))


def _row(point: str, value: Any, unit: str | None = None, missing: str | None = None) -> dict[str, Any]:
    return {"point": point, "value": value, "unit": unit, "missing": missing}
