"""CPU of the whole road per point: poll, decode, two rules, journal, line protocol; and the naive way beside it.

100 connections with one device of 50 float points each, served by a process of their own; a second one takes what
the sink sends and answers 204. Counted is the CPU of this process alone, with all its threads; the median of three
runs. Nothing is asserted.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

from influxdb_client import Point as ClientPoint
from influxdb_client import WritePrecision
from pymodbus.client import AsyncModbusTcpClient

from drivers.modbus import MODBUS
from monitor.alarms import Alarms
from monitor.clock import Clock
from monitor.cycles import look_seldom
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notify.routing import make_router
from monitor.poller import Poller
from monitor.ports import DriverContext
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.runner import SinkRunner
from monitor.site import Connection, Device, InfluxSettings, JournalSettings, Site
from tests.bench.modbus import POINTS, meter, serve
from tests.rules.build import rule

__all__ = ["main", "runner", "serving"]

DEVICES = 100
SECONDS = 8.0
RUNS = 3
NAIVE_ROUNDS = 3
FAST, NORMAL = 0.1, 1.0
RULES = (
    {"id": "low", "kind": "threshold", "below": "10 W", "on_delay": "1 min"},
    {"id": "band", "kind": "range", "low": "5 W", "high": "5000 W"},
)


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run: seconds between polls, the points that the two rules watch ("" = no rules), the sink."""

    name: str
    every: float = FAST
    watched: str = ""
    sink: bool = False


WAYS = (
    Way(name="poll, decode, journal"),
    Way(name="... and two rules on one point of each device", watched="power_7_w"),
    Way(name="... and two rules on each of the 50 points", watched="power_*_w"),
    Way(name="... and line protocol, sent: the whole road", watched="power_*_w", sink=True),
    Way(name="the whole road, polled each second", every=NORMAL, watched="power_*_w", sink=True),
    Way(name="the same, two rules on one point", every=NORMAL, watched="power_7_w", sink=True),
)


# What answers -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(work: Callable[..., None], *arguments: object) -> Iterator[Any]:
    """Run `work(pipe, *arguments)` in a process of its own, and yield what it says first: its port or ports."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(there, *arguments), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join(10)


def swallow(pipe: Pipe) -> None:
    """Answer every request with 204, until told to stop."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_address[1])
    pipe.recv()


# Our way ------------------------------------------------------------------------------------------------


def site(modbus: int, http: int, way: Way) -> Site:
    """Make the site: a connection and a meter each, two rules for the points that are watched."""
    written = {"transport": "tcp", "host": "127.0.0.1", "port": modbus, "timeout": "5 s"}
    options = MODBUS.connection_model.model_validate(written)
    one = replace(meter(bounded=True), scan={"fast": way.every}, building="b", zone="z")
    devices: dict[str, Device] = {
        f"meter-{n}": replace(one, id=f"meter-{n}", connection=f"bus-{n}") for n in range(DEVICES)
    }
    rules = [rule({**settings, "points": way.watched}, devices) for settings in RULES if way.watched]
    return Site(
        id="bench",
        name="Bench",
        timezone=ZoneInfo("UTC"),
        connections={
            f"bus-{n}": Connection(id=f"bus-{n}", driver="modbus", options=options) for n in range(DEVICES)
        },
        devices=devices,
        rules={each.id: each for each in rules},
        influxdbs={"influxdb": InfluxSettings(url=f"http://127.0.0.1:{http}", org="o", token="t", api="v2")}
        if way.sink
        else None,
    )


async def run(site: Site, folder: Path) -> tuple[float, float]:
    """Run for some seconds; answer µs of CPU per point, and points per second."""
    clock = Clock()
    state = State.open(folder / "state.db")
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=clock.now)
    context = DriverContext(now=clock.now, pseudonymise=str, site="bench")
    drivers = {
        connection.id: MODBUS.create(connection, [device], context)
        for connection, device in zip(site.connections.values(), site.devices.values(), strict=True)
    }
    parts = [Poller(drivers, site.devices, journal, clock=clock)]
    if site.rules:
        parts.append(Alarms(journal, state, site, router=make_router(site), now=clock.now))
    parts += [
        SinkRunner(journal, state, InfluxSink(influx, site, state), now=clock.now)
        for influx in site.influxdbs.values()
    ]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    await asyncio.sleep(2.0)  # connecting, and the libraries that are loaded at the first use
    kept, cpu, wall = int(journal.stats()["kept"]), time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    kept, cpu, wall = int(journal.stats()["kept"]) - kept, time.process_time() - cpu, time.monotonic() - wall
    for part, task in zip(parts, tasks, strict=True):
        if task.done() or (isinstance(part, SinkRunner) and part.status()["entries"] < kept / 2):
            raise RuntimeError(f"{type(part).__name__} did not do its work")
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await journal.close()
    await state.close()
    return cpu / (kept * POINTS) * 1e6, kept * POINTS / wall


# The naive way ------------------------------------------------------------------------------------------


async def naively(port: int, folder: Path) -> float:
    """Measure stock pymodbus: a conversion, two comparisons, a row, a commit and a `Point` for every value."""
    clients = [AsyncModbusTcpClient("127.0.0.1", port=port, timeout=10) for _ in range(DEVICES)]
    await asyncio.gather(*(client.connect() for client in clients))
    db = sqlite3.connect(folder / "naive.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE readings (device TEXT, point TEXT, time INTEGER, value REAL)")
    cpu = time.process_time()
    for _ in range(NAIVE_ROUNDS):
        await asyncio.gather(*(_one_naively(client, f"meter-{n}", db) for n, client in enumerate(clients)))
    cpu = time.process_time() - cpu
    db.close()
    for client in clients:
        client.close()
    return cpu / (NAIVE_ROUNDS * DEVICES * POINTS) * 1e6


async def _one_naively(client: AsyncModbusTcpClient, device: str, db: sqlite3.Connection) -> None:
    registers = (await client.read_input_registers(0, count=2 * POINTS, device_id=1)).registers
    now = time.time_ns() // 10**6
    for n in range(POINTS):
        pair = registers[2 * n : 2 * n + 2]
        value = client.convert_from_registers(pair, data_type=client.DATATYPE.FLOAT32)
        if value < 10 or not 5 <= value <= 5000:
            raise RuntimeError(f"an alarm for {value}")
        db.execute("INSERT INTO readings VALUES (?, ?, ?, ?)", (device, f"power_{n}_w", now, value))
        point = ClientPoint("electricity").tag("site", "bench").tag("building", "b").tag("device", device)
        point.field(f"power_{n}_w", value).time(now, WritePrecision.MS).to_line_protocol()


# All of it ----------------------------------------------------------------------------------------------


def runner() -> tuple[str, Callable[..., Any]]:
    """Answer the name of the fastest event loop there is, and what runs a coroutine in it."""
    try:
        import uvloop
    except ImportError:
        return "asyncio", asyncio.run
    return "uvloop", uvloop.run


def main() -> None:
    """Print µs of CPU per point of each way, and its ratio to the naive one."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    loop, run_in_loop = runner()
    told = sys.stdout.write
    told(
        f"{DEVICES} devices x {POINTS} float points on {DEVICES} Modbus TCP connections, {loop}, µs of CPU each:\n"
    )
    with serving(serve) as modbus, serving(swallow) as http:
        with tempfile.TemporaryDirectory() as folder:
            naive = run_in_loop(naively(modbus, Path(folder)))
        told(f"  {'naive: all by itself for every point':<50}{naive:6.2f}\n")
        look_seldom()  # as the daemon does
        for way in WAYS:
            found = []
            for _ in range(RUNS):
                with tempfile.TemporaryDirectory() as folder:
                    found.append(run_in_loop(run(site(modbus, http, way), Path(folder))))
            ours, rate = sorted(found)[len(found) // 2]
            told(f"  {way.name:<50}{ours:6.2f}   naive {naive / ours:5.1f} x   {rate:8,.0f} points/s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
