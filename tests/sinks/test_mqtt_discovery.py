"""What is announced to Home Assistant, against what its documentation asks for, with the shipped rules."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.app import load_site
from monitor.sinks.mqtt.discovery import Announcer, farewells
from monitor.sinks.mqtt.looks import look_of
from monitor.sinks.mqtt.states import shown_alarms, stands, summary
from monitor.sinks.mqtt.topics import Outgoing, Topics
from monitor.site import Site
from tests.sinks.homeassistant import faults, render

SITE = """
site: {id: house, name: Maple Court, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1, port: 5020}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1:1883"}}
devices:
  - {id: main, name: Main meter, profile: eastron-sdm630, connection: plant, unit: 1, building: A, zone: cellar}
  - {id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: z/leak, every: 1 h}
  - {id: stairs, name: Smoke stairs, profile: xiaomi-jtyj-gd-01lm, connection: broker, topic: z/s, every: 1 h}
  - {id: front-door, profile: aqara-mccgq11lm, connection: broker, topic: z/door, every: 1 h}
  - id: boiler-room
    connection: plant
    unit: 9
    every: 10 s
    class: environment
    points: {temperature_c: {register: holding 1, type: float32, unit: degC}}
  - id: boiler-gas
    connection: plant
    unit: 10
    every: 10 s
    class: safety
    points: {concentration_pct_lel: {register: holding 1, type: float32, unit: "%LEL"}}
rules:
  - stock: electricity
  - stock: safety
  - stock: doors
  - stock: environment
  - stock: gas
  - stock: devices
  - stock: monitor
  - {id: frost, kind: threshold, devices: {id: boiler-room}, point: temperature_c, below: 4 degC}
  - {id: tried, kind: threshold, devices: {id: boiler-room}, point: temperature_c, above: 60 degC, shadow: true}
"""


@pytest.fixture
def house(tmp_path: Path) -> Site:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return load_site(file).site


def _announcer(site: Site, **more: Any) -> Announcer:
    topics = Topics(site, "facility-monitor")
    given = {"prefix": "homeassistant", "version": "1", "alarms": shown_alarms(site)} | more
    return Announcer(site=site, topics=topics, **given)


def _announced(site: Site, **more: Any) -> dict[str, Any]:
    return {each.topic: json.loads(each.payload) for each in _announcer(site, **more).announcements()}


def _of(site: Site, device: str, **more: Any) -> Any:
    return _announced(site, **more)[f"homeassistant/device/facility-monitor_house_{device}/config"]


@pytest.mark.parametrize("acknowledge", [False, True])
def test_every_announcement_is_what_the_documentation_asks_for(house: Site, acknowledge: bool) -> None:  # noqa: FBT001
    announced = _announced(house, acknowledge=acknowledge)

    assert len(announced) == len(house.devices) + 1
    assert {topic: found for topic, content in announced.items() if (found := faults(topic, content))} == {}
    components = [one for content in announced.values() for one in content["components"].values()]
    assert Counter(one["unique_id"] for one in components).most_common(1)[0][1] == 1
    names = {platform: sum(one["platform"] == platform for one in components) for platform in ("button", "sensor")}
    assert (names["button"] > 0) is acknowledge
    devices = [content["device"]["identifiers"][0] for content in announced.values()]
    assert devices[0] == "facility-monitor_house_facility-monitor"  # before those that are reached by it
    assert {content["device"].get("via_device") for content in announced.values()} == {None, devices[0]}


@pytest.mark.parametrize(
    "content",
    [
        {"platform": "binary_sensor", "unique_id": "u", "name": "n"},
        {"platform": "binary_sensor", "unique_id": "u", "name": "n", "state_topic": "a", "device_class": "wet"},
        {"platform": "button", "unique_id": "u", "name": "n", "command_topic": "a/#"},
        {"platform": "sensor", "name": "n", "state_topic": "a"},
        {"platform": "sensor", "unique_id": "u", "name": "n", "state_topic": "a", "command_topic": "b"},
        {"platform": "sensor", "unique_id": "u", "name": "n", "state_topic": "a", "availability_topic": "b"},
    ],
)
def test_the_check_finds_what_is_wrong(house: Site, content: Mapping[str, str]) -> None:
    announced = _of(house, "main")
    announced["components"]["wrong"] = content

    assert faults("homeassistant/device/x/config", announced) != []


def test_a_device_has_its_name_its_place_and_its_alarms(house: Site) -> None:
    main = _of(house, "main")

    assert main["device"]["name"] == "Main meter"
    assert main["device"]["suggested_area"] == "A cellar"
    alarm = main["components"]["alarm_undervoltage_voltage_l1_v"]
    assert alarm["unique_id"] == "facility-monitor_house_alarm_undervoltage_main_voltage_l1_v"
    assert alarm["name"].endswith(": voltage l1 v")
    assert not any("tried" in name for name in _of(house, "boiler-room")["components"])


def test_ids_stay_when_names_change(house: Site) -> None:
    renamed = replace(
        house,
        devices={name: replace(one, name="Another") for name, one in house.devices.items()},
        rules={name: replace(one, name="Another") for name, one in house.rules.items()},
    )

    def ids(site: Site) -> list[tuple[str, str, str]]:
        return [
            (topic, name, one["unique_id"])
            for topic, content in _announced(site, acknowledge=True).items()
            for name, one in content["components"].items()
        ]

    assert ids(renamed) == ids(house)


@pytest.mark.parametrize(
    ("key", "look"),
    [
        ("detector-alarm/leak/alarm", "moisture"),
        ("detector-alarm/stairs/alarm", "smoke"),
        ("gas-concentration/boiler-gas/concentration_pct_lel", "gas"),
        ("detector-battery/leak/battery_low", "battery"),
        ("door-forced/front-door", "door"),
        ("door-held-open/front-door", "door"),
        ("frost/boiler-room/temperature_c", "cold"),
        ("room-hot/boiler-room/temperature_c", "heat"),
        ("undervoltage/main/voltage_l1_v", "problem"),
        ("device-offline/main", "problem"),
    ],
)
def test_an_alarm_looks_like_what_it_is_about(house: Site, key: str, look: str) -> None:
    shown = {"/".join(each.key): each for each in shown_alarms(house)}

    assert look_of(shown[key]) == look


def test_templates_make_of_the_states_what_people_see(house: Site) -> None:
    content = _of(house, "main", acknowledge=True)["components"]
    card, button = (
        content["alarm_undervoltage_voltage_l1_v"],
        content["acknowledge_alarm_undervoltage_voltage_l1_v"],
    )
    [shown] = [each for each in shown_alarms(house) if each.key == ("undervoltage", "main/voltage_l1_v")]
    may_press = button["availability"][1]["value_template"]
    clear = json.loads(stands(shown, ()))
    open_ = clear | {"active": True, "response": "unacked", "since": 5000, "raised_at": 6000}

    assert [render(card["value_template"], one) for one in (clear, open_)] == ["OFF", "ON"]
    assert render(card["value_template"], clear | {"waiting": 2}) == "ON"
    assert [render(may_press, one) for one in (clear, open_)] == ["offline", "online"]
    assert render(may_press, open_ | {"normal": True}) == "offline"  # only the monitor resets a latched one
    attributes = json.loads(render(card["json_attributes_template"], open_))
    assert (attributes["since"], attributes["raised_at"], attributes["rule"]) == (
        "at 5.0",
        "at 6.0",
        "undervoltage",
    )
    itself = _of(house, "facility-monitor")["components"]
    assert render(itself["active"]["value_template"], json.loads(summary((), 7))) == "0"
    assert itself["connected"]["availability"] == []


def test_a_component_that_is_gone_is_taken_out_before_it_is_left_out(house: Site) -> None:
    fewer = replace(house, rules={name: one for name, one in house.rules.items() if name != "frost"})
    before, after = (
        {each.topic: each for each in _announcer(site).announcements()}[
            "homeassistant/device/facility-monitor_house_boiler-room/config"
        ]
        for site in (house, fewer)
    )
    [farewell] = farewells(after, before.payload)

    parting = json.loads(farewell.payload)["components"]
    assert parting["alarm_frost_temperature_c"] == {"platform": "binary_sensor"}
    assert parting.keys() - json.loads(after.payload)["components"].keys() == {"alarm_frost_temperature_c"}
    assert list(farewells(after, after.payload)) == []


@pytest.mark.parametrize("before", [b"", b"[]", b"{", b'{"components": []}', b'{"components": {"a": 1, "b": {}}}'])
def test_what_somebody_else_has_left_there_disturbs_nobody(before: bytes) -> None:
    announced = Outgoing("homeassistant/device/x/config", b'{"components": {}}')

    assert list(farewells(announced, before)) == []
