"""A database is lost under a running daemon, and is as it was after a backfill that was killed in its middle."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event, Reading
from monitor.ports import Batch
from monitor.schema import MEASUREMENT_HEALTH_HOUR
from monitor.simulation.modbus import Unit
from monitor.site import JournalSettings
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.influxdb import InfluxServer

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: pump, profile: digital-input, connection: plant-room, unit: 1, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: main, connection: plant-room, unit: 2, class: electricity, every: 1 s,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
sinks:
  influxdb: {{url: "{influx}", token: "{token}"}}
"""
HOUR = 3_600_000
READINGS = 40_000


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint({1: Unit(), 2: Unit()}) as endpoint:
        yield endpoint


@pytest.fixture
def daemon(tmp_path: Path, endpoint: Endpoint, influx: InfluxServer) -> Iterator[Daemon]:
    """It has recorded an hour of a reader's events and a meter's readings already."""
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(modbus=endpoint.port, influx=influx.url, token=influx.token))
    with Daemon(site, tmp_path / "state") as daemon:
        daemon.state.mkdir(mode=0o700)
        asyncio.run(_record(daemon.state / "journal.db"))
        yield daemon


async def _record(path: Path) -> None:
    now = int(time.time() * 1000)
    journal = SqliteJournal.open(path, JournalSettings(), now=lambda: now)
    begin, pace = now - 2 * HOUR, HOUR // READINGS
    for first in range(0, READINGS, 1000):
        entries: list[Reading | Event] = []
        for number in range(first, first + 1000):
            at = begin + number * pace
            entries.append(Reading(device="main", time=at, arrived=at, values={"power_w": float(number)}))
            if number % 100 == 0:
                entries += [_card(at, number, each) for each in range(3)]
        await journal.append([Batch(entries=entries)])
    await journal.close()


def _card(at: int, number: int, each: int) -> Event:
    told = {"result": "granted"}
    return Event(device="gate", kind="card", time=at, arrived=at, id=f"{number}-{each}", attributes=told)


@pytest.mark.fault(
    "database lost",
    part="InfluxDB sink",
    outcome="`influx backfill` sends the period again beside what is read now, through a SIGKILL too: every point"
    " of it is as it was.",
)
def test_a_lost_database_is_as_it_was(daemon: Daemon, endpoint: Endpoint, influx: InfluxServer) -> None:
    daemon.start()
    endpoint[1].set("discrete", 0, [1])
    daemon.until(lambda: daemon.memory("SELECT 1 FROM alarm WHERE state = 'active'"), "the fault is raised")
    endpoint[1].set("discrete", 0, [0])
    daemon.until(lambda: daemon.memory("SELECT 1 FROM alarm WHERE state = 'clear'"), "the alarm clears")
    daemon.until(lambda: _sink(daemon)["entries"] > READINGS and _sink(daemon)["lag"] < 10, "all is written")
    end = int(time.time() * 1000)
    daemon.until(lambda: _newest(influx) > end + 1000, "what is newer is written")
    before = _contents(influx, end)

    for name in ("facility", "facility-access"):
        influx.query(f'DROP DATABASE "{name}"; CREATE DATABASE "{name}"')
    asked = daemon.ask("influx", "backfill", "--from", "2000-01-01 00:00")
    daemon.until(lambda: _sink(daemon)["backfill_entries"] > 0, "the first portion is sent")
    daemon.kill()
    killed = [row["outcome"] for row in daemon.memory("SELECT outcome FROM backfills")]
    written = len(influx.query("SELECT power_w FROM electricity", "facility"))

    daemon.start()
    daemon.until(lambda: _sink(daemon)["backfill"] == "done", "the period is sent")
    again = _contents(influx, end)
    shown = daemon.command("influx", "backfill", "--show").stdout
    refused = daemon.command("influx", "backfill", "--stop")

    assert asked["facts"]["backfill"] in {"running", "waiting"}
    assert (killed, written < READINGS) == ([""], True), "it was over too soon"
    assert "done" in shown
    assert (refused.returncode, "nothing is being sent again" in refused.stderr) == (1, True)
    assert {name: len(rows) for name, rows in again.items()} == {name: len(rows) for name, rows in before.items()}
    assert again == before
    assert len(again["facility/electricity"]) > READINGS
    assert len(again["facility-access/access"]) == READINGS // 100 * 3
    [raised] = [row for row in again["facility/alarms"] if row["cause"] == "raised"]
    assert raised["end_ms"] > raised["start_ms"]
    [command] = [each for each in daemon.entries(5) if each["kind"] == "influx_backfill"]
    assert command["target"] == "influxdb"


def _sink(daemon: Daemon) -> dict[str, Any]:
    status = daemon.get("status")
    return status["sinks"]["influxdb"] if status else {"lag": 10**9, "entries": 0, "backfill_entries": 0}


def _newest(influx: InfluxServer) -> int:
    rows = influx.query("SELECT last(power_w) FROM electricity", "facility")
    return int(rows[0]["time"]) if rows else 0


def _contents(influx: InfluxServer, end: int) -> dict[str, list[dict[str, Any]]]:
    """Every point until then, without columns that are empty; sums of an hour are told again while it lasts."""
    found = {
        f"{database}/{measurement}": influx.query(f'SELECT * FROM "{measurement}" WHERE time < {end}ms', database)
        for database in ("facility", "facility-access")
        for measurement in [row["name"] for row in influx.query("SHOW MEASUREMENTS", database)]
        if measurement != MEASUREMENT_HEALTH_HOUR
    }
    return {
        name: [{key: value for key, value in row.items() if value is not None} for row in rows]
        for name, rows in found.items()
        if rows
    }
