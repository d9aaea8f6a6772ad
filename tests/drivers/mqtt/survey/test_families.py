import pytest

from drivers.mqtt.survey.families import everybody, recognise
from drivers.mqtt.survey.grouping import grouped
from tests.drivers.mqtt.survey.said import CHIRPSTACK, SAID, heard

EXPECTED = {
    CHIRPSTACK: ("ChirpStack v4", "Test device"),
    "v3/app1@ttn/devices/dev1/up": ("The Things Stack", "dev1"),
    "wmbusmeters/99657098": ("wmbusmeters", "aerius_gas 99657098"),
    "shellypro3em-0123456789ab/status/em:0": ("Shelly Gen2+", "shellypro3em-0123456789ab"),
    "shellypro3em-0123456789ab/online": ("Shelly Gen2+", "shellypro3em-0123456789ab"),
    "tele/boiler/SENSOR": ("Tasmota", "boiler"),
    "tele/boiler/LWT": ("Tasmota", "boiler"),
    "zigbee2mqtt/front door": ("Zigbee2MQTT", "front door"),
    "zigbee2mqtt/bridge/state": ("Zigbee2MQTT", ""),
    "doors/front": ("esp-rfid", ""),
    "rtl_433/pi/events": ("rtl_433", "ERT-SCM 12345678"),
    "Advantech/00D0C9EFDBBD/data": ("Advantech ADAM", "adam-00D0C9EFDBBD"),
    "/devices/wb-msw_12/controls/Temperature": ("Wiren Board", "wb-msw_12"),
    "spBv1.0/Site/DDATA/edge/pump": ("Sparkplug B", "edge-pump"),
    "homeassistant/sensor/boiler/power/config": ("Home Assistant discovery", ""),
    "facility-monitor/house/status": ("facility-monitor", ""),
}


@pytest.mark.parametrize("topic", EXPECTED)
def test_each_sender_is_known_by_what_it_documents(topic: str) -> None:
    known = recognise(heard({topic: SAID[topic]}).topics[topic])

    assert known is not None
    assert (known.family, known.device) == EXPECTED[topic]


@pytest.mark.parametrize("topic", ["heating/boiler/state", "sensors/cistern", "emon/emontx/power1", "cards/last"])
def test_nobody_is_made_up(topic: str) -> None:
    assert recognise(heard({topic: SAID[topic]}).topics[topic]) is None


def test_a_wireless_meter_is_known_by_its_driver_and_medium() -> None:
    known = recognise(heard({"x": SAID["wmbusmeters/99657098"]}).topics["x"])

    assert known is not None
    assert (known.family, known.model, known.device_class) == ("wmbusmeters", "aerius", "gas")


def test_the_bridge_of_zigbee_tells_the_models() -> None:
    listed = [{"friendly_name": "front door", "definition": {"model": "MCCGQ11LM"}}, {"friendly_name": "x"}, 3]
    known = everybody(heard({**SAID, "zigbee2mqtt/bridge/devices": listed}).topics)

    assert known["zigbee2mqtt/front door"] is not None
    assert known["zigbee2mqtt/front door"].model == "MCCGQ11LM"


def test_topics_that_differ_in_one_level_and_look_alike_are_one_line() -> None:
    said = {
        **{f"meters/{number}/state": {"power": 1.5, "energy": number} for number in range(4)},
        "meters/9/state": "off-line for repair",
        "rooms/1": "20.5",
        "rooms/2": "21.5",
        "alone": "x",
    }
    topics = heard(said).topics

    groups = {group.pattern: len(group.members) for group in grouped((each, None) for each in topics.values())}

    assert groups == {"meters/+/state": 4, "meters/9/state": 1, "rooms/+": 2, "alone": 1}


def test_each_topic_is_in_one_group() -> None:
    topics = heard().topics
    known = everybody(topics)

    groups = grouped((each, known[topic]) for topic, each in topics.items())

    assert sorted(each.topic for group in groups for each in group.members) == sorted(topics)
    assert "zigbee2mqtt/+" in [group.pattern for group in groups]
