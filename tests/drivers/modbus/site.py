"""Connections and devices for the tests, written as a site file would write them."""

from typing import Any

from drivers.modbus import MODBUS
from drivers.modbus.client import ModbusDriver
from monitor.clock import Clock
from monitor.ports import DriverContext
from monitor.schema import point_unit
from monitor.site import Connection, Device, Point

CONTEXT = DriverContext(now=Clock().now, pseudonymise=lambda text: text, site="test")


def point(name: str, *, factor: float = 1.0, divisor: float = 1.0, offset: float = 0.0, **written: Any) -> Point:
    """A point; everything but its scaling is spelt as in a profile."""
    source = MODBUS.point_model.model_validate(written)
    return Point(
        name=name,
        unit=point_unit(name),
        factor=factor,
        divisor=divisor,
        offset=offset,
        valid=source.valid,
        scan=source.scan,
        source=source,
    )


def device(*points: Point, name: str = "meter", unit: int = 1, profile: dict[str, Any] | None = None) -> Device:
    return Device(
        id=name,
        name=name,
        profile=None,
        connection="bus",
        device_class="electricity",
        scan={"fast": 1.0, "slow": 60.0},
        address=MODBUS.device_model(unit=unit),
        protocol=None if profile is None else MODBUS.profile_model.model_validate(profile),
        points={point.name: point for point in points},
    )


def connection(port: int, **options: Any) -> Connection:
    written = {"transport": "tcp", "host": "127.0.0.1", "port": port, "timeout": "400 ms", "retries": 0}
    return Connection(id="bus", driver="modbus", options=MODBUS.connection_model.model_validate(written | options))


def driver_of(written: dict[str, Any], *devices: Device, **options: Any) -> ModbusDriver:
    """A driver of whatever transport, patient enough for a busy machine only where the test says so."""
    model = MODBUS.connection_model.model_validate({"timeout": "400 ms", "retries": 0} | written | options)
    return MODBUS.create(Connection(id="bus", driver="modbus", options=model), devices, CONTEXT)


def driver(port: int, *devices: Device, **options: Any) -> ModbusDriver:
    return MODBUS.create(connection(port, **options), devices, CONTEXT)
