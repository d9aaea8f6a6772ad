"""Drivers: one package per protocol, named in the table below and nowhere else."""

DRIVERS: dict[str, str] = {
    "modbus": "drivers.modbus:MODBUS",
    "mqtt": "drivers.mqtt:MQTT",
}
"""Protocol (the key of a connection's block in the site file) -> `module:object`, a `monitor.ports.DriverType`."""
