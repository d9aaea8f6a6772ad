"""Conditions over several devices on a running daemon, across a kill; and a rule that is only tried."""

import json
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from tests.end_to_end.daemon import Daemon
from tests.servers.mosquitto import Mosquitto

SITE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{port}"}}}}
devices:
  - {{id: rain-tank, connection: broker, topic: tank, class: water, points: {{level_m: {{json: $.l, unit: m}}}}}}
  - {{id: pump, connection: broker, topic: pump, class: environment,
     points: {{running: {{json: $.on}}, mode: {{json: $.m}}}}}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people: [{{id: ana, channels: {{screen: "terminal:"}}}}]
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
rules:
  - {{id: low-level, kind: threshold, devices: {{id: rain-tank}}, point: level_m, below: 0.5 m, shadow: true}}
  - {{id: runs-dry, kind: composite, devices: {{id: pump}},
     expression: running && rain_tank.level_m < 0.5, severity: high}}
  - {{id: by-hand, kind: composite, expression: 'mode == "hand" && age_mode > 1 && alarm_low_level && hour < 24'}}
"""


@pytest.fixture
def broker(tmp_path: Path):
    server = Mosquitto(tmp_path / "mosquitto").start()
    yield server
    server.stop()


def test_a_condition_over_two_devices_outlives_a_kill_and_what_is_tried_is_told_to_nobody(
    tmp_path: Path, broker: Mosquitto
):
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(port=broker.port))

    def say(topic: str, payload: str) -> None:
        publish.single(topic, payload, qos=1, hostname="127.0.0.1", port=broker.port)

    def alarms(daemon: Daemon) -> dict[str, dict[str, Any]]:
        return {alarm["rule"]: alarm for alarm in daemon.ask("alarms")}

    with Daemon(site, tmp_path / "state").start() as daemon:
        daemon.until(lambda: daemon.ask("status")["connections"]["broker"]["connected"], "the broker is there")
        say("pump", '{"on": true, "m": "hand"}')
        say("tank", '{"l": 2.0}')
        daemon.until(lambda: daemon.ask("readings", "rain-tank"), "the level is read")
        assert alarms(daemon) == {}
        say("tank", '{"l": 0.3}')
        raised = daemon.until(lambda: len(found := alarms(daemon)) == 3 and found, "three alarms")
        (row,) = daemon.memory("SELECT body FROM outbox WHERE kind = 'raise' AND body LIKE '%runs-dry%'")
        daemon.kill()
    with Daemon(site, tmp_path / "state").start() as daemon:
        again = alarms(daemon)
        rules = {rule["id"]: rule for rule in daemon.ask("rules", "list")}
        say("tank", '{"l": 2.0}')
        daemon.until(lambda: not any(each["active"] for each in alarms(daemon).values()), "all is over")
        told = daemon.memory("SELECT DISTINCT kind, json_extract(body, '$.rule.id') AS rule FROM outbox")
        status = daemon.ask("status")

    assert json.loads(row["body"])["facts"]["rain_tank.level_m"] == 0.3
    assert {name: alarm["shadow"] for name, alarm in raised.items()} == {
        "low-level": True,
        "runs-dry": False,
        "by-hand": False,
    }
    assert {name: alarm["occurrence"] for name, alarm in again.items()} == {
        name: alarm["occurrence"] for name, alarm in raised.items()
    }
    assert {each["rule"] for each in told} == {"runs-dry", "by-hand"}
    assert {(each["kind"], each["rule"]) for each in told if each["kind"] == "clear"} == {
        ("clear", "runs-dry"),
        ("clear", "by-hand"),
    }
    assert (rules["low-level"]["shadow"], rules["low-level"]["raised_in_shadow"]) == (True, 1)
    assert (rules["runs-dry"]["shadow"], rules["runs-dry"]["open"], rules["runs-dry"]["failing"]) == (False, 1, "")
    assert status["itself"]["rules_failing"] == 0
