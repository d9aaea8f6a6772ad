"""A real broker as a sink: what is retained on it, what a break of the connection costs, what is announced."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.mqtt.tls import tls_context
from monitor.errors import SinkUnavailable
from monitor.model import Missing, Origin, Quality, Reading, Recorded
from monitor.sinks.mqtt import MqttSink
from monitor.site import Counter, Device, MqttSinkSettings, Point, SinkFilter, Site, Virtual
from monitor.zones import AccessSettings
from tests.servers.mosquitto import Mosquitto, Tls
from tests.servers.ports import free_port
from tests.sinks.contract import SinkContract
from tests.sinks.ear import Ear, with_broker
from tests.sinks.site import NOW, a_site, derived, event, reading, recorded, step

BASE = "facility-monitor/hq"
Heard = dict[str, bytes]


async def _no_alarms() -> Sequence[Mapping[str, Any]]:
    return []


async def _nothing(_device: str, _last: int) -> Sequence[Recorded]:
    return []


def _sink(
    site: Site, *, homeassistant: str = "", settings: MqttSinkSettings | None = None, **more: Any
) -> MqttSink:
    settings = settings or MqttSinkSettings(connection="broker", homeassistant=homeassistant)
    given = {"open_alarms": _no_alarms, "readings": _nothing, "now": lambda: NOW, "version": "1"} | more
    return MqttSink(settings, site, **given)


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


class TestContract(SinkContract):
    everything = 3 + len(a_site().devices) + 1
    """The device that spoke, the status, the summary, and the alarms of each device and of the monitor."""

    @pytest.fixture
    async def sink(self, broker: Mosquitto) -> AsyncIterator[MqttSink]:
        sink = _sink(with_broker(a_site(), broker.url))
        yield sink
        await sink.close()

    @pytest.fixture
    async def away(self) -> AsyncIterator[MqttSink]:
        sink = _sink(with_broker(a_site(), f"mqtt://127.0.0.1:{free_port()}"))
        yield sink
        await sink.close()

    @pytest.fixture
    def count(self, broker: Mosquitto) -> Callable[[], Awaitable[int]]:
        async def count() -> int:
            ear = Ear(broker)
            await asyncio.sleep(1.0)
            ear.close()
            return len({topic for topic, _, retained in ear.all if retained})

        return count


async def test_a_reading_is_laid_over_the_one_before_and_what_is_missing_leaves(
    broker: Mosquitto, ear: Ear
) -> None:
    sink = _sink(with_broker(a_site(), broker.url))
    await sink.write(recorded(reading("e-main", power_w=4920.0, energy_import_kwh=7.5)))
    await sink.write(recorded(reading("e-main", NOW + 1000, power_w=5000.0)))
    lost = Reading(
        device="e-main", time=NOW + 2000, arrived=NOW + 2000, values={}, missing={"power_w": Missing.TIMEOUT}
    )
    await sink.write(recorded(lost, reading("e-main", NOW - 5000, energy_import_kwh=1.0)))
    await sink.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"offline")

    assert ear.last(f"{BASE}/device/e-main") == {
        "time": NOW + 2000,
        "quality": "good",
        "values": {"energy_import_kwh": 7.5},
        "missing": {"power_w": "timeout"},
    }


async def test_an_event_goes_out_without_the_pseudonym_unless_the_site_wants_it(
    broker: Mosquitto, ear: Ear
) -> None:
    card = event("card", result="granted", credential="p-123")
    quiet = _sink(with_broker(a_site(), broker.url))
    await quiet.write(recorded(card))
    await quiet.close()
    plain = await ear.until(f"{BASE}/event/front-reader")
    open_site = _sink(with_broker(a_site(access=AccessSettings(pseudonyms=True)), broker.url))
    await open_site.write(recorded(card))
    await open_site.close()
    told = await ear.until(
        f"{BASE}/event/front-reader", lambda said: b"credential" in said.split(b'"attributes"')[1]
    )

    assert json.loads(plain)["attributes"] == {"result": "granted"}
    assert json.loads(told)["attributes"] == {"result": "granted", "credential": "p-123"}
    assert not any(retained for topic, _, retained in ear.all if "/event/" in topic)


def _alarm(device: str, severity: str, *, active: bool = True) -> dict[str, Any]:
    texts = dict.fromkeys(("occurrence", "rule", "title", "state", "isa"), "x")
    return texts | {
        "device": device,
        "point": None,
        "response": "unacked",
        "suppression": (),
        "severity": severity,
        "value": 1.0,
        "limit": None,
        "unit": None,
        "raised_at": NOW,
        "source_key": device,
        "momentary": False,
        "latched": False,
        "active": active,
    }


async def test_the_alarms_of_a_device_are_told_worst_first_and_gone_when_over(broker: Mosquitto, ear: Ear) -> None:
    opened = [_alarm("e-main", "low"), _alarm("e-main", "high", active=False), _alarm("leak", "critical")]

    async def open_alarms() -> Sequence[Mapping[str, Any]]:
        return opened

    sink = _sink(with_broker(a_site(), broker.url), open_alarms=open_alarms)
    await sink.write(recorded(step("raised", 1)))
    await ear.until(f"{BASE}/alarms/e-main", lambda said: b"high" in said)
    first = ear.last(f"{BASE}/alarms/e-main")
    opened.clear()
    await sink.write(recorded(step("cleared", 2)))
    await sink.close()
    device = recorded(step("cleared", 2))[0].entry.device  # type: ignore[union-attr]  # a transition has one
    await ear.until(f"{BASE}/alarms/{device}", lambda said: b'"alarms":[]' in said)

    assert [each["severity"] for each in first["alarms"]] == ["high", "low"]
    assert (first["active"], first["severity"], first["unacknowledged"]) == (True, "high", 2)


async def test_a_broker_that_comes_back_empty_has_the_whole_picture_again(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", extra=("persistence false",), template=None).start()
    sink = _sink(with_broker(a_site(), broker.url))
    await sink.write(recorded(reading("e-main", power_w=4920.0), reading("w-main", volume_m3=3.0)))
    broker.kill()
    for _ in range(100):
        if not sink.status()["connected"]:
            break
        await asyncio.sleep(0.1)
    with pytest.raises(SinkUnavailable):
        await sink.write(recorded(reading("leak", alarm=True)))
    broker.start()
    ear = Ear(broker)
    await sink.write(recorded(reading("leak", alarm=True)))
    await ear.until(f"{BASE}/device/leak")
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")
    await sink.close()
    ear.close()
    broker.stop()

    assert ear.last(f"{BASE}/device/w-main")["values"] == {"volume_m3": 3.0}
    assert ear.last(f"{BASE}/device/e-main")["values"] == {"power_w": 4920.0}


async def test_a_broker_that_was_back_at_once_has_the_whole_picture_too(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", extra=("persistence false",), template=None).start()
    sink = _sink(with_broker(a_site(), broker.url))
    await sink.write(recorded(reading("e-main", power_w=4920.0)))
    broker.kill()
    broker.start()
    ear = Ear(broker)
    for _ in range(50):  # long enough for a client that connects again by itself
        await asyncio.sleep(0.1)
    with contextlib.suppress(SinkUnavailable):  # where the loss is only seen by this
        await sink.write(recorded(reading("leak", alarm=True)))
    await sink.write(recorded(reading("leak", alarm=True)))
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")
    await sink.close()
    ear.close()
    broker.stop()

    assert ear.last(f"{BASE}/device/e-main")["values"] == {"power_w": 4920.0}


async def test_the_picture_begins_with_what_was_said_before_the_start(broker: Mosquitto, ear: Ear) -> None:
    async def readings(device: str, last: int) -> Sequence[Recorded]:
        assert last >= 31  # of a scan of 10 s, those since the last slow one
        old = reading(device, NOW - 3600_000, volume_m3=1.0)
        return recorded(old, reading(device, NOW - 60_000, volume_m3=2.0)) if device == "w-main" else []

    sink = _sink(with_broker(a_site(), broker.url), readings=readings)
    await sink.write(recorded(reading("w-main", flow_m3h=0.5)))
    await sink.close()
    await ear.until(f"{BASE}/device/w-main")

    assert ear.last(f"{BASE}/device/w-main")["values"] == {"volume_m3": 2.0, "flow_m3h": 0.5}


async def test_home_assistant_finds_every_device_and_forgets_one_that_is_gone(broker: Mosquitto, ear: Ear) -> None:
    gone = "homeassistant/device/facility-monitor_hq_old/config"
    foreign = "homeassistant/device/somebody_else/config"
    ear.publish(gone, b"{}")
    ear.publish(foreign, b"{}")
    sink = _sink(with_broker(a_site(), broker.url), homeassistant="homeassistant")
    await sink.write(recorded(reading("e-main", power_w=1.0)))
    await sink.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")

    announced = {topic for topic, payload, _ in ear.all if topic.startswith("homeassistant/") and payload != b"{}"}
    assert announced == {
        f"homeassistant/device/facility-monitor_hq_{name}/config"
        for name in (*a_site().devices, "old", "facility-monitor")
    }
    assert (gone, b"", False) in ear.all
    assert not any(topic == foreign and payload == b"" for topic, payload, _ in ear.all)


async def test_an_announcement_says_what_home_assistant_needs(broker: Mosquitto, ear: Ear) -> None:
    site = a_site()
    door = replace(site.devices["front-door"], points={"open": Point(name="open"), "locked": Point(name="locked")})
    units = {"power_w": "W", "energy_import_kwh": "kWh", "pf": None}
    meter = replace(
        site.devices["e-main"], points={name: Point(name=name, unit=unit) for name, unit in units.items()}
    )
    water = replace(site.devices["w-main"], points={"volume_m3": Point(name="volume_m3", unit="m3")})
    devices = {device.id: device for device in (door, meter, water)}
    sink = _sink(with_broker(replace(site, devices=devices), broker.url), homeassistant="ha")
    await sink.write(recorded(reading("e-main", power_w=1.0)))
    await sink.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")

    def announced(device: str) -> Any:
        return ear.last(f"ha/device/facility-monitor_hq_{device}/config")

    power = announced("e-main")["components"]["power_w"]
    assert (power["platform"], power["device_class"], power["unit_of_measurement"]) == ("sensor", "power", "W")
    assert power["value_template"] == "{{ value_json['values'].get('power_w') }}"
    assert power["state_topic"] == f"{BASE}/device/e-main"
    assert announced("e-main")["components"]["energy_import_kwh"]["state_class"] == "total_increasing"
    assert "device_class" not in announced("e-main")["components"]["pf"]
    assert announced("w-main")["components"]["volume_m3"]["device_class"] == "water"
    opened, locked = (announced("front-door")["components"][name] for name in ("open", "locked"))
    assert (opened["platform"], opened["device_class"]) == ("binary_sensor", "door")
    assert "true: 'ON', false: 'OFF'" in opened["value_template"]
    assert "true: 'OFF', false: 'ON'" in locked["value_template"]
    assert announced("e-main")["components"]["alarms"]["device_class"] == "problem"
    assert announced("e-main")["availability"] == [{"topic": f"{BASE}/availability"}]
    assert announced("e-main")["origin"]["name"] == "facility-monitor"


async def test_a_meter_that_people_read_has_a_state_and_one_that_is_reckoned_none(
    broker: Mosquitto, ear: Ear
) -> None:
    points = {"volume_m3": Point(name="volume_m3", unit="m3", counter=Counter())}
    base = Device(id="garden", name="Garden tap", connection="", device_class="water", points=points)
    garden = replace(base, by_hand=True)
    rest = replace(base, id="rest", name="Rest", virtual=Virtual(sum=("w-main",), minus=("garden",)))
    site = a_site()
    site = replace(site, devices={"w-main": site.devices["w-main"], "garden": garden, "rest": rest})
    sink = _sink(with_broker(site, broker.url), homeassistant="ha")
    read = replace(reading("garden", volume_m3=512.4), origin=Origin.MANUAL, quality=Quality.MANUAL)
    used = {"amount": 1.0, "partial_i": 1}
    deltas = replace(derived("water", {"volume_delta_m3": 0.5}, device="w-main"), key="")
    await sink.write(recorded(read, deltas, derived("usage_daily", used, device="rest")))
    await sink.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")

    assert ear.last(f"{BASE}/device/garden")["values"] == {"volume_m3": 512.4}
    announced = {topic.split("_")[-1] for topic, _, _ in ear.all if topic.startswith("ha/device/")}
    assert announced == {"w-main/config", "garden/config", "facility-monitor/config"}
    assert f"{BASE}/device/rest" not in {topic for topic, _, _ in ear.all}


async def test_a_broker_that_wants_a_password_and_tls_gets_them(tmp_path: Path) -> None:
    tls = Tls.make(tmp_path)
    with Mosquitto(tmp_path / "broker", users={"monitor": "secret"}, tls=tls) as broker:
        wrong = with_broker(a_site(), broker.url, ca=str(tls.ca), username="monitor", password="no")
        site = with_broker(a_site(), broker.url, ca=str(tls.ca), username="monitor", password="secret")
        refused, fine = (
            _sink(each, tls=lambda each=each: tls_context(each.connections["broker"].options))
            for each in (wrong, site)
        )
        with pytest.raises(SinkUnavailable, match="refuses"):
            await refused.write(recorded(reading("e-main", power_w=1.0)))
        await fine.write(recorded(reading("e-main", power_w=1.0)))

        assert fine.status()["messages"] > 0
        await fine.close()
        await refused.close()


# Several sinks, and what each leaves out -------------------------------------------------------------------


def _topics(ear: Ear) -> set[str]:
    return {topic for topic, payload, _ in ear.all if payload}


async def test_what_is_filtered_is_neither_published_nor_announced(broker: Mosquitto, ear: Ear) -> None:
    chosen = SinkFilter(devices=frozenset({"e-main", "leak"}), kinds=frozenset({"alarms", "events"}))
    settings = MqttSinkSettings(connection="broker", homeassistant="ha", filter=chosen)
    sink = _sink(with_broker(a_site(), broker.url), settings=settings)
    batch = recorded(
        reading("e-main", power_w=1.0), event("card", result="granted"), event("tamper", device="leak"),
        event("tamper", device="pump"),
    )  # fmt: skip
    await sink.write(batch)
    await sink.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"offline")

    assert _topics(ear) == {
        f"{BASE}/availability", f"{BASE}/alarms/e-main", f"{BASE}/alarms/leak", f"{BASE}/event/leak",
        f"{BASE}/alarms/facility-monitor", f"{BASE}/summary",
        "ha/device/facility-monitor_hq_facility-monitor/config",
        "ha/device/facility-monitor_hq_e-main/config", "ha/device/facility-monitor_hq_leak/config",
    }  # fmt: skip
    announced = ear.last("ha/device/facility-monitor_hq_e-main/config")
    assert set(announced["components"]) == {"alarms"}


async def test_what_was_published_before_it_was_filtered_is_taken_back(broker: Mosquitto, ear: Ear) -> None:
    site = with_broker(a_site(), broker.url)
    everything = _sink(site, homeassistant="ha")
    await everything.write(recorded(reading("e-main", power_w=1.0), reading("w-main", flow_m3h=1.0)))
    await everything.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")
    ear.all.clear()
    chosen = SinkFilter(devices=frozenset({"e-main"}))
    fewer = _sink(site, settings=MqttSinkSettings(connection="broker", homeassistant="ha", filter=chosen))
    await fewer.write(recorded(reading("e-main", power_w=2.0)))
    await fewer.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"online")

    gone = {topic for topic, payload, _ in ear.all if payload == b""}
    others = {name for name in a_site().devices if name != "e-main"}
    assert gone == {
        f"{BASE}/device/w-main",
        *(f"{BASE}/alarms/{name}" for name in others),
        *(f"ha/device/facility-monitor_hq_{name}/config" for name in others),
    }


async def test_two_sinks_at_one_broker_and_one_at_another_do_not_disturb_each_other(
    broker: Mosquitto, ear: Ear, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path / "second") as second:
        here, there = with_broker(a_site(), broker.url), with_broker(a_site(), second.url)
        sinks = [
            _sink(here),
            _sink(here, settings=MqttSinkSettings(id="panel", connection="broker", topic="panel")),
            _sink(there, settings=MqttSinkSettings(id="lobby", connection="broker")),
        ]
        far = Ear(second)
        for _ in range(3):
            for sink in sinks:
                await sink.write(recorded(reading("e-main", power_w=1.0)))
        connected = [sink.status()["connected"] for sink in sinks]
        online = [topic for topic, payload, _ in ear.all if payload == b"online"]
        for sink in sinks:
            await sink.close()
        await far.until(f"{BASE}/device/e-main")
        far.close()

    assert connected == [True, True, True]
    assert sorted(online) == [f"{BASE}/availability", "panel/hq/availability"]
    assert [sink.name for sink in sinks] == ["mqtt", "panel", "lobby"]
