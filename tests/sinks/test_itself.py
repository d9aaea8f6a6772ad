"""What the monitor says of itself and of the health of devices, in a real InfluxDB: names, tags, types."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from monitor.health import SelfReport, Sources
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived, Position
from monitor.ports import Gap
from monitor.schema import MONITOR_POINTS
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.health.test_consumer import MINUTE, SITE, keep, make, running, said, until, until_told
from tests.servers.influxdb import InfluxServer

Ask = Callable[[str], list[dict[str, Any]]]


def _sources(state: State, folder: Path) -> Sources:
    return Sources(
        readings=lambda: 12,
        down=lambda: 1,
        journal=lambda: {"size_bytes": 5_000_000, "over_size": False, "moved_aside": ""},
        poller=lambda: {"dropped": 0},
        sinks=lambda: {"influxdb": {"lag": 3, "write_ms_p95": 12.0, "error_since": 0}},
        alarms=lambda: {"failing_rules": 1, "lag_s": 2.5, "flooding": True},
        state=state,
        folder=folder,
        synchronised=lambda: True,
    )


@pytest.fixture
def sink(settings: Callable[..., InfluxSettings], state: State) -> InfluxSink:
    return InfluxSink(settings(), SITE, state)


@pytest.fixture
def ask(server: InfluxServer, database: str) -> Ask:
    return lambda query: server.query(query, database)


async def _write(journal: SqliteJournal, sink: InfluxSink) -> None:
    entries = await journal.read(Position(0), 1000)
    assert not isinstance(entries, Gap)
    await sink.write([each for each in entries if isinstance(each.entry, Derived)])
    await sink.close()


async def test_the_report_of_the_monitor_is_a_series_of_its_instance(
    journal: SqliteJournal, state: State, clock: ManualClock, sink: InfluxSink, ask: Ask
) -> None:
    report = SelfReport(journal, _sources(state, Path("/")), now=clock.now, version="1.4.0")
    await report.report()
    clock.advance(10_000)
    await report.report()
    await _write(journal, sink)
    first, second = ask('SELECT * FROM "facility_monitor"')
    types = {row["fieldKey"]: row["fieldType"] for row in ask('SHOW FIELD KEYS FROM "facility_monitor"')}

    assert (first["instance"], first["version"]) == ("hq-1", "1.4.0")
    assert (first["readings"], second["readings"]) == (12, 0)
    assert (first["journal_lag"], first["write_ms_p95"], first["journal_mb"]) == (3, 12.0, 5.0)
    assert (first["rules_failing"], first["engine_lag_s"], first["alarm_flood"]) == (1, 2.5, True)
    assert 0 < first["disk_free_pct"] <= 100
    assert first["rss_mb"] > 1
    assert set(types) >= set(MONITOR_POINTS)
    assert (types["readings"], types["rss_mb"], types["journal_over_size"]) == ("integer", "float", "boolean")
    assert (types["rules_failing"], types["engine_lag_s"]) == ("integer", "float")


async def test_the_minutes_of_a_device_are_a_series_with_its_place_and_protocol(
    journal: SqliteJournal, state: State, clock: ManualClock, sink: InfluxSink, ask: Ask
) -> None:
    clock.advance(MINUTE - clock.now() % MINUTE)
    health = make(journal, state, clock, steady=monotonic)
    async with running(health, Feeder(state, journal)):
        await keep(journal, said(clock))
        await until(lambda: health.states()["meter"] == "answering")
        clock.advance(MINUTE)
        await keep(journal, said(clock))
        await until_told(journal, Derived, 1)
    await _write(journal, sink)
    [row] = ask("SELECT * FROM \"device_health\" WHERE device = 'meter'")

    assert (row["site"], row["device"], row["protocol"]) == ("hq", "meter", "modbus")
    assert (row["up"], row["up_i"], row["state"], row["polls"], row["errors"]) == (True, 1, "answering", 1, 0)
    assert (row["poll_ms"], row["last_error"]) == (4.5, "")
