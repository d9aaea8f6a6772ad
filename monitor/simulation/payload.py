"""What a simulated MQTT device sends: the inverse of how the driver reads payloads."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson

from drivers.mqtt import jsonpath
from monitor.model import Value
from monitor.site import Device, Point

__all__ = ["availability", "card", "reading"]


def reading(device: Device, values: Mapping[str, Value], now: float) -> list[tuple[str, bytes]]:
    """The messages (topic, payload) that carry these values at `now` (UTC seconds), one per topic."""
    if any(point.source.metric is not None for point in device.points.values()):
        return [_metrics(device, values, now)]
    by_topic: dict[str, list[tuple[Point, Value]]] = {}
    for name, value in values.items():
        point = device.points[name]
        by_topic.setdefault(_topic(device, point.source.topic), []).append((point, value))
    return [(topic, _payload(device, carried, now)) for topic, carried in by_topic.items()]


def _metrics(device: Device, values: Mapping[str, Value], now: float) -> tuple[str, bytes]:
    """The message of a Sparkplug device that sends names, and so needs no birth."""
    from drivers.mqtt.sparkplug.wire import MESSAGE

    content = MESSAGE(timestamp=int(now * 1000))
    for name, value in values.items():
        point = device.points[name]
        metric, sent = content.metrics.add(name=point.source.metric.encode()), _sent(point, value)
        if isinstance(sent, bool):
            metric.boolean_value = sent
        elif isinstance(sent, str):
            metric.string_value = sent.encode()
        else:
            metric.double_value = sent
    topic: str = device.address.topic.replace("{id}", device.id)
    node, _, rest = topic.partition("/+/")
    return f"{node}/{'DDATA' if '/' in rest else 'NDATA'}/{rest}", content.SerializeToString()


def card(
    device: Device, credential: str, *, granted: bool, now: float, is_known: bool = True
) -> tuple[str, bytes]:
    """The message of a card held to a reader, with all that a real reader tells besides.

    A known card that is denied has expired, as far as the reader tells that from a card that nobody knows.
    """
    event = next(event for event in device.events if event.kind == "card")
    result = "granted" if granted else "denied"
    content: dict[str, Any] = {"isKnown": str(granted).lower(), "username": "Erika Mustermann"}
    if event.when is not None:
        wanted = event.when.wanted
        _put(content, _below(device, event.when.json_path), wanted[0] if isinstance(wanted, tuple) else wanted)
    if event.credential is not None:
        _put(content, _below(device, event.credential.json_path), credential)
    if event.result is not None:
        meanings: Mapping[str, Value] = event.result.map or {result: result}
        sent = [sent for sent, kept in meanings.items() if kept == result]
        _put(content, _below(device, event.result.json_path), sent[0 if is_known else -1])
    _stamp(device, content, now)
    return _topic(device, event.topic), orjson.dumps(content)


def availability(device: Device, *, online: bool) -> tuple[str, bytes] | None:
    """The message (topic, payload) that says whether a device is there; None when it has none."""
    own = device.address.availability
    topic = own.topic.replace("{id}", device.id) if own is not None else ""
    if own is None and device.protocol is not None and device.protocol.availability is not None:
        own = device.protocol.availability
        topic = f"{device.address.topic}/{own.topic}".replace("{id}", device.id)
    if own is None:
        return None
    said = own.online if online else own.offline
    if own.json_path is None:
        return topic, said.encode()
    content: dict[str, Any] = {}
    _put(content, own.json_path, said)
    return topic, orjson.dumps(content)


def _stamp(device: Device, content: dict[str, Any], now: float) -> None:
    """Add the device's own time where its messages carry one."""
    clock = device.address.time or (device.protocol.time if device.protocol is not None else None)
    if clock is None or clock.json_path is None:
        return
    spelt: Mapping[str, Any] = {
        "unix_s": int(now),
        "unix_ms": int(now * 1000),
        "iso8601": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
    }
    _put(content, clock.json_path, spelt[clock.format])


def _topic(device: Device, appended: str | None) -> str:
    if appended is None and device.protocol is not None:
        appended = device.protocol.topic
    topic: str = device.address.topic
    return (topic if appended is None else f"{topic}/{appended}").replace("{id}", device.id)


def _below(device: Device, path: str | None) -> str | None:
    """The whole path of something that begins at the profile's root."""
    root = device.protocol.root if device.protocol is not None else None
    return path if root is None or path is None else root + path.removeprefix("$")


def _payload(device: Device, carried: list[tuple[Point, Value]], now: float) -> bytes:
    form = device.protocol.payload if device.protocol is not None else "json"
    if any(point.source.text for point, _ in carried):
        form = "text"
    if form == "text":
        sent = _sent(*carried[0])
        return (str(sent).lower() if isinstance(sent, bool) else str(sent)).encode()
    if form == "key_value":
        return ",".join(f"{point.source.key}={_sent(point, value)}" for point, value in carried).encode()
    content: dict[str, Any] = {}
    for point, value in carried:
        _put(content, _below(device, point.source.json_path), _sent(point, value))
    if device.protocol is not None and device.protocol.good is not None:
        wanted = device.protocol.good.wanted
        _put(content, device.protocol.good.json_path, wanted[0] if isinstance(wanted, tuple) else wanted)
    _stamp(device, content, now)
    return orjson.dumps(content)


def _sent(point: Point, value: Value) -> Any:
    """What the device sends so that the driver keeps `value`."""
    if point.source.map is not None:
        return next((_literal(sent) for sent, kept in point.source.map.items() if kept == value), value)
    if isinstance(value, bool | str):
        return value
    return round((value - point.offset) * point.divisor / point.factor, 6)


def _literal(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _put(content: dict[str, Any], path: str | None, value: Any) -> None:
    """Set the value at a path, making the objects and lists on the way."""
    steps = jsonpath.parse(path or "$")
    place: Any = content
    for step, following in pairwise((*steps, None)):
        inner: Any = value if following is None else ([] if isinstance(following, int) else {})
        if isinstance(step, int):
            place.extend([None] * (step + 1 - len(place)))
            place[step] = inner if place[step] is None or following is None else place[step]
            place = place[step]
        elif isinstance(step, str):
            place[step] = inner if following is None else place.get(step, inner)
            place = place[step]
