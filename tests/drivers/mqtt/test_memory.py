"""Readers with a memory of their own: what they missed, told at once, out of order, twice, by clocks that jump."""

import asyncio
import json
import random
from typing import Any

import pytest

from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.site import device
from tests.drivers.mqtt.test_driver import _let_it_wait, entries, eventually, make, running, up
from tests.servers.mosquitto import Mosquitto

TIME = {"json": "$.t", "format": "unix_s", "trusted": True}
HOUR_S = 3600


def reader(name: str, *places: str) -> Any:
    event = {"kind": "card", "id": [{"json": place} for place in places], "result": {"json": "$.r"}}
    return device(name, events=[event], device_class="access", time=TIME)


async def cards(journal: SqliteJournal, name: str) -> list[Event]:
    return [entry for entry in await entries(journal) if isinstance(entry, Event) and entry.device == name]


@pytest.mark.fault(
    "monitor off",
    part="MQTT",
    outcome="What a reader tells after an outage, out of order and in part twice, is kept once and late-marked, in"
    " the order in which it happened as far as it waits together; another reader's card is kept with it.",
)
async def test_what_a_reader_missed_is_kept_once_in_order_and_late(
    broker: Mosquitto, journal: SqliteJournal
) -> None:
    now = Clock().now() // 1000
    missed = [{"n": number, "t": now - HOUR_S + number // 3, "r": "granted"} for number in range(300)]
    told = [*missed, *random.sample(missed, 100)]
    random.shuffle(told)
    far, near = reader("far", "$.n"), reader("near", "$.n")
    driver = make(broker, far, near)
    async with running(driver, journal.append):
        await up(driver)
    with Publisher(broker) as gateway:
        for number, card in enumerate(told):
            gateway.say("meters/far", json.dumps(card))
            if number == 200:
                gateway.say("meters/near", json.dumps({"n": 1, "t": now, "r": "denied"}))

    driver = make(broker, far, near)
    async with running(driver, journal.append):
        await asyncio.sleep(0)
        _let_it_wait(driver, 401)
        await eventually(lambda: int(driver.status()["kept"]) == 401)

    kept = await cards(journal, "far")
    assert [card.time for card in kept] == [card["t"] * 1000 for card in missed]
    assert sorted(int(card.id) for card in kept) == list(range(300))
    assert all(card.late for card in kept)
    assert [(card.id, card.late) for card in await cards(journal, "near")] == [("1", False)]


@pytest.mark.fault(
    "wrong clock",
    part="MQTT",
    outcome="A reader whose clock says 1970, 2000 or 2036 gives events of the moment of their arrival.",
)
async def test_a_readers_clock_that_jumps_loses_no_event(broker: Mosquitto, journal: SqliteJournal) -> None:
    now = Clock().now() // 1000
    clocks = [now, 2_082_758_400, 12, 946_684_830, now - HOUR_S, now]
    driver = make(broker, reader("far", "$.boot", "$.n"))
    async with running(driver, journal.append):
        await up(driver)
        with Publisher(broker) as far:
            for number, clock in enumerate(clocks):
                far.say("meters/far", json.dumps({"boot": 1, "n": number, "t": clock, "r": "granted"}))
            await eventually(lambda: int(driver.status()["kept"]) == len(clocks))

    kept = {card.id: card for card in await cards(journal, "far")}
    assert sorted(kept) == [f"1/{number}" for number in range(6)]
    assert {kept[f"1/{number}"].time for number in (0, 5)} == {now * 1000}
    assert kept["1/4"].time == (now - HOUR_S) * 1000
    assert [card.id for card in kept.values() if card.late] == ["1/4"]
    for number in (1, 2, 3):
        card = kept[f"1/{number}"]
        assert 0 <= card.time - card.arrived < 10


@pytest.mark.fault(
    "device restarts",
    part="MQTT",
    outcome="A reader that numbers its events anew after a restart loses none, where its profile names what tells"
    " the numbers apart.",
)
async def test_numbers_that_begin_anew_lose_no_event_where_the_boot_or_the_time_is_part_of_the_id(
    broker: Mosquitto, journal: SqliteJournal
) -> None:
    now = Clock().now() // 1000
    driver = make(broker, reader("boots", "$.boot", "$.n"), reader("clocks", "$.t", "$.n"))
    async with running(driver, journal.append):
        await up(driver)
        with Publisher(broker) as far:
            for boot in (1, 2):
                for number in (1, 2, 2):
                    said = {"boot": boot, "n": number, "t": now - HOUR_S // boot, "r": "granted"}
                    far.say("meters/boots", json.dumps(said))
                    far.say("meters/clocks", json.dumps(said))
            await eventually(lambda: int(driver.status()["kept"]) == 12)

    assert [card.id for card in await cards(journal, "boots")] == ["1/1", "1/2", "2/1", "2/2"]
    assert len({card.id for card in await cards(journal, "clocks")}) == 4
