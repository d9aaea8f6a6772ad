"""Alarms, rules and messages in pages, chosen by what they are; from the real tables, and shaped as described."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import TypeAdapter

from monitor.alarms import Alarms
from monitor.alarms.store import standing
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Reading
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier
from monitor.site import Site
from monitor.web.alarmshapes import AlarmDetailOut, AlarmOut, NotificationOut, RuleDetailOut, RuleOut
from monitor.web.desk import AlarmDesk
from monitor.web.parts import Parts
from tests.alarms.household import DEVICES, LEAK, LOW, House, site
from tests.clock import ManualClock
from tests.rules.build import START
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts

HERE = {
    **DEVICES,
    "meter": replace(DEVICES["meter"], building="A", zone="Cellar"),
    "sensor": replace(DEVICES["sensor"], name="Aufz\u00fcge"),
}
SITE = Site(
    id="s",
    name="S",
    timezone=ZoneInfo("UTC"),
    devices=HERE,
    rules=site({**LOW, "on_delay": "0 s"}, LEAK).rules,
)


CHOICES: list[tuple[dict[str, Any], int]] = [
    ({"state": "active"}, 2),
    ({"state": ["active", "clear"]}, 14),
    ({"state": "clear"}, 12),
    ({"severity": "high"}, 13),
    ({"severity": ["low", "critical"]}, 0),
    ({"response": "unacked"}, 2),
    ({"rule": "leak"}, 1),
    ({"device": "sensor"}, 1),
    ({"class": "safety"}, 1),
    ({"building": "A"}, 13),
    ({"building": "A", "class": "safety"}, 0),
    ({"zone": "Cellar", "state": "active"}, 1),
    ({"q": "LEAK"}, 1),
    ({"q": "aufzuge"}, 1),
    ({"q": "\uff21UFZ\u00dc"}, 1),
    ({"q": "%"}, 0),
    ({"q": "voltage_v"}, 13),
    ({"since": START + 115_000}, 2),
    ({"until": START + 115_000}, 12),
    ({"since": START + 1, "until": START + 10_001}, 1),
    ({"only": "standing", "limit": 10}, 0),
    ({"only": "shelved", "state": "active"}, 0),
]


def _said(device: str, at: int, **values: float | bool) -> Reading:
    return Reading(device=device, time=START + at, arrived=START + at, values=values)


def _parts(house: House, clock: ManualClock) -> Parts:
    notifier = Notifier(house.state, SITE, channels=Channels(), now=clock.now, standing=standing)
    alarms = Alarms(house.journal, house.state, SITE, lambda _: (), clock.now)
    return replace(
        make_parts(house.journal, clock), site=SITE, alarms=AlarmDesk(house.state, notifier, clock.now, alarms)
    )


@asynccontextmanager
async def _busy(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    """Twelve alarms of the meter that are over, one that lasts, and a leak; Ana was told of each."""
    house = House(journal, state, clock)
    async with house.running(SITE):
        for number in range(13):
            at = number * 10_000
            await house.say(_said("meter", at, voltage_v=200.0), at=at)
            if number < 12:
                await house.say(_said("meter", at + 5000, voltage_v=230.0), at=at + 5000)
        await house.say(_said("sensor", 200_000, alarm=True), at=200_000)
        await house.applied()
        async with asking(_parts(house, clock), somebody()) as client:
            yield house, client


async def _pages(client: httpx.AsyncClient, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    answer = await client.get(f"/api/v1/{path}", params=query)
    pages = []
    while True:
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        if "next" not in answer.links:
            return pages
        answer = await client.get(answer.request.url.join(answer.links["next"]["url"]))


async def test_pages_of_alarms_hold_each_once_the_newest_first(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    async with _busy(journal, state, clock) as (_, client):
        pages = await _pages(client, "alarms", limit=4)
        whole = (await client.get("/api/v1/alarms")).json()

    told = [alarm["occurrence"] for page in pages for alarm in page]
    assert [len(page) for page in pages] == [4, 4, 4, 2]
    assert told == [alarm["occurrence"] for alarm in whole]
    assert len(set(told)) == 14


async def test_alarms_are_chosen_by_what_they_are(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    async with _busy(journal, state, clock) as (_, client):
        found = [sum(map(len, await _pages(client, "alarms", **query))) for query, _ in CHOICES]

    assert found == [count for _, count in CHOICES]


async def test_messages_are_chosen_and_answered_in_pages(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    async with _busy(journal, state, clock) as (_, client):
        whole = (await client.get("/api/v1/notifications?last=1000")).json()
        pages = await _pages(client, "notifications", limit=2)
        raises = await _pages(client, "notifications", kind="raise", person="ana")
        nobody = await _pages(client, "notifications", person="ben")
        one = await _pages(client, "notifications", occurrence=whole[0]["occurrence"])
        late = await _pages(client, "notifications", since=START + 1_000_000_000)
        of_alarm = (await client.get(f"/api/v1/alarms/{whole[0]['occurrence']}/notifications")).json()

    assert [row["id"] for page in pages for row in page] == [row["id"] for row in whole]
    assert len(whole) > 4
    assert {row["kind"] for page in raises for row in page} == {"raise"}
    assert nobody == late == [[]]
    assert one == [of_alarm]


async def test_answers_have_the_shapes_that_are_described(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    async with _busy(journal, state, clock) as (_, client):
        alarms = (await client.get("/api/v1/alarms")).json()
        detail = (await client.get(f"/api/v1/alarms/{alarms[0]['occurrence']}")).json()
        rules = (await client.get("/api/v1/rules")).json()
        rule = (await client.get("/api/v1/rules/low")).json()
        messages = (await client.get("/api/v1/notifications")).json()
        unknown = await client.get("/api/v1/rules/nothing")

    for shape, told in (
        (list[AlarmOut], alarms),
        (AlarmDetailOut, detail),
        (list[RuleOut], rules),
        (RuleDetailOut, rule),
        (list[NotificationOut], messages),
    ):
        adapter = TypeAdapter[Any](shape)
        assert adapter.dump_python(adapter.validate_python(told)) == told  # nothing is said that is not described
    assert rule["watches"] == ["meter/voltage_v"]
    assert len(rule["alarms"]) == 13
    assert unknown.status_code == 404


async def test_rules_are_chosen(journal: SqliteJournal, state: State, clock: ManualClock) -> None:
    async with _busy(journal, state, clock) as (_, client):
        found = {
            text: [rule["id"] for rule in (await client.get(f"/api/v1/rules?{text}")).json()]
            for text in ("q=LEA", "kind=threshold", "failing=true", "")
        }

    assert found == {"q=LEA": ["leak"], "kind=threshold": ["low"], "failing=true": [], "": ["low", "leak"]}
