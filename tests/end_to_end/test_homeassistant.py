"""The daemon on a broker where Home Assistant listens: what it hears, also when the daemon is killed."""

import json
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.app import load_site
from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint
from tests.servers.mosquitto import Mosquitto

SITE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: main, name: Main meter, profile: eastron-sdm630, connection: plant, every: {{fast: 1 s, slow: 1 s}}}}
rules:
  - {{id: low, kind: threshold, devices: {{id: main}}, point: voltage_l1_v, below: 207 V, severity: high}}
sinks:
  mqtt: {{connection: broker, homeassistant: true}}
"""


class _Home:
    """What Home Assistant would know: the newest of each topic."""

    def __init__(self, broker: Mosquitto) -> None:
        self.known: dict[str, bytes] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def _hear(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self.known[message.topic] = bytes(message.payload)

    def value(self, component: dict[str, Any], name: str) -> Any:
        content = json.loads(self.known.get(component["state_topic"], b"{}"))
        return content.get("values", {}).get(name)

    def alarm(self, topic: str) -> dict[str, Any]:
        """How an alarm stands; empty while nothing is retained there."""
        return json.loads(self.known.get(topic) or b"{}")

    def press(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, 1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_home_assistant_sees_points_alarms_and_that_the_daemon_is_gone(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker, Endpoint({}) as meters:
        file = tmp_path / "site.yaml"
        file.write_text(SITE.format(modbus=meters.port, broker=broker.url))
        unit = meters.bus.units[1] = Unit(load_site(file).site.devices["main"])
        unit.put("voltage_l1_v", 231.5)
        unit.put("energy_import_kwh", 1234.5)
        home = _Home(broker)
        with Daemon(file, tmp_path / "state") as daemon:
            daemon.start()
            until(lambda: home.known.get("facility-monitor/house/availability") == b"online", "it is there")
            found = json.loads(home.known["homeassistant/device/facility-monitor_house_main/config"])
            parts = found["components"]
            until(lambda: home.value(parts["voltage_l1_v"], "voltage_l1_v") == 231.5, "the voltage is told")
            until(
                lambda: home.value(parts["energy_import_kwh"], "energy_import_kwh") == 1234.5, "the energy is told"
            )
            alarms = parts["alarms"]["state_topic"]
            assert json.loads(home.known[alarms])["active"] is False
            unit.put("voltage_l1_v", 190.0)
            until(lambda: json.loads(home.known[alarms])["active"], "the alarm is told")
            assert json.loads(home.known[alarms])["alarms"][0]["rule"] == "low"
            daemon.kill()
            until(lambda: home.known["facility-monitor/house/availability"] == b"offline", "its last will is told")
            unit.put("voltage_l1_v", 229.0)
            daemon.start()
            until(lambda: home.known["facility-monitor/house/availability"] == b"online", "it is there again")
            until(lambda: not json.loads(home.known[alarms])["active"], "the alarm is over")
        home.close()


MORE = """
  - {{id: high, kind: threshold, devices: {{id: main}}, point: voltage_l1_v, above: 253 V, severity: low}}
sinks:
  mqtt: {{connection: broker, homeassistant: true, acknowledge: true}}
"""
LOW = "facility-monitor/house/alarm/low/main/voltage_l1_v"
HIGH = "facility-monitor/house/alarm/high/main/voltage_l1_v"
AVAILABLE = "facility-monitor/house/availability"
CONFIG = "homeassistant/device/facility-monitor_house_main/config"


def test_alarms_stand_at_the_broker_as_they_stand_through_deaths_and_are_acknowledged_there(
    tmp_path: Path,
) -> None:
    broker = Mosquitto(tmp_path / "broker", extra=("persistence false",), template=None)
    with broker, Endpoint({}) as meters:
        file = tmp_path / "site.yaml"
        written = SITE.replace("sinks:\n  mqtt: {{connection: broker, homeassistant: true}}\n", MORE.lstrip("\n"))
        file.write_text(written.format(modbus=meters.port, broker=broker.url))
        unit = meters.bus.units[1] = Unit(load_site(file).site.devices["main"])
        unit.put("voltage_l1_v", 190.0)
        home = _Home(broker)
        with Daemon(file, tmp_path / "state") as daemon:
            daemon.start()
            until(lambda: home.known.get(AVAILABLE) == b"online", "it is there")
            until(lambda: home.alarm(LOW)["active"], "the alarm is told")
            assert home.alarm(HIGH)["state"] == "clear"
            button = json.loads(home.known[CONFIG])["components"]["acknowledge_alarm_low_voltage_l1_v"]
            home.press(button["command_topic"], button["payload_press"])
            until(lambda: home.alarm(LOW)["response"] == "acked", "it is acknowledged")
            occurrence = home.alarm(LOW)["occurrence"]
            assert daemon.get("alarms", occurrence)["acknowledged_by"] == "mqtt:mqtt"
            home.close()
            broker.kill()  # and with it all that was retained
            broker.start()
            home = _Home(broker)
            until(lambda: home.known.get(AVAILABLE) == b"online", "it is there again")
            assert (home.alarm(LOW)["occurrence"], home.alarm(LOW)["response"]) == (occurrence, "acked")
            daemon.kill()
            until(lambda: home.known[AVAILABLE] == b"offline", "its last will is told")
            unit.put("voltage_l1_v", 229.0)
            file.write_text("".join(line for line in file.read_text().splitlines(True) if "id: high" not in line))
            daemon.start()
            until(lambda: home.alarm(LOW)["state"] == "clear", "it is over")
            until(lambda: home.known[HIGH] == b"", "the rule that is gone has left nothing")
            assert not any("high" in name for name in json.loads(home.known[CONFIG])["components"])
        home.close()
