"""Two InfluxDBs and a broker, each with a filter of its own: one is away, and the daemon is killed meanwhile."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.end_to_end.works import THREE_DEVICES
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto

SITE = (
    THREE_DEVICES
    + """\
sinks:
  influxdb:
    - {{id: influxdb, url: "{main}", token: "{token}"}}
    - id: owner
      url: "{owner}"
      bucket: owner
      retention: 30 days
      only: {{id: [meter, leak]}}
      kinds: [readings, alarms]
  mqtt:
    - {{id: panel, connection: broker, topic: panel, only: {{class: water}}, homeassistant: true}}
    - {{id: lamp, connection: broker, topic: lamp, only: {{class: safety}}, kinds: alarms}}
"""
)
LAST = "test/over"
ALARM = "SELECT cause, state, start_ms, end_ms, active_i FROM alarms"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[InfluxServer]:
    """A second InfluxDB, as Debian installs it: without any database."""
    folder = tmp_path / "owner"
    folder.mkdir()
    with influxdb(folder, auth=False) as server:
        yield server


def retained(broker: Mosquitto) -> dict[str, bytes]:
    """What the broker keeps: all that comes before what is said once the subscription stands."""
    found: dict[str, bytes] = {}
    over = threading.Event()

    def hear(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.topic == LAST:
            over.set()
        elif message.retain:
            found[message.topic] = bytes(message.payload)

    def ask(client: paho.Client, *_: object) -> None:
        client.subscribe("#", 1)

    def end(client: paho.Client, *_: object) -> None:
        client.publish(LAST, b"", qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message, client.on_connect, client.on_subscribe = hear, ask, end
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert over.wait(30)
    client.disconnect()
    client.loop_stop()
    return found


def rows(influx: InfluxServer, query: str, database: str) -> list[dict[str, Any]]:
    """What it answers; nothing while the monitor has not made the database yet."""
    there = {row["name"] for row in influx.query("SHOW DATABASES")}
    return influx.query(query, database) if database in there else []


def sinks(daemon: Daemon) -> Any:
    return (daemon.get("status") or {"sinks": {}})["sinks"]


def measurements(influx: InfluxServer, database: str) -> set[str]:
    return {row["name"] for row in influx.query("SHOW MEASUREMENTS", database)}


def test_each_sink_has_its_own_part_and_an_outage_of_one_is_nothing_to_the_others(
    tmp_path: Path, broker: Mosquitto, influx: InfluxServer, owner: InfluxServer
) -> None:
    with ExitStack() as running:
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        site = tmp_path / "site.yaml"
        urls = {"main": influx.url, "owner": owner.url, "token": influx.token}
        site.write_text(SITE.format(modbus=endpoint.port, mqtt=broker.port, **urls))
        daemon = running.enter_context(Daemon(site, tmp_path / "state"))
        speaker = running.enter_context(NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=10))
        daemon.start()

        def heard() -> bool:
            speaker.say("meters/counter", 7)
            return bool(daemon.readings("counter"))

        daemon.until(heard, "the daemon has subscribed")
        daemon.until(lambda: rows(owner, "SELECT power_w FROM electricity", "owner"), "the owner has readings")
        speaker.say_json("detectors/leak", {"leak": True})
        daemon.until(lambda: owner.query(ALARM, "owner"), "the owner has the alarm")

        owner.stop()
        daemon.until(lambda: sinks(daemon)["owner"]["last_error"], "the outage is noticed")
        speaker.say_json("detectors/leak", {"leak": False})
        daemon.until(lambda: len(rows(influx, ALARM, "facility")) > 1, "the other one has the end of the alarm")
        daemon.kill()
        daemon.start()
        daemon.until(lambda: sinks(daemon)["owner"]["last_error"], "it is noticed again")
        there = sinks(daemon)["influxdb"]
        owner.start()
        daemon.until(lambda: sinks(daemon)["owner"]["lag"] < 5, "the owner is caught up")
        daemon.until(lambda: len(owner.query(ALARM, "owner")) > 1, "the owner has the end of the alarm")
        known = {at for at, _ in daemon.readings("meter")}
        daemon.until(
            lambda: known <= {row["time"] for row in owner.query("SELECT power_w FROM electricity", "owner")},
            "the owner has every reading until now, those of the outage too",
        )
        kept = retained(broker)
        facts = sinks(daemon)
        letters = daemon.get("dead-letters")
        assert daemon.stop() == 0

    assert there["last_error"] == ""
    assert owner.query(ALARM, "owner") == influx.query(ALARM, "facility")
    assert owner.query(ALARM, "owner")[0]["end_ms"] > 0
    assert measurements(owner, "owner") == {"alarms", "electricity", "safety"}
    assert {"alarms", "electricity", "water", "safety", "facility_monitor"} <= measurements(influx, "facility")
    [policy] = owner.query("SHOW RETENTION POLICIES ON owner")
    assert policy["duration"] == "720h0m0s"
    assert (letters, facts["owner"]["rejected"], facts["owner"]["gaps"]) == ([], 0, 0)
    assert facts["owner"]["left_out"] > 0
    assert "left_out" not in facts["panel"]

    assert set(kept) - {"facility-monitor/works/status"} == {  # which the connection says of itself
        "panel/works/availability", "panel/works/device/counter", "panel/works/alarms/counter",
        "panel/works/alarms/facility-monitor", "panel/works/summary",
        "lamp/works/availability", "lamp/works/alarms/leak", "lamp/works/alarm/leak/leak/alarm",
        "lamp/works/alarms/facility-monitor", "lamp/works/summary",
        "homeassistant/device/facility-monitor_works_counter/config",
        "homeassistant/device/facility-monitor_works_facility-monitor/config",
    }  # fmt: skip
    assert json.loads(kept["panel/works/device/counter"])["values"] == {"volume_m3": 7.0}
