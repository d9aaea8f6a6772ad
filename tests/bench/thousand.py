"""1000 devices polled every 10 s by the daemon as it is installed: CPU, memory, punctuality, the first reading.

100 Modbus TCP connections with ten Eastron SDM630 each, served by a process of their own; two rules, and a sink
that sends to a server which answers 204. Nothing is asserted.
"""

import asyncio
import contextlib
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from statistics import median

import psutil

from monitor.cli.client import Client
from monitor.simulation.modbus import SimulatedBus, Unit
from tests.bench.whole import serving, swallow

__all__ = ["main"]

CONNECTIONS = 100
DEVICES = 10
STARTS = 3
SETTLE = 20.0
SECONDS = 60.0

_RULES = """\
rules:
  - {id: undervoltage, kind: threshold, devices: {class: electricity}, points: voltage_l*_v, below: 207 V,
     deadband: 3 V, on_delay: 1 min, severity: high}
  - {id: silent, kind: offline, devices: {class: electricity}, on_delay: 1 min, severity: medium}
"""


def serve(pipe: Pipe) -> None:
    """Serve the meters, each connection on a port of its own, until told to stop."""

    async def run() -> None:
        unit = Unit()
        for address in range(0, 400, 2):
            volts = 230.5 if address < 6 else 400.5 if 200 <= address < 206 else 0.75
            unit.set("input", address, struct.unpack(">2H", struct.pack(">f", volts)))
        buses = [SimulatedBus(dict.fromkeys(range(1, DEVICES + 1), unit)) for _ in range(CONNECTIONS)]
        pipe.send([await bus.start() for bus in buses])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(run())


def site(ports: Sequence[int], http: int) -> str:
    """Write the site file."""
    lines = ["site: {id: bench, name: Bench, timezone: Europe/Berlin}", "connections:"]
    lines += [
        f"  - {{id: bus-{n}, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}, timeout: 2 s}}}}"
        for n, port in enumerate(ports)
    ]
    lines.append("devices:")
    lines += [
        f"  - {{id: meter-{n}-{unit}, name: Meter {n}/{unit}, profile: eastron-sdm630, connection: bus-{n}, "
        f"unit: {unit}, every: 10 s, building: A, zone: riser {n}, role: sub}}"
        for n in range(len(ports))
        for unit in range(1, DEVICES + 1)
    ]
    sink = f'sinks: {{influxdb: {{url: "http://127.0.0.1:{http}", org: o, bucket: b, token: t, api: v2}}}}\n'
    return "\n".join(lines) + "\n" + _RULES + sink


@dataclass(frozen=True, kw_only=True)
class Start:
    """How one start went: seconds until the first reading, and until every device has one, is in journal.db."""

    first: float
    every: float


@contextlib.contextmanager
def daemon(file: Path, folder: Path) -> Iterator[tuple[psutil.Process, float]]:
    """Run the daemon; yields its process and the moment before it was started."""
    began = time.monotonic()
    with (folder.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "run", str(file), "--state", str(folder)], stdout=log, stderr=log
        )
    try:
        yield psutil.Process(process.pid), began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def waited(journal: Path, began: float, devices: int) -> float:
    """Answer the seconds until so many devices have a reading in the journal."""
    while time.monotonic() - began < 60:
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db,
        ):
            found = db.execute("SELECT count(*) FROM (SELECT 1 FROM entries WHERE kind = 1 LIMIT ?)", (devices,))
            if found.fetchone()[0] >= devices:
                return time.monotonic() - began
        time.sleep(0.02)
    raise RuntimeError("no readings came")


def started(file: Path) -> Start:
    """Start it on an empty folder and stop it again."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with daemon(file, state) as (_, began):
            first = waited(state / "journal.db", began, 1)
            return Start(first=first, every=waited(state / "journal.db", began, CONNECTIONS * DEVICES))


def steady(file: Path) -> str:
    """Let it run; tell what it takes."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with daemon(file, state) as (process, began):
            waited(state / "journal.db", began, CONNECTIONS * DEVICES)
            time.sleep(SETTLE)
            before, wall = process.cpu_times(), time.monotonic()
            resident = []
            while time.monotonic() - wall < SECONDS:
                time.sleep(1.0)
                resident.append(process.memory_info().rss)
            after, wall = process.cpu_times(), time.monotonic() - wall
            facts = Client(None, state).get("status")
    share = (after.user + after.system - before.user - before.system) / wall
    late = sum(each["late"] for each in facts["connections"].values())
    return (
        f"  CPU                              {share * 100:6.1f} % of one core   (wished: below 15)\n"
        f"  resident at most                 {max(resident) / 2**20:6.0f} MB              (below 180)\n"
        f"  start behind its slot, p99       {facts['poller']['start_p99_ms']:6.1f} ms              (below 250)\n"
        f"  late cycles, readings kept       {late:6d}, {facts['journal']['kept']}\n"
    )


def main() -> None:
    """Print the four figures."""
    told = sys.stdout.write
    with serving(serve) as ports, serving(swallow) as http, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yaml"
        file.write_text(site(ports, http))
        told(f"The daemon, {CONNECTIONS * DEVICES} meters every 10 s on {CONNECTIONS} connections, two rules:\n")
        starts = [started(file) for _ in range(STARTS)]
        told(steady(file))
    first, every = median(each.first for each in starts), median(each.every for each in starts)
    told(f"  first reading after the start    {first:6.2f} s               (below 2)\n")
    told(f"  every device read                {every:6.2f} s\n")


if __name__ == "__main__":
    main()
