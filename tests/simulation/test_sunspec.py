"""SunSpec meters are simulated as devices have them: found by their map, over the network and on a slow line."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.modbus import MODBUS
from drivers.modbus.client import ModbusDriver
from monitor.app import load_site
from monitor.model import Missing
from monitor.site import Site
from tests.drivers.modbus.site import CONTEXT
from tests.servers.ports import free_port
from tests.simulation.playing import Played, playing

_SITE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: line, modbus: {{transport: rtu, port: {folder}/line, baudrate: 9600, timeout: 5 s}}}}
  - {{id: net, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}, timeout: 5 s}}}}
devices:
  - {{id: riser, profile: sunspec-meter, connection: line, unit: 1}}
  - {{id: second, profile: sunspec-meter, connection: net, unit: 1, instance: 2}}
  - {{id: first, profile: sunspec-meter, connection: net, unit: 1}}
  - {{id: floats, profile: sunspec-meter-float, connection: net, unit: 2}}
  - {{id: whole, profile: sunspec-meter, connection: net, unit: 2}}
"""


def _site(folder: Path) -> Site:
    file = folder / "site.yaml"
    file.write_text(_SITE.format(folder=folder, port=free_port()), "utf-8")
    return load_site(file).site


@asynccontextmanager
async def reading(folder: Path, connection: str) -> AsyncIterator[tuple[Played, ModbusDriver]]:
    """A simulated site, and our driver for one of its connections."""
    site = _site(folder)
    async with playing(folder, site) as played:
        devices = [each for each in site.devices.values() if each.connection == connection]
        modbus = MODBUS.create(site.connections[connection], devices, CONTEXT)
        try:
            yield played, modbus
        finally:
            await modbus.close()


@pytest.mark.parametrize("device", ["first", "second", "floats", "whole"])
async def test_a_simulated_meter_shows_all_its_points(tmp_path: Path, device: str) -> None:
    async with reading(tmp_path, "net") as (played, modbus):
        before = played.world.values(played.site.devices[device], time.time() - 1.0)
        answers = [await modbus.read(device, scan) for scan in ("fast", "slow", "once")]

        expected = played.world.values(played.site.devices[device], time.time())
    values = {name: value for answer in answers for name, value in answer.values.items()}
    missing = {name: reason for answer in answers for name, reason in answer.missing.items()}
    never_counted = {name for name in expected if "export" in name} if device != "floats" else set()
    assert missing == dict.fromkeys(never_counted, Missing.SENTINEL)
    if device not in {"floats", "whole"}:  # these share a model 1
        assert values["serial_number"] == expected["serial_number"]
    assert values["voltage_ll_v"] == pytest.approx(398, rel=0.05)
    for name in ("voltage_l1_v", "current_l1_a", "frequency_hz", "pf", "energy_import_kwh"):
        assert values[name] in (pytest.approx(before[name], rel=0.05), pytest.approx(expected[name], rel=0.05))


async def test_a_meter_on_a_line_of_9600_baud_is_found_and_read(tmp_path: Path) -> None:
    async with reading(tmp_path, "line") as (played, modbus):
        fast = await modbus.read("riser", "fast")
        found = modbus.traffic("riser").requests
        again = await modbus.read("riser", "fast")
        budget = MODBUS.budget(played.site.connections["line"], [played.site.devices["riser"]])

    assert (fast.missing, again.missing) == ({}, {})
    assert found == 4  # SunS, two models, values
    assert modbus.traffic("riser").requests == 5
    assert modbus.traffic("riser").errors == {}
    # one request of 38 registers: 13 characters of 10 bits, 25 + 2 ms, the silence, 2 characters a register
    assert budget is not None
    assert budget.polls["riser"]["fast"] == pytest.approx((27 + (13 + 3.5 + 76) * 10 / 9.6) / 1000)


async def test_faults_meet_a_sunspec_meter_as_any_other(tmp_path: Path) -> None:
    async with reading(tmp_path, "net") as (played, modbus):
        before = await modbus.read("floats", "slow")
        await played.play(
            "{device: floats, fault: glitch, point: energy_import_kwh, value: 5, from: 1 s}",
            "{device: floats, fault: exception, code: 2, from: 2 s, for: 1 s}",
        )
        await played.step(1)
        glitch = await modbus.read("floats", "slow")
        await played.step(2)
        refused = await modbus.read("floats", "slow")
        await played.step(3)
        await modbus.read("floats", "slow")  # its map is there again
        after = await modbus.read("floats", "slow")

    assert glitch.values["energy_import_kwh"] == 5.0
    assert set(refused.missing.values()) == {Missing.REFUSED}
    assert refused.answered
    assert before.values.keys() == glitch.values.keys() == after.values.keys()
