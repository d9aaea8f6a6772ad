"""How alarms stand at a real broker, by a real engine: each of them, at once, the newest, and nothing gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

import monitor.sinks.mqtt.acknowledging as hostile
from monitor.alarms import commands
from monitor.alarms.store import open_alarms
from monitor.errors import JournalError
from monitor.ports import Batch
from monitor.sinks.mqtt import MqttSink
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import MqttSinkSettings, Site
from tests.alarms.household import DEVICES, FORCED, LEAK, LOW, House, house, site
from tests.rules.build import event, reading
from tests.servers.mosquitto import Mosquitto
from tests.sinks.ear import Ear, with_broker

__all__ = ["house"]

BASE = "facility-monitor/s"
NOW_LOW = {**LOW, "on_delay": "0 s", "response": "Check the main breaker."}
METER = f"{BASE}/alarm/low/meter/voltage_v"
SENSOR = f"{BASE}/alarm/leak/sensor/alarm"
DOOR = f"{BASE}/alarm/forced/door"


def _of_the_door(whole: Site) -> Site:
    forced = whole.rules["forced"]
    sources = tuple(source for source in forced.sources if source.device == "door")
    return replace(whole, rules={**whole.rules, "forced": replace(forced, sources=sources)})


EVERYTHING = _of_the_door(site(NOW_LOW, LEAK, FORCED))
CONFIG = "homeassistant/device/facility-monitor_s_{}/config"


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    with Mosquitto(tmp_path / "broker", extra=("persistence false",), template=None) as broker:
        yield broker


@pytest.fixture
async def ear(broker: Mosquitto) -> AsyncIterator[Ear]:
    ear = Ear(broker)
    yield ear
    ear.close()


def _sink(
    house: House, broker: Mosquitto, site: Site = EVERYTHING, *, protocol: str = "5", **settings: Any
) -> MqttSink:
    async def acknowledge(occurrence: str, *, by: str, reason: str) -> None:
        await commands.check(house.state, occurrence)
        asked = await commands.acknowledge(house.state, occurrence, by=by, reason=reason, now=house.clock.time)
        await house.journal.append([Batch(entries=[asked])])

    return MqttSink(
        MqttSinkSettings(connection="broker", **settings),
        with_broker(site, broker.url, protocol=protocol),
        version="1",
        open_alarms=partial(open_alarms, house.state, include_held=True),
        readings=house.journal.readings,
        now=house.clock.now,
        acknowledge=acknowledge,
    )


async def _show(sink: MqttSink, house: House) -> None:
    """Hand over all that the journal has, as its runner would."""
    await house.settled()
    await sink.write(await house.journal.read(0, 10_000))  # type: ignore[arg-type]


async def _newcomer(broker: Mosquitto, wanted: str) -> Ear:
    """Somebody who comes now, when the last of what is retained has come to him."""
    ear = Ear(broker)
    await ear.until(wanted)
    await asyncio.sleep(0.3)
    return ear


async def test_who_comes_later_knows_at_once_how_every_alarm_stands(house: House, broker: Mosquitto) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), event(0, "forced"), at=0)
        sink = _sink(house, broker)
        await _show(sink, house)
        late = await _newcomer(broker, f"{BASE}/availability")
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
        sink = _sink(house, broker)
        await _show(sink, house)
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
        sink = _sink(house, broker, tried, homeassistant="homeassistant")
        await _show(sink, house)
        late = await _newcomer(broker, f"{BASE}/availability")
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
            _sink(house, broker),
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
        before = _sink(house, broker, homeassistant="homeassistant")
        await _show(before, house)
        await before.close()
    await ear.until(f"{BASE}/availability", lambda said: said == b"offline")
    fewer = {name: each for name, each in DEVICES.items() if name != "sensor"}
    less = replace(site(NOW_LOW), devices=fewer)
    ear.all.clear()
    async with house.running(less):
        after = _sink(house, broker, less, homeassistant="homeassistant")
        await _show(after, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        late = await _newcomer(broker, f"{BASE}/availability")
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
            _sink(house, broker, homeassistant="homeassistant"),
            _sink(house, broker, id="panel", topic="panel", homeassistant="other"),
        )
        for sink in (one, other):
            await _show(sink, house)
            await sink.close()
        without = _sink(house, broker)
        await _show(without, house)
        await without.close()
        late = await _newcomer(broker, f"{BASE}/availability")
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
        sink = _sink(house, broker)
        await _show(sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        ear.all.clear()
        await house.say(reading(1000, 200.0), at=1000)
        await _show(sink, house)
        write = asyncio.create_task(_show(sink, house))
        for n in range(2, 12):
            await house.say(reading(n * 1000, 230.0 if n % 2 else 200.0 - n), at=n * 1000)
            if n == 3:
                write.cancel()
                write = asyncio.create_task(_show(sink, house))
        await house.say(reading(20_000, 150.0), at=20_000)
        await write
        await _show(sink, house)
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
        sink = _sink(house, broker)
        reads, failing = sink._open_alarms, [JournalError("the disk is gone")]

        async def sometimes() -> Any:
            if failing:
                raise failing.pop()
            return await reads()

        sink._open_alarms = sometimes
        with pytest.raises(JournalError):
            await _show(sink, house)
        await _show(sink, house)
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
        sink = _sink(house, broker, protocol=protocol)
        await _show(sink, house)
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


# Acknowledging over the broker -----------------------------------------------------------------------------

ASK = f"{BASE}/acknowledge/low/meter/voltage_v"


class _Asked:
    """A sink that listens, and what it does; ends it."""

    def __init__(self, sink: MqttSink) -> None:
        assert sink.acknowledging is not None
        self.sink = sink
        self.acknowledging = sink.acknowledging
        self.task = asyncio.create_task(sink.acknowledging.run())

    async def until(self, *, acknowledged: int = 0, refused: int = 0) -> None:
        async with asyncio.timeout(30):
            while (self.acknowledging.acknowledged, self.acknowledging.refused) != (acknowledged, refused):  # noqa: ASYNC110 - counters wake nobody
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        await self.sink.close()


async def test_an_alarm_is_acknowledged_in_the_name_that_the_message_claims(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        asked = _Asked(_sink(house, broker, acknowledge=True))
        await _show(asked.sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        occurrence = ear.last(METER)["occurrence"]
        said = {"occurrence": occurrence, "by": "Hall panel", "comment": "on my way"}
        ear.say(ASK, json.dumps(said).encode())
        await asked.until(acknowledged=1)
        await house.say(reading(1000, 200.0), at=1000)
        await house.settled()
        await _show(asked.sink, house)
        await ear.until(METER, lambda told: b'"acked"' in told)
        ear.say(ASK, b"acknowledge")
        await asked.until(acknowledged=1, refused=1)  # it waits for nobody any more
        await asked.close()
        [step] = [each for each in await house.transitions() if each.cause == "acknowledged"]

    assert (step.by, step.reason) == ("mqtt:mqtt/Hall panel", "on my way")
    assert (ear.last(METER)["response"], ear.last(METER)["isa"]) == ("acked", "C")
    assert ear.last(METER)["acknowledged_by"] == "mqtt:mqtt/Hall panel"


async def test_all_events_that_were_told_are_acknowledged_and_one_that_came_since_is_not(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        for n in range(3):
            await house.say(event(n, "forced"), at=n)
        asked = _Asked(_sink(house, broker, acknowledge=True))
        await _show(asked.sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        told = ear.last(DOOR)["waiting"]
        await house.say(event(9, "forced"), at=9)
        ear.say(f"{BASE}/acknowledge/forced/door", b"acknowledge")
        await asked.until(acknowledged=3)
        await house.say(reading(1000, 230.0), at=1000)
        await _show(asked.sink, house)
        await ear.until(DOOR, lambda said: json.loads(said)["waiting"] == 1)
        await asked.close()

    assert told == 3


async def test_nothing_is_asked_of_a_broker_unless_the_site_says_so(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        sink = _sink(house, broker, homeassistant="homeassistant")
        await _show(sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        await sink.close()

    assert sink.acknowledging is None
    assert not any(b'"button"' in payload for topic, payload, _ in ear.all if topic.startswith("homeassistant/"))


async def test_what_is_hostile_acknowledges_nothing(house: House, broker: Mosquitto, ear: Ear) -> None:
    bad = [
        b"", b"ACKNOWLEDGE", b"acknowledge ", b"[]", b"{}", b"null", b"\xff\xfe", b'{"occurrence": 1}',
        b'{"occurrence": "of another alarm"}', b'{"by": "../root"}', b'{"by": "a\\nb"}', b'{"command": "reset"}',
        b'{"comment": "' + b"x" * 201 + b'"}', b'{"comment": "' + b"x" * 2_000_000 + b'"}', b"[" * 900,
    ]  # fmt: skip
    ear.publish(ASK, b"acknowledge")  # retained: said to somebody else, some time ago
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        asked = _Asked(_sink(house, broker, acknowledge=True))
        await _show(asked.sink, house)
        await asked.until(refused=1)
        for n, payload in enumerate(bad, 2):
            ear.say(ASK, payload)
            await asked.until(refused=n)
        ear.say(f"{BASE}/acknowledge/low/sensor/voltage_v", b"acknowledge")
        ear.say(f"{BASE}/acknowledge/leak/sensor/alarm", b"acknowledge")  # it is clear
        await asked.until(refused=len(bad) + 3)
        steps = await house.transitions()
        await asked.close()

    assert {step.cause for step in steps} == {"raised"}


_WORD = st.text(max_size=60) | st.integers() | st.none() | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.binary(max_size=1200)
    | st.dictionaries(st.sampled_from(["occurrence", "by", "comment", "x"]), _WORD).map(
        lambda said: json.dumps(said).encode()
    )
)
def test_whatever_is_said_is_understood_or_refused_and_nothing_else(payload: bytes) -> None:
    try:
        asked = hostile.understand(payload)
    except ValueError:
        return

    assert len(asked.by) <= 40
    assert not set(asked.by) & set("/:\n")
    assert asked.comment.isprintable()


@pytest.mark.parametrize("by", ["Ana", "ana.b@example", "安娜", "hall-panel 2"])
def test_a_name_is_taken_in_any_language(by: str) -> None:
    assert hostile.understand(json.dumps({"by": by}).encode()).by == by
