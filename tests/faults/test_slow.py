"""Servers that are slow or hang take their time from nobody else."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.faults.proxy import Proxy
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

__all__ = ["influx"]

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: slow-bus, modbus: {{transport: tcp, host: 127.0.0.1, port: {slow}, timeout: 10 s}}}}
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 5 s}}}}
  - {{id: slow-broker, mqtt: {{url: "mqtt://127.0.0.1:{slow_broker}"}}}}
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{broker}"}}}}
devices:
  - {{id: slow-meter, connection: slow-bus, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: meter, connection: bus, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: slow-counter, connection: slow-broker, topic: meters/counter, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: counter, connection: broker, topic: meters/counter, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: leak, connection: broker, topic: detectors/leak, class: safety, points: {{alarm: {{json: $.leak}}}}}}
rules:
  - {{id: leak, kind: state, devices: {{class: safety}}, point: alarm, is: true, severity: critical}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ben, channels: {{mail: "mailto://127.0.0.1:{hung}/?from=monitor@example.org&to=ben@example.org"}}}}
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ben, ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "http://127.0.0.1:{influx}", bucket: facility, token: "{token}", api: v1}}
"""


@pytest.mark.fault(
    "slow network or peer",
    part="whole monitor",
    outcome="With a converter and a broker that take seconds, a database that says nothing and a mail server that"
    " hangs in mid-mail, the other bus is polled, the other broker heard and the other person told at once.",
)
def test_what_is_slow_or_hangs_delays_nobody_else(tmp_path: Path, influx: InfluxServer) -> None:
    with ExitStack() as running:
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        broker = running.enter_context(Mosquitto(tmp_path / "broker"))
        mail, hung = running.enter_context(MailServer()), running.enter_context(MailServer())
        hung.hang = True
        ways = [running.enter_context(Proxy(port)) for port in (endpoint.port, broker.port, influx.port)]
        slow, slow_broker, database = ways
        slow.delay, slow_broker.delay = 1.0, 1.0  # in either direction: an answer takes two seconds
        database.fall_silent()
        site = tmp_path / "site.yaml"
        ports = {
            "slow": slow.port,
            "modbus": endpoint.port,
            "slow_broker": slow_broker.port,
            "broker": broker.port,
        }
        more = {"hung": hung.port, "mail": mail.port, "influx": database.port, "token": influx.token}
        site.write_text(SITE.format(**ports, **more))
        daemon = running.enter_context(Daemon(site, tmp_path / "state").start())
        publisher = running.enter_context(NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=50))
        daemon.until(lambda: _are_heard(daemon, publisher), "both have subscribed")
        publisher.begin()
        publisher.say_json("detectors/leak", {"leak": True})
        daemon.until(lambda: mail.messages, "who can be told is told")
        daemon.until(lambda: hung.attempts, "the other mail hangs")
        polls = len(daemon.readings("meter"))
        daemon.until(lambda: len(daemon.readings("meter")) > polls + 15, "the bus is polled")
        daemon.until(lambda: len(daemon.readings("slow-meter")) >= 3, "the slow one, too")
        publisher.end()
        daemon.until(
            lambda: len(_numbers(daemon, "slow-counter")) >= publisher.published, "the slow broker is heard"
        )
        status = daemon.get("status")
        hanging = [row["state"] for row in daemon.memory("SELECT state FROM outbox WHERE person = 'ben'")]
        assert daemon.stop() == 0

    assert (
        sorted(_numbers(daemon, "slow-counter")) == sorted(_numbers(daemon, "counter")) == publisher.acknowledged
    )
    assert status["connections"]["bus"]["failed"] == status["connections"]["slow-bus"]["failed"] == 0
    assert status["connections"]["slow-bus"]["late"] > 5
    assert status["sinks"]["influxdb"]["position"] == 0
    assert "sent" not in hanging


def _are_heard(daemon: Daemon, publisher: NumberedPublisher) -> bool:
    silent = [name for name in ("counter", "slow-counter") if not daemon.readings(name)]
    if silent:
        publisher.say("meters/counter", 0)
    return not silent


def _numbers(daemon: Daemon, device: str) -> list[int]:
    return [int(values["volume_m3"]) for _, values in daemon.readings(device) if values["volume_m3"]]
