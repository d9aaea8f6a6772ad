"""From six unknown meters on a line to their readings: by the commands alone, as a technician does it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.app import load_site
from tests.end_to_end.daemon import Daemon, until

PLANT = """\
site: {{id: plant, timezone: Europe/Berlin}}
connections:
  - {{id: line, modbus: {{transport: rtu, port: {port}, baudrate: 19200}}}}
devices:
  - {{id: a, profile: eastron-sdm630, connection: line, unit: 1, every: 10 s}}
  - {{id: b, profile: abb-b23, connection: line, unit: 2, every: 10 s}}
  - {{id: c, profile: carlo-gavazzi-em340, connection: line, unit: 7, every: 10 s}}
  - {{id: d, profile: janitza-umg96rm, connection: line, unit: 12, every: 10 s}}
  - {{id: e, profile: inepro-pro380, connection: line, unit: 20, every: 10 s}}
  - {{id: f, profile: hager-ecr380d, connection: line, unit: 21, every: 10 s}}
"""
ANSWERS = "name: Maple Court\ntimezone: Europe/Berlin\n"


def _run(*words: str | Path, piped: str = "") -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "monitor", *map(str, words)],
        input=piped,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Path]:
    """A line with six meters of which nobody knows anything but the colour of its cable."""
    port = tmp_path / "ttyRS485"
    file = tmp_path / "plant.yaml"
    file.write_text(PLANT.format(port=port))
    plant = subprocess.Popen([sys.executable, "-m", "monitor", "simulate", file], stdout=subprocess.PIPE)
    until(port.exists, "the line is there")
    yield port
    plant.terminate()
    plant.communicate(timeout=30)


def test_six_unknown_meters_become_readings(port: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    _run("init", site, piped=ANSWERS)
    scanned = json.loads(
        _run("scan", "--port", port, "--units", "1-3,7,12,20-22", "--baudrates", "9600,19200", "--json")
    )
    units = [unit["unit"] for unit in scanned["units"]]
    lines = {unit["line"] for unit in scanned["units"]}
    bus = ("--port", port, "--baudrate", "19200", "--units", ",".join(map(str, units)))
    named = json.loads(_run("identify", *bus, "--json"))
    _run("identify", *bus, "--add", site)
    checked = _run("check", site)
    with Daemon(site, tmp_path / "state") as daemon:
        daemon.start()
        ids = list(load_site(site).site.devices)
        for ident in ids:
            newest = daemon.until(lambda ident=ident: _values(daemon, ident), f"{ident} is read")
            volts = next(value for name, value in newest.items() if name.startswith("voltage_l1_"))
            assert 220 < volts < 240

    assert units == [1, 2, 7, 12, 20, 21]
    assert lines == {"19200 baud, 8N1"}
    found = {unit["unit"]: (unit["certainty"], unit["models"][0]["profile"]) for unit in named["units"]}
    assert found == {
        1: ("sure", "eastron-sdm630"),
        2: ("sure", "abb-b23"),
        7: ("sure", "carlo-gavazzi-em340"),
        12: ("sure", "janitza-umg96rm"),
        20: ("sure", "inepro-pro380"),
        21: ("sure", "hager-ecr380d"),
    }
    assert "is fine: 6 devices" in checked
    assert len(ids) == 6


def _values(daemon: Daemon, device: str) -> dict[str, float]:
    """What a device says, once it says anything."""
    readings = daemon.ask("readings", device, "--last", "10") or []
    values = {name: value for reading in readings for name, value in reading["values"].items()}
    return values if any(name.startswith("voltage_l1_") for name in values) else {}
