"""What Home Assistant's discovery says, by its documentation, and what becomes of it."""

from typing import Any

import pytest

from drivers.mqtt.survey.adopting import adopt
from drivers.mqtt.survey.announced import announced
from drivers.mqtt.survey.entries import Proposal, sound
from drivers.mqtt.survey.templates import place
from tests.drivers.mqtt.survey.said import heard, proposed


def adopted(said: dict[str, Any]) -> list[Proposal]:
    return list(sound(adopt(announced(heard(said).topics.values()))))


def one(component: str = "sensor", **says: Any) -> Proposal:
    """The device of one entity."""
    said = {"state_topic": "room/state", "name": "x", "device": {"identifiers": ["1"], "name": "Room"}} | says
    (found,) = adopted({f"homeassistant/{component}/x/config": said})
    return found


@pytest.mark.parametrize(
    ("template", "where"),
    [
        ("{{ value_json.a.b }}", {"json": "$.a.b"}),
        ("{{value_json['a b']}}", {"json": "$['a b']"}),
        ('{{ value_json["a"][0] | float }}', {"json": '$["a"][0]'}),
        ("{{ value_json.a | float(0) | round(1) }}", {"json": "$.a"}),
        ("{{ value_json.a | is_defined }}", {"json": "$.a"}),
        ("{{ value }}", {"text": True}),
        ("{{ value | float }}", {"text": True}),
        ("", {"text": True}),
        (None, {"text": True}),
    ],
)
def test_a_template_that_names_a_place_is_a_place(template: str | None, where: dict[str, Any]) -> None:
    assert place(template) == where


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a * 2 }}",
        "{{ value_json.a / 10 | float }}",
        "{{ (value_json.a) }}",
        "{{ value_json.a }} {{ value_json.b }}",
        "{% if value_json.a %}1{% endif %}",
        "{{ 1 if value_json.a else 0 }}",
        "{{ value_json.a | multiply(2) }}",
        "{{ value_json[states('x')] }}",
        "{{ value_json }} W",
        "{{ value.split(',')[0] }}",
        "{{ value_json.a }}" + " " * 400,
        "{{" + "{" * 300,
    ],
)
def test_a_template_that_reckons_is_none(template: str) -> None:
    assert place(template) is None or template.strip() == "{{ value_json.a }}"


@pytest.mark.parametrize(
    ("device_class", "unit", "name"),
    [
        ("power", "W", "power_w"),
        ("power", "kW", "power_w"),
        ("energy", "kWh", "energy_kwh"),
        ("energy", "Wh", "energy_kwh"),
        ("voltage", "V", "voltage_v"),
        ("current", "mA", "current_a"),
        ("frequency", "Hz", "frequency_hz"),
        ("apparent_power", "VA", "apparent_power_va"),
        ("reactive_power", "var", "reactive_power_var"),
        ("temperature", "°C", "temperature_c"),
        ("temperature", "°F", "temperature_c"),
        ("humidity", "%", "humidity_pct"),
        ("battery", "%", "battery_pct"),
        ("carbon_dioxide", "ppm", "co2_ppm"),
        ("atmospheric_pressure", "hPa", "pressure_hpa"),
        ("pressure", "mbar", "pressure_hpa"),
        ("pressure", "bar", "pressure_bar"),
        ("water", "L", "volume_m3"),
        ("gas", "m³", "volume_m3"),
        ("volume_flow_rate", "L/min", "flow_m3h"),
        ("duration", "min", "duration_s"),
    ],
)
def test_classes_and_units_become_the_names_of_this_house(device_class: str, unit: str, name: str) -> None:
    found = one(device_class=device_class, unit_of_measurement=unit)

    assert list(found.entry["points"]) == [name]


def test_the_direction_of_an_energy_is_taken_from_its_name_alone() -> None:
    energy = {"device_class": "energy", "unit_of_measurement": "kWh", "state_class": "total_increasing"}

    assert list(one(**energy, name="Energy imported").entry["points"]) == ["energy_import_kwh"]
    assert list(one(**energy, name="Total returned").entry["points"]) == ["energy_export_kwh"]
    unknown = one(**energy, name="Energy")
    assert list(unknown.entry["points"]) == ["energy_kwh"]
    assert "import or export is not told" in unknown.notes[0]


def test_a_power_factor_in_percent_is_kept_as_a_number_up_to_one() -> None:
    assert one(device_class="power_factor", unit_of_measurement="%").entry["points"]["pf"]["scale"] == 0.01
    assert one(device_class="power_factor").entry["points"]["pf"] == {"text": True}


def test_phases_are_told_by_their_names() -> None:
    said = {
        f"homeassistant/sensor/m/{name}/config": {
            "state_topic": "m/state",
            "device_class": "voltage",
            "unit_of_measurement": "V",
            "value_template": f"{{{{ value_json.{name} }}}}",
            "device": {"identifiers": "m", "name": "Meter"},
        }
        for name in ("voltage_l1", "voltage_phase_b", "c_voltage")
    }
    (found,) = adopted(said)

    assert list(found.entry["points"]) == ["voltage_l1_v", "voltage_l2_v", "voltage_l3_v"]


@pytest.mark.parametrize(
    ("says", "name", "words"),
    [
        ({"device_class": "door"}, "open", {"ON": True, "OFF": False}),
        (
            {"device_class": "window", "payload_on": "open", "payload_off": "shut"},
            "open",
            {"open": True, "shut": False},
        ),
        ({"device_class": "smoke"}, "alarm", {"ON": True, "OFF": False}),
        ({"device_class": "gas"}, "alarm", {"ON": True, "OFF": False}),
        ({"device_class": "moisture"}, "alarm", {"ON": True, "OFF": False}),
        ({"device_class": "tamper"}, "tamper", {"ON": True, "OFF": False}),
        ({"device_class": "problem"}, "fault", {"ON": True, "OFF": False}),
        ({"device_class": "lock"}, "locked", {"ON": False, "OFF": True}),
        ({"device_class": "running"}, "running", {"ON": True, "OFF": False}),
        ({"device_class": "battery"}, "battery_low", {"ON": True, "OFF": False}),
    ],
)
def test_a_binary_sensor_is_a_state(says: dict[str, Any], name: str, words: dict[str, bool]) -> None:
    assert one("binary_sensor", **says).entry["points"] == {name: {"text": True, "map": words}}


def test_a_truth_in_json_is_found_whatever_its_template_makes_of_it() -> None:
    zigbee = {"value_template": "{{ value_json.contact }}", "payload_on": False, "payload_off": True}
    python = {"value_template": "{{ value_json.smoke }}", "payload_on": "True", "payload_off": "False"}

    assert one("binary_sensor", device_class="door", **zigbee).entry["points"]["open"] == {
        "json": "$.contact",
        "map": {"false": True, "true": False},
    }
    assert one("binary_sensor", device_class="smoke", **python).entry["points"]["alarm"]["map"] == {
        "True": True,
        "true": True,
        "False": False,
        "false": False,
    }


def test_a_lock_and_a_switch() -> None:
    lock = one("lock", state_locked="LOCK", state_unlocked="UNLOCK")
    switch = one("switch", object_id="pump", name="Pump")

    assert lock.entry["points"] == {"locked": {"text": True, "map": {"LOCK": True, "UNLOCK": False}}}
    assert lock.entry["class"] == "door"
    assert switch.entry["points"] == {"x_on": {"text": True, "map": {"ON": True, "OFF": False}}}


@pytest.mark.parametrize(
    ("component", "says", "why"),
    [
        ("light", {}, "a light is no sensor"),
        (
            "sensor",
            {"value_template": "{{ value_json.a * 2 }}"},
            "its template is a program: {{ value_json.a * 2 }}",
        ),
        (
            "sensor",
            {"device_class": "power", "unit_of_measurement": "furlong"},
            "`furlong` does not measure the same",
        ),
        ("sensor", {"device_class": "power", "unit_of_measurement": ""}, "is not a unit"),
        ("sensor", {"unit_of_measurement": "lx"}, "the unit `lx` is none of ours"),
        ("sensor", {}, "it says neither a class nor a unit"),
        ("sensor", {"device_class": "timestamp"}, "a sensor of class timestamp measures nothing"),
        ("binary_sensor", {"device_class": "connectivity"}, "is told by its availability"),
        ("sensor", {"state_topic": 5, "state": 1}, "no state topic"),
    ],
)
def test_what_is_not_taken_is_told(component: str, says: dict[str, Any], why: str) -> None:
    said: dict[str, Any] = {"state_topic": "a/b", "name": "Thing"} | says
    if says.get("state_topic") == 5:
        del said["state_topic"]
    (found,) = adopted({f"homeassistant/{component}/x/config": said})

    assert not found.addable
    assert why in found.notes[0]
    assert found.notes[0].startswith("Thing: ")


def test_the_abbreviations_say_the_same_as_the_words() -> None:
    short = {
        "~": "heating/boiler",
        "stat_t": "~/state",
        "dev_cla": "temperature",
        "unit_of_meas": "°C",
        "name": "Flow",
        "val_tpl": "{{ value_json.flow }}",
        "avty": [{"t": "~/status", "pl_avail": "up", "pl_not_avail": "down"}],
        "dev": {"ids": ["b1"], "name": "Boiler", "mf": "Acme", "mdl": "B2"},
        "exp_aft": 90,
    }
    long = {
        "state_topic": "heating/boiler/state",
        "device_class": "temperature",
        "unit_of_measurement": "°C",
        "value_template": "{{ value_json.flow }}",
        "name": "Flow",
        "expire_after": 90,
        "availability": [
            {"topic": "heating/boiler/status", "payload_available": "up", "payload_not_available": "down"}
        ],
        "device": {"identifiers": ["b1"], "name": "Boiler", "manufacturer": "Acme", "model": "B2"},
    }
    (first,) = adopted({"homeassistant/sensor/b/flow/config": short})
    (second,) = adopted({"homeassistant/sensor/b/flow/config": long})

    assert first == second
    assert first.entry == {
        "id": "Boiler",
        "name": "Boiler",
        "topic": "heating/boiler/state",
        "class": "environment",
        "availability": {"topic": "heating/boiler/status", "online": "up", "offline": "down"},
        "every": "90 s",
        "points": {"temperature_c": {"json": "$.flow", "unit": "degC"}},
    }


def test_a_device_that_announces_itself_as_a_whole() -> None:
    """The example of Home Assistant's page on device discovery."""
    said = {
        "dev": {"ids": "ea334450945afc", "name": "Kitchen", "mf": "Bla electronics", "mdl": "xya"},
        "o": {"name": "bla2mqtt", "sw": "2.1"},
        "cmps": {
            "some_unique_component_id1": {
                "p": "sensor",
                "device_class": "temperature",
                "unit_of_measurement": "°C",
                "value_template": "{{ value_json.temperature }}",
                "unique_id": "temp01ae_t",
            },
            "some_unique_id2": {
                "p": "sensor",
                "device_class": "humidity",
                "unit_of_measurement": "%",
                "value_template": "{{ value_json.humidity }}",
                "unique_id": "temp01ae_h",
            },
            "gone": {"p": "sensor"},
        },
        "state_topic": "sensorBedroom/state",
        "qos": 2,
    }
    (found,) = adopted({"homeassistant/device/0AFFD2/config": said})

    assert found.entry == {
        "id": "Kitchen",
        "name": "Kitchen",
        "topic": "sensorBedroom/state",
        "class": "environment",
        "points": {
            "temperature_c": {"json": "$.temperature", "unit": "degC"},
            "humidity_pct": {"json": "$.humidity", "unit": "%"},
        },
    }
    assert found.notes == ("gone: it says neither a class nor a unit",)


def entity(topic: str, name: str, device: str = "d", **says: Any) -> dict[str, Any]:
    about = {"device": {"identifiers": [device], "name": device.title()}}
    return (
        {"state_topic": topic, "name": name, "device_class": "temperature", "unit_of_measurement": "°C"}
        | about
        | says
    )


def test_several_topics_with_a_beginning_in_common_are_one_device() -> None:
    said = {
        "homeassistant/sensor/a/config": entity("esp/sensor/inside/state", "Inside"),
        "homeassistant/sensor/b/config": entity("esp/sensor/outside/state", "Outside"),
        "homeassistant/sensor/c/config": entity(
            "esp/power", "Power", device_class="power", unit_of_measurement="W"
        ),
    }
    (found,) = adopted(said)

    assert found.entry["topic"] == "esp"
    assert found.entry["points"] == {
        "temperature_c": {"text": True, "unit": "degC", "topic": "sensor/inside/state"},
        "b_temperature_c": {"text": True, "unit": "degC", "topic": "sensor/outside/state"},
        "power_w": {"text": True, "unit": "W", "topic": "power"},
    }


def test_topics_without_one_are_several_devices() -> None:
    said = {
        "homeassistant/sensor/a/config": entity("one/state", "Inside"),
        "homeassistant/sensor/b/config": entity("two/state", "Outside"),
        "homeassistant/sensor/c/config": entity("/three", "Third"),
        "homeassistant/sensor/d/config": entity("/four", "Fourth"),
    }

    assert [each.entry["topic"] for each in adopted(said)] == ["one/state", "two/state", "/three", "/four"]


def test_of_several_availabilities_the_nearest_is_taken_and_the_others_are_told() -> None:
    choices = [
        {"topic": "zigbee2mqtt/bridge/state", "value_template": "{{ value_json.state }}"},
        {"topic": "zigbee2mqtt/cellar/availability", "value_template": "{{ value_json.state }}"},
    ]
    said = {"homeassistant/sensor/a/config": entity("zigbee2mqtt/cellar", "Cellar", availability=choices)}
    (found,) = adopted(said)

    assert found.entry["availability"] == {"topic": "zigbee2mqtt/cellar/availability", "json": "$.state"}
    assert "zigbee2mqtt/bridge/state" in found.notes[0]


def test_entities_are_put_together_by_their_device() -> None:
    said = {
        "homeassistant/sensor/a/config": entity("x/1", "One", device="first"),
        "homeassistant/sensor/b/config": entity("x/2", "Two", device="second"),
        "homeassistant/sensor/c/config": {
            key: value for key, value in entity("x/3", "Three").items() if key != "device"
        },
    }

    assert [each.entry["name"] for each in adopted(said)] == ["c", "First", "Second"]


def test_the_name_of_a_device_may_come_with_any_of_its_entities() -> None:
    said = {
        "homeassistant/sensor/a/config": entity("x/1", "One") | {"device": {"identifiers": ["d"]}},
        "homeassistant/sensor/b/config": entity("x/2", "Two"),
    }

    assert [each.entry["name"] for each in adopted(said)] == ["D"]


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"cmps": []},
        {"cmps": {"a": 5, "b": {"p": 5}}, "device": []},
        {"~": 5, "stat_t": "~/x", "device": {"identifiers": {"a": 1}, "name": ["x"]}},
        {"state_topic": "a/+/b", "device_class": "power", "unit_of_measurement": "W"},
        {"state_topic": "#", "device_class": "power", "unit_of_measurement": "W"},
        {"state_topic": "$SYS/x", "device_class": "power", "unit_of_measurement": "W"},
        {"state_topic": "a\0b", "device_class": "power", "unit_of_measurement": "W"},
        {"state_topic": "a/\x1b[31m", "device_class": "power", "unit_of_measurement": "W"},
        {"state_topic": "a" * 600, "device_class": "power", "unit_of_measurement": "W"},
        {"availability": [5, {"topic": 5}, {"t": "#"}], "state_topic": 7},
    ],
)
def test_nonsense_makes_no_device(said: Any) -> None:
    found = adopted({"homeassistant/sensor/x/config": said, "homeassistant/device/y/config": said})

    assert [each for each in found if each.addable] == []


def test_what_a_monitor_announces_of_its_own_devices_is_left_alone() -> None:
    said = {
        "homeassistant/device/facility-monitor_house_main/config": {
            "device": {"identifiers": ["facility-monitor_house_main"], "name": "Main"},
            "availability_topic": "elsewhere/house/availability",
            "components": {"p": entity("elsewhere/house/device/main", "P") | {"platform": "sensor"}},
        },
        "elsewhere/house/availability": "online",
        "elsewhere/house/device/main": {"time": 1, "quality": "good", "values": {"power_w": 5.0}, "missing": {}},
        "elsewhere/other": {"power_w": 5.0},
    }

    assert adopted(said) == []
    assert [each.entry["topic"] for each in proposed(said).values()] == ["elsewhere/other"]
