"""InfluxDB was away for a week: what was kept is written, once, and the readings of now do not wait for it.

A week of thirty meters at one reading a minute is 302,400 readings; by default a sixth of them is enough.
FAULTS_WEEK=1 takes them all.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Reading
from monitor.ports import Batch
from monitor.simulation.modbus import Unit
from monitor.site import JournalSettings
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.influxdb import InfluxServer

__all__ = ["influx"]

METERS = 30
MINUTES = 10_080 if os.environ.get("FAULTS_WEEK") else 1_680
MINUTE = 60_000
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: live, connection: plant-room, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
{meters}
rules:
  - {{id: overload, kind: threshold, devices: {{class: electricity}}, point: power_w, above: 2 kW, on_delay: 2 s}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
METER = (
    "  - {{id: meter-{0}, connection: plant-room, unit: 1, every: 1 h, class: electricity,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}},"
    " energy_import_kwh: {{register: holding 2, type: uint32, unit: kWh}}}}}}"
)


async def _keep_a_week(path: Path, start: int) -> None:
    """Fill a journal as the daemon does, with the stamps of that time."""
    moment = [start]
    journal = SqliteJournal.open(path, JournalSettings(), now=lambda: moment[0])
    for first in range(0, MINUTES, 40):
        batches = []
        for minute in range(first, min(first + 40, MINUTES)):
            at = start + minute * MINUTE
            entries = [
                Reading(
                    device=f"meter-{number}",
                    time=at,
                    arrived=at,
                    values={"power_w": 100.0 + number, "energy_import_kwh": minute / 60},
                )
                for number in range(METERS)
            ]
            batches.append(Batch(entries=entries))
        moment[0] = start + first * MINUTE
        await journal.append(batches)
    await journal.close()


@pytest.mark.fault(
    "database away",
    part="InfluxDB sink",
    outcome="When it comes back, all that was kept is written, and the readings of this moment are there before"
    " it; the monitor's memory stays as it was.",
)
def test_a_week_without_influxdb_is_written_once_and_readings_of_now_do_not_wait(
    tmp_path: Path, influx: InfluxServer
) -> None:
    influx.stop()
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    start = int(time.time() * 1000) - (MINUTES + 5) * MINUTE
    asyncio.run(_keep_a_week(state / "journal.db", start))
    week = METERS * MINUTES
    ahead = False
    with Endpoint({1: Unit()}) as endpoint:
        site = tmp_path / "site.yaml"
        meters = "\n".join(METER.format(number) for number in range(METERS))
        site.write_text(SITE.format(modbus=endpoint.port, influx=influx.url, token=influx.token, meters=meters))
        with Daemon(site, state).start() as daemon:
            daemon.until(lambda: _sink(daemon)["last_error"], "InfluxDB is missed")
            daemon.until(lambda: _alarms_have_seen(daemon) >= week, "the rules have seen the week")
            daemon.until(lambda: _metering_has_seen(daemon) >= week, "the week is metered")
            _forget_peak(daemon)  # of judging and metering the week, which is another matter
            before = _memory(daemon, "VmRSS")
            influx.start()
            began = time.monotonic()

            def is_written() -> bool:
                nonlocal ahead
                position = _sink(daemon)["position"]
                live = influx.query("SELECT last(power_w) FROM electricity WHERE device = 'live'", "facility")
                ahead = ahead or bool(live and _sink(daemon)["position"] < week)
                return bool(position >= week)

            daemon.until(is_written, "the week is written", 600 if week > 100_000 else 60)
            took = time.monotonic() - began
            grown = _memory(daemon, "VmHWM") - before
            facts = _sink(daemon)
            assert daemon.stop() == 0

    print(f"{week} readings in {took:.1f} s, memory {before} kB, {grown} kB more at most")  # noqa: T201
    counts = influx.query("SELECT count(energy_import_kwh) FROM electricity GROUP BY device", "facility")
    written = {row["device"]: row["count"] for row in counts}
    polled = {name: len(daemon.readings(name)) - MINUTES for name in written}
    assert {name: n for name, n in written.items() if not MINUTES <= n <= MINUTES + polled[name]} == {}
    assert len(written) == METERS
    assert facts["ahead"] > 0
    assert ahead, "a reading of now was there before the week was"
    assert facts["rejected"] == 0
    assert grown < 60_000
    log = daemon.tail(100_000)
    assert (log.count('"sink_down"'), log.count('"sink_up"')) == (1, 1)


def _sink(daemon: Daemon) -> dict[str, int]:
    facts: dict[str, int] = daemon.get("status")["sinks"]["influxdb"]
    return facts


def _metering_has_seen(daemon: Daemon) -> int:
    return int((daemon.get("status") or {"metering": {"position": 0}})["metering"]["position"])


def _alarms_have_seen(daemon: Daemon) -> int:
    return min(
        row["position"] for row in daemon.memory("SELECT position FROM positions WHERE consumer = 'alarms'")
    )


def _forget_peak(daemon: Daemon) -> None:
    """Let VmHWM begin anew; source: proc(5), clear_refs."""
    Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")


def _memory(daemon: Daemon, what: str) -> int:
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1])
