"""`identify` as a person runs it, on simulated buses that hold what real meters hold."""

import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.simulation.line import LineSettings
from monitor.simulation.modbus import SimulatedBus
from monitor.simulation.terminal import SimulatedLine
from monitor.simulation.unit import Unit
from tests.cli.running import aside, command
from tests.cli.terminal import Terminal
from tests.drivers.modbus.survey import meters

SITE = "site: {id: house, timezone: Europe/Berlin}\n"


def served(model: str) -> Unit:
    """A unit of the simulation that holds what a meter of that model holds, and refuses all else."""
    unit = Unit()
    image = meters.METERS[model]()
    for table in ("holding", "input"):
        words = getattr(image.tables[table], "words", {})
        for address, word in words.items():
            unit.set(table, address, [word])  # type: ignore[arg-type]
        ends = sorted(words)
        holes = zip([-1, *ends], [*ends, 65536], strict=True)
        unit.faults.refused += [
            (table, before + 1, after - 1, 2)  # type: ignore[misc]
            for before, after in holes
            if after - before > 1
        ]
    return unit


@pytest.fixture
async def port() -> AsyncIterator[str]:
    """A gateway: an ABB meter, one whose model is not sure, one that is no meter."""
    nothing = Unit()
    chance = random.Random(3)
    nothing.set("holding", 0, [chance.randrange(65536) for _ in range(200)])
    bus = SimulatedBus({1: served("abb-b23"), 2: served("kbr-f144"), 3: nothing})
    number = await bus.start()
    yield str(number)
    await bus.stop()


def bus_at(port: str) -> tuple[str, ...]:
    return ("--host", "127.0.0.1", "--tcp-port", port, "--timeout", "500 ms")


async def test_the_answer_says_which_how_sure_and_why(port: str, tmp_path: Path) -> None:
    ran = await command("identify", *bus_at(port), "--unit", "1", home=tmp_path)

    lines = ran.out.splitlines()
    assert (ran.code, lines[0]) == (0, "unit 1: sure: abb-b23 (ABB B23)"), ran.err
    assert "  + holding 35168 (0x8960) holds 1110586144: ABB B23" in lines
    assert "  + 229.8, 231.4, 230.6 V from holding 23296 (0x5B00) on as uint32 ABCD" in lines
    assert "60 requests each at most" in ran.err


async def test_what_is_no_meter_is_shown_and_what_is_not_sure_is_said(port: str, tmp_path: Path) -> None:
    ran = await aside("identify", *bus_at(port), "--units", "2-3", home=tmp_path)

    assert "unit 2: possible: kbr-f144 (KBR multicomp F144)" in ran.out
    assert "compare what it reads with the display" in ran.out
    assert "unit 3: no profile fits to what it holds" in ran.out
    assert "facility-monitor read 3 " in ran.out


async def test_for_programs(port: str, tmp_path: Path) -> None:
    ran = await aside("identify", *bus_at(port), "--units", "1,3", "--json", home=tmp_path)

    first, other = ran.json["units"]
    assert (first["unit"], first["certainty"], first["models"][0]["profile"]) == (1, "sure", "abb-b23")
    assert first["models"][0]["reasons"][0]["kind"] == "mark"
    assert (other["certainty"], other["models"]) == ("none", [])
    assert other["words"]
    assert ran.json["complete"] is True


async def test_only_what_is_sure_is_added_when_nobody_is_there(port: str, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE)
    words = ("identify", *bus_at(port), "--units", "1-3", "--add", site)
    ran = await aside(*words, home=tmp_path)

    (device,) = load_site(site).site.devices.values()
    assert (device.profile, device.address.unit) == ("abb-b23", 1)
    assert "not added, because it is not sure: unit 2: possible" in ran.err
    again = await aside(*words, home=tmp_path)
    assert again.code == 0
    assert len(load_site(site).site.devices) == 1


async def test_what_is_pasted_is_a_site_file(port: str, tmp_path: Path) -> None:
    ran = await aside("identify", *bus_at(port), "--units", "1-3", "--yaml", home=tmp_path)
    site = tmp_path / "site.yaml"
    site.write_text(SITE + ran.out)

    devices = load_site(site).site.devices
    assert {device.profile for device in devices.values()} == {"abb-b23", "kbr-f144"}


@contextmanager
def gateway(folder: Path, model: str) -> Iterator[str]:
    """A gateway in a process of its own, with one meter as unit 2: a terminal is read by whoever waits for it."""
    script = folder / "serve.py"
    script.write_text(
        "import asyncio\n"
        "from monitor.simulation.modbus import SimulatedBus\n"
        "from tests.cli.test_identify import served\n"
        "async def main():\n"
        f"    print(await SimulatedBus({{2: served('{model}')}}).start(), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    environ = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked_about_what_is_not_sure(tmp_path: Path, answer: str) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE)
    with (
        gateway(tmp_path, "kbr-f144") as port,
        Terminal("identify", *bus_at(port), "--unit", "2", "--add", str(site)) as terminal,
    ):
        terminal.answer("Add it as kbr-f144?", answer)
        code = terminal.end()

    assert code == 0
    assert [device.profile for device in load_site(site).site.devices.values()] == ["kbr-f144"] * (answer == "y")


def test_ctrl_c_shows_what_was_found_so_far(tmp_path: Path) -> None:
    with gateway(tmp_path, "eltako-dsz15") as port:
        words = ("--host", "127.0.0.1", "--tcp-port", port, "--timeout", "5 s")
        with Terminal("identify", *words, "--units", "2-9") as terminal:
            terminal.press_ctrl_c("unit 2: sure")
            code = terminal.end()

    assert code == 130
    assert "1 of 8 units asked, before it was ended" in terminal.shown


async def test_a_meter_on_a_serial_line_is_found(tmp_path: Path) -> None:
    async with SimulatedLine({7: served("eltako-dsz15")}, LineSettings(baudrate=115200)) as path:
        ran = await aside(
            "identify", "--port", path, "--baudrate", "115200", "--unit", "7", "--timeout", "500 ms", home=tmp_path
        )

    assert ran.out.startswith("unit 7: sure: eltako-dsz15"), ran.out + ran.err


async def test_nobody_is_told(port: str, tmp_path: Path) -> None:
    words = ("--host", "127.0.0.1", "--tcp-port", port, "--timeout", "50 ms")
    ran = await aside("identify", *words, "--unit", "9", home=tmp_path)

    assert ran.out.startswith("unit 9: nobody answers")
    assert ran.code == 0


async def test_wrong_usage_is_told(port: str, tmp_path: Path) -> None:
    neither = await aside("identify", *bus_at(port), home=tmp_path)
    volts = await aside("identify", *bus_at(port), "--unit", "1", "--nominal", "0", home=tmp_path)

    assert (neither.code, volts.code) == (2, 2)
    assert "say which device" in neither.err
    assert "in volts" in volts.err
