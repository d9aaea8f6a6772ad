"""Modbus: planning, decoding and the client."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.events import ModbusEvent
from drivers.modbus.settings import DeviceModel, PointSource, ProfileModel
from monitor.ports import Budget, DriverContext
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
    event_model: type[Any] | None = ModbusEvent

    def create(self, connection: Connection, devices: Sequence[Device], context: DriverContext) -> "ModbusDriver":
        """Make the driver of one connection and its devices; nothing is connected yet."""
        from drivers.modbus.client import ModbusDriver

        return ModbusDriver(connection, devices, context)

    def budget(self, connection: Connection, devices: Sequence[Device]) -> Budget | None:
        """Reckon what the devices take of the connection's time; None without devices."""
        from drivers.modbus.budget import needs_of, reckon
        from drivers.modbus.remedies import hints_of

        if not devices:
            return None
        options: ConnectionModel = connection.options
        needs = [needs_of(options, device) for device in devices]
        return reckon(needs, options.connections, hints=hints_of(options, needs))


MODBUS = ModbusType()
