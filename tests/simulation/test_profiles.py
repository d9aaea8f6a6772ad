"""Whatever a site file may describe can be simulated: every shipped profile, points of every type."""

import time
from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.settings.loading import SHIPPED
from monitor.simulation import payload
from monitor.simulation.unit import Unit
from monitor.simulation.world import World

PROFILES = sorted((SHIPPED / "profiles").glob("**/*.yaml"))
_SITE = """
site: {id: house, timezone: Europe/Berlin}
connections:
  - {id: modbus, modbus: {transport: tcp, host: 127.0.0.1, port: 1502}}
  - {id: mqtt, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
"""
_INLINE = """
  - id: all-types
    connection: modbus
    unit: 9
    every: 5 s
    class: equipment
    points:
      energy_kwh: {register: holding 0, type: uint32, unit: kWh}
      starts: {register: holding 2, type: uint16}
      mode: {register: holding 3, type: uint16, map: {1: off, 2: heating}}
      serial: {register: holding 4, type: "string:12"}
      number: {register: holding 20, type: "string:4"}
      serial_number: {register: holding 30, type: uint32}
      open: {register: coil 3}
      fault: {register: holding 40, bit: 3}
      power_w: {register: holding 41, type: int32, scale_register: holding 43, unit: W}
      hours_h: {register: holding 44, type: bcd32, unit: h}
"""


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_device_of_every_shipped_profile_shows_values_that_fit(path: Path, tmp_path: Path) -> None:
    driver = "modbus" if "\nmodbus:" in path.read_text("utf-8") else "mqtt"
    where = "unit: 1" if driver == "modbus" else "topic: some/where"
    points = (
        "{running: {register: discrete 0}, fault: {register: discrete 1}}" if path.stem == "digital-input" else ""
    )
    own = f", points: {points}" if points else ""
    file = tmp_path / "site.yaml"
    file.write_text(f"{_SITE}  - {{id: it, profile: {path.stem}, connection: {driver}, {where}{own}}}\n", "utf-8")
    world = World(load_site(file).site)
    device = world.site.devices["it"]

    values = world.values(device, time.time())

    assert values.keys() == device.points.keys()
    if driver == "modbus":
        unit = Unit(device)
        for point, value in values.items():
            unit.put(point, value)
    elif device.points:
        assert payload.reading(device, values, time.time())


def test_points_of_every_type_show_values_that_fit(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(_SITE + _INLINE, "utf-8")
    world = World(load_site(file).site)
    device = world.site.devices["all-types"]
    unit = Unit(device)

    values = world.values(device, time.time())
    for point, value in values.items():
        unit.put(point, value)

    assert values["mode"] in {"off", "heating"}
    assert isinstance(values["serial"], str)
    assert isinstance(values["serial_number"], int)
