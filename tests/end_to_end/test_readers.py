"""Readers of cards over Modbus with the whole daemon: one event a card, also over a kill; its number nowhere."""

import random
import time
from pathlib import Path

import pytest

from monitor.access.pseudonyms import Pseudonyms
from monitor.app import load_site
from monitor.simulation.modbus import Unit
from monitor.simulation.readers import Reader
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.ports import free_port

FIRST, SECOND = "00" * 15 + "53a41e45c6", "00" * 15 + "530b22c7d1"
HELD = "5d1e88f3"

_SITE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}, timeout: 5 s}}}}
devices:
  - {{id: garage, profile: inveo-rfid-ind, connection: bus, unit: 2, every: 200 ms, acknowledge: true}}
  - {{id: front, profile: technotrade-vrd-485, connection: bus, unit: 3, every: 200 ms}}
"""


def cards(daemon: Daemon) -> list[tuple[str, str]]:
    return [
        (event["device"], event["attributes"]["credential"])
        for event in daemon.entries(2)
        if event["kind"] == "card"
    ]


def polled(daemon: Daemon, device: str = "garage", times: int = 4) -> None:
    before = len(daemon.readings(device))
    daemon.until(lambda: len(daemon.readings(device)) >= before + times, f"{device} is polled")


@pytest.mark.fault(
    "SIGKILL",
    part="Modbus",
    outcome="A card whose event was kept, and not yet acknowledged before a kill, is acknowledged at the start.",
)
def test_a_kill_between_keeping_and_acknowledging_doubles_no_card_and_loses_none(tmp_path: Path) -> None:
    port = free_port()
    site = tmp_path / "site.yaml"
    site.write_text(_SITE.format(port=port), "utf-8")
    devices = load_site(site).site.devices
    units = {device.address.unit: Unit(device) for device in devices.values()}
    garage, front = (Reader(devices[name], units[unit]) for name, unit in (("garage", 2), ("front", 3)))
    allowed = set(units[2].may_be_written)
    with Endpoint(units, port), Daemon(site, tmp_path / "state") as daemon:
        daemon.start()
        polled(daemon)
        units[2].may_be_written.clear()  # no acknowledgement gets through
        garage.hold(FIRST)
        front.hold(HELD)
        daemon.until(lambda: len(cards(daemon)) == 2 and units[2].written, "both cards are kept")
        daemon.kill()
        units[2].may_be_written.update(allowed)
        daemon.start()
        daemon.until(lambda: units[2].get("coil", 1016, 1) == [0], "the first card is acknowledged")
        polled(daemon)
        daemon.kill()
        garage.hold(SECOND)
        daemon.start()
        daemon.until(lambda: len(cards(daemon)) >= 3, "the second card is kept")
        polled(daemon, "front")
        ran = [daemon.command(*words) for words in (("status",), ("devices",), ("readings", "front"))]
        assert daemon.stop() == 0
        told = cards(daemon)
        name = Pseudonyms.open(daemon.state)

    assert sorted(told[:2]) == sorted([("garage", name(FIRST)), ("front", name(HELD))])
    assert told[2:] == [("garage", name(SECOND))]
    files = [path.read_bytes() for path in daemon.state.rglob("*") if path.is_file()]
    said = [daemon.log.read_bytes(), *(each.stdout.encode() + each.stderr.encode() for each in ran), *files]
    for number in (FIRST[30:], SECOND[30:], HELD):
        assert not any(number.encode() in each.lower() for each in said)
        assert not any(bytes.fromhex(number) in each for each in said)
        assert not any(str(int(number, 16)).encode() in each for each in said)


_QUEUE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}, timeout: 5 s}}}}
devices:
  - {{id: garage, profile: inveo-rfid-ind, connection: bus, unit: 2, every: 200 ms, acknowledge: true}}
"""


@pytest.mark.fault(
    "SIGKILL",
    part="Modbus",
    outcome="Cards that wait in a reader's memory are kept once each and in order, wherever kills fall between"
    " reading, keeping and acknowledging.",
)
def test_a_memory_of_two_hundred_cards_is_kept_once_each_over_kills_at_random(tmp_path: Path) -> None:
    port = free_port()
    site = tmp_path / "site.yaml"
    site.write_text(_QUEUE.format(port=port), "utf-8")
    device = load_site(site).site.devices["garage"]
    unit = Unit(device)
    unit.faults.delay = 0.004  # so that a kill falls between requests, and not only before and after all of them
    reader = Reader(device, unit)
    numbers = [f"{number:040x}" for number in range(1, 201)]
    with Endpoint({2: unit}, port), Daemon(site, tmp_path / "state") as daemon:
        reader.queue(*numbers)
        for kill in (1, 2, 3):
            daemon.start()
            daemon.until(lambda kill=kill: len(reader.waiting) <= 200 - 40 * kill, "some cards are kept")
            time.sleep(random.uniform(0, 0.05))
            daemon.kill()
        daemon.start()
        daemon.until(lambda: not reader.waiting and unit.get("coil", 1016, 1) == [0], "no card is left")
        assert daemon.stop() == 0
        told = [credential for _, credential in cards(daemon)]
        name = Pseudonyms.open(daemon.state)

    assert told == [name(number) for number in numbers]
