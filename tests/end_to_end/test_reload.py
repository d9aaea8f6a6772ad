"""A site file is taken again while the daemon runs: nothing is lost, and a wrong one changes nothing."""

import itertools
import threading
import time
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.end_to_end.daemon import Daemon
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port

SITE = """
site: {{id: house, timezone: UTC}}
connections:
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{port}"}}}}
devices:
  - {{id: counter, connection: broker, topic: counter, class: environment,
     points: {{number: {{json: $.n}}, temperature_c: {{json: $.t, unit: degC}}}}}}
{more}
rules:
  - {{id: hot, kind: threshold, point: temperature_c, above: {limit}, severity: high}}
"""
HALL = "  - {id: hall, connection: broker, topic: hall, profile: aqara-mccgq11lm}"


class Publisher:
    """Publishes numbered messages at QoS 1 until it is told to stop; `confirmed` are those the broker has."""

    def __init__(self, port: int) -> None:
        self.confirmed = 0
        self._ends = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._publish)

    def _publish(self) -> None:
        for number in itertools.count(1):
            if self._ends.wait(0.01):
                return
            self._client.publish("counter", f'{{"n": {number}, "t": 50}}', qos=1).wait_for_publish(10)
            self.confirmed = number

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self._client.loop_stop()
        self._client.disconnect()


@pytest.fixture
def broker(tmp_path: Path):
    server = Mosquitto(tmp_path / "mosquitto").start()
    yield server
    server.stop()


def write(path: Path, broker: Mosquitto, *, limit: str = "40 degC", more: str = "") -> None:
    path.write_text(SITE.format(port=broker.port, limit=limit, more=more))


def numbers(daemon: Daemon) -> list[int]:
    readings = daemon.ask("readings", "counter", "--last", "10000")
    return [int(reading["values"]["number"]) for reading in readings]


def test_a_reload_loses_no_message_and_no_alarm(tmp_path: Path, broker: Mosquitto):
    site = tmp_path / "site.yaml"
    write(site, broker)
    with Daemon(site, tmp_path / "state").start() as daemon, Publisher(broker.port) as publisher:
        (alarm,) = daemon.until(lambda: daemon.ask("alarms"), "the alarm is raised")
        assert daemon.command("alarms", "ack", alarm["occurrence"]).returncode == 0

        write(site, broker, limit="45 degC", more=HALL)
        told = daemon.command("reload", "--dry-run").stdout
        assert "added    devices: hall" in told
        assert "changed  rules: hot" in told
        assert len(daemon.ask("devices")) == 1

        changes = daemon.ask("reload")
        assert (changes["added"]["devices"], changes["changed"]["rules"]) == (["hall"], ["hot"])
        assert len(daemon.ask("devices")) == 2
        (kept,) = daemon.ask("alarms")
        assert (kept["occurrence"], kept["response"], kept["state"]) == (alarm["occurrence"], "acked", "active")
        until = publisher.confirmed + 20
        daemon.until(lambda: max(numbers(daemon)) >= until, "messages go on")
        found = numbers(daemon)
        assert found == sorted(set(found))
        assert found == list(range(found[0], found[-1] + 1))


@pytest.mark.fault(
    "wrong settings",
    part="settings",
    outcome="A wrong file at a reload is refused with all its mistakes; the settings that run go on.",
)
def test_a_wrong_file_changes_nothing(tmp_path: Path, broker: Mosquitto):
    site = tmp_path / "site.yaml"
    write(site, broker)
    with Daemon(site, tmp_path / "state").start() as daemon:
        loaded = daemon.ask("status")["loaded"]
        write(site, broker, limit="45 kWh")

        refused = daemon.command("reload")

        assert refused.returncode == 78
        assert "site.yaml:10:" in refused.stderr
        assert "kWh" in refused.stderr
        assert daemon.ask("status")["loaded"] == loaded


def test_a_reload_says_how_the_load_of_a_bus_changes(tmp_path: Path):
    site = tmp_path / "site.yaml"
    plan = """
site: {{id: house, timezone: UTC}}
connections:
  - {{id: plant, modbus: {{transport: rtu-over-tcp, host: 127.0.0.1, port: {port}, baudrate: 9600}}}}
devices:
  - {{id: main, profile: eastron-sdm630, connection: plant, every: {every}}}
"""
    port = free_port()
    site.write_text(plan.format(port=port, every="10 s"))
    with Daemon(site, tmp_path / "state").start() as daemon:
        site.write_text(plan.format(port=port, every="1 s"))

        told = daemon.command("reload", "--dry-run").stdout
        changes = daemon.ask("reload", "--dry-run")
        site.write_text(plan.format(port=port, every="200 ms"))
        refused = daemon.command("reload")

        assert "load     plant: 3.06 % -> 29.9 %" in told
        assert changes["load"] == {
            "plant": {"before": pytest.approx(0.0305, abs=1e-4), "after": pytest.approx(0.2992, abs=1e-4)}
        }
        assert refused.returncode == 78
        assert "main: one poll of its fast points takes 299 ms" in refused.stderr


def test_sighup_is_a_reload(tmp_path: Path, broker: Mosquitto):
    site = tmp_path / "site.yaml"
    write(site, broker)
    with Daemon(site, tmp_path / "state").start() as daemon:
        first = daemon.ask("status")
        write(site, broker, more=HALL)
        daemon.hang_up()

        daemon.until(lambda: len(daemon.ask("devices") or ()) == 2, "the new device is there")
        again = daemon.ask("status")
        assert again["started"] == first["started"]
        assert again["loaded"] > first["loaded"]

        site.write_text("site: {}")
        daemon.hang_up()
        daemon.until(lambda: "reload_refused" in daemon.tail(), "the log says that it was refused")
        time.sleep(0.3)
        assert len(daemon.ask("devices")) == 2
