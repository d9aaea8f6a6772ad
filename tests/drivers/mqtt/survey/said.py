"""What the senders that facilities own say, by their own documentation and test suites."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from drivers.mqtt.survey.entries import Proposal, identified
from drivers.mqtt.survey.families import everybody
from drivers.mqtt.survey.fitting import Model, models
from drivers.mqtt.survey.heard import Survey
from drivers.mqtt.survey.proposing import propose
from tests.devices.library import library
from tests.drivers.mqtt.sparkplug.node import metric, payload

__all__ = ["SAID", "heard", "payload_of", "proposed", "shipped"]

CHIRPSTACK = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/up"
SAID: Mapping[str, Any] = {
    # chirpstack-docs src/chirpstack/integrations/events.md, with what the codec of a Milesight EM300-MCS makes
    CHIRPSTACK: {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2022-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {
            "tenantName": "ChirpStack",
            "applicationName": "Test application",
            "deviceProfileName": "Test device-profile",
            "deviceName": "Test device",
            "devEui": "0101010101010101",
            "tags": {"key": "value"},
        },
        "devAddr": "00189440",
        "dr": 1,
        "fPort": 1,
        "data": "qg==",
        "object": {"humidity": 41.5, "temperature": 21.5},
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -36, "snr": 10.5}],
        "txInfo": {"frequency": 867100000},
    },
    # https://www.thethingsindustries.com/docs/integrations/data-formats
    "v3/app1@ttn/devices/dev1/up": {
        "end_device_ids": {"device_id": "dev1", "application_ids": {"application_id": "app1"}},
        "received_at": "2020-02-12T15:15:45Z",
        "uplink_message": {
            "f_cnt": 1,
            "f_port": 1,
            "frm_payload": "gkHe",
            "decoded_payload": {"temperature": 1.0, "luminosity": 0.64},
            "rx_metadata": [{"rssi": -35}],
        },
    },
    # wmbusmeters, drivers/src/aerius and kamwater: the test suite
    "wmbusmeters/99657098": {
        "_": "telegram",
        "media": "gas",
        "meter": "aerius",
        "name": "aerius_gas",
        "id": "99657098",
        "total_m3": 6842.784,
        "flow_m3h": 0,
        "temperature_c": 15.9,
        "target_datetime": "2022-12-31 23:59",
        "target_m3": 6260.324,
        "timestamp": "1111-11-11T11:11:11Z",
    },
    # shelly-api-docs.shelly.cloud/gen2, components EM and the documented topics
    "shellypro3em-0123456789ab/status/em:0": {
        "id": 0,
        "n_current": 0.3,
        "total_act_power": 1011.0,
        "total_current": 4.4,
        "a_current": 1.5,
        "a_voltage": 230.0,
        "a_act_power": 345.0,
        "a_freq": 50.0,
        "b_current": 2.1,
        "b_voltage": 229.5,
        "b_act_power": 482.0,
        "b_freq": 50.0,
        "c_current": 0.8,
        "c_voltage": 231.0,
        "c_act_power": 184.0,
        "c_freq": 50.0,
    },
    "shellypro3em-0123456789ab/online": "true",
    # https://github.com/robertklep/name.klep.sonoff/issues/6
    "tele/boiler/SENSOR": {
        "Time": "2021-07-26T09:11:00",
        "ENERGY": {
            "TotalStartTime": "2020-10-04T09:42:16",
            "Total": 40.543,
            "Yesterday": 0.0,
            "Today": 0.14,
            "Period": 8,
            "Power": 91,
            "ApparentPower": 144,
            "ReactivePower": 111,
            "Factor": 0.63,
            "Voltage": 229,
            "Current": 0.627,
        },
    },
    "tele/boiler/LWT": "Online",
    # zigbee2mqtt.io docs/devices/MCCGQ11LM.md and SJCGQ11LM.md
    "zigbee2mqtt/front door": {
        "battery": 100,
        "contact": True,
        "device_temperature": 27,
        "linkquality": 120,
        "power_outage_count": 2,
        "trigger_count": 0,
        "voltage": 3015,
    },
    "zigbee2mqtt/cellar": {"battery": 100, "battery_low": False, "water_leak": False, "voltage": 3005},
    "zigbee2mqtt/living room": {"battery": 87, "humidity": 45.2, "temperature": 21.4, "linkquality": 90},
    "zigbee2mqtt/bridge/state": {"state": "online"},
    # esp-rfid src/mqtt.esp
    "doors/front": {
        "type": "access",
        "time": 1605991375,
        "isKnown": "true",
        "access": "Always",
        "username": "Test User",
        "uid": "5a3fb1c2",
    },
    # rtl_433 src/devices/ert_scm.c and docs/INTEGRATION.md
    "rtl_433/pi/events": {
        "time": "2026-11-27 06:00:00",
        "model": "ERT-SCM",
        "id": 12345678,
        "physical_tamper": 0,
        "ert_type": 12,
        "encoder_tamper": 0,
        "consumption_data": 339972,
        "mic": "CRC",
    },
    # SecPi's adapter of the Advantech ADAM-6050
    "Advantech/00D0C9EFDBBD/data": {"s": 1, "t": 0, "q": 192, "c": 1, "di1": True, "di2": False, "do1": True},
    "Advantech/00D0C9EFDBBD/Device_Status": {"status": "disconnect", "name": "ADAM6050", "macid": "00D0C9EFDBBD"},
    # Wiren Board MQTT conventions
    "/devices/wb-msw_12/controls/Temperature": "21.5",
    "/devices/wb-msw_12/controls/Humidity": "45.1",
    "/devices/wb-msw_12/controls/Humidity/meta/type": "rel_humidity",
    # the specification of Sparkplug B
    "spBv1.0/Site/DDATA/edge/pump": payload(
        metric("Inputs/Running", True), metric("Motor/Power", 1.5), seq=1, timestamp=1_700_000_000_000
    ),
    "emon/emontx/power1": "1250",
    "emon/emontx/temp1": "19.5",
    "sensors/cistern": "level_m=2.5 temp=12.1 uptime=4455",
    "cards/last": "04A1B2C3D4",
    "homeassistant/sensor/boiler/power/config": {
        "name": "Power",
        "~": "heating/boiler",
        "stat_t": "~/state",
        "dev_cla": "power",
        "unit_of_meas": "kW",
        "val_tpl": "{{ value_json.power | float }}",
        "uniq_id": "boiler_power",
        "avty_t": "~/status",
        "dev": {"ids": ["b1"], "name": "Boiler", "mf": "Acme", "mdl": "B2"},
    },
    "heating/boiler/state": {"power": 3.25, "secret_sauce": 7},
    "facility-monitor/house/status": "online",
}
"""Topic -> payload, as the wire has it."""


def payload_of(said: Any) -> bytes:
    if isinstance(said, bytes):
        return said
    return said.encode() if isinstance(said, str) else json.dumps(said).encode()


def heard(said: Mapping[str, Any] = SAID, *, retained: bool = False) -> Survey:
    survey = Survey()
    for topic, what in said.items():
        survey.hear(topic, payload_of(what), retained=retained, now=1.0)
    return survey


@cache
def shipped() -> list[Model]:
    return models(library())


def proposed(said: Mapping[str, Any], **changes: Any) -> dict[str, Proposal]:
    """What is proposed for messages, by the device's id."""
    survey = heard(said)
    found = propose(survey.topics, everybody(survey.topics), changes.pop("models", shipped()), **changes)
    return {proposal.id: proposal for proposal in identified(found)}
