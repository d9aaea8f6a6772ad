"""The daemon is killed three times under load: nothing is lost, nothing is doubled, everybody is told."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.faults.checks import (
    numbers_kept,
    numbers_written,
    wrong_with_alarms,
    wrong_with_mails,
    wrong_with_numbers,
    wrong_with_positions,
    wrong_with_readings,
)
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
  - {{id: old-broker, mqtt: {{url: "{broker}", protocol: 3.1.1}}}}
  - {{id: new-broker, mqtt: {{url: "{broker}"}}}}
devices:
{devices}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
  - {{id: overload, kind: threshold, devices: {{id: meter-1}}, point: power_w, above: 2 kW, on_delay: 10 s}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
    - {{id: ben, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ben@example.org"}}}}
  teams:
    - id: house
      members: [ana, ben]
      escalation: [{{after: 0 s, notify: [ana]}}, {{after: 6 s, notify: [ben]}}]
  routes:
    - {{team: house}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
METER = (
    "  - {{id: meter-{0}, connection: plant-room, unit: {0}, every: 200 ms, class: electricity,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}},"
    " energy_import_kwh: {{register: holding 1, type: uint32, unit: kWh}}}}}}"
)
PUMP = (
    "  - {{id: pump-{0}, profile: digital-input, connection: plant-room, unit: 2{0}, every: 500 ms,"
    " points: {{fault: {{register: discrete 0}}}}}}"
)
COUNTER = (
    "  - {{id: counter-{0}, connection: {1}, topic: meters/counter-{0}, class: water,"
    " points: {{volume_m3: {{json: $.n, unit: m3}}}}}}"
)
METERS, PUMPS, COUNTERS = range(1, 7), range(1, 4), range(4)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    units = {number: Unit() for number in METERS} | {20 + number: Unit() for number in PUMPS}
    with Endpoint(units) as endpoint:
        yield endpoint


@pytest.fixture
def daemon(
    tmp_path: Path, broker: Mosquitto, mail: MailServer, endpoint: Endpoint, influx: InfluxServer
) -> Iterator[Daemon]:
    devices = [METER.format(number) for number in METERS] + [PUMP.format(number) for number in PUMPS]
    devices += [COUNTER.format(number, ("old-broker", "new-broker")[number % 2]) for number in COUNTERS]
    site = tmp_path / "site.yaml"
    site.write_text(
        SITE.format(
            modbus=endpoint.port,
            broker=broker.url,
            mail=mail.port,
            influx=influx.url,
            token=influx.token,
            devices="\n".join(devices),
        )
    )
    with Daemon(site, tmp_path / "state") as daemon:
        yield daemon


@pytest.mark.fault(
    "monitor off",
    part="whole monitor",
    outcome="Each start leaves one event that says since when the monitor was off.",
)
@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="An alarm that was waiting for its delay goes on waiting where it was: time without a monitor counts"
    " for nothing. What was acknowledged stays acknowledged, and an escalation goes on.",
)
def test_three_kills_under_load_lose_nothing_and_double_nothing(
    daemon: Daemon, broker: Mosquitto, mail: MailServer, endpoint: Endpoint, influx: InfluxServer
) -> None:
    daemon.start()
    with NumberedPublisher(broker.port, _topic, a_second=200) as publisher:
        daemon.until(lambda: _is_heard(daemon, publisher), "both connections have subscribed")
        publisher.begin()
        position = _live_through_three_kills(daemon, endpoint)
        before = time.time() * 1000
        _see_the_end_of_the_alarms(daemon, endpoint)
        until(lambda: len(publisher.acknowledged) > 1000, "a thousand messages are published")
        publisher.end()
        until(lambda: not publisher.waits, "the broker has acknowledged every message")

        published = publisher.acknowledged
        assert len(published) == publisher.published
        daemon.until(lambda: len(numbers_kept(daemon)) >= len(published), "every message is in the journal")
        daemon.until(lambda: len(numbers_written(influx)) >= len(published), "every message is in InfluxDB")
        daemon.until(lambda: _is_all_told(daemon), "every notification is sent")
        _check_performance(daemon)
        assert daemon.stop() == 0

    assert not [
        *wrong_with_numbers(daemon, influx, published),
        *wrong_with_positions(daemon),
        *wrong_with_readings(daemon, influx),
        *wrong_with_alarms(daemon, influx),
        *wrong_with_mails(daemon, mail.messages),
    ]
    _check_starts(daemon, position, before)
    _check_alarms(daemon)
    _check_mails(mail)


def _live_through_three_kills(daemon: Daemon, endpoint: Endpoint) -> int:
    """Load, alarms and three kills; answers the journal's last position before the last one."""
    daemon.until(lambda: all(daemon.readings(f"pump-{number}") for number in PUMPS), "the pumps are read")
    for number in (1, 2):
        endpoint[20 + number].set("discrete", 0, [1])
    first = daemon.until(lambda: _alarm(daemon, "pump-1"), "the fault of pump 1 is raised")
    daemon.until(lambda: _alarm(daemon, "pump-2"), "the fault of pump 2 is raised")
    assert daemon.ask("alarms", "ack", first["occurrence"], "--reason", "on my way")["response"] == "acked"
    escalation = "SELECT o.state FROM outbox o JOIN alarm a USING (occurrence) WHERE device = ? AND person = 'ben'"
    daemon.kill()
    assert [row["state"] for row in daemon.memory(escalation, "pump-2")] == ["queued"]

    daemon.start()
    endpoint[1].set("holding", 0, [5000])
    daemon.until(lambda: _high_readings(daemon) >= 5, "the overload is seen")
    daemon.kill()
    assert _alarm(daemon, "meter-1") is None, "the delay was to be running"
    time.sleep(1)

    daemon.start()
    known = _high_readings(daemon)
    daemon.until(lambda: _high_readings(daemon) >= known + 5, "the overload is seen again")
    endpoint[23].set("discrete", 0, [1])
    daemon.until(lambda: _alarm(daemon, "pump-3"), "the fault of pump 3 is raised")
    daemon.kill()
    assert _alarm(daemon, "meter-1") is None, "the delay was to be running"
    (last,) = daemon.journal("SELECT max(position) AS position FROM entries")
    daemon.start()
    return int(last["position"])


def _see_the_end_of_the_alarms(daemon: Daemon, endpoint: Endpoint) -> None:
    daemon.until(lambda: _alarm(daemon, "meter-1"), "the overload is raised after all")
    first = _alarm(daemon, "pump-1")
    assert first is not None
    assert (first["response"], first["acknowledged_at"] is not None) == ("acked", True)
    endpoint[1].set("holding", 0, [0])
    for number in PUMPS:
        endpoint[20 + number].set("discrete", 0, [0])
    for device in ("pump-1", "pump-2", "pump-3", "meter-1"):
        daemon.until(lambda d=device: _alarm(daemon, d)["state"] == "clear", f"the alarm of {device} clears")


def _topic(number: int) -> str:
    return f"meters/counter-{number % len(COUNTERS)}"


def _is_heard(daemon: Daemon, publisher: NumberedPublisher) -> bool:
    """Whether the broker already keeps messages for the daemon: what is said before that is lost by right."""
    silent = [number for number in COUNTERS if not daemon.readings(f"counter-{number}")]
    for number in silent:
        publisher.say(f"meters/counter-{number}", 0)
    return not silent


def _alarm(daemon: Daemon, device: str) -> dict[str, Any] | None:
    """The one alarm that a device has had."""
    found = daemon.memory("SELECT * FROM alarm WHERE device = ?", device)
    assert len(found) <= 1, "an occurrence is doubled"
    return dict(found[0]) if found else None


def _high_readings(daemon: Daemon) -> int:
    return sum(values["power_w"] == 5000 for _, values in daemon.readings("meter-1"))


def _is_all_told(daemon: Daemon) -> bool:
    open_rows = daemon.memory("SELECT 1 FROM outbox WHERE state IN ('queued', 'sending', 'failed')")
    cleared = daemon.memory("SELECT count(DISTINCT occurrence) AS n FROM outbox WHERE kind = 'clear'")
    return not open_rows and cleared[0]["n"] == 4


def _check_starts(daemon: Daemon, before_last_kill: int, last_start: float) -> None:
    """The journal went on after the last kill, with every meter, and knows of every start."""
    (last,) = daemon.journal("SELECT max(position) AS position FROM entries")
    assert last["position"] > before_last_kill
    assert all(daemon.readings(f"meter-{number}")[-1][0] > last_start for number in METERS)
    starts = [event for event in daemon.entries(2) if event["kind"] == "monitor_started"]
    assert len(starts) == 4
    assert "off_since" not in starts[0]["attributes"]
    assert all(event["attributes"]["off_since"] <= event["time"] for event in starts[1:])
    since = [event["attributes"]["off_since"] for event in starts[1:]]
    assert all(before["time"] <= off for before, off in zip(starts, since, strict=False))


def _check_performance(daemon: Daemon) -> None:
    """Figures and metrics count each alarm once, however often the monitor was killed, and every mail."""
    today = datetime.now(UTC).date()
    period = f"{today - timedelta(days=1)}..{today + timedelta(days=1)}"
    found = daemon.ask("alarms", "performance", "--period", period)
    sent = daemon.memory("SELECT person, count(*) AS count FROM outbox WHERE state = 'sent' GROUP BY person")
    assert found["raised"] == 4
    assert {one["person"]: one["messages"] for one in found["people"]} == {
        row["person"]: row["count"] for row in sent
    }
    report = daemon.command("report", "alarms", "--period", period).stdout
    assert "Messages about alarms to people" in report
    raised = daemon.memory("SELECT count(*) AS count FROM alarm WHERE state <> 'clear'")[0]["count"]
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(daemon.state / "api.sock"))) as client:
        lines = client.get("http://daemon/api/v1/metrics").text.splitlines()
    counts = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}
    assert raised == 0
    assert [counts[f'facility_monitor_alarms_open{{severity="{name}"}}'] for name in ("high", "medium")] == [0, 0]
    assert sum(count for name, count in counts.items() if "alarms_raised_total" in name) >= 1, (
        "since its last start"
    )
    assert counts["facility_monitor_alarms_standing"] == 0


def _check_alarms(daemon: Daemon) -> None:
    causes = Counter((step["device"], step["cause"]) for step in daemon.entries(4))
    devices = ["meter-1", "pump-1", "pump-2", "pump-3"]
    assert sorted(device for device, cause in causes if cause == "raised") == devices
    assert [causes[device, "raised"] for device in devices] == [1] * 4
    assert [causes[device, "cleared"] for device in devices] == [1] * 4
    assert {device for device, cause in causes if cause == "acknowledged"} == {"pump-1"}

    overload = _alarm(daemon, "meter-1")
    assert overload is not None
    lost = sum(
        event["time"] - event["attributes"]["off_since"]
        for event in daemon.entries(2)
        if event["kind"] == "monitor_started" and overload["since"] < event["time"] < overload["raised_at"]
    )
    assert lost > 1000, "it was pending while the daemon was away"
    assert overload["raised_at"] - overload["since"] >= 10_000 + lost, "time without a monitor counts for nothing"


def _check_mails(mail: MailServer) -> None:
    """Those who were to be told were told; how often, wrong_with_mails says."""
    arrived = {(str(each["To"]).strip("<>"), str(each["Subject"])) for each in mail.messages}
    subjects = {person: {subject for to, subject in arrived if to.startswith(person)} for person in ("ana", "ben")}
    assert subjects["ana"] >= {
        *(f"[HIGH] fault: pump-{number}" for number in PUMPS),
        *(f"[CLEARED] fault: pump-{number}" for number in PUMPS),
        "[MEDIUM] overload: meter-1",
        "[ACKNOWLEDGED] fault: pump-1",
    }
    assert {"[HIGH] fault: pump-2", "[CLEARED] fault: pump-2"} <= subjects["ben"]
    assert "[HIGH] fault: pump-1" not in subjects["ben"]
