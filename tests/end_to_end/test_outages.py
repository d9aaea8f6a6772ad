"""What the daemon talks to goes and comes back; what it owes is delivered, and it ends when it is told to."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.end_to_end.works import THREE_DEVICES
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer

SITE = (
    THREE_DEVICES
    + """\
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}"}}
"""
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that is not running yet."""
    broker = Mosquitto(tmp_path / "broker")
    yield broker
    broker.stop()


def _daemon(folder: Path, *, modbus: int, broker: Mosquitto, mail: int, influx: InfluxServer) -> Daemon:
    site = folder / "site.yaml"
    site.write_text(SITE.format(modbus=modbus, mqtt=broker.port, mail=mail, influx=influx.url, token=influx.token))
    return Daemon(site, folder / "state")


def _written(influx: InfluxServer) -> list[int]:
    found = influx.query("SELECT volume_m3 FROM water WHERE volume_m3 > 0", "facility")
    return [int(row["volume_m3"]) for row in found]


def _kept(daemon: Daemon) -> list[int]:
    return [int(values["volume_m3"]) for _, values in daemon.readings("counter") if values["volume_m3"]]


def _sink(daemon: Daemon) -> Any:
    return daemon.get("status")["sinks"]["influxdb"]


def _is_heard(daemon: Daemon, publisher: NumberedPublisher) -> bool:
    """Whether the broker keeps messages for the daemon: what is said before that is lost by right."""
    publisher.say("meters/counter", 0)
    return bool(daemon.readings("counter"))


@pytest.mark.fault(
    "database away",
    part="InfluxDB sink",
    outcome="What it missed is written when it is back, also over a restart of the monitor meanwhile;"
    " nothing is lost or doubled.",
)
def test_an_outage_of_influxdb_over_a_restart_loses_and_doubles_nothing(
    tmp_path: Path, broker: Mosquitto, influx: InfluxServer
) -> None:
    broker.start()
    with ExitStack() as running:
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        daemon = _daemon(tmp_path, modbus=endpoint.port, broker=broker, mail=free_port(), influx=influx)
        running.enter_context(daemon)
        publisher = running.enter_context(NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=100))
        daemon.start()
        daemon.until(lambda: _is_heard(daemon, publisher), "the daemon has subscribed")
        publisher.begin()
        daemon.until(lambda: _written(influx), "something is written")

        influx.stop()
        daemon.until(lambda: _sink(daemon)["last_error"], "the outage is noticed")
        assert daemon.stop() == 0
        before = max(_kept(daemon))
        daemon.start()
        daemon.until(lambda: _sink(daemon)["last_error"], "it is noticed again")
        daemon.until(lambda: max(_kept(daemon)) > before + 100, "readings are kept meanwhile")
        influx.start()
        publisher.end()

        until(lambda: not publisher.waits, "the broker has acknowledged every message")
        daemon.until(lambda: len(_written(influx)) >= publisher.published, "InfluxDB is caught up")
        assert daemon.stop() == 0

    assert sorted(_kept(daemon)) == sorted(_written(influx)) == publisher.acknowledged
    (sink,) = daemon.memory("SELECT position FROM positions WHERE consumer = 'influxdb'")
    found = daemon.journal(
        "SELECT body FROM entries WHERE kind = 1 AND device = 'meter' AND position <= ?", sink["position"]
    )
    sent = {json.loads(row["body"])[1] for row in found}
    written = [row["time"] for row in influx.query("SELECT power_w FROM electricity", "facility")]
    assert sent <= set(written) <= {at for at, _ in daemon.readings("meter")}
    assert len(written) == len(set(written))
    assert not daemon.memory("SELECT * FROM dead_letters")
    log = daemon.tail(100_000)
    assert (log.count('"sink_down"'), log.count('"sink_up"')) == (2, 1), "once before the restart, once after"


@pytest.mark.fault(
    "everything away at the start",
    part="whole monitor",
    outcome="With devices, broker and database away it starts, says so, and catches up with each as it comes.",
)
def test_what_is_absent_at_the_start_is_caught_up_with_when_it_comes(
    tmp_path: Path, broker: Mosquitto, influx: InfluxServer
) -> None:
    influx.stop()
    mail, port = MailServer(), free_port()
    with ExitStack() as running:
        daemon = _daemon(tmp_path, modbus=port, broker=broker, mail=mail.port, influx=influx)
        running.enter_context(daemon.start())
        daemon.until(lambda: _device(daemon, "meter")["failures"] >= 1, "a first poll has failed")
        assert _device(daemon, "meter")["state"] == "never_answered"

        broker.start()
        publisher = running.enter_context(NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=100))
        daemon.until(lambda: _is_heard(daemon, publisher), "the broker is found")
        publisher.say_json("detectors/leak", {"leak": True})
        daemon.until(lambda: _alarm(daemon), "the leak is raised")
        daemon.until(lambda: daemon.get("status")["notify"]["failed"], "the mail cannot be sent yet")

        running.enter_context(Endpoint({1: Unit()}, port))
        daemon.until(lambda: _device(daemon, "meter")["state"] == "answering", "the meter is found")
        influx.start()
        daemon.until(lambda: influx.query("SELECT power_w FROM electricity", "facility"), "InfluxDB is found")
        running.enter_context(mail)
        daemon.until(lambda: mail.messages, "the mail arrives")
        daemon.until(lambda: daemon.get("status")["notify"]["sent"], "that is noted")
        newest = daemon.get("status")["journal"]["position"]
        daemon.until(lambda: _sink(daemon)["position"] >= newest, "it is caught up")
        assert daemon.stop() == 0

    assert len(mail.messages) == 1
    alarms = influx.query("SELECT cause FROM alarms", "facility")
    assert [row["cause"] for row in alarms] == ["raised"], "what was from before InfluxDB came is there"
    assert [step["cause"] for step in daemon.entries(4)] == ["raised"]
    log = daemon.tail(100_000)
    for lost in ("sink_down", "channel_lost", "broker_lost"):
        assert log.count(f'"{lost}"') <= 1, f"{lost} is told once"


def _device(daemon: Daemon, device: str) -> Any:
    return daemon.get("devices", device)


def _alarm(daemon: Daemon) -> Any:
    return daemon.memory("SELECT 1 FROM alarm")


CONNECTION = "  - {{id: bus-{0}, modbus: {{transport: tcp, host: 127.0.0.1, port: {1}, timeout: 5 s}}}}"
DEVICE = (
    "  - {{id: meter-{0}, connection: bus-{0}, every: 1 s, class: electricity,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}"
)
MUTE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{mute}"}}}}
{connections}
devices:
{devices}
rules:
  - {{id: dead, kind: threshold, devices: {{class: electricity}}, point: power_w, below: 5 W, severity: critical}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mute}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "http://127.0.0.1:{mute}", bucket: facility, token: "a:b"}}
"""


@pytest.mark.fault(
    "stop in the middle",
    part="whole monitor",
    outcome="It ends within seconds although half of fifty connections hang.",
)
def test_sigterm_ends_it_though_half_of_fifty_connections_are_dead(tmp_path: Path) -> None:
    closed = free_port()
    with socket.create_server(("127.0.0.1", 0), backlog=200) as mute, Endpoint({1: Unit()}) as endpoint:
        silent = mute.getsockname()[1]
        ports = [(endpoint.port, closed, endpoint.port, silent)[number % 4] for number in range(50)]
        site = tmp_path / "site.yaml"
        site.write_text(
            MUTE.format(
                mute=silent,
                connections="\n".join(CONNECTION.format(*each) for each in enumerate(ports)),
                devices="\n".join(DEVICE.format(number) for number in range(50)),
            )
        )
        with Daemon(site, tmp_path / "state") as daemon:
            began = time.time() * 1000
            daemon.start()
            daemon.until(lambda: _devices_that_answered(daemon) == 25, "all that live are read")
            daemon.until(lambda: _sending(daemon), "a mail hangs")
            first = daemon.journal(
                "SELECT min(recorded) AS at FROM entries WHERE kind = 1 AND CAST(body AS TEXT) NOT LIKE '%,{},%'"
            )
            print(f"first reading {first[0]['at'] - began:.0f} ms after the start")  # noqa: T201
            stopped = time.monotonic()

            assert daemon.stop(within=5) == 0
            print(f"ended within {time.monotonic() - stopped:.1f} s")  # noqa: T201

    assert not (tmp_path / "state" / "api.sock").exists()
    assert "Traceback" not in daemon.tail(100_000)
    assert '"signal": "SIGTERM", "event": "told to end"' in daemon.tail()


def _devices_that_answered(daemon: Daemon) -> int:
    return sum(bool(each["last_answer"]) for each in daemon.get("devices"))


def _sending(daemon: Daemon) -> Any:
    return daemon.memory("SELECT 1 FROM outbox WHERE state = 'sending'")
