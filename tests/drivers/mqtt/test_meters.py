"""Meters, doors and detectors by their shipped profiles, on documented topics, through a real Mosquitto."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.model import Missing
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.test_families import House
from tests.servers.mosquitto import Mosquitto

DOOR = {
    "_": "telegram",
    "meter": "lansendw",
    "id": "00010205",
    "status": "OPEN",
    "a_counter": 22,
    "error_flags": "OK",
}
WATER = {"_": "telegram", "meter": "kamwater", "id": "76348799", "total_m3": 6.408, "flow_temperature_c": 127}


@pytest.fixture
def house(tmp_path: Path, broker: Mosquitto) -> Iterator[House]:
    with Publisher(broker) as say:
        yield House(tmp_path, broker, say)


async def test_wmbusmeters_has_a_topic_for_each_meter_and_telegrams_keep_their_time(house: House):
    async with house.heard(
        '{id: water, profile: kamstrup-flowiq-wmbus, connection: broker, topic: "wmbusmeters/76348799"}',
        '{id: door, profile: lansen-door-wmbus, connection: broker, topic: "wmbusmeters/00010205"}',
    ):
        at = "2023-01-05T10:00:00Z"
        await house.publish("wmbusmeters/76348799", {**WATER, "status": "DRY", "timestamp": at})
        await house.publish("wmbusmeters/00010205", {**DOOR, "timestamp": at})
        await house.publish("wmbusmeters/00010205", {**DOOR, "status": "UNKNOWN_11", "timestamp": at})
        water, opened, unknown = await house.entries(3)

    assert (water.device, water.time) == ("water", 1_672_912_800_000)
    assert water.values == {"volume_m3": 6.408, "status": "DRY"}
    assert water.missing == {"flow_temperature_c": Missing.OUT_OF_RANGE}
    assert opened.values["open"] is True
    assert unknown.missing == {"open": Missing.UNDECODABLE}


async def test_pulses_become_a_volume_by_what_the_device_says_below_the_root_of_its_profile(house: House):
    point = "volume_m3: {json: $.pulse, unit: m3, scale: 0.01, offset: 812.44}"
    chirpstack, things = "application/1/device/0101010101010101/event/up", "v3/app1@ttn/devices/gas/up"
    async with house.heard(
        f"{{id: gas-1, profile: milesight-em300-di, connection: broker, topic: {chirpstack},"
        f" points: {{{point}}}}}",
        f"{{id: gas-2, profile: milesight-em300-di, variant: tts, connection: broker, topic: {things},"
        f" points: {{{point}}}}}",
    ):
        await house.publish(
            chirpstack, {"time": "2022-07-18T09:34:15.775023242+00:00", "object": {"pulse": 256, "battery": 92}}
        )
        await house.publish(
            things,
            {"received_at": "2020-02-12T15:15:45.787Z", "uplink_message": {"decoded_payload": {"pulse": 257}}},
        )
        await house.publish(chirpstack, {"time": "2022-07-18T09:35:15Z", "object": {"history": [{"pulse": 1}]}})
        first, second = await house.entries(2)

    assert first.values == pytest.approx({"pulses": 256, "battery_pct": 92.0, "volume_m3": 815.0})
    assert second.values == pytest.approx({"pulses": 257, "volume_m3": 815.01})
    assert (first.device, second.device) == ("gas-1", "gas-2")


async def test_a_tasmota_counter_counts_below_its_topic_and_is_gone_by_its_last_will(house: House):
    async with house.heard(
        "{id: gas, profile: tasmota-counter, connection: broker, topic: tele/gas-meter,"
        " points: {volume_m3: {json: $.COUNTER.C1, unit: m3, scale: 0.01}}}",
    ):
        await house.publish("tele/gas-meter/LWT", "Online", retain=True)
        await house.publish("tele/gas-meter/SENSOR", {"Time": "2021-07-26T09:11:00", "COUNTER": {"C1": 123}})
        await house.publish("tele/gas-meter/LWT", "Offline", retain=True)
        counted, gone = await house.entries(2)

    assert counted.values == pytest.approx({"pulses": 123, "volume_m3": 1.23})
    assert counted.time == counted.arrived
    assert gone.missing == dict.fromkeys(("pulses", "volume_m3"), Missing.TIMEOUT)


async def test_meters_that_send_single_values_are_read_in_the_unit_of_their_dial(house: House):
    tree = "rtl_433/box/devices"
    async with house.heard(
        f"{{id: gas, profile: itron-ert-scm, variant: cubic-feet, connection: broker, topic: {tree}/ERT-SCM/1}}",
        f"{{id: water, profile: flowis-water, connection: broker, topic: {tree}/Flowis/2}}",
        "{id: dial, profile: ai-on-the-edge, class: water, connection: broker, topic: watermeter}",
    ):
        await house.publish(f"{tree}/ERT-SCM/1/consumption_data", "339972")
        await house.publish(f"{tree}/Flowis/2/volume_m3", "45.678")
        await house.publish("watermeter/main/value", "521.171")
        await house.publish("watermeter/main/error", "no error")
        gas, water, dial, status = await house.entries(4)

    assert gas.values == pytest.approx({"volume_m3": 339972 * 0.3048**3})
    assert water.values == {"volume_m3": 45.678}
    assert (dial.values, status.values) == ({"volume_m3": 521.171}, {"status": "no error"})
