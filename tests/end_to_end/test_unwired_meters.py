"""Meters without a connection, in a daemon that runs: they are there, and nothing is expected of them."""

from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.end_to_end.daemon import Daemon
from tests.servers.mosquitto import Mosquitto

SITE = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{port}"}}}}
devices:
  - {{id: main, connection: broker, topic: main, class: water, points: {{volume_m3: {{json: $.v, unit: m3}}}}}}
  - {{id: garden, class: water, manual: volume_m3}}
  - {{id: rest, sum: [main], minus: [garden]}}
rules:
  - {{id: dead, kind: offline, devices: {{class: water}}}}
sinks:
  mqtt: {{connection: broker, homeassistant: true}}
{more}"""
TARIFF = "tariffs:\n  - {id: water, utility: water, currency: EUR, terms: {price: 4.05}}\n"


@pytest.fixture
def broker(tmp_path: Path):
    server = Mosquitto(tmp_path / "mosquitto").start()
    yield server
    server.stop()


def _listen(broker: Mosquitto, heard: set[str]) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _u, message: heard.add(message.topic)
    client.on_connect = lambda client, *_: client.subscribe("#", 1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    return client


def test_meters_without_a_connection_are_listed_and_never_missed(tmp_path: Path, broker: Mosquitto) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(port=broker.port, more=""))
    heard: set[str] = set()
    listener = _listen(broker, heard)
    with Daemon(site, tmp_path / "state").start() as daemon:
        states = {each["id"]: (each["state"], each["advice"] != "") for each in daemon.ask("devices")}
        rest = daemon.ask("devices", "rest")
        status = daemon.ask("status")
        daemon.until(lambda: any(topic.endswith("_garden/config") for topic in heard), "the garden is announced")
        daemon.until(lambda: any(topic.endswith("_main/config") for topic in heard), "the main meter is announced")
        listed = daemon.command("devices").stdout

        site.write_text(SITE.format(port=broker.port, more=TARIFF))
        told = daemon.command("reload", "--dry-run").stdout

    listener.disconnect()
    listener.loop_stop()
    assert states == {
        "main": ("never_answered", True),
        "garden": ("not_connected", False),
        "rest": ("not_connected", False),
    }
    assert (rest["connection"], list(rest["points"]), rest["class"]) == ("", ["volume_m3"], "water")
    assert status["devices"] == {"total": 1, "never_answered": 1}
    assert not [topic for topic in heard if topic.endswith("_rest/config")]
    assert "not connected" in listed
    assert "added    tariffs: water" in told
