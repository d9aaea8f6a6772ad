"""`simulate` as a user runs it: without a meter, with a file of faults that is edited meanwhile."""

import asyncio
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trustme

from tests.end_to_end.daemon import COMMAND, Daemon, until
from tests.servers.masters import mbpoll
from tests.servers.ports import free_port


class Simulation:
    """`facility-monitor simulate …` in a process of its own."""

    def __init__(self, *words: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, "simulate", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def says(self, text: str, times: int = 1) -> None:
        until(
            lambda: sum(text in line for line in self.lines) >= times,
            lambda: f"it says {text!r}: {self.lines}",
        )

    def ends(self, how: signal.Signals | None = None) -> int:
        if how is not None:
            self.process.send_signal(how)
        status = self.process.wait(60)
        self._reader.join(60)
        return status


@contextmanager
def simulation(*words: str) -> Iterator[Simulation]:
    started = Simulation(*words)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait(60)
        started._reader.join(60)
        assert started.process.stdout is not None
        started.process.stdout.close()


def site_file(folder: Path, connections: str, devices: str) -> Path:
    file = folder / "site.yaml"
    file.write_text(
        f"site: {{id: house, timezone: Europe/Berlin}}\nconnections:\n{connections}\ndevices:\n{devices}\n",
        "utf-8",
    )
    return file


def newest(daemon: Daemon) -> dict[str, Any]:
    """The values of the newest reading of the water meter."""
    values: dict[str, Any] = daemon.entries(1)[-1][3]
    return values


WATER = "  - {id: water, profile: xintai-water, connection: plant, unit: 2, every: 500 ms}"


@pytest.mark.fault(
    "wrong settings",
    part="web and commands",
    outcome="A file with a mistake changes nothing in a running simulator, which says what is wrong and where.",
)
def test_the_daemon_reads_simulated_meters_and_faults_come_and_go_with_the_file(tmp_path: Path) -> None:
    plant = f"  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {free_port()}, timeout: 200 ms}}}}"
    site = site_file(tmp_path, plant, WATER)
    faults = tmp_path / "faults.yaml"
    faults.write_text("# nothing yet\n", "utf-8")
    with (
        simulation(str(site), "--faults", str(faults)) as simulated,
        Daemon(site, tmp_path / "state").start() as daemon,
    ):
        simulated.says("ready")
        daemon.until(lambda: daemon.readings("water"), "the meter is read")
        faults.write_text("- {device: water, fault: dead}\n", "utf-8")
        simulated.says("fault begins: water: dead")
        daemon.until(lambda: not newest(daemon), "the meter does not answer")
        faults.write_text("- {device: water, fault: ded}\n", "utf-8")
        simulated.says("faults.yaml:1:26: [0].fault: `ded` is no fault; did you mean `dead`?")
        simulated.says("the faults read before go on")
        faults.write_text("[]\n", "utf-8")
        simulated.says("fault ends: water: dead")
        status = simulated.ends(signal.SIGTERM)

    assert status == 0
    assert not any("Traceback" in line for line in simulated.lines)


def test_a_house_with_a_month_behind_it_has_the_meter_that_was_new_in_it(tmp_path: Path) -> None:
    port = str(free_port())
    site = site_file(
        tmp_path,
        f"  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}}}}}",
        "  - {id: shop-electricity, profile: eastron-sdm630, connection: plant, unit: 1}",
    )
    words = ("-m", "tcp", "-p", port, "-a", "1", "-t", "3:float", "-B", "-r", "73", "127.0.0.1")
    read = {}
    for days in (10, 20):
        begin = datetime.now(ZoneInfo("Europe/Berlin")) - timedelta(days=days)
        with simulation(str(site), "--month-from", f"{begin:%Y-%m-%d}") as simulated:
            simulated.says("ready")
            read[days] = asyncio.run(mbpoll(*words))[73]
    with simulation(str(site), "--month-from", "some day") as simulated:
        status = simulated.ends()

    assert read[10] > 1000 > read[20] > 3, "the meter is replaced on day 16"
    assert status == 78
    assert "--month-from: `some day` is no time" in simulated.lines[0]


def test_a_line_is_at_the_site_files_own_path_and_a_stranger_reads_it(tmp_path: Path) -> None:
    port = tmp_path / "cellar"
    site = site_file(
        tmp_path,
        f"  - {{id: plant, modbus: {{transport: rtu, port: {port}, baudrate: 115200}}}}",
        f"{WATER}\n"
        "  - {id: cistern, connection: plant, unit: 9, every: 5 s, class: water,"
        " points: {level_m: {register: holding 100, type: uint16, unit: cm}}}",
    )
    with simulation(str(site)) as simulated:
        simulated.says("ready")
        words = ("-m", "rtu", "-b", "115200", "-P", "none", "-a", "9", "-t", "4", "-r", "101", str(port))
        read = asyncio.run(mbpoll(*words))
        with simulation(str(site)) as second:
            refused = second.ends()
        there = port.is_symlink()
        status = simulated.ends(signal.SIGINT)

    assert read[101] == pytest.approx(240, abs=3)
    assert refused == 78
    assert "is served by another simulator already" in second.lines[0]
    assert there
    assert status == 0
    assert not port.is_symlink()


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ("{transport: tcp, host: 192.168.1.7}", "only loopback is simulated"),
        ("{transport: rtu, port: /dev/ttyUSB0}", "where real devices are"),
        ("{transport: rtu, port: SITE}", "is there already"),
        ("{transport: tls, host: 127.0.0.1}", "TLS is simulated with its own `ca:`, `certificate:` and `key:`"),
    ],
)
def test_it_never_takes_a_real_devices_place(tmp_path: Path, connection: str, says: str) -> None:
    connection = connection.replace("SITE", str(tmp_path / "site.yaml"))
    site = site_file(tmp_path, f"  - {{id: plant, modbus: {connection}}}", WATER)
    before = site.read_text("utf-8")
    with simulation(str(site)) as simulated:
        status = simulated.ends()

    assert status == 78
    assert says in "\n".join(simulated.lines)
    assert site.read_text("utf-8") == before


def test_a_broken_file_of_faults_is_refused_at_the_beginning(tmp_path: Path) -> None:
    plant = f"  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {free_port()}}}}}"
    site = site_file(tmp_path, plant, WATER)
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {device: water, fault: dead, evry: 3 s}\n", "utf-8")
    with simulation(str(site), "--faults", str(faults)) as simulated:
        status = simulated.ends()

    assert status == 78
    assert "[0].evry: `evry` is not a key here; did you mean `every`?" in simulated.lines[0]


def test_tls_is_served_with_the_certificate_that_the_site_file_names(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_pem.write_to_path(tmp_path / "own.key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
    port = free_port()
    keys = "ca: ca.pem, certificate: own.pem, key: own.key"
    plant = f"  - {{id: plant, modbus: {{transport: tls, host: 127.0.0.1, port: {port}, {keys}}}}}"
    site = site_file(tmp_path, plant, WATER)
    with simulation(str(site)) as simulated:
        simulated.says("ready")
        answered = asyncio.run(_ask_over_tls(port, tmp_path, own=True))
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            asyncio.run(_ask_over_tls(port, tmp_path, own=False))

    assert answered == bytes([0, 1, 0, 0, 0, 7, 2, 3, 4])


async def _ask_over_tls(port: int, folder: Path, *, own: bool) -> bytes:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if own:
        context.load_cert_chain(folder / "own.pem", folder / "own.key")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(bytes([0, 1, 0, 0, 0, 6, 2, 3, 0, 1, 0, 2]))
        return await asyncio.wait_for(reader.readexactly(9), 60)
    finally:
        writer.transport.abort()  # no farewell: nobody would wait for it
        await asyncio.sleep(0.05)
