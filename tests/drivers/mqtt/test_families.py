"""Each family of devices as it speaks: documented payloads on documented topics, through a real Mosquitto."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers import DRIVERS
from monitor.app import load_site
from monitor.model import Event, Missing, Origin, Reading
from monitor.ports import PushedDriver
from monitor.settings.tables import resolve
from tests.drivers.contract_pushed import Kept, eventually, running
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.site import context, pseudonymise
from tests.drivers.mqtt.sparkplug.node import GOLDEN, metric, payload
from tests.servers.mosquitto import Mosquitto


@dataclass
class House:
    """A site of devices behind one broker, somebody who speaks for them, and what was kept."""

    folder: Path
    broker: Mosquitto
    say: Publisher
    kept: Kept = field(default_factory=Kept)
    driver: PushedDriver | None = None

    @asynccontextmanager
    async def heard(self, *devices: str) -> AsyncIterator["House"]:
        """Run the driver of these entries of a site file."""
        file = self.folder / "site.yaml"
        entries = "".join(f"  - {entry}\n" for entry in devices)
        file.write_text(
            "site: {id: house, timezone: Europe/Berlin}\nconnections:\n"
            f'  - {{id: broker, mqtt: {{url: "{self.broker.url}"}}}}\ndevices:\n{entries}',
            "utf-8",
        )
        site = load_site(file).site
        self.driver = resolve(DRIVERS)["mqtt"].create(
            site.connections["broker"], list(site.devices.values()), context()
        )
        async with running(self.driver, self.kept.append):
            await eventually(lambda: bool(self.driver and self.driver.status()["subscribed"]))
            yield self

    async def publish(self, topic: str, payload: Any, *, qos: int = 1, retain: bool = False) -> None:
        """Publish, and return when the driver has looked at it."""
        assert self.driver is not None
        before = int(self.driver.status()["messages"])
        sent = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        self.say.say(topic, sent, qos=qos, retain=retain)
        await eventually(lambda: bool(self.driver and int(self.driver.status()["messages"]) > before))

    async def entries(self, count: int) -> list[Any]:
        """What was kept, once there is so much of it."""
        await eventually(lambda: len(self._entries()) >= count)
        assert len(self._entries()) == count
        return self._entries()

    def _entries(self) -> list[Any]:
        return [entry for batch in self.kept.batches for entry in batch.entries]


@pytest.fixture
def house(tmp_path: Path, broker: Mosquitto) -> Iterator[House]:
    with Publisher(broker) as say:
        yield House(tmp_path, broker, say)


def missing(points: list[str], reason: Missing) -> dict[str, Missing]:
    return dict.fromkeys(points, reason)


async def test_shelly_tells_all_on_its_status_topics_and_is_gone_by_its_last_will(house: House):
    prefix = "shellypro3em-0123456789ab"
    house.say.say(f"{prefix}/online", "true", retain=True)
    async with house.heard(f"{{id: main, profile: shelly-em1, connection: broker, topic: {prefix}}}"):
        await house.publish(
            f"{prefix}/status/em1:0",
            {
                "id": 0,
                "current": 2.5,
                "voltage": 234.9,
                "act_power": -501.8,
                "aprt_power": 612.4,
                "pf": 0.84,
                "freq": 50,
            },
        )
        await house.publish(
            f"{prefix}/status/em1data:0", {"id": 0, "total_act_energy": 1500, "total_act_ret_energy": 2}
        )
        await house.publish(f"{prefix}/online", "false", retain=True)
        await house.publish(f"{prefix}/online", "true", retain=True)
        live, energies, gone = await house.entries(3)

    assert live.values["power_w"] == -501.8
    assert not live.missing
    assert live.time == live.arrived
    assert energies.values == {"energy_import_kwh": 1.5, "energy_export_kwh": 0.002}
    assert set(gone.missing.values()) == {Missing.TIMEOUT}
    assert len(gone.missing) == 8


async def test_shelly_notifications_carry_what_changed_and_their_own_time(house: House):
    prefix, now = "shop", context().now()
    async with house.heard(
        f"{{id: shop, profile: shelly-pro-3em, variant: rpc, connection: broker, topic: {prefix}}}"
    ):
        await house.publish(
            f"{prefix}/events/rpc",
            {
                "src": "s",
                "method": "NotifyStatus",
                "params": {"ts": (now - 1000) / 1000, "em:0": {"a_voltage": 230.5}},
            },
        )
        await house.publish(
            f"{prefix}/events/rpc",
            {
                "src": "s",
                "method": "NotifyStatus",
                "params": {"ts": now / 1000, "em:0": {"total_act_power": 12.0}},
            },
        )
        await house.publish(
            f"{prefix}/events/rpc", {"src": "s", "method": "NotifyEvent", "params": {"ts": 1, "events": []}}
        )
        await house.publish(f"{prefix}/events/rpc", {"src": "s", "method": "NotifyStatus", "params": {"sys": {}}})
        await house.publish(
            f"{prefix}/events/rpc",
            {"src": "s", "method": "NotifyStatus", "params": {"ts": None, "em:0": {"a_voltage": 231.0}}},
        )
        first, second, unset = await house.entries(3)

    assert (dict(first.values), dict(first.missing), first.time) == ({"voltage_l1_v": 230.5}, {}, now - 1000)
    assert (dict(second.values), dict(second.missing), second.time) == ({"power_w": 12.0}, {}, now)
    assert 0 <= unset.time - unset.arrived < 100, "a device whose clock was never set"


async def test_tasmota_is_known_by_its_last_will_and_its_local_time_is_not_believed(house: House):
    house.say.say("tele/plug/LWT", "Offline", retain=True)
    reading = {
        "Time": "2021-07-26T09:11:00",
        "ENERGY": {"Total": 40.5, "Power": 91, "Voltage": 229, "Current": 0.6},
    }
    async with house.heard(
        "{id: plug, profile: tasmota-energy, connection: broker, topic: tele/plug, every: 5 min}"
    ):
        before = (await house.entries(1))[0]
        await house.publish("tele/plug/LWT", "Online", retain=True, qos=0)
        await house.publish("tele/plug/SENSOR", reading, qos=0)
        live = (await house.entries(2))[1]

    assert before.origin is Origin.RETAINED
    assert set(before.missing.values()) == {Missing.TIMEOUT}
    assert live.origin is Origin.PUSH
    assert live.values["power_w"] == 91.0
    assert live.missing == missing(["apparent_power_va", "reactive_power_var", "pf"], Missing.NOT_REPORTED)
    assert live.time == live.arrived


async def test_tasmota_with_its_zone_has_its_own_time_and_phases_are_lists(house: House):
    reading = {
        "Time": "2021-07-26T09:11:00",
        "ENERGY": {"Total": 1, "Power": [1, -2, 3], "Voltage": [230, 231, 232]},
    }
    async with house.heard(
        "{id: plug, profile: tasmota-energy, variant: three-phase, connection: broker, topic: plug/tele, "
        "time: {json: $.Time, format: iso8601, trusted: true, zone: Europe/Berlin}}"
    ):
        await house.publish("plug/tele/SENSOR", reading)
        [live] = await house.entries(1)

    assert live.time == 1_627_283_460_000
    assert live.late
    assert [live.values[f"power_l{phase}_w"] for phase in (1, 2, 3)] == [1.0, -2.0, 3.0]


@pytest.mark.parametrize(("gone", "back"), [("offline", "online"), ({"state": "offline"}, {"state": "online"})])
async def test_zigbee_says_parts_and_whether_a_device_is_there_as_text_or_json(house: House, gone: Any, back: Any):
    async with house.heard(
        "{id: hall, profile: xiaomi-jtyj-gd-01lm, connection: broker, topic: zigbee2mqtt/hall}",
        "{id: gas, profile: oujiabao-cr701-yz, variant: gas, connection: broker, topic: zigbee2mqtt/boiler}",
        "{id: co, profile: oujiabao-cr701-yz, variant: carbon-monoxide, connection: broker,"
        " topic: zigbee2mqtt/boiler}",
    ):
        await house.publish("zigbee2mqtt/hall", {"smoke": True, "linkquality": 70})
        await house.publish("zigbee2mqtt/hall/availability", gone, retain=True)
        await house.publish("zigbee2mqtt/hall/availability", back, retain=True)
        await house.publish("zigbee2mqtt/hall", {"battery": 91, "linkquality": 71})
        await house.publish("zigbee2mqtt/boiler", {"gas": False, "carbon_monoxide": True})
        entries = await house.entries(5)

    assert [(entry.device, dict(entry.values)) for entry in entries] == [
        ("hall", {"alarm": True}),
        ("hall", {}),
        ("hall", {"battery_pct": 91.0}),
        ("gas", {"alarm": False}),
        ("co", {"alarm": True}),
    ]
    assert [bool(entry.missing) for entry in entries] == [False, True, False, False, False]


async def test_a_zigbee_lock_tells_who_unlocked_it_by_a_pseudonym_and_its_retained_state_is_no_event(house: House):
    unlocked = {"state": "UNLOCK", "lock_state": "unlocked", "action": "unlock", "action_source_name": "keypad"}
    house.say.say("zigbee2mqtt/front", json.dumps({**unlocked, "action_user": 7}), retain=True)
    async with house.heard("{id: front, profile: zigbee2mqtt-lock, connection: broker, topic: zigbee2mqtt/front}"):
        old = (await house.entries(1))[0]
        await house.publish(
            "zigbee2mqtt/front", {**unlocked, "action_user": 3, "users": {"3": {"pin_code": "4711"}}}
        )
        await house.publish("zigbee2mqtt/front", {"state": "LOCK", "lock_state": "locked", "action": ""})
        entries = await house.entries(4)

    assert old.origin is Origin.RETAINED
    card = entries[2]
    assert isinstance(card, Event)
    assert card.attributes == {
        "means": "keypad",
        "result": "granted",
        "reason": "unlock",
        "credential": pseudonymise("3"),
    }
    assert [dict(entry.values) for entry in entries if isinstance(entry, Reading)] == [
        {"locked": False, "fault": False},
        {"locked": False, "fault": False},
        {"locked": True, "fault": False},
    ]
    assert "4711" not in repr(entries)


async def test_an_esphome_lock_is_known_by_its_retained_state_and_its_node(house: House):
    house.say.say("cellar/lock/door/state", "LOCKED", retain=True)
    house.say.say("cellar/status", "online", retain=True)
    async with house.heard(
        "{id: cellar, profile: homeassistant-lock, connection: broker, topic: cellar/lock/door,"
        " availability: {topic: cellar/status}}"
    ):
        await house.entries(1)
        for word in ("UNLOCKING", "JAMMED"):
            await house.publish("cellar/lock/door/state", word, retain=True)
        await house.publish("cellar/status", "offline", retain=True)
        old, turning, jammed, gone = await house.entries(4)

    assert (old.origin, dict(old.values)) == (Origin.RETAINED, {"locked": True, "fault": False})
    assert (turning.origin, dict(turning.values)) == (Origin.PUSH, {"locked": False, "fault": False})
    assert (dict(jammed.values), dict(jammed.missing)) == ({"fault": True}, {"locked": Missing.UNDECODABLE})
    assert gone.missing == missing(["locked", "fault"], Missing.TIMEOUT)


async def test_a_later_esp_rfid_sends_cards_and_is_missed_by_its_own_word(house: House):
    house.say.say("doors/front/avty", "online", retain=True)
    async with house.heard(
        "{id: reader, profile: esp-rfid, variant: send, connection: broker, topic: doors/front}"
    ):
        await eventually(lambda: bool(house.driver and house.driver.status()["messages"]))
        await house.publish(
            "doors/front/send",
            {"type": "access", "time": 1, "isKnown": "false", "access": "Denied", "username": "X", "uid": "5a3"},
            qos=0,
        )
        await house.publish("doors/front/send", {"type": "heartbeat", "time": 1}, qos=0)
        await house.publish("doors/front/avty", "offline", retain=True)
        await house.publish("doors/front/avty", "online", retain=True)
        entries = await house.entries(3)

    assert [entry.kind for entry in entries] == ["card", "reader_offline", "reader_online"]
    assert entries[0].attributes == {"result": "denied", "reason": "Denied", "credential": pseudonymise("5a3")}


async def test_an_adam_module_counts_while_it_stands_by_its_values(house: House):
    mac = "Advantech/00D0C9EFDBBD"
    will = {"status": "disconnect", "name": "ADAM6050", "macid": "00D0C9EFDBBD", "ipaddr": "192.168.178.10"}
    async with house.heard(
        f"{{id: contacts, profile: advantech-adam-6050-mqtt, connection: broker, topic: {mac},"
        " points: {running: {json: $.di1}}}"
    ):
        await house.publish(f"{mac}/data", {"s": 1, "t": 0, "q": 192, "c": 1, "di1": True, "di2": False})
        await house.publish(f"{mac}/data", {"s": 1, "t": 0, "q": 0, "c": 1, "di1": True, "di2": False})
        await house.publish(f"{mac}/Device_Status", will, retain=True)
        good, bad, gone = await house.entries(3)

    assert good.values == {"running": True}
    assert bad.missing == {"running": Missing.SENTINEL}
    assert gone.missing == {"running": Missing.TIMEOUT}


UPLINK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2022-07-18T09:34:15.775023242+00:00",
    "deviceInfo": {"deviceName": "tank", "devEui": "0101010101010101"},
    "fPort": 1,
    "data": "qg==",
}


async def test_chirpstack_has_the_time_of_reception_and_says_nothing_without_what_was_decoded(house: House):
    topic = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event"
    (house.folder / "profiles").mkdir()
    (house.folder / "profiles" / "tank.yaml").write_text(
        "class: water\nmqtt: {root: $.object, topic: up, time: {json: $.time, format: iso8601, trusted: true}}\n"
        "points:\n  level_m: {json: $.level, unit: cm, omitted: 0}\n  battery_pct: {json: $.battery, unit: '%'}\n"
    )
    async with house.heard(f"{{id: tank, profile: tank, connection: broker, topic: {topic}}}"):
        await house.publish(f"{topic}/up", {**UPLINK, "object": {"level": 250, "battery": 88}})
        await house.publish(f"{topic}/up", UPLINK)
        await house.publish(f"{topic}/up", {**UPLINK, "object": {"battery": 88}})
        full, empty = await house.entries(2)

    assert (full.time, full.late) == (1_658_136_855_775, True)
    assert full.values == {"level_m": 2.5, "battery_pct": 88.0}
    assert empty.values == {"level_m": 0.0, "battery_pct": 88.0}


async def test_the_things_stack_leaves_out_what_is_zero(house: House):
    topic = "v3/app1@ttn/devices/tank/up"
    async with house.heard(
        f"{{id: tank, connection: broker, topic: {topic}, qos: 0, class: water,"
        " time: {json: $.received_at, format: iso8601, trusted: true},"
        " points: {level_m: {json: $.uplink_message.decoded_payload.level, unit: cm, omitted: 0}}}"
    ):
        received = {"end_device_ids": {"device_id": "tank"}, "received_at": "2020-02-12T15:15:45.787123456Z"}
        await house.publish(
            topic, {**received, "uplink_message": {"f_port": 1, "decoded_payload": {"level": 30}}}, qos=0
        )
        await house.publish(topic, {**received, "uplink_message": {"f_port": 1, "decoded_payload": {}}}, qos=0)
        await house.publish(topic, {**received, "uplink_message": {"f_port": 1, "frm_payload": "gkHe"}}, qos=0)
        await house.publish(topic, {**received, "join_accept": {}}, qos=0)
        some, none = await house.entries(2)

    assert (some.values, some.time) == ({"level_m": 0.3}, 1_581_520_545_787)
    assert none.values == {"level_m": 0.0}


async def test_rtl_433_devices_of_one_topic_are_told_apart_by_what_they_publish_on(house: House):
    heard = {"time": "2026-11-27 07:00:00", "model": "Flowis", "id": 123, "volume_m3": 45.678}
    async with house.heard(
        "{id: flat-3, connection: broker, topic: rtl_433/box/devices/Flowis/123, class: water,"
        " points: {volume_m3: {text: true, topic: volume_m3, unit: m3}}}",
        "{id: any, connection: broker, topic: rtl_433/box/events, class: water,"
        " points: {volume_m3: {json: $.volume_m3, unit: m3}}}",
    ):
        await house.publish("rtl_433/box/devices/Flowis/123/volume_m3", "45.678")
        await house.publish("rtl_433/box/events", heard)
        await house.publish("rtl_433/box/events", {"time": "2026-11-27 07:00:00", "model": "Other", "id": 9})
        entries = await house.entries(2)

    assert [(entry.device, entry.values) for entry in entries] == [
        ("flat-3", {"volume_m3": 45.678}),
        ("any", {"volume_m3": 45.678}),
    ]


async def test_a_sparkplug_node_is_born_speaks_by_alias_and_dies_by_its_last_will(house: House):
    group = "spBv1.0/plant"
    node = paho.Client(CallbackAPIVersion.VERSION2, client_id="edge1")
    node.will_set(f"{group}/NDEATH/edge1", GOLDEN["NDEATH"], qos=1)
    async with house.heard(
        "{id: meter7, connection: broker, topic: spBv1.0/plant/+/edge1/meter7, class: electricity,"
        " points: {power_w: {metric: Power, unit: W}, energy_import_kwh: {metric: Energy, unit: Wh}}}",
        "{id: edge, connection: broker, topic: spBv1.0/plant/+/edge1, class: equipment,"
        " points: {fault: {metric: Fault}}}",
    ):
        node.connect("127.0.0.1", house.broker.port)
        node.loop_start()
        now = context().now()
        by_alias = (metric(alias=1, value=5.0), metric(alias=2, value=2000))
        for kind, where, raw in (
            ("NBIRTH", "", GOLDEN["NBIRTH"]),
            (
                "DBIRTH",
                "/meter7",
                payload(metric("Power", 4.0, alias=1), metric("Energy", alias=2), seq=1, timestamp=now - 20),
            ),
            ("NDATA", "", payload(metric("Fault", value=True), seq=2, timestamp=now - 15)),
            ("DDATA", "/meter7", payload(*by_alias, seq=3, timestamp=now - 10)),
        ):
            node.publish(f"{group}/{kind}/edge1{where}", raw, qos=0).wait_for_publish(10)
        await house.entries(3)
        broken: Any = node.socket()
        node.loop_stop()
        broken.shutdown(socket.SHUT_RDWR)
        broken.close()
        birth, fault, data, *dead = await house.entries(5)

    assert birth.values == {"power_w": 4.0}
    assert birth.missing == {"energy_import_kwh": Missing.UNDECODABLE}
    assert (fault.device, fault.values) == ("edge", {"fault": True})
    assert (data.values, data.time) == ({"power_w": 5.0, "energy_import_kwh": 2.0}, now - 10)
    assert {each.device: set(each.missing.values()) for each in dead} == {
        "meter7": {Missing.TIMEOUT},
        "edge": {Missing.TIMEOUT},
    }
