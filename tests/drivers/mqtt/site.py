"""Devices and connections as the settings would make them, short enough for tests."""

import hashlib
import hmac
from typing import Any

from drivers.mqtt import MQTT
from monitor.clock import Clock
from monitor.ports import DriverContext
from monitor.schema import point_unit
from monitor.site import Connection, Device, Point

CARDS = {
    "when": {"json": "$.type", "is": "access"},
    "kind": "card",
    "credential": {"json": "$.uid", "form": "hex_unpadded"},
    "result": {"json": "$.access", "map": {"Always": "granted", "Denied": "denied"}},
    "reason": {"json": "$.access"},
}


def pseudonymise(clear: str) -> str:
    return hmac.new(b"test key", clear.encode(), hashlib.sha256).hexdigest()[:16]


def context(**changes: Any) -> DriverContext:
    return DriverContext(**{"now": Clock().now, "pseudonymise": pseudonymise, "site": "test", **changes})


def connection(url: str, **options: Any) -> Connection:
    block = MQTT.connection_model.model_validate({"url": url, **options})
    return Connection(id="broker", driver="mqtt", options=block)


def point(name: str, *, factor: float = 1.0, divisor: float = 1.0, offset: float = 0.0, **source: Any) -> Point:
    model = MQTT.point_model.model_validate(source)
    return Point(
        name=name,
        unit=point_unit(name),
        factor=factor,
        divisor=divisor,
        offset=offset,
        valid=model.valid,
        source=model,
    )


def device(
    identity: str = "meter",
    *,
    points: dict[str, dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    profile: dict[str, Any] | None = None,
    device_class: str = "environment",
    **address: Any,
) -> Device:
    return Device(
        id=identity,
        name=identity,
        connection="broker",
        device_class=device_class,
        address=MQTT.device_model.model_validate({"topic": f"meters/{identity}", **address}),
        protocol=None if profile is None else MQTT.profile_model.model_validate(profile),
        points={name: point(name, **source) for name, source in (points or {}).items()},
        events=tuple(MQTT.event_model.model_validate(event) for event in events or ()),
    )
