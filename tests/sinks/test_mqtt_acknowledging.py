"""Alarms are acknowledged over a real broker, by whoever may write there, and only when the site says so."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import monitor.sinks.mqtt.acknowledging as hostile
from monitor.sinks.mqtt import MqttSink
from tests.alarms.household import House, house
from tests.rules.build import event, reading
from tests.servers.mosquitto import Mosquitto
from tests.sinks.ear import Ear
from tests.sinks.mirrored import (
    BASE,
    DOOR,
    EVERYTHING,
    METER,
    broker,
    show,
    sink_at,
)

__all__ = ["broker", "house"]


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
        asked = _Asked(sink_at(house, broker, acknowledge=True))
        await show(asked.sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        occurrence = ear.last(METER)["occurrence"]
        said = {"occurrence": occurrence, "by": "Hall panel", "comment": "on my way"}
        ear.say(ASK, json.dumps(said).encode())
        await asked.until(acknowledged=1)
        await house.say(reading(1000, 200.0), at=1000)
        await house.settled()
        await show(asked.sink, house)
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
        asked = _Asked(sink_at(house, broker, acknowledge=True))
        await show(asked.sink, house)
        await ear.until(f"{BASE}/availability", lambda said: said == b"online")
        told = ear.last(DOOR)["waiting"]
        await house.say(event(9, "forced"), at=9)
        ear.say(f"{BASE}/acknowledge/forced/door", b"acknowledge")
        await asked.until(acknowledged=3)
        await house.say(reading(1000, 230.0), at=1000)
        await show(asked.sink, house)
        await ear.until(DOOR, lambda said: json.loads(said)["waiting"] == 1)
        await asked.close()

    assert told == 3


async def test_nothing_is_asked_of_a_broker_unless_the_site_says_so(
    house: House, broker: Mosquitto, ear: Ear
) -> None:
    async with house.running(EVERYTHING):
        await house.say(reading(0, 200.0), at=0)
        sink = sink_at(house, broker, homeassistant="homeassistant")
        await show(sink, house)
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
        asked = _Asked(sink_at(house, broker, acknowledge=True))
        await show(asked.sink, house)
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
