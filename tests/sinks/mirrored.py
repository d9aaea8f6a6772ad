"""Alarms of a house, mirrored at a real broker."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from monitor.alarms import commands
from monitor.alarms.store import open_alarms
from monitor.ports import Batch
from monitor.sinks.mqtt import MqttSink
from monitor.site import MqttSinkSettings, Site
from tests.alarms.household import FORCED, LEAK, LOW, House, site
from tests.servers.mosquitto import Mosquitto
from tests.sinks.ear import Ear, with_broker

__all__ = [
    "BASE",
    "CONFIG",
    "DOOR",
    "EVERYTHING",
    "METER",
    "NOW_LOW",
    "SENSOR",
    "broker",
    "newcomer",
    "show",
    "sink_at",
]


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
    """A broker that forgets everything when it ends."""
    with Mosquitto(tmp_path / "broker", extra=("persistence false",), template=None) as broker:
        yield broker


def sink_at(
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


async def show(sink: MqttSink, house: House) -> None:
    """Hand over all that the journal has, as its runner would."""
    await house.settled()
    await sink.write(await house.journal.read(0, 10_000))  # type: ignore[arg-type]


async def newcomer(broker: Mosquitto, wanted: str) -> Ear:
    """Somebody who comes now, when the last of what is retained has come to him."""
    ear = Ear(broker)
    await ear.until(wanted)
    await asyncio.sleep(0.3)
    return ear
