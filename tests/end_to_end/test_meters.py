"""A meter that is swapped, and one that is read by hand: what a technician sees, mends and enters."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.app import load_site
from monitor.simulation.unit import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint

SITE = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}}}}}
devices:
  - id: main
    connection: plant
    unit: 1
    every: 200 ms
    class: water
    points:
      volume_m3: {{register: holding 0, type: uint32, scale: 0.001, unit: m3}}
  - {{id: garden, class: water, manual: volume_m3}}
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Daemon, Unit]]:
    with Endpoint({1: Unit()}) as endpoint:
        file = tmp_path / "site.yaml"
        file.write_text(SITE.format(port=endpoint.port))
        unit = endpoint.bus.units[1] = Unit(load_site(file).site.devices["main"])
        unit.put("volume_m3", 4693.5)
        with Daemon(file, tmp_path / "state").start() as daemon:
            daemon.until(lambda: _counter(daemon, "main")["register"] == 4693.5, "the meter has been read")
            yield daemon, unit


def _counter(daemon: Daemon, meter: str) -> Any:
    return daemon.get("meters", meter)["counters"][0]


def _around_today() -> str:
    """Some days that hold all of the test, also where it runs over a midnight."""
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    return f"{today - timedelta(days=2)}..{today + timedelta(days=1)}"


def test_a_swapped_meter_is_mended_with_the_command_that_is_shown(running: tuple[Daemon, Unit]) -> None:
    daemon, unit = running
    unit.put("volume_m3", 17.25)
    daemon.until(lambda: daemon.get("meters", "main")["breaks"], "the other meter is noticed")
    shown = daemon.command("meter", "show", "main").stdout
    found = re.search(r'meter replace main --at "([^"]*)" --final OLD --start NEW', shown)
    assert found is not None
    told = ("--at", found[1], "--final", "4694", "--start", "17", "--reason", "calibration")
    mended = daemon.command("meter", "replace", "main", *told)
    [broken] = daemon.get("meters", "main")["breaks"]
    [used] = daemon.get("meters", "main", "usage", period=_around_today())

    assert "which is a guess" in shown
    assert "OLD is 4693.5 m³ or more, NEW is 17.25 m³ or less" in shown
    assert mended.returncode == 0, mended.stderr
    assert "booked 0.75 m³ from" in mended.stdout
    assert (broken["cause"], broken["lost"], broken["reason"]) == ("replaced", False, "calibration")
    assert (used["amount"], used["estimated"]) == (0.75, 0)


def test_a_meter_that_nobody_can_wire_counts_what_is_entered(running: tuple[Daemon, Unit]) -> None:
    daemon, _ = running
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    before = (now - timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M%z")
    first = daemon.command("meter", "enter", "garden", "100.5 m3", "--at", before)
    second = daemon.command("meter", "enter", "garden", "130.5")
    lower = daemon.command("meter", "enter", "garden", "13")
    swapped = daemon.command("meter", "replace", "garden", "--final", "131", "--start", "2")
    [used] = daemon.get("meters", "garden", "usage", period=_around_today())

    assert "garden showed 100.5 m³ at " in first.stdout
    assert "that is 30 m³ since " in second.stdout
    assert lower.returncode == 1
    assert "meter replace" in lower.stderr
    assert "booked 0 m³ from" in swapped.stdout
    assert used["amount"] == 30.5
    assert _counter(daemon, "garden")["register"] == 2.0
