"""What grows with the site: 10, 100, 1000 and 10,000 devices on the same flow of points, and a long past.

The daemon runs as a process of its own on a site file, all its parts included. Held constant from size to size:
1000 readings of 50 float points a second, ten devices a connection, two rules for each device, the sink. So ten
devices are polled every 10 ms, which a site file may not ask for: the process takes the file and then another
interval. Counted is the CPU of the daemon's process with all its threads, over whole minutes, because each minute
tells how every device does. Nothing is asserted.
"""

import asyncio
import contextlib
import json
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from statistics import median

import psutil

from monitor.app import load_site
from monitor.cli.client import Client
from monitor.daemon import Daemon, holding, run_daemon
from tests.bench import past
from tests.bench.whole import serving, swallow

__all__ = ["main"]

SIZES = (10, 100, 1000, 10_000)
UNITS = 10
POINTS = 50
FLOW = 1000
"""Readings a second."""
SETTLE = 15.0
MINUTE = 60.0
WINDOWS = 2
BESIDE = 1000
"""Devices beside which a long past and many rules are measured."""

_PROFILE = "class: electricity\nmodbus: {order: ABCD, scan: {fast: 10 s}}\npoints:\n" + "".join(
    f"  power_{n}_w: {{register: input {2 * n}, type: float32, unit: W, valid: [-1e6, 1e6]}}\n"
    for n in range(POINTS)
)
_RULES = """\
rules:
  - {id: low, kind: threshold, devices: {class: electricity}, points: power_7_w, below: 10 W, on_delay: 1 min}
  - {id: silent, kind: offline, devices: {class: electricity}, on_delay: 1 min, severity: medium}
"""


# The meters ---------------------------------------------------------------------------------------------


class _Meters(asyncio.Protocol):
    """Answers each request with the same registers, as cheaply as Python can: this is not what is measured."""

    held = struct.pack(f">{POINTS}f", *(230.5 + n for n in range(POINTS)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._left = b""

    def data_received(self, data: bytes) -> None:
        data = self._left + data
        while len(data) >= 12:
            number, _, _, unit, code, address, count = struct.unpack(">HHHBBHH", data[:12])
            data = data[12:]
            held = self.held[2 * address : 2 * (address + count)]
            self._transport.write(struct.pack(">HHHBBB", number, 0, len(held) + 3, unit, code, len(held)) + held)
        self._left = data


def serve(pipe: Pipe) -> None:
    """Serve all connections on one port, until told to stop."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Meters, "127.0.0.1", 0, backlog=1000)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(run())


# The daemon ---------------------------------------------------------------------------------------------


def site(folder: Path, devices: int, modbus: int, http: int, rules: str = _RULES) -> Path:
    """Write a site file and the profile of its meters; answer the file."""
    (folder / "profiles" / "electricity").mkdir(parents=True)
    (folder / "profiles" / "electricity" / "bench-50.yaml").write_text(_PROFILE)
    lines = ["site: {id: bench, name: Bench, timezone: Europe/Berlin}", "connections:"]
    lines += [
        f"  - {{id: bus-{n}, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 5 s}}}}"
        for n in range(devices // UNITS)
    ]
    lines.append("devices:")
    lines += [
        f"  - {{id: meter-{n}, name: Meter {n}, profile: bench-50, connection: bus-{n // UNITS}, "
        f"unit: {n % UNITS + 1}, building: A, zone: riser {n // UNITS}, role: sub}}"
        for n in range(devices)
    ]
    sink = f'sinks: {{influxdb: {{url: "http://127.0.0.1:{http}", org: o, bucket: b, token: t, api: v2}}}}\n'
    file = folder / "site.yaml"
    file.write_text("\n".join(lines) + "\n" + rules + sink)
    return file


def run(file: str, folder: str, every: float) -> None:
    """In the daemon's process: run a site file with all devices polled in another rhythm (seconds)."""
    loaded = load_site(Path(file)).site
    devices = {name: replace(one, scan={"fast": every}) for name, one in loaded.devices.items()}
    with holding(Path(folder)):
        run_daemon(Daemon(site=replace(loaded, devices=devices), folder=Path(folder), file=Path(file)))


@contextlib.contextmanager
def daemon(file: Path, state: Path, every: float) -> Iterator[tuple[psutil.Process, float]]:
    """Run the daemon; yields its process and the moment (monotonic) before it was started."""
    command = f"from tests.bench.growth import run; run({str(file)!r}, {str(state)!r}, {every!r})"
    began = time.monotonic()
    with (file.parent / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-c", command], stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid), began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def waited(journal: Path, began: float, devices: int) -> float:
    """Answer the seconds until so many readings came into the journal since the start."""
    while time.monotonic() - began < 300:
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db,
        ):
            begin = "(SELECT max(position) FROM entries WHERE device = 'facility-monitor' AND kind = 2)"
            found = db.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM entries WHERE position > {begin} AND kind = 1 LIMIT ?)",
                (devices,),
            )
            if found.fetchone()[0] >= devices:
                return time.monotonic() - began
        time.sleep(0.05)
    raise RuntimeError("no readings came")


# Measuring ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one size took: µs of CPU per point by window, points per second, MB, seconds, ms of loop lag."""

    costs: Sequence[float]
    flow: float
    resident: float
    every: float
    first: float
    lags: Sequence[float]
    late: int

    @property
    def lag(self) -> str:
        """The worst ms of loop lag in ten seconds: usually, and ever."""
        return f"{median(self.lags):.0f}, {max(self.lags):.0f}"

    @property
    def cost(self) -> float:
        """The median of the windows."""
        return median(self.costs)


def measure(file: Path, state: Path, devices: int, windows: int = WINDOWS) -> Found:
    """Run the daemon for some minutes and measure it."""
    with daemon(file, state, devices / FLOW) as (process, began):
        first = waited(state / "journal.db", began, 1)
        every = waited(state / "journal.db", began, devices)
        time.sleep(SETTLE)
        client = Client(None, state)
        marks = []
        for number in range(windows + 1):
            if number:
                time.sleep(MINUTE)
            cpu = process.cpu_times()
            marks.append(
                (cpu.user + cpu.system, client.get("status"), time.monotonic(), process.memory_info().rss)
            )
        readings = [mark[1]["itself"]["readings_total"] for mark in marks]
        spent = [later[0] - before[0] for before, later in pairwise(marks)]
        read = [later - before for before, later in pairwise(readings)]
        costs = [cpu / (count * POINTS) * 1e6 for cpu, count in zip(spent, read, strict=True)]
        late = sum(each["late"] for each in marks[-1][1]["connections"].values())
        lags = worst_lags(state / "journal.db", since=marks[0][1]["now"])
    flow = (readings[-1] - readings[0]) * POINTS / (marks[-1][2] - marks[0][2])
    resident = max(mark[3] for mark in marks) / 2**20
    return Found(costs=costs, flow=flow, resident=resident, every=every, first=first, lags=lags, late=late)


def worst_lags(journal: Path, since: int) -> list[float]:
    """Answer how late the event loop was at worst (ms) in each of the daemon's reports since a time (UTC ms)."""
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT body FROM entries WHERE device = 'facility-monitor' AND kind = 3 AND time > ?", (since,)
        )
        return [json.loads(body)["values"]["loop_lag_ms"] for (body,) in rows] or [0.0]


def told(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def sizes(modbus: int, http: int) -> None:
    """Print a line for each size."""
    told(f"The daemon on {FLOW * POINTS:,} points/s of float, {UNITS} devices a connection, two rules, a sink:\n")
    told("  devices  µs/point (spread)     x first  points/s  MB    KB/device  first s  every s  lag ms    late\n")
    smallest: Found | None = None
    for devices in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            file = site(Path(folder), devices, modbus, http)
            found = measure(file, Path(folder) / "state", devices)
        smallest = smallest or found
        spread = f"({min(found.costs):.2f} to {max(found.costs):.2f})"
        more = (found.resident - smallest.resident) * 1024 / (devices - SIZES[0]) if devices > SIZES[0] else 0.0
        told(
            f"  {devices:7,}  {found.cost:5.2f} {spread:<15}  {found.cost / smallest.cost:5.2f}"
            f"  {found.flow:9,.0f}"
            f"  {found.resident:4.0f}  {more:8.1f}  {found.first:7.2f}  {found.every:7.2f}  {found.lag:>8}"
            f"  {found.late:4d}\n"
        )


def beside(modbus: int, http: int) -> None:
    """Print a line for each thing that may be there in great number beside the same devices."""
    told(f"\nThe same with {BESIDE} devices, beside:\n  what{'µs/point':>46}  x nothing  every s    lag ms\n")
    nothing: Found | None = None
    for name, fill in PASTS.items():
        with tempfile.TemporaryDirectory() as folder:
            rules = _many_rules() if fill is None else _RULES
            file, state = site(Path(folder), BESIDE, modbus, http, rules), Path(folder) / "state"
            state.mkdir(mode=0o700)
            if fill is not None:
                fill(state, [f"meter-{n}" for n in range(BESIDE)])
            found = measure(file, state, BESIDE)
        nothing = nothing or found
        told(
            f"  {name:<40}{found.cost:10.2f}  {found.cost / nothing.cost:9.2f}"
            f"  {found.every:7.2f}  {found.lag:>8}\n"
        )


def _many_rules() -> str:
    """The rule for all devices as a rule for each."""
    low, rest = _RULES.split("\n", 2)[1:]
    return (
        "rules:\n"
        + rest
        + "".join(
            low.replace("id: low", f"id: low-{n}").replace("class: electricity", f"id: meter-{n}") + "\n"
            for n in range(BESIDE)
        )
    )


PASTS = {
    "nothing": lambda _state, _devices: None,
    f"{past.ROWS:,} rows in the journal": past.fill_journal,
    f"{past.ALARMS:,} alarms, {past.MESSAGES:,} messages sent": past.fill_alarms,
    f"{past.LETTERS:,} dead letters": past.fill_letters,
    f"{BESIDE} rules of one device each": None,
    "nothing, again": lambda _state, _devices: None,  # how far the neighbours have moved meanwhile
}


def main() -> None:
    """Print what grows with the number of devices, then what a long past costs."""
    with serving(serve) as modbus, serving(swallow) as http:
        sizes(modbus, http)
        beside(modbus, http)


if __name__ == "__main__":
    main()
