"""How alarms stand at a real broker, by a real engine: each of them, at once, the newest, and nothing gone."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from monitor.alarms import commands
from monitor.errors import JournalError
from monitor.sinks.runner import Pace, SinkRunner
from tests.alarms.household import DEVICES, LEAK, House, house, site
from tests.rules.build import event, reading
from tests.servers.mosquitto import Mosquitto
from tests.sinks.ear import Ear
from tests.sinks.mirrored import (
    BASE,
    CONFIG,
    DOOR,
    EVERYTHING,
    METER,
    NOW_LOW,
    SENSOR,
    broker,
    newcomer,
    show,
    sink_at,
)

__all__ = ["broker", "house"]


async def test_who_comes_later_knows_at_once_how_every_alarm_stands(house: House, broker: Mosquitto) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), event(0, "forced"), at=0)
        sink = sink_at(house, broker)
        await show(sink, house)
        late = await newcomer(broker, f"{BASE}/availability")
        told = {topic: json.loads(payload) for topic, payload in late.retained(f"{BASE}/alarm/").items()}
        count = json.loads(late.retained()[f"{BASE}/summary"])
        late.close()
        await sink.close()

    assert set(told) == {METER, SENSOR, DOOR}
    low = told[METER]
    assert (low["state"], low["response"], low["suppression"], low["isa"]) == ("active", "unacked", [], "B")
    assert (low["active"], low["severity"]) == (True, "high")
    assert (low["value"], low["limit"], low["unit"], low["latched"]) == (200.0, 207.0, "V", False)
    assert low["occurrence"]
    assert low["since"] == low["raised_at"] > 0
    assert (low["title"], low["response_text"]) == ("low: Meter", "Check the main breaker.")
    assert (told[SENSOR]["state"], told[SENSOR]["occurrence"], told[SENSOR]["isa"]) == ("clear", None, "A")
    assert told[SENSOR]["cause_text"] == "A hose has burst."
    assert (told[DOOR]["active"], told[DOOR]["waiting"], told[DOOR]["isa"]) == (False, 1, "D")
    assert (count["active"], count["by_severity"]["high"], count["worst"]) == (1, 1, "high")
    assert (count["unacknowledged"], count["held_back"], count["watched"]) == (2, 0, 3)


async def test_what_is_shelved_says_so_and_is_counted_apart(house: House, broker: Mosquitto, ear: Ear) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        target = await commands.target_of(house.state, EVERYTHING, "low/meter/voltage_v")
        until = house.clock.time + 60_000
        shelf = commands.shelve(target, until=until, once=False, by="ana", reason="known", now=house.clock.time)
        await house.say(shelf, at=1000)
        sink = sink_at(house, broker)
        await show(sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        await sink.close()

    assert (ear.last(METER)["suppression"], ear.last(METER)["isa"]) == (["shelved"], "G")
    assert ear.last(METER)["active"] is True
    count = ear.last(f"{BASE}/summary")
    assert (count["active"], count["unacknowledged"], count["held_back"]) == (0, 0, 1)


async def test_a_rule_in_shadow_is_not_shown(house: House, broker: Mosquitto) -> None:
    tried = site({**NOW_LOW, "shadow": True}, LEAK)
    async with house.running(tried):
        await house.say(reading(0, 200.0), at=0)
        sink = sink_at(house, broker, tried, homeassistant="homeassistant")
        await show(sink, house)
        late = await newcomer(broker, f"{BASE}/availability")
        await sink.close()
        late.close()

    assert set(late.retained(f"{BASE}/alarm/")) == {SENSOR}
    assert json.loads(late.retained()[f"{BASE}/summary"])["active"] == 0
    assert not any("low" in name for name in json.loads(late.retained()[CONFIG.format("meter")])["components"])


async def test_a_broker_that_lost_everything_is_told_what_the_state_says_and_not_what_was_told_before(
    house: House, broker: Mosquitto
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        runner = SinkRunner(
            house.journal,
            house.state,
            sink_at(house, broker),
            now=house.clock.now,
            pace=Pace(interval=0.1, first=0.1),
        )
        task = asyncio.create_task(runner.run())
        first = Ear(broker)
        await first.until(METER, lambda said: b'"active":true' in said)
        first.close()
        broker.kill()
        await house.say(reading(10_000, 230.0), at=10_000)  # it ends while nobody can be told
        broker.start()
        await house.say(reading(20_000, 230.0), at=20_000)
        late = Ear(broker)
        await late.until(f"{BASE}/availability", lambda said: said == b"online")
        late.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert not any(b'"active":true' in payload for topic, payload, _ in late.all if topic == METER)
    assert (late.last(METER)["state"], late.last(METER)["response"], late.last(METER)["isa"]) == (
        "clear", "unacked", "D",
    )  # fmt: skip
    assert late.last(SENSOR)["state"] == "clear"


async def test_rules_and_devices_that_are_gone_leave_nothing_behind_also_over_a_restart(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        before = sink_at(house, broker, homeassistant="homeassistant")
        await show(before, house)
        await before.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"offline")
    fewer = {name: each for name, each in DEVICES.items() if name != "sensor"}
    less = replace(site(NOW_LOW), devices=fewer)
    ear.all.clear()
    async with house.running(less):
        after = sink_at(house, broker, less, homeassistant="homeassistant")
        await show(after, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        late = await newcomer(broker, f"{BASE}/availability")
        late.close()
        await after.close()

    gone = {topic for topic, payload, _ in ear.all if payload == b""}
    assert gone == {SENSOR, DOOR, f"{BASE}/alarms/sensor", CONFIG.format("sensor")}
    kept = late.retained()
    assert not gone & kept.keys()
    doors = [json.loads(payload)["components"] for topic, payload, _ in ear.all if topic == CONFIG.format("door")]
    assert doors[0]["alarm_forced"] == {"platform": "binary_sensor"}  # which takes it out of Home Assistant
    assert [set(each) for each in doors[1:]] == [set(doors[0]) - {"alarm_forced"}]


async def test_home_assistant_that_is_not_wanted_any_more_forgets_this_sink_and_no_other(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 230.0), at=0)
        one, other = (
            sink_at(house, broker, homeassistant="homeassistant"),
            sink_at(house, broker, id="panel", topic="panel", homeassistant="other"),
        )
        for sink in (one, other):
            await show(sink, house)
            await sink.close()
        without = sink_at(house, broker)
        await show(without, house)
        await without.close()
        late = await newcomer(broker, f"{BASE}/availability")
        late.close()

    assert late.retained("homeassistant/") == {}
    assert {topic.split("_")[-1] for topic in late.retained("other/")} == {
        "meter/config", "sensor/config", "door/config", "facility-monitor/config",
    }  # fmt: skip
    assert ear.last(f"{BASE}/summary")["watched"] == 3


async def test_what_chatters_is_told_once_a_second_and_the_newest_wins(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 230.0), at=0)
        sink = sink_at(house, broker)
        await show(sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        ear.all.clear()
        await house.say(reading(1000, 200.0), at=1000)
        await show(sink, house)
        write = asyncio.create_task(show(sink, house))
        for n in range(2, 12):
            await house.say(reading(n * 1000, 230.0 if n % 2 else 200.0 - n), at=n * 1000)
            if n == 3:
                write.cancel()
                write = asyncio.create_task(show(sink, house))
        await house.say(reading(20_000, 150.0), at=20_000)
        await write
        await show(sink, house)
        await ear.until(METER, lambda said: b'"value":150.0' in said)
        await sink.close()

    heard = [json.loads(payload) for topic, payload, _ in ear.all if topic == METER]
    assert heard[-1]["value"] == 150.0
    assert len(heard) <= 4  # of a dozen steps


async def test_a_state_that_cannot_be_read_at_the_start_is_told_when_it_can(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        sink = sink_at(house, broker)
        reads, failing = sink._open_alarms, [JournalError("the disk is gone")]

        async def sometimes() -> Any:
            if failing:
                raise failing.pop()
            return await reads()

        sink._open_alarms = sometimes
        with pytest.raises(JournalError):
            await show(sink, house)
        await show(sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        await sink.close()

    assert ear.last(METER)["active"] is True
    assert ear.last(SENSOR)["state"] == "clear"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_that_all_is_of_this_moment_is_not_said_for_ever(
    house: House, broker: Mosquitto, protocol: str
) -> None:
    said: list[paho.MQTTMessage] = []
    async with house.running(EVERYTHING):
        await house.say(reading(0, 230.0), at=0)
        sink = sink_at(house, broker, protocol=protocol)
        await show(sink, house)
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_message = lambda _c, _u, message: said.append(message)
        client.on_connect = lambda client, *_: client.subscribe(f"{BASE}/availability")
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        async with asyncio.timeout(30):
            while not said:  # noqa: ASYNC110 - another thread hears it
                await asyncio.sleep(0.02)
        client.disconnect()
        client.loop_stop()
        await sink.close()

    left = getattr(said[0].properties, "MessageExpiryInterval", None)
    assert (said[0].payload, said[0].retain) == (b"online", True)
    assert left is None if protocol == "3.1.1" else 0 < left <= 120
