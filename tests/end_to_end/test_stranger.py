"""A site of somebody else: devices and publishers that are not ours, described inline in a site file."""

import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.end_to_end.daemon import COMMAND, Daemon
from tests.servers.libmodbus import LibmodbusServer, compile_server, libmodbus_server
from tests.servers.mosquitto import Mosquitto, Tls

SITE = """\
site: {{id: elsewhere, name: Elsewhere, timezone: Asia/Shanghai}}
connections:
  - {{id: gateway, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}}}}}
  - id: broker
    mqtt: {broker}
devices:
  - id: panel
    connection: gateway
    unit: 7
    every: 500 ms
    class: electricity
    points:
      voltage_l1_v: {{register: holding 100, type: float32, unit: V, valid: [0, 500]}}
      power_w: {{register: holding 0x6E, type: float32, order: CDAB, unit: kW}}
      energy_import_kwh: {{register: holding 120, type: uint32, order: DCBA, unit: Wh}}
      volume_m3: {{register: holding 140, type: uint64, order: BADC, unit: L}}
      flow_m3h: {{register: input 30, type: float64, unit: L/min}}
      temperature_c: {{register: holding 130, type: int16, scale: 0.1, offset: -40, unit: degC}}
      outside_c: {{register: holding 131, type: int16, scale: 0.1, unit: degF}}
      humidity_pct: {{register: input 10, type: bcd16, unit: "%"}}
      current_l1_a: {{register: holding 170, type: int16, scale_register: holding 171, unit: A}}
      fault: {{register: input 20, bit: 3}}
      running: {{register: coil 5}}
      open: {{register: discrete 7, map: {{0: true, 1: false}}}}
      model: {{register: holding 160, type: "string:8"}}
      mode: {{register: holding 172, type: uint16, map: {{0: off, 1: heating, 2: cooling}}}}
      pressure_bar: {{register: holding 150, type: uint16, unit: mbar, sentinels: [0x7FFF]}}
      voltage_l2_v: {{register: holding 180, type: float32, unit: V}}
      level_m: {{register: holding 190, type: uint16, unit: cm, valid: [0, 3]}}
  - id: plug
    connection: broker
    topic: tele/plug-1/SENSOR
    class: electricity
    points:
      power_w: {{json: $.ENERGY.Power, unit: W}}
      energy_import_kwh: {{json: "$.ENERGY.Total[1]", unit: MWh}}
      temperature_c: {{json: "$['AM2301:0'].Temperature", unit: degF}}
      voltage_l1_v: {{json: $.ENERGY.Voltage, unit: V, valid: [0, 500]}}
      current_l1_a: {{json: $.ENERGY.Current, unit: mA}}
  - id: door
    connection: broker
    topic: house/+/door
    class: door
    points:
      open: {{text: true, map: {{OPEN: true, CLOSED: false}}}}
  - id: cellar
    connection: broker
    topic: house/cellar
    class: environment
    points:
      temperature_c: {{text: true, topic: temperature, unit: degC}}
      humidity_pct: {{key: h, topic: pairs, unit: "%"}}
      battery_pct: {{key: bat, topic: pairs, unit: "%"}}
rules:
  - {{id: too-warm, kind: threshold, devices: {{id: cellar}}, point: temperature_c, above: 95 degF}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people: [{{id: ana, channels: {{screen: "terminal:"}}}}]
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
"""
PANEL = {
    "voltage_l1_v": 230.5,
    "power_w": 1250.0,
    "energy_import_kwh": 123456.789,
    "volume_m3": 9876543.21,
    "flow_m3h": 3.0,
    "temperature_c": -45.5,
    "outside_c": 20.0,
    "humidity_pct": 47.0,
    "current_l1_a": 12.34,
    "fault": True,
    "running": True,
    "open": True,
    "model": "PX-100",
    "mode": "cooling",
}
PANEL_MISSING = {"pressure_bar": "sentinel", "voltage_l2_v": "nan", "level_m": "out_of_range"}

MISTAKES = """\
site: {id: elsewhere, timezone: Europe/Berlin, langage: en}
connections:
  - {id: gateway, modbus: {transport: tcp, host: 127.0.0.1, timeout: 2 parsecs}}
devices:
  - {id: main, profile: eastron-smd630, connection: gateway}
  - id: cistern
    connection: gateway
    unit: 300
    class: water
    points:
      level_m: {register: holding 100, type: float33, unit: m}
  - {id: sub, profile: abb-b23, connection: gatway, unit: 2}
  - {id: riser, profile: abb-b23, connection: gateway, unit: 3}
rules:
  - {id: low, kind: threshold, devices: {id: riser}, point: voltage_l1_v, below: 2 bar}
notify:
  people: [{id: ana, channels: {screen: "terminal:"}}]
  teams: [{id: house, members: [ana]}]
  routes: [{team: hosue}]
"""
MISTAKEN = [
    (1, "site.langage"),
    (3, "connections[0].modbus.timeout"),
    (5, "devices[0].profile"),
    (8, "devices[1].unit"),
    (11, "devices[1].points.level_m.type"),
    (12, "devices[2].connection"),
    (15, "rules[0].below"),
    (19, "notify.routes[0].team"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_server(tmp_path_factory.mktemp("libmodbus"))


@pytest.fixture
def foreign(program: Path) -> Iterator[LibmodbusServer]:
    with libmodbus_server(program) as server:
        _fill(server)
        yield server


def _fill(server: LibmodbusServer) -> None:
    """Set the registers as a manual would print them: by hand, not by our own encoder."""
    a, b = struct.unpack(">HH", struct.pack(">f", 1.25))
    low, high = struct.unpack("<HH", struct.pack("<I", 123_456_789))
    swapped = struct.unpack("<4H", struct.pack(">Q", 9_876_543_210))
    server.set("holding", 100, struct.unpack(">HH", struct.pack(">f", 230.5)))
    server.set("holding", 110, [b, a])
    server.set("holding", 120, [low >> 8 | (low & 0xFF) << 8, high >> 8 | (high & 0xFF) << 8])
    server.set("holding", 130, [-55 & 0xFFFF, 680])
    server.set("holding", 140, swapped)
    server.set("holding", 150, [0x7FFF])
    server.set("holding", 160, struct.unpack(">4H", b"PX-100\0\0"))
    server.set("holding", 170, [1234, -2 & 0xFFFF, 2])
    server.set("holding", 180, [0x7FC0, 0])
    server.set("holding", 190, [451])
    server.set("input", 10, [0x0047])
    server.set("input", 20, [0b1000])
    server.set("input", 30, struct.unpack(">4H", struct.pack(">d", 50.0)))
    server.set("coil", 5, [1])


@pytest.fixture(params=["3.1.1", "5"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mosquitto]:
    """Once as old and open as brokers are, once with MQTT 5, TLS and passwords."""
    if request.param == "3.1.1":
        with Mosquitto(tmp_path / "broker") as broker:
            yield broker
        return
    folder = tmp_path / "certificates"
    folder.mkdir()
    users = {"monitor": "secret: {one}", "plug": "another"}
    with Mosquitto(tmp_path / "broker", users=users, tls=Tls.make(folder)) as broker:
        yield broker


@pytest.fixture
def site(tmp_path: Path, foreign: LibmodbusServer, broker: Mosquitto) -> Path:
    options = f'{{url: "{broker.url}", protocol: 3.1.1}}'
    if broker.tls is not None:
        options = f'{{url: "{broker.url}", username: monitor, password: !secret mqtt, ca: {broker.tls.ca}}}'
        (tmp_path / "secrets").mkdir()
        secret = tmp_path / "secrets" / "mqtt"
        secret.write_text(broker.users["monitor"])
        secret.chmod(0o600)
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(modbus=foreign.port, broker=options))
    return path


def _publish(broker: Mosquitto, said: list[tuple[str, str]]) -> None:
    """What somebody else's devices say, by a client of their own."""
    old = broker.tls is None
    version = MQTTProtocolVersion.MQTTv311 if old else MQTTProtocolVersion.MQTTv5
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
    if broker.tls is not None:
        client.tls_set(str(broker.tls.ca))
        client.username_pw_set("plug", broker.users["plug"])
    client.connect("localhost" if broker.tls else "127.0.0.1", broker.port)
    client.loop_start()
    for topic, payload in said:
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def _command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=60)


def _last(daemon: Daemon, device: str, last: int = 1) -> list[dict[str, Any]]:
    """The newest readings as the command prints them, once there are so many."""
    daemon.until(
        lambda: len(daemon.get("devices", device, "readings", last=last) or ()) >= last, f"{device} speaks"
    )
    found: list[dict[str, Any]] = daemon.ask("readings", device, "--last", str(last))
    return found


def test_a_strangers_devices_say_what_they_mean(site: Path, tmp_path: Path, broker: Mosquitto) -> None:
    checked = _command("check", site)
    bus, verdict = checked.stdout.splitlines()
    assert (checked.returncode, verdict) == (0, f"{site} is fine: 4 devices, 26 points, 1 rule")
    assert bus.startswith("gateway: 1 device, one round takes ")

    with Daemon(site, tmp_path / "state") as daemon:
        daemon.start()
        daemon.until(lambda: daemon.get("status")["connections"]["broker"]["connected"], "the broker is reached")
        daemon.until(lambda: _heard(daemon, broker), "the broker has our subscriptions")
        energy = {"Power": 61, "Total": [1, 0.0045], "Voltage": 65535, "Current": None}
        _publish(
            broker,
            [
                ("tele/plug-1/SENSOR", json.dumps({"AM2301:0": {"Temperature": 70.7}, "ENERGY": energy})),
                ("tele/plug-1/SENSOR", '{"ENERGY": {"Power": "many"'),
                ("house/front/door", "OPEN"),
                ("house/back/door", "CLOSED"),
                ("house/back/door", "AJAR"),
                ("house/cellar/temperature", "12.5"),
                ("house/cellar/pairs", "h=61 bat=98.5"),
            ],
        )

        (panel,) = _last(daemon, "panel")
        assert (panel["values"], panel["missing"], panel["quality"]) == (PANEL, PANEL_MISSING, "good")
        assert {name: type(value) for name, value in panel["values"].items()} == {
            name: type(value) for name, value in PANEL.items()
        }
        plug, broken = _last(daemon, "plug", 2)
        assert plug["values"] == {"power_w": 61.0, "energy_import_kwh": 4.5, "temperature_c": 21.5}
        assert plug["missing"] == {"voltage_l1_v": "out_of_range", "current_l1_a": "not_reported"}
        assert (broken["values"], set(broken["missing"].values())) == ({}, {"undecodable"})
        doors = _last(daemon, "door", 3)
        assert [each["values"] for each in doors] == [{"open": True}, {"open": False}, {}]
        assert doors[2]["missing"] == {"open": "undecodable"}
        daemon.until(lambda: "humidity_pct" in _last(daemon, "cellar")[0]["values"], "the last word arrives")
        cellar = _last(daemon, "cellar", 2)
        assert [each["values"] for each in cellar] == [
            {"temperature_c": 12.5},
            {"humidity_pct": 61.0, "battery_pct": 98.5},
        ]
        assert {each["device"] for each in cellar} == {"cellar"}
        assert cellar[0]["time"] <= cellar[1]["time"]
        assert daemon.stop() == 0


def _heard(daemon: Daemon, broker: Mosquitto) -> bool:
    """Whether a first word has arrived: what is said before we have subscribed is lost by right."""
    _publish(broker, [("house/cellar/temperature", "1")])
    return bool(daemon.get("devices", "cellar", "readings", last=1))


@pytest.mark.fault(
    "wrong settings",
    part="settings",
    outcome="All mistakes are told at once, each with its line and what is allowed.",
)
def test_eight_mistakes_are_eight_messages_with_their_lines(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(MISTAKES)

    told = _command("check", site)
    ran = _command("run", site, "--state", tmp_path / "state")
    found = json.loads(_command("check", site, "--json").stdout)

    assert told.returncode == ran.returncode == 78
    assert [(each["line"], each["path"]) for each in found["errors"]] == MISTAKEN
    lines = told.stdout.splitlines()
    assert lines[-1] == "8 mistakes"
    for message, (line, path) in zip(lines[:-1], MISTAKEN, strict=True):
        assert message.startswith(f"error: {site}:{line}:")
        assert f" {path}: " in message
    assert sum(f"{site}:" in line for line in ran.stderr.splitlines()) == 8
    assert "did you mean `eastron-sdm630`?" in told.stdout
    assert "Traceback" not in told.stderr + ran.stderr
    assert not (tmp_path / "state").exists()
