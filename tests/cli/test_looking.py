"""`init` at a terminal, with a line that has meters on it and a broker on which somebody speaks."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.app import load_site
from monitor.simulation.line import LineSettings
from monitor.simulation.terminal import SimulatedLine
from monitor.simulation.unit import Unit
from monitor.simulation.world import World
from tests.cli.terminal import Terminal
from tests.servers.mosquitto import Mosquitto

SITE = """
site: {id: house, timezone: Europe/Berlin}
connections:
  - {id: line, modbus: {transport: rtu, port: /dev/ttyUSB0}}
devices:
  - {id: a, profile: eastron-sdm630, connection: line, unit: 2}
  - {id: b, profile: xintai-water, connection: line, unit: 3}
"""
NOW = 1_790_000_000.0


@pytest.fixture
def line(tmp_path: Path) -> Iterator[str]:
    """The path of a line with an electricity meter and a water meter."""
    file = tmp_path / "plant.yaml"
    file.write_text(SITE)
    world = World(load_site(file).site)
    units = {}
    for device in world.site.devices.values():
        units[device.address.unit] = unit = Unit(device)
        for point, value in world.values(device, NOW).items():
            unit.put(point, value)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    served = SimulatedLine(units, LineSettings(baudrate=115200))
    yield asyncio.run_coroutine_threadsafe(served.start(), loop).result(10)
    asyncio.run_coroutine_threadsafe(served.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that has retained what a gas meter said last."""
    with Mosquitto(tmp_path / "broker") as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        said = {"_": "telegram", "media": "gas", "meter": "elster", "name": "Gas", "id": "05105025"}
        said |= {"total_m3": 3223.47, "timestamp": "2026-11-27T08:00:00Z"}
        sent = client.publish("wmbusmeters/05105025", json.dumps(said), 1, retain=True)
        sent.wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        yield broker


def test_what_is_found_is_proposed_and_what_is_wanted_is_written(
    line: str, broker: Mosquitto, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    with Terminal("init", file) as terminal:
        terminal.answer("Name of the site", "Maple Court")
        for question in ("[maple-court]", "Time zone", "[en]"):
            terminal.answer(question)
        terminal.answer("Modbus", line)
        terminal.answer("Speed", "115200")
        for question in ("Parity", "Stop bits"):
            terminal.answer(question)
        terminal.answer("MQTT broker", broker.url)
        terminal.answer("User name there")
        terminal.answer("Unit ids to ask", "300")
        wrong = terminal.answer("Unit ids to ask", "1-4")
        sure = terminal.answer("Add unit 2 as eastron-sdm630", "")
        terminal.answer("Add unit 3 as xintai-water", "n")
        terminal.answer("Listen to it", "y")
        gas = terminal.answer("? [Y/n]", "")
        for question in ("Model of a device", "Who is told", "InfluxDB"):
            terminal.answer(question)
        code = terminal.end()
    site = load_site(file).site

    assert code == 0, terminal.shown
    assert "unit ids are from 0 to 255" in wrong
    assert "unit 2: sure: eastron-sdm630" in sure
    assert "wmbusmeters/05105025" in gas
    found = {(device.profile, getattr(device.address, "unit", None)) for device in site.devices.values()}
    assert found == {("eastron-sdm630", 2), ("elster-wmbus", None)}


def test_a_line_that_is_not_there_is_told_and_the_questions_go_on(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    with Terminal("init", file) as terminal:
        terminal.answer("Name of the site", "Maple Court")
        for question in ("[maple-court]", "Time zone", "[en]"):
            terminal.answer(question)
        terminal.answer("Modbus", "/dev/ttyNOWHERE")
        for question in ("Speed", "Parity", "Stop bits", "MQTT broker"):
            terminal.answer(question)
        terminal.answer("Unit ids to ask", "1-2")
        told = terminal.answer("Model of a device")
        for question in ("Who is told", "InfluxDB"):
            terminal.answer(question)
        code = terminal.end()

    assert code == 0, terminal.shown
    assert "ttyNOWHERE" in told
    assert load_site(file).site.connections["modbus"].options.port == "/dev/ttyNOWHERE"
