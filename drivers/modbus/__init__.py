"""Modbus: planning, decoding and the client."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.settings import DeviceModel, PointSource, ProfileModel
from monitor.ports import DriverContext
from monitor.site import Connection, Device

if TYPE_CHECKING:
    from drivers.modbus.client import ModbusDriver

__all__ = ["MODBUS", "ModbusType"]


class ModbusType:
    """What Modbus offers the house; pymodbus is imported only when a driver is made."""

    name = "modbus"
    polled = True
    connection_model = ConnectionModel
    device_model = DeviceModel
    profile_model = ProfileModel
    point_model = PointSource
    event_model: type[Any] | None = None

    def create(self, connection: Connection, devices: Sequence[Device], context: DriverContext) -> "ModbusDriver":
        """Make the driver of one connection and its devices; nothing is connected yet."""
        from drivers.modbus.client import ModbusDriver

        return ModbusDriver(connection, devices, context)


MODBUS = ModbusType()
