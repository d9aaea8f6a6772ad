"""Whatever a site file may describe can be simulated: every shipped profile, points of every type."""

import time
from pathlib import Path

import pytest

from drivers.mqtt.devices import Decoder, Message
from monitor.app import load_site
from monitor.model import Reading
from monitor.simulation import payload
from monitor.simulation.unit import Unit
from monitor.simulation.world import World
from tests.devices.library import Shipped, shipped

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


@pytest.mark.parametrize("one", shipped(), ids=str)
def test_a_device_of_every_shipped_profile_shows_values_that_fit(one: Shipped, tmp_path: Path) -> None:
    place = "unit: 1" if one.driver == "modbus" else "topic: some/where"
    file = tmp_path / "site.yaml"
    file.write_text(f"{_SITE}  - {one.entry(connection=one.driver, place=place)}\n", "utf-8")
    world = World(load_site(file).site)
    device = world.site.devices[one.ident]

    values = world.values(device, time.time())

    assert values.keys() == device.points.keys()
    if one.driver == "modbus":
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


def test_a_sparkplug_device_sends_metrics_by_name(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        f"{_SITE}  - id: it\n    connection: mqtt\n    class: electricity\n"
        "    topic: 'spBv1.0/plant/+/edge/{id}'\n"
        "    points:\n      power_w: {metric: P, unit: kW}\n      running: {metric: On}\n"
        "      mode: {metric: M, map: {auto: automatic}}\n",
        "utf-8",
    )
    world = World(load_site(file).site)
    device = world.site.devices["it"]
    values = world.values(device, time.time())

    [(topic, body)] = payload.reading(device, values, time.time())
    message = Message(1, 1, 0, False, False, topic, body, int(time.time() * 1000))
    [reading] = Decoder([device], str, qos=1).decode(message).entries

    assert topic == "spBv1.0/plant/DDATA/edge/it"
    assert isinstance(reading, Reading)
    assert reading.values == {name: pytest.approx(value) for name, value in values.items()}
