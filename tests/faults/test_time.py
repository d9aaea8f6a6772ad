"""The wall clock is stepped under a running daemon: delays, rhythm and order do not follow it."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.faults.clocks import WallClock
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

__all__ = ["influx"]

HOUR, DAY = 3600, 86_400
DELAY, ESCALATION = 5.0, 5.0
SLOW = 3.0
"""Seconds between the polls of one meter: so long that a busy machine does not take two of them away."""
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: meter, connection: plant-room, unit: 1, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: pump, profile: digital-input, connection: plant-room, unit: 21, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: slow, connection: plant-room, unit: 1, every: {slow:g} s, class: heat,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: counter, connection: broker, topic: meters/counter, class: water, every: 10 s,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
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
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""


class House:
    """A daemon that lives by a clock of its own, and what is around it."""

    def __init__(self, daemon: Daemon, clock: WallClock, endpoint: Endpoint, mail: MailServer) -> None:
        self.daemon = daemon
        self.clock = clock
        self.endpoint = endpoint
        self.mail = mail

    def polls(self) -> int:
        return int(self.daemon.get("status")["connections"]["plant-room"]["polls"])

    def alarm(self, device: str) -> bool:
        return bool(self.daemon.memory("SELECT 1 FROM alarm WHERE device = ? AND state = 'active'", device))

    def told(self, person: str, device: str) -> int:
        return sum(
            device in str(mail["Subject"]) and person in str(mail["To"]) for mail in list(self.mail.messages)
        )

    def steps(self) -> list[dict[str, object]]:
        return [event for event in self.daemon.entries(2) if event["kind"] == "clock_stepped"]

    def gaps(self, device: str, step: int) -> list[float]:
        """Seconds between the polls of a device, in the order of the journal and without the step."""
        query = "SELECT body FROM entries WHERE kind = 1 AND device = ? ORDER BY position"
        arrived = [json.loads(row["body"])[2] / 1000 for row in self.daemon.journal(query, device)]
        steady = [at - step if abs(at - step - arrived[0]) < abs(at - arrived[0]) else at for at in arrived]
        return [later - earlier for earlier, later in pairwise(steady)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def publisher(broker: Mosquitto) -> Iterator[NumberedPublisher]:
    with NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=20) as publisher:
        yield publisher


@pytest.fixture
def house(tmp_path: Path, broker: Mosquitto, influx: InfluxServer) -> Iterator[House]:
    clock = WallClock(tmp_path)
    with MailServer() as mail, Endpoint({1: Unit(), 21: Unit()}) as endpoint:
        site = tmp_path / "site.yaml"
        ports = {"modbus": endpoint.port, "mail": mail.port, "broker": broker.url}
        times = {"delay": DELAY, "escalation": ESCALATION, "slow": SLOW}
        site.write_text(SITE.format(**ports, **times, influx=influx.url, token=influx.token))
        with Daemon(site, tmp_path / "state", clock.environ) as daemon:
            yield House(daemon, clock, endpoint, mail)


@pytest.mark.fault(
    "clock stepped back",
    part="whole monitor",
    outcome="Polls go on and no scan class misses two cycles; delays and escalations last as long as they should,"
    " nothing is lost or doubled, and an event tells of the step.",
)
def test_a_step_back_by_an_hour_moves_no_delay_and_loses_nothing(
    house: House, publisher: NumberedPublisher, influx: InfluxServer
) -> None:
    _live_through(house, publisher, influx, -HOUR)


@pytest.mark.fault(
    "clock stepped forward",
    part="whole monitor",
    outcome="Polls go on and no scan class misses two cycles; nothing becomes stale, off-line, due or too old,"
    " no message expires unsent, and an event tells of the step.",
)
def test_a_step_forward_by_a_day_makes_nothing_due_and_loses_nothing(
    house: House, publisher: NumberedPublisher, influx: InfluxServer
) -> None:
    _live_through(house, publisher, influx, DAY)


def _live_through(house: House, publisher: NumberedPublisher, influx: InfluxServer, step: int) -> None:
    daemon, endpoint = house.daemon, house.endpoint
    daemon.start()
    daemon.until(lambda: _is_heard(daemon, publisher), "the counter is heard")
    publisher.begin()
    daemon.until(lambda: house.polls() > 20, "the meters are polled")
    failed = time.monotonic()
    endpoint[21].set("discrete", 0, [1])
    daemon.until(lambda: house.told("ana", "pump"), "the fault is told")
    began = time.monotonic()
    endpoint[1].set("holding", 0, [5000])
    daemon.until(lambda: daemon.readings("meter")[-1][1]["power_w"] == 5000, "the overload is seen")

    house.clock.step(step)
    daemon.until(house.steps, "the step is noticed")
    polled = house.polls()
    daemon.until(lambda: house.told("ben", "pump"), "the next one is told, too")
    escalated = time.monotonic() - failed
    daemon.until(lambda: house.alarm("meter"), "the overload is raised")
    lasted = time.monotonic() - began
    daemon.until(lambda: house.polls() > polled + 20, "the meters are polled on")
    seen = len(daemon.readings("slow"))
    daemon.until(lambda: len(daemon.readings("slow")) > seen, "the slow meter is polled on")
    daemon.until(lambda: house.told("ana", "meter"), "the overload is told")
    publisher.end()
    until(lambda: not publisher.waits, "the broker has acknowledged every message")
    daemon.until(lambda: len(_numbers(daemon)) >= len(publisher.acknowledged), "every message is in the journal")
    daemon.until(lambda: len(_written(influx)) >= len(publisher.acknowledged), "every message is in InfluxDB")
    status = daemon.get("status")
    assert daemon.stop() == 0
    gaps = {device: house.gaps(device, step) for device in ("meter", "slow")}
    stall = max(house.gaps("counter", step))  # a busy machine holds up what is sent to it, too

    assert lasted >= DELAY
    assert escalated >= ESCALATION
    (told,) = house.steps()
    assert told["attributes"]["seconds"] == pytest.approx(step, abs=3)  # type: ignore[index]
    assert sorted(_numbers(daemon)) == publisher.acknowledged == sorted(_written(influx))
    times = Counter((device, at) for device in ("meter", "pump") for at, _ in daemon.readings(device))
    assert set(times.values()) == {1}
    assert status["journal"]["trimmed"] == 0
    assert min(gaps["meter"] + gaps["slow"]) >= 0
    assert max(gaps["slow"]) < 3 * SLOW + stall, "no two cycles were left out"
    assert max(gaps["meter"]) < SLOW + stall
    alarms = daemon.memory("SELECT device, count(*) AS n FROM alarm GROUP BY device ORDER BY device")
    assert [(row["device"], row["n"]) for row in alarms] == [("meter", 1), ("pump", 1)]
    states = {row["state"] for row in daemon.memory("SELECT state FROM outbox")}
    assert states <= {"sent", "queued", "sending"}, "what it was sending when it ended is sent at the next start"


def _is_heard(daemon: Daemon, publisher: NumberedPublisher) -> bool:
    publisher.say("meters/counter", 0)
    return bool(daemon.readings("counter"))


def _numbers(daemon: Daemon) -> list[int]:
    return [int(values["volume_m3"]) for _, values in daemon.readings("counter") if values["volume_m3"]]


def _written(influx: InfluxServer) -> list[int]:
    found = influx.query("SELECT volume_m3 FROM water WHERE volume_m3 > 0", "facility")
    return [int(row["volume_m3"]) for row in found]
