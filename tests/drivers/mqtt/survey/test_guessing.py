from typing import Any

import pytest

from drivers.mqtt.survey.guessing import class_of, guess
from tests.drivers.mqtt.survey.said import SAID, proposed


@pytest.mark.parametrize(
    ("name", "value", "point", "unit"),
    [
        ("energy_kwh", 12.5, "energy_kwh", "kWh"),
        ("total_wh", 12.5, "energy_kwh", "Wh"),
        ("Power", 91, "power_w", "W"),
        ("active_power_kw", 1.5, "active_power_w", "kW"),
        ("a_act_power", 345.0, "power_l1_w", "W"),
        ("voltage_l2", 230.0, "voltage_l2_v", "V"),
        ("Voltage", 229, "voltage_v", "V"),
        ("ApparentPower", 144, "apparent_power_va", "VA"),
        ("n_current", 0.3, "current_n_a", "A"),
        ("temp", 21.5, "temperature_c", "degC"),
        ("flow_temperature_c", 57.6, "flow_temperature_c", "degC"),
        ("outdoor_temperature", -5.5, "outdoor_temperature_c", "degC"),
        ("humidity", 45.2, "humidity_pct", "%"),
        ("total_m3", 6.408, "volume_m3", "m3"),
        ("flow_m3h", 0.1, "flow_m3h", "m3/h"),
        ("co2", 800, "co2_ppm", "ppm"),
        ("level_m", 2.5, "level_m", "m"),
        ("Factor", 0.63, "pf", ""),
    ],
)
def test_a_name_that_says_what_it_is_is_guessed(name: str, value: Any, point: str, unit: str) -> None:
    found = guess(name, value)

    assert found is not None
    assert (found.name, found.unit) == (point, unit)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Total", 40.5),
        ("energy", 40.5),
        ("volume", 3.5),
        ("pressure", 1013),
        ("luminosity", 0.64),
        ("consumption_data", 339972),
        ("temperature", 7210),
        ("humidity", 452),
        ("state", "fine"),
        ("rssi", -30),
        ("timestamp", 1605991375),
        ("value", 5),
        ("l", 5),
        ("", 5),
        ("power", None),
        ("power", [1]),
    ],
)
def test_what_could_be_anything_is_not_guessed(name: str, value: Any) -> None:
    assert guess(name, value) is None


def test_states_are_true_when_the_name_says_so() -> None:
    leak, contact, word = (
        guess("water_leak", value=True),
        guess("contact", value=True, family="Zigbee2MQTT"),
        guess("door", "OPEN"),
    )

    assert leak is not None
    assert (leak.name, leak.map) == ("alarm", {})
    assert contact is not None
    assert (contact.name, contact.map) == ("open", {"true": False, "false": True})
    assert word is not None
    assert (word.name, word.map) == ("open", {"OPEN": True, "CLOSED": False, "CLOSE": False})


def test_the_millivolts_of_a_battery_are_no_mains_voltage() -> None:
    found = guess("voltage", 3015, around=["battery", "voltage"])

    assert found is not None
    assert (found.name, found.unit) == ("battery_v", "mV")


def test_points_on_topics_of_their_own_are_one_device() -> None:
    found = proposed(SAID)

    assert found["wb-msw-12"].entry == {
        "id": "wb-msw-12",
        "topic": "/devices/wb-msw_12",
        "class": "environment",
        "points": {
            "temperature_c": {"text": True, "topic": "controls/Temperature", "unit": "degC"},
            "humidity_pct": {"text": True, "topic": "controls/Humidity", "unit": "%"},
        },
    }
    assert list(found["emon-emontx"].entry["points"]) == ["power_1_w", "temperature_1_c"]


def test_phases_that_are_a_list_have_a_point_each() -> None:
    points = proposed({"a/b": {"Power": [10, 20, 30], "Voltage": [230.0, 231.0, 229.0]}})["a-b"].entry["points"]

    assert points["power_l2_w"] == {"json": "$.Power[1]", "unit": "W"}
    assert list(points) == [
        f"{what}" for name in ("power_l{}_w", "voltage_l{}_v") for what in map(name.format, (1, 2, 3))
    ]


def test_what_is_not_guessed_is_told_and_left_out() -> None:
    found = proposed(SAID)

    assert found["dev1"].entry["points"] == {
        "temperature_c": {"json": "$.uplink_message.decoded_payload.temperature", "unit": "degC"}
    }
    assert found["dev1"].unknown == (("json", "$.uplink_message.decoded_payload.luminosity"),)
    assert found["ert-scm-12345678"].unknown[-1] == ("json", "$.consumption_data")
    assert not found["ert-scm-12345678"].addable


def test_two_fields_of_one_meaning_have_names_of_their_own() -> None:
    found = proposed({"a/b": {"inside": {"temp": 20.5}, "outside": {"temp": 5.5}}})["a-b"].entry["points"]

    assert found == {
        "temperature_c": {"json": "$.inside.temp", "unit": "degC"},
        "outside_temperature_c": {"json": "$.outside.temp", "unit": "degC"},
    }


@pytest.mark.parametrize(
    ("names", "device_class"),
    [
        (["power_w"], "electricity"),
        (["open", "battery_pct"], "door"),
        (["alarm"], "safety"),
        (["volume_m3", "temperature_c"], "water"),
        (["temperature_c"], "environment"),
        (["running"], "equipment"),
    ],
)
def test_the_class_is_that_of_the_points(names: list[str], device_class: str) -> None:
    assert class_of(names) == device_class
