"""The daemon lives through the nights in which the clocks of people change; its own never does."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.faults.clocks import WallClock
from tests.servers.influxdb import InfluxServer
from tests.servers.smtp import MailServer, plain_text

__all__ = ["influx"]

ZONE = ZoneInfo("Europe/Berlin")
AUTUMN, SPRING = datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)
DELAY, SLOW = 4.0, 3.0
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: meter, connection: plant-room, unit: 1, every: {slow:g} s, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: pump, profile: digital-input, connection: plant-room, unit: 21, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: fan, profile: digital-input, connection: plant-room, unit: 22, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{id: pump}}, point: fault, is: true, severity: high}}
  - {{id: long-fault, kind: state, devices: {{id: fan}}, point: fault, is: true, on_delay: {delay:g} s}}
  - {{id: silent, kind: stale, max_age: 5 min, severity: high}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""


class Night:
    """A daemon and its clock, some seconds before the change at `change`."""

    def __init__(self, daemon: Daemon, clock: WallClock, endpoint: Endpoint, mail: MailServer) -> None:
        self.daemon = daemon
        self.clock = clock
        self.endpoint = endpoint
        self.mail = mail

    def begin_before(self, change: datetime) -> None:
        """Start it so that it runs three seconds before the change, however slow the machine is."""
        lead = 9.0
        while True:
            self.clock.set(datetime.fromtimestamp(change.timestamp() - lead, UTC).isoformat())
            self.daemon.start()
            self.daemon.until(lambda: self.daemon.readings("pump"), "the pump is polled")
            if self.clock.now() < change.timestamp() - 3:
                return
            self.daemon.stop()
            self.daemon.state = self.daemon.state.with_name(f"state-{lead:g}")
            lead *= 2
            assert lead < 100, "the machine is too slow to start it"

    def told(self, device: str, kind: str) -> str:
        """The text of the mail about a device whose subject begins so; "" while there is none."""
        texts = [
            plain_text(mail)
            for mail in list(self.mail.messages)
            if str(mail["Subject"]).startswith(kind) and device in str(mail["Subject"])
        ]
        return texts[0] if texts else ""


@contextmanager
def _night(folder: Path, influx: InfluxServer) -> Iterator[Night]:
    clock = WallClock(folder)
    with MailServer() as mail, Endpoint({1: Unit(), 21: Unit(), 22: Unit()}) as endpoint:
        ports = {"modbus": endpoint.port, "mail": mail.port, "influx": influx.url, "token": influx.token}
        (folder / "site.yaml").write_text(SITE.format(**ports, slow=SLOW, delay=DELAY))
        with Daemon(folder / "site.yaml", folder / "state", clock.environ) as daemon:
            yield Night(daemon, clock, endpoint, mail)


@pytest.mark.fault(
    "daylight saving ends",
    part="whole monitor",
    outcome="At 03:00, when it is 02:00 again, polls keep their pace, delays last as long as they should, no step"
    " of the clock is seen, each reading is kept and written once; messages say CEST, then CET, so each 02:30 is"
    " another; a restart in the second 02:00 makes no second copy of the state.",
)
def test_the_hour_that_comes_twice(tmp_path: Path, influx: InfluxServer) -> None:
    with _night(tmp_path, influx) as night:
        _live_through(night, influx, AUTUMN, ("CEST", "CET"))
        copied = night.daemon.get("status")["journal"]["state_copied"]
        assert night.daemon.stop() == 0
        seen = len(night.daemon.readings("pump"))
        night.daemon.start()
        night.daemon.until(lambda: len(night.daemon.readings("pump")) > seen + 3, "the pump is polled again")
        again = night.daemon.get("status")["journal"]["state_copied"]

    assert 0 < copied < AUTUMN.timestamp() * 1000
    assert again == copied


@pytest.mark.fault(
    "daylight saving begins",
    part="whole monitor",
    outcome="At 02:00, when it is 03:00, polls keep their pace, nothing becomes stale or due, delays last"
    " as they should, no step of the clock is seen, each reading is kept and written once; messages say which.",
)
def test_the_hour_that_is_not_there(tmp_path: Path, influx: InfluxServer) -> None:
    with _night(tmp_path, influx) as night:
        _live_through(night, influx, SPRING, ("CET", "CEST"))


def _live_through(night: Night, influx: InfluxServer, change: datetime, names: tuple[str, str]) -> None:
    daemon, endpoint, clock = night.daemon, night.endpoint, night.clock
    night.begin_before(change)
    failed = time.monotonic()
    for unit in (21, 22):
        endpoint[unit].set("discrete", 0, [1])
    daemon.until(lambda: night.told("pump", "[HIGH]"), "the fault is told")
    daemon.until(lambda: night.told("fan", "[MEDIUM]"), "the long fault is told")
    lasted = time.monotonic() - failed
    daemon.until(lambda: clock.now() > change.timestamp(), "the change is over")
    endpoint[21].set("discrete", 0, [0])
    daemon.until(lambda: night.told("pump", "[CLEARED]"), "its end is told")
    seen = len(daemon.readings("meter"))
    daemon.until(lambda: len(daemon.readings("meter")) > seen, "the meter is polled on")
    kept = {device: [at for at, _ in daemon.readings(device)] for device in ("meter", "pump", "fan")}
    daemon.until(lambda: _written(influx) >= {at for times in kept.values() for at in times}, "all is written")
    at_change = round(change.timestamp() * 1000)
    alarms = daemon.memory("SELECT device, since, raised_at, cleared_at FROM alarm")
    overdue = daemon.memory("SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'queued', 'superseded')")

    assert lasted >= DELAY
    assert not [event for event in daemon.entries(2) if event["kind"] == "clock_stepped"]
    for times in kept.values():
        assert max(Counter(times).values()) == 1
        assert times[0] < at_change < times[-1]
    assert {alarm["device"] for alarm in alarms} == {"pump", "fan"}
    (fan,) = (alarm for alarm in alarms if alarm["device"] == "fan")
    assert fan["raised_at"] - fan["since"] >= DELAY * 1000
    (pump,) = (alarm for alarm in alarms if alarm["device"] == "pump")
    assert pump["raised_at"] < at_change < pump["cleared_at"]
    assert overdue == []
    gaps = [later - earlier for earlier, later in pairwise(kept["meter"][: seen + 1])]
    pace = [later - earlier for earlier, later in pairwise(kept["fan"])]
    assert max(gaps) < 3 * SLOW * 1000 + max(pace)  # a busy machine holds up all devices
    assert max(pace) < 30_000, "and not for an hour"
    text = night.told("pump", "[CLEARED]")
    assert f"Raised: {_local(pump['raised_at'], names[0])}" in text
    assert f"Cleared: {_local(pump['cleared_at'], names[1])}, after " in text
    assert not re.search(r"after .*\bhr\b", text)


def _local(ms: int, name: str) -> str:
    """How a message writes it; the zone's name stands in the hour that comes twice."""
    at = datetime.fromtimestamp(ms / 1000, ZONE)
    comes_twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return f"{at:%a} {at.day} {at:%b, %H:%M}{f' {name}' if comes_twice else ''}"


def _written(influx: InfluxServer) -> set[int]:
    found = influx.query("SELECT * FROM electricity; SELECT * FROM equipment", "facility")
    return {row["time"] for row in found}
