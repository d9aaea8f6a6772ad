"""`scan`, `read` and `watch` as a person runs them, on a simulated line and through a running daemon."""

import asyncio
import json
import os
import signal
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
from tests.cli.running import aside, command, within
from tests.cli.terminal import Terminal
from tests.end_to_end.daemon import Daemon
from tests.servers.ports import free_port

LINE = ("--baudrate", "115200")
SITE = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: line, modbus: {{transport: rtu, port: {port}, baudrate: 115200}}}}
  - {{id: gateway, modbus: {{transport: tcp, host: 127.0.0.1, port: {number}}}}}
devices:
  - id: meter
    connection: line
    unit: 3
    every: 1 s
    class: electricity
    points: {{voltage_l1_v: {{register: holding 100, type: float32, unit: V}}}}
"""


@pytest.fixture
def meter() -> Unit:
    unit = Unit()
    unit.set("holding", 100, [0x4366, 0x8000])
    unit.faults.refused.append(("holding", 300, 400, 2))
    return unit


@pytest.fixture
async def port(meter: Unit) -> AsyncIterator[str]:
    async with SimulatedLine({3: meter}, LineSettings(baudrate=115200)) as path:
        yield path


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A home in which no daemon is."""
    return tmp_path


async def test_a_scan_says_beforehand_how_long_it_takes_and_what_it_found(port: str, nobody: Path) -> None:
    ran = await command("scan", "--port", port, *LINE, "--units", "1-5", "--timeout", "400 ms", home=nobody)

    assert ran.code == 0
    assert ran.err.splitlines()[0] == f"asking 5 unit ids on {port} (115200 baud, 8N1): about 2 s if few answer"
    assert ran.err.splitlines()[1].startswith("unit 3: holding answers")
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[2][:5] == ["3", "answers", "answers", "answers", "answers"]
    assert ran.out.splitlines()[-1] == f"1 unit found on {port}"


async def test_a_scan_for_programs(port: str, nobody: Path) -> None:
    ran = await aside(
        "scan", "--port", port, *LINE, "--units", "3,4", "--timeout", "400 ms", "--json", home=nobody
    )

    (unit,) = ran.json["units"]
    assert (unit["unit"], unit["line"], unit["late"]) == (3, "115200 baud, 8N1", False)
    assert unit["tables"]["holding"] == {"said": "answer", "code": None}
    assert (ran.json["asked"], ran.json["complete"]) == (2, True)


async def test_other_line_settings_are_tried(port: str, nobody: Path) -> None:
    words = ("--baudrates", "9600,115200", "--units", "3", "--timeout", "400 ms", "--json")
    ran = await aside("scan", "--port", port, *words, home=nobody)

    assert ran.err.splitlines()[0].startswith(f"asking 1 unit id on {port} (2 line settings)")
    assert [unit["line"] for unit in ran.json["units"]] == ["9600 baud, 8N1", "115200 baud, 8N1"]  # a pty has none


async def test_what_was_found_is_pasted_or_added(port: str, nobody: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("site: {id: house, timezone: Europe/Berlin}\n")
    words = ("scan", "--port", port, *LINE, "--units", "3", "--timeout", "300 ms")
    pasted = await aside(*words, "--yaml", home=nobody)
    added = await aside(*words, "--add", site, home=nobody)
    (tmp_path / "pasted").mkdir()
    (tmp_path / "pasted/site.yaml").write_text("site: {id: house, timezone: Europe/Berlin}\n" + pasted.out)

    assert added.code == 0, added.err
    again = await aside(*words, "--add", site, home=nobody)
    assert again.err.splitlines()[-1] == f"nothing to be added to {site}"
    for file in (site, tmp_path / "pasted/site.yaml"):
        (device,) = load_site(file).site.devices.values()
        options = load_site(file).site.connections[device.connection].options
        assert (device.address.unit, list(device.points)) == (3, ["value"])
        assert (options.path, str(options.line)) == (port, "115200 baud, 8N1")


@contextmanager
def _line(script: Path) -> Iterator[str]:
    """A simulated line in a process of its own: a terminal is read by whoever waits for it."""
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


def test_ctrl_c_shows_what_was_found_so_far(tmp_path: Path) -> None:
    script = tmp_path / "line.py"
    script.write_text(
        "import asyncio\nfrom monitor.simulation.terminal import SimulatedLine\n"
        "from monitor.simulation.unit import Unit\n"
        "async def main():\n"
        "    async with SimulatedLine({2: Unit()}) as path:\n"
        "        print(path, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with _line(script) as path:
        with Terminal("scan", "--port", path) as terminal:
            terminal.press_ctrl_c("unit 2: holding answers")
            code = terminal.end()
        with Terminal("read", "2", "holding 0", "--port", path) as again:
            read = again.end()

    assert code == 130
    assert "1 unit found on" in terminal.shown
    assert "so far, before it was ended" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert read == 0, again.shown


async def test_addresses_of_a_network(nobody: Path) -> None:
    bus = SimulatedBus({1: Unit()})
    number = await bus.start(host="127.0.0.9")
    words = ("scan", "--hosts", "127.0.0.8/29", "--tcp-port", str(number), "--timeout", "500 ms")
    people, programs, pasted = await asyncio.gather(
        aside(*words, home=nobody), aside(*words, "--json", home=nobody), aside(*words, "--yaml", home=nobody)
    )
    await bus.stop()

    assert f"127.0.0.9   {number}   Modbus, unit 1" in people.out
    assert [(host["host"], host["units"][0]["unit"]) for host in programs.json["hosts"]] == [("127.0.0.9", 1)]
    assert "{id: modbus-127-0-0-9, modbus: {transport: tcp, host: 127.0.0.9" in pasted.out


async def test_a_register_in_all_orders(port: str, nobody: Path) -> None:
    words = ("--unit", "3", "holding 0x64", "--type", "float32", "--port", port, *LINE)
    people = await command("read", *words, home=nobody)
    programs = await aside("read", *words, "--json", home=nobody)

    assert people.out.splitlines()[0].split() == ["register", "hex", "ABCD", "CDAB", "BADC", "DCBA"]
    assert people.out.splitlines()[2].split()[:5] == ["holding", "100", "4366", "8000", "230.5"]
    (value,) = programs.json["values"]
    assert programs.json["registers"] == [0x4366, 0x8000]
    assert (value["type"], value["orders"]["ABCD"]) == ("float32", 230.5)


async def test_a_register_of_no_known_type(port: str, nobody: Path) -> None:
    ran = await aside("read", "3", "holding", "100", "--port", port, *LINE, home=nobody)

    assert [line.split() for line in ran.out.splitlines()[2:4]] == [
        ["holding", "100", "4366", "17254", "17254"],
        ["holding", "101", "8000", "32768", "-32768"],
    ]
    assert "float32   230.5" in ran.out


async def test_a_register_as_a_point(port: str, nobody: Path, tmp_path: Path) -> None:
    words = ("3", "holding 100", "--type", "float32", "--order", "CDAB", "--port", port, *LINE, "--yaml")
    ran = await aside("read", *words, home=nobody)
    site = tmp_path / "site.yaml"
    site.write_text("site: {id: house, timezone: Europe/Berlin}\n" + ran.out)

    point = next(iter(load_site(site).site.devices.values())).points["value"]
    assert (point.source.where.address, point.source.type, point.source.order) == (100, "float32", "CDAB")


async def test_refusals_in_plain_words(port: str, nobody: Path) -> None:
    hole = await aside("read", "3", "holding 300", "--port", port, *LINE, home=nobody)
    silence = await aside("read", "4", "holding 300", "--timeout", "200 ms", "--port", port, *LINE, home=nobody)
    missing = await aside("read", "4", "holding 300", "--port", "/nowhere/ttyUSB0", home=nobody)

    assert (hole.code, silence.code, missing.code) == (1, 1, 1)
    assert hole.err.startswith("error: the device has no register there: look the address up")
    assert silence.err.startswith("error: no answer within 0.2 s")
    assert "is the adapter plugged in" in missing.err
    assert hole.out + silence.out + missing.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ("scan",),
        ("scan", "--port", "/dev/ttyUSB0", "--host", "10.0.0.1"),
        ("scan", "--host", "10.0.0.1", "--baudrates", "9600"),
        ("scan", "--port", "/dev/ttyUSB0", "--transport", "tcp"),
        ("scan", "--port", "/dev/ttyUSB0", "--parity", "mark"),
        ("scan", "--port", "/dev/ttyUSB0", "--timeout", "7"),
        ("scan", "--port", "/dev/ttyUSB0", "--parities", "some"),
        ("scan", "--hosts", "10.0.0.0/24", "--host", "10.0.0.1"),
        ("read", "holding 100", "--host", "10.0.0.1"),
        ("read", "3", "holding", "--host", "10.0.0.1"),
        ("read", "3", "holding 1", "--type", "double", "--host", "10.0.0.1"),
        ("read", "3", "holding 1", "--order", "EFGH", "--host", "10.0.0.1"),
        ("watch", "3", "holding 1", "--every", "1 ms", "--host", "10.0.0.1"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...], nobody: Path) -> None:
    ran = within(*words, home=nobody)

    assert ran.code == 2
    assert "Error: Invalid value" in ran.err


async def test_watch_shows_what_changes_until_ctrl_c(port: str, meter: Unit, nobody: Path) -> None:
    words = (
        "watch",
        "3",
        "holding 100",
        "--type",
        "float32",
        "--every",
        "100 ms",
        "--port",
        port,
        *LINE,
        "--yaml",
    )
    watching = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", sys.executable, "-m", "monitor", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"XDG_STATE_HOME": str(nobody)},
    )
    assert watching.stdout is not None
    lines: list[str] = []

    async def until(text: str) -> None:
        async with asyncio.timeout(60):
            while text not in "".join(lines):
                line = await watching.stdout.readline()  # type: ignore[union-attr]
                assert line, lines
                lines.append(line.decode())

    await until("230.5")
    meter.set("holding", 100, [0x4367])
    await until("ABCD 230.5 → 231.5")
    meter.faults.silent = True
    await until("no answer within 1 s")
    meter.faults.silent = False
    await until("answers again")
    watching.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(watching.communicate(), 60)

    assert watching.returncode == 0
    assert err == b""
    assert b"Traceback" not in out
    assert b"points: {value: {register: holding 100, type: float32}}" in out


async def test_a_daemon_that_has_the_bus_is_asked(port: str, tmp_path: Path) -> None:
    site, number = tmp_path / "site.yaml", free_port()
    site.write_text(SITE.format(port=port, number=number))
    state = tmp_path / "state"
    with Daemon(site, state) as daemon:
        await asyncio.to_thread(daemon.start)
        await asyncio.to_thread(daemon.until, lambda: daemon.readings("meter"), "the meter is read")
        here = ("--connection", "line", "--state", state)
        scanned = await aside("scan", *here, "--units", "2-4", "--timeout", "300 ms", "--json")
        pasted = await aside("scan", *here, "--units", "3", "--timeout", "300 ms", "--yaml")
        read = await aside("read", "3", "holding 100", "--type", "float32", *here, "--json")
        hole = await aside("read", "3", "holding 300", *here)
        direct = await aside("read", "3", "holding 100", "--port", port, "--state", state)
        hosts = await aside("scan", "--hosts", "127.0.0.1", "--tcp-port", str(number), "--state", state, "--json")
        polls = len(daemon.readings("meter"))
        await asyncio.to_thread(daemon.until, lambda: len(daemon.readings("meter")) > polls, "it is polled on")

    assert [unit["unit"] for unit in scanned.json["units"]] == [3]
    assert "of the daemon, which lends a fifth of the bus's time (115200 baud, 8N1)" in scanned.err
    assert pasted.out.startswith("devices:\n  - {id: line-3, connection: line, unit: 3,")
    assert (hosts.json["hosts"], hosts.json["asked"]) == ([], 0)
    assert hosts.json["advice"][0].startswith("127.0.0.1: connection gateway of the running daemon")
    assert read.json["values"][0]["orders"]["ABCD"] == 230.5
    assert "the device has no register there" in hole.err
    assert direct.code == 1
    assert direct.err == (
        f"error: the running daemon has {port} as its connection line: ask through it with --connection line\n"
    )


async def test_without_a_daemon_a_connection_of_the_site_is_opened(
    port: str, nobody: Path, tmp_path: Path
) -> None:
    site, number = tmp_path / "site.yaml", free_port()
    site.write_text(SITE.format(port=port, number=number))
    read = await aside("read", "3", "holding 100", "--connection", "line", "--site", site, "--json", home=nobody)
    other = await aside("read", "3", "holding 100", "--connection", "riser", "--site", site, home=nobody)

    assert read.json["registers"] == [0x4366, 0x8000]
    assert (other.code, other.err) == (78, f"{site} has no connection riser: it has line, gateway\n")
    assert json.loads(read.out)["unit"] == 3
