"""`listen` as a technician runs it: against a real broker, and what it wrote with the real daemon."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import aside
from tests.cli.terminal import Terminal
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.survey.said import CHIRPSTACK, SAID, payload_of
from tests.end_to_end.daemon import Daemon
from tests.servers.mosquitto import Mosquitto

SITE = """\
site: {id: house, timezone: Europe/Berlin}
connections:
  - {id: plant-room, modbus: {transport: tcp, host: 127.0.0.1, port: 5020}}
devices: []
"""
LISTED = {
    "homeassistant/sensor/boiler/energy/config": {
        "name": "Energy",
        "state_topic": "heating/boiler/state",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "Wh",
        "value_template": "{{ value_json['total'] | float }}",
        "device": {"identifiers": ["b1"]},
    },
    "homeassistant/binary_sensor/boiler/fault/config": {
        "name": "Fault",
        "state_topic": "heating/boiler/fault",
        "device_class": "problem",
        "payload_on": "BAD",
        "payload_off": "FINE",
        "device": {"identifiers": ["b1"]},
    },
    "homeassistant/light/lamp/config": {"name": "Lamp", "state_topic": "lamp/x", "cmd_t": "lamp/set"},
}
SECRETS = ("5a3fb1c2", "Test User", "04A1B2C3D4")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def text_of(file: Path) -> str:
    return file.read_text()


def say(publisher: Publisher, said: Mapping[str, Any] = SAID, *, retain: bool = True) -> None:
    for topic, what in said.items():
        publisher.say(topic, payload_of(what), retain=retain)


async def test_what_is_said_is_told_in_words_and_no_card_is_shown(broker: Mosquitto) -> None:
    with Publisher(broker) as publisher:
        say(publisher)
        ran = await aside("listen", "--url", broker.url, "--for", "1 s")

    assert ran.code == 0, ran.err
    assert f"{len(SAID)} messages on {len(SAID)} topics in 1 s\n" in ran.out
    assert "\nzigbee2mqtt/+  [3 topics]  Zigbee2MQTT\n    json, " in ran.out
    assert "B: 1 retained\n    2 metrics by name: Inputs/Running, Motor/Power\n" in ran.out
    assert "\nfront-door: profile aqara-mccgq11lm (3 of 3 points) [Zigbee2MQTT]\n" in ran.out
    assert "\n    power_w: json $.power in kW\n" in ran.out
    assert "  left out, of unknown unit: $.uplink_message.decoded_payload.luminosity\n" in ran.out
    assert not any(secret in ran.out + ran.err for secret in SECRETS)


async def test_what_is_said_is_told_to_programs(broker: Mosquitto) -> None:
    with Publisher(broker) as publisher:
        say(publisher)
        ran = await aside("listen", "--url", broker.url, "--for", "1 s", "--json")

    assert ran.json["messages"] == len(SAID)
    families = {group["family"] for group in ran.json["topics"]}
    assert families >= {
        *(
            "ChirpStack v4",
            "The Things Stack",
            "wmbusmeters",
            "Shelly Gen2+",
            "Tasmota",
            "Zigbee2MQTT",
            "esp-rfid",
        ),
        *("rtl_433", "Home Assistant discovery", "Sparkplug B", "Advantech ADAM", "Wiren Board"),
    }
    devices = {device["id"]: device for device in ran.json["devices"]}
    assert devices["doors-front"]["entry"] == {
        "id": "doors-front",
        "profile": "esp-rfid",
        "connection": "broker",
        "topic": "doors/front",
    }
    assert devices["ert-scm-12345678"]["entry"] is None
    assert {"json": "$.consumption_data"} in devices["ert-scm-12345678"]["unknown"]
    assert not any(secret in ran.out for secret in SECRETS)


async def test_what_is_printed_as_yaml_is_a_site_file(broker: Mosquitto, tmp_path: Path) -> None:
    with Publisher(broker) as publisher:
        say(publisher)
        say(publisher, {"rtl_433/pi/devices/ERT-SCM/7/consumption_data": "339972"})
        ran = await aside("listen", "--url", broker.url, "--for", "1 s", "--yaml")
    file = tmp_path / "whole.yaml"
    file.write_text("site: {id: house, timezone: Europe/Berlin}\n" + ran.out)

    checked = await aside("check", file, "--json")

    assert checked.json["errors"] == []
    assert checked.json["devices"] == 15
    assert (
        "#  - {id: ert-scm-7, profile: itron-ert-scm, connection: broker, topic: rtl_433/pi/devices/ERT-SCM/7, "
        "variant: cubic-feet or cubic-metres or gallons or hundred-cubic-feet}\n"
    ) in ran.out
    assert '# dev1: NAME: {json: "$.uplink_message.decoded_payload.luminosity", unit: ?}\n' in ran.out


async def test_the_daemon_reads_what_was_added(broker: Mosquitto, site: Path, tmp_path: Path) -> None:
    with Publisher(broker) as publisher:
        say(publisher)
        say(publisher, LISTED)
        added = await aside("listen", "--url", broker.url, "--for", "1 s", "--add", site, "--yes")
        assert added.code == 0, added.err
        assert (await aside("check", site)).code == 0
        with Daemon(site, tmp_path / "state") as daemon:
            daemon.start()
            daemon.until(lambda: _subscribed(daemon), "the daemon listens")
            live = {**SAID, "heating/boiler/state": {"power": 4.5, "total": 1500}, "heating/boiler/fault": "BAD"}
            live = {topic: what for topic, what in live.items() if not topic.startswith("homeassistant/")}
            say(publisher, live, retain=False)
            values = daemon.until(lambda: _values(daemon), "every device has spoken")
            again = await aside("listen", "--site", site, "--connection", "broker", "--for", "1 s", "--json")
            connection = daemon.get("status")["connections"]["broker"]

    assert values["front-door"] == {"open": False, "battery_pct": 100.0, "battery_v": 3.015}
    assert values["aerius-gas-99657098"]["volume_m3"] == 6842.784
    assert values["boiler"]["energy_total_kwh"] == 40.543
    assert values["boiler-2"] == {"power_w": 4500.0, "energy_kwh": 1.5, "fault": True}
    assert values["shellypro3em-0123456789ab"]["power_l2_w"] == 482.0
    assert values["test-device"] == {"humidity_pct": 41.5, "temperature_c": 21.5}
    assert values["wb-msw-12"] == {"humidity_pct": 45.1, "temperature_c": 21.5}
    assert values["emon-emontx"] == {"power_1_w": 1250.0, "temperature_1_c": 19.5}
    assert values["edge-pump"] == {"running": True, "motor_power_w": 1.5}
    assert values["sensors-cistern"] == {"level_m": 2.5, "temperature_c": 12.1}
    assert [device["id"] for device in again.json["devices"]] == ["lamp", "ert-scm-12345678"]
    assert [device for device in again.json["devices"] if device["entry"]] == []
    known = {topic["device"] for group in again.json["topics"] for topic in group["topics"]}
    assert known >= {"front-door", "boiler-2", "doors-front"}
    assert (connection["connections"], connection["connected"]) == (1, True)


def _subscribed(daemon: Daemon) -> bool:
    status = daemon.get("status")
    return bool(status and status["connections"]["broker"]["subscribed"])


def _values(daemon: Daemon) -> dict[str, dict[str, Any]] | None:
    """The newest values of every device that has points, once the live ones of the last are there."""
    found = {}
    for device in daemon.get("devices") or ():
        points = (daemon.get("devices", device["id"]) or {"points": {}})["points"]
        if points:
            found[device["id"]] = {name: point["value"] for name, point in points.items()}
    done = found.get("boiler-2", {}).get("fault") is True and found["boiler-2"]["energy_kwh"] is not None
    return (
        found
        if done and all(any(value is not None for value in each.values()) for each in found.values())
        else None
    )


async def test_what_announces_itself_is_listed_alone(broker: Mosquitto) -> None:
    with Publisher(broker) as publisher:
        say(publisher)
        say(publisher, LISTED)
        ran = await aside("listen", "--url", broker.url, "--for", "1 s", "--discovered")

    assert "zigbee2mqtt" not in ran.out
    assert "  topic heating/boiler\n  class electricity\n" in ran.out
    assert "    energy_kwh: json $['total'] topic state in Wh\n" in ran.out
    assert "  note: energy_kwh: import or export is not told" in ran.out
    assert "  note: Lamp: a light is no sensor\n" in ran.out


def test_a_person_is_asked_about_each_device(broker: Mosquitto, site: Path) -> None:
    with Publisher(broker) as publisher:
        say(publisher, {topic: SAID[topic] for topic in ("zigbee2mqtt/cellar", "zigbee2mqtt/living room")})
        with Terminal("listen", "--url", broker.url, "--for", "1 s", "--add", site) as terminal:
            terminal.answer("Add cellar?", "y")
            terminal.answer("Add living-room?", "n")
            code = terminal.end()

    assert code == 0, terminal.shown
    assert f"Added to {site}: cellar\n" in terminal.shown
    assert text_of(site) == SITE.replace(
        "devices: []\n",
        "devices:\n  - {id: cellar, profile: aqara-sjcgq11lm, connection: broker, topic: zigbee2mqtt/cellar}\n",
    ).replace("port: 5020}}\n", f'port: 5020}}}}\n  - {{id: broker, mqtt: {{url: "{broker.url}"}}}}\n')


async def test_where_nobody_can_be_asked_a_yes_is_needed(broker: Mosquitto, site: Path) -> None:
    ran = await aside("listen", "--url", broker.url, "--for", "1 s", "--add", site)

    assert ran.code == 2
    assert "--yes" in ran.err
    assert text_of(site) == SITE


async def test_a_password_is_a_secret_of_the_site_file(tmp_path: Path, site: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right\n")
    login = ("--username", "ana", "--password-file", secret, "--for", "1 s", "--add", site, "--yes")
    with (
        Mosquitto(tmp_path / "broker", users={"ana": "right"}) as broker,
        Publisher(broker, "ana", "right") as said,
    ):
        said.say("zigbee2mqtt/cellar", json.dumps(SAID["zigbee2mqtt/cellar"]), retain=True)
        refused = await aside("listen", "--url", broker.url, "--for", "1 s")
        ran = await aside("listen", "--url", broker.url, *login)
        again = await aside("listen", "--url", broker.url, *login)

    assert (refused.code, "username and password" in refused.err) == (1, True)
    assert ran.code == 0, ran.err
    assert f"Nothing was added to {site}.\n" in again.out
    assert "in the site file: cellar\n" in again.out
    assert "username: ana, password: !secret mqtt" in text_of(site)
    assert "right" not in text_of(site) + ran.out
    assert f"install -D -m 600 {secret} {tmp_path / 'secrets' / 'mqtt'}" in ran.out


async def test_what_could_not_begin_is_told_with_what_to_check(site: Path) -> None:
    nobody, wrong, none, hidden = await asyncio.gather(
        aside("listen", "--url", "mqtt://127.0.0.1:1", "--for", "1 s"),
        aside("listen", "--url", "http://127.0.0.1", "--for", "1 s"),
        aside("listen", "--site", site, "--for", "1 s"),
        aside("listen", "--url", "mqtt://127.0.0.1:1", "--topic", "$SYS/#"),
    )

    assert (nobody.code, wrong.code, none.code, hidden.code) == (1, 2, 1, 2)
    assert "Check: broker, network" in nobody.err
    assert "mqtt://host:1883" in wrong.err
    assert "it has no broker; or name one with --url" in none.err
    assert "belong to the broker itself" in hidden.err


async def test_a_hostile_sender_steers_no_terminal(broker: Mosquitto, site: Path) -> None:
    hostile = {
        "a/\u202ex": "\x1b]0;title\x07",
        "b/temp": json.dumps({"temp\x1b[31m": 20.5, "temp": 21.5, "name": "\x9b31m"}),
        "c/deep": '{"temp": 20.5, "a":' + '{"a":' * 900 + "1" + "}" * 901,
        "d/nan": '{"temp": NaN, "power_w": 1e999, "x": "\\ud800"}',
        "homeassistant/sensor/e/config": json.dumps(
            {
                "name": "\x1b[31m",
                "state_topic": "e/\x1b[31m",
                "device_class": "power",
                "unit_of_measurement": "W",
                "device": {"ids": ["\x1b[31m"], "name": "\x1b[31mred"},
            }
        ),
        "homeassistant/sensor/f/config": json.dumps(
            {
                "name": "x",
                "state_topic": "f/state",
                "device_class": "power",
                "unit_of_measurement": "W",
                "device": {"ids": ["f"], "name": '"}, evil: {\x1b[31m'},
            }
        ),
    }
    with Publisher(broker) as publisher:
        say(publisher, hostile)
        people = await aside("listen", "--url", broker.url, "--for", "1 s")
        programs = await aside("listen", "--url", broker.url, "--for", "1 s", "--json")
        added = await aside("listen", "--url", broker.url, "--for", "1 s", "--add", site, "--yes")

    assert added.code == 0, added.err
    for text in (people.out, programs.out, added.out, text_of(site)):
        assert not any(sign in text for sign in ("\x1b", "\x07", "\x9b", "\u202e"))
    assert programs.json["messages"] == len(hostile)
    assert (await aside("check", site)).code == 0
    assert '  - {id: evil-31m, name: "\\"}, evil: {[31m", connection: broker, topic: f/state' in text_of(site)
    assert CHIRPSTACK not in text_of(site)


async def test_ctrl_c_shows_what_was_found(broker: Mosquitto) -> None:
    with Publisher(broker) as publisher:
        say(publisher)
        process = await asyncio.create_subprocess_exec(
            *("env", "--default-signal=INT", sys.executable, "-m", "monitor", "listen", "--for", "ever"),
            *("--url", broker.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        log = broker.folder / "mosquitto.log"
        for _ in range(600):
            if _joined(log):
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(2.0)  # what is retained comes at once
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 0, err.decode()
    assert not out.startswith(b"0 messages on")
    assert "Devices that could be added:" in out.decode()


def _joined(log: Path) -> bool:
    """Whether the broker has let it in."""
    return "as facility-monitor-listen-" in text_of(log)
