"""A box without a battery: it starts in another year, and the network puts its clock right while it runs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.faults.clocks import KernelClock, WallClock, together
from tests.servers.influxdb import InfluxServer
from tests.servers.smtp import MailServer, plain_text

__all__ = ["influx"]

RIGHT, PAST, FUTURE = "2026-11-27 12:00:00+00:00", "1970-01-01 00:00:20+00:00", "2036-05-01 12:00:00+00:00"
LATER = "2026-11-27 13:00:00+00:00"
DELAY, ESCALATION = 4.0, 6.0
LONG = 12.0
"""Seconds of an escalation within which a busy machine has told somebody and was killed."""
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
devices:
  - {{id: meter, connection: plant-room, unit: 1, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: pump, profile: digital-input, connection: plant-room, unit: 21, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
  - {{id: overload, kind: threshold, devices: {{id: meter}}, point: power_w, above: 2 kW, on_delay: {delay:g} s}}
  - {{id: silent, kind: stale, max_age: 5 min, severity: high}}
  - {{id: dead, kind: offline, severity: high}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
    - {{id: ben, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ben@example.org"}}}}
  teams:
    - id: house
      members: [ana, ben]
      escalation: [{{after: 0 s, notify: [ana]}}, {{after: {escalation:g} s, notify: [ben]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "http://0.0.0.0:{influx}", bucket: facility, token: "{token}", api: v1}}
"""


class Box:
    """The daemon, the clock that it believes, what the kernel says of that clock, and the building around it."""

    def __init__(
        self, folder: Path, endpoint: Endpoint, mail: MailServer, influx: InfluxServer, escalation: float
    ) -> None:
        self.wall, self.kernel = WallClock(folder), KernelClock(folder)
        self.endpoint, self.mail, self.influx = endpoint, mail, influx
        ports = {"modbus": endpoint.port, "mail": mail.port, "influx": influx.port, "token": influx.token}
        (folder / "site.yaml").write_text(SITE.format(**ports, delay=DELAY, escalation=escalation))
        environ = together(self.kernel.environ, self.wall.environ)
        self.daemon = Daemon(folder / "site.yaml", folder / "state", environ)

    def boot(self, when: str, *, synchronised: bool) -> None:
        """Start it at a time; without a network nobody knows whether that is right."""
        if not synchronised:
            self.kernel.unsynchronise()
        self.wall.set(when)
        seen = len(self.daemon.readings("meter")) if self.daemon.state.exists() else 0
        self.daemon.start()
        self.daemon.until(lambda: len(self.daemon.readings("meter")) > seen + 3, "the meter is polled")

    def network(self) -> None:
        """The network tells the time: the clock is stepped, and counts as right."""
        self.wall.set(LATER)
        self.daemon.until(self.steps, "the step is noticed")
        self.kernel.synchronise()

    def steps(self) -> list[Mapping[str, Any]]:
        return [event["attributes"] for event in self.daemon.entries(2) if event["kind"] == "clock_stepped"]

    def told(self, person: str, subject: str) -> bool:
        return any(
            subject in str(mail["Subject"]) and person in str(mail["To"]) for mail in list(self.mail.messages)
        )

    def alarm(self, device: str, state: str) -> bool:
        return bool(self.daemon.memory("SELECT 1 FROM alarm WHERE device = ? AND state = ?", device, state))

    def check(self, *alarms: str) -> None:
        """Everything is written, in order, once; nothing is lost, unsent or lasts for less than nothing."""
        daemon = self.daemon
        kept = {device: [at for at, _ in daemon.readings(device)] for device in ("meter", "pump")}
        daemon.until(lambda: self._written() >= {at for times in kept.values() for at in times}, "all is written")
        on_its_way = "SELECT 1 FROM outbox WHERE state = 'sending'"
        daemon.until(lambda: not daemon.memory(on_its_way), "what was on its way has arrived")
        status = daemon.get("status")
        for times in kept.values():
            assert len(times) == len(set(times))
        stamps = [row["recorded"] for row in daemon.journal("SELECT recorded FROM entries ORDER BY position")]
        assert all(earlier <= later for earlier, later in pairwise(stamps))
        assert (status["journal"]["lost"], status["journal"]["trimmed"]) == (0, 0)
        assert (status["sinks"]["influxdb"]["rejected"], status["sinks"]["influxdb"]["gaps"]) == (0, 0)
        assert {row["state"] for row in daemon.memory("SELECT state FROM outbox")} <= {
            "sent",
            "queued",
            "superseded",
        }
        numbers = [value for value in status["itself"].values() if isinstance(value, int | float)]
        assert min(numbers) >= 0
        rows = daemon.memory("SELECT device FROM alarm ORDER BY device")
        assert [row["device"] for row in rows] == list(alarms)

    def _written(self) -> set[int]:
        found = self.influx.query("SELECT * FROM electricity; SELECT * FROM equipment", "facility")
        return {row["time"] for row in found}


@contextmanager
def _box(folder: Path, influx: InfluxServer, escalation: float = ESCALATION) -> Iterator[Box]:
    with MailServer() as mail, Endpoint({1: Unit(), 21: Unit()}) as endpoint:
        box = Box(folder, endpoint, mail, influx, escalation)
        with box.daemon:
            yield box


@pytest.mark.fault(
    "clock years wrong at boot",
    part="whole monitor",
    outcome="A first start in 1970, or ten years ahead: it polls, judges and tells; when the network puts the"
    " clock right nothing matures, expires or is lost by it, delays and escalations last as long as they should,"
    " the journal keeps its order, and InfluxDB gets every reading.",
)
@pytest.mark.parametrize("booted", [PAST, FUTURE], ids=["1970", "2036"])
def test_a_first_start_in_another_year(tmp_path: Path, influx: InfluxServer, booted: str) -> None:
    with _box(tmp_path, influx) as box:
        daemon = box.daemon
        box.boot(booted, synchronised=False)
        failed = time.monotonic()
        box.endpoint[21].set("discrete", 0, [1])
        daemon.until(lambda: box.told("ana", "pump"), "the fault is told")
        overloaded = time.monotonic()
        box.endpoint[1].set("holding", 0, [5000])
        daemon.until(lambda: daemon.readings("meter")[-1][1]["power_w"] == 5000, "the overload is seen")
        waiting = daemon.get("status")["sinks"]["influxdb"]["waiting_for"]
        box.network()
        daemon.until(lambda: box.alarm("meter", "active"), "the overload is raised")
        lasted = time.monotonic() - overloaded
        daemon.until(lambda: box.told("ben", "pump"), "the next one is told, too")
        escalated = time.monotonic() - failed
        box.endpoint[21].set("discrete", 0, [0])
        daemon.until(lambda: box.told("ben", "[CLEARED]"), "the end is told")
        box.check("meter", "pump")
        texts = [plain_text(mail) for mail in box.mail.messages if "[CLEARED]" in str(mail["Subject"])]

    assert waiting == "clock"
    assert len(box.steps()) == 1
    assert lasted >= DELAY
    assert escalated >= ESCALATION
    assert all("Raised: " in text and "-" not in text.partition("after ")[2].split("\n")[0] for text in texts)


@pytest.mark.fault(
    "clock years wrong at boot",
    part="notifications",
    outcome="After a power cut the box comes back in 1970: who was to be told next is told all the same, without"
    " waiting for the network; when it puts the clock right, nothing is told twice and nothing expires.",
)
def test_a_restart_in_1970_holds_no_message_back(tmp_path: Path, influx: InfluxServer) -> None:
    with _box(tmp_path, influx, LONG) as box:
        daemon = box.daemon
        box.boot(RIGHT, synchronised=True)
        box.endpoint[21].set("discrete", 0, [1])
        daemon.until(lambda: box.told("ana", "pump"), "the fault is told")
        daemon.kill()
        assert not box.told("ben", "pump")
        box.boot(PAST, synchronised=False)
        downtime = daemon.get("status")["downtime"]
        daemon.until(lambda: box.told("ben", "pump"), "the next one is told, too")
        box.network()
        box.endpoint[21].set("discrete", 0, [0])
        daemon.until(lambda: box.told("ana", "[CLEARED]"), "the end is told")
        box.check("pump")

    subjects = [str(mail["Subject"]) for mail in box.mail.messages if "ben@" in str(mail["To"])]
    assert subjects.count("[HIGH] fault: pump") == 1
    assert downtime["seconds"] is None
    assert len(box.steps()) == 1
