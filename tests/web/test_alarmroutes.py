"""The routes that keep people from being told: over the real socket, judged by the real engine."""

import getpass
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from monitor.alarms import Alarms
from monitor.alarms.store import standing
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.maintenance import Window
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier
from monitor.site import Site
from monitor.web.desk import AlarmDesk, HoldDesk
from tests.alarms.household import DEVICES, LEAK, LOW, House, site
from tests.clock import ManualClock
from tests.rules.build import START, reading
from tests.web.serving import make_parts, serving

HOUR = 3_600_000
SITE = Site(
    id="s",
    name="S",
    timezone=ZoneInfo("UTC"),
    devices=DEVICES,
    rules=site({**LOW, "on_delay": "0 s"}, LEAK).rules,
    maintenance=(Window(id="seals", starts=START - HOUR, duration=2 * HOUR, devices=frozenset({"door"})),),
)
LOW_KEY = "low/meter/voltage_v"
ME = getpass.getuser()


class Asked:
    """A house with an alarm that is raised, and a client of its API."""

    def __init__(self, house: House, client: httpx.AsyncClient) -> None:
        self.house = house
        self.client = client

    async def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Ask, and wait until what was kept is judged."""
        answer = await self.client.post(path, json=body)
        await self.house.say(reading(2000, 200.0), at=2000)
        await self.house.applied()
        return answer

    async def alarms(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.client.get("/alarms", params=query)).json()
        return found


@pytest.fixture
async def asked(journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Asked]:
    house = House(journal, state, clock)
    notifier = Notifier(state, SITE, channels=Channels(), now=clock.now, standing=standing)
    parts = replace(
        make_parts(journal, clock),
        site=SITE,
        alarms=AlarmDesk(state, notifier, clock.now, Alarms(journal, state, SITE, lambda _: (), clock.now)),
        holds=HoldDesk(state, SITE, clock.now),
    )
    async with house.running(SITE), serving(parts, tmp_path / "api.sock") as client:
        await house.say(reading(0, 200.0), at=0)
        yield Asked(house, client)


async def test_a_shelf_is_in_the_list_until_it_is_ended(asked: Asked) -> None:
    begun = await asked.post(f"/alarms/{LOW_KEY}/shelve", {"for_s": 3600, "reason": "filter", "once": True})
    (shelved,) = await asked.alarms(only="shelved")
    held = (await asked.client.get("/status")).json()["alarms"]
    ended = await asked.post(f"/alarms/{shelved['occurrence']}/unshelve", {"reason": "done"})
    after = await asked.alarms(only="shelved")
    (alarm,) = await asked.alarms()
    steps = (await asked.client.get(f"/alarms/{alarm['occurrence']}")).json()["history"]

    assert (begun.status_code, begun.json()["target"], begun.json()["by"]) == (202, LOW_KEY, ME)
    assert shelved["shelf"] == {"until": START + HOUR, "by": ME, "reason": "filter", "once": True}
    assert (shelved["isa"], shelved["standing"], shelved["review_due"]) == ("G", False, False)
    assert (held["active"], held["shelved"]) == (1, 1)
    assert ended.status_code == 202
    assert after == []
    assert [(step["cause"], step["suppression"], step["by"]) for step in steps] == [
        ("raised", [], ""),
        ("shelved", ["shelved"], ME),
        ("unshelved", [], ME),
    ]


async def test_out_of_service_has_a_review_that_becomes_due(asked: Asked) -> None:
    body = {"review_at": START + HOUR, "reason": "on order"}
    begun = await asked.post("/alarms/leak/sensor/alarm/out-of-service", body)
    (before,) = await asked.alarms(only="out_of_service")
    asked.house.clock.time = START + 2 * HOUR
    (due,) = await asked.alarms(only="out_of_service")
    held = (await asked.client.get("/status")).json()["alarms"]
    ended = await asked.post("/alarms/leak/sensor/alarm/return", {})

    assert (begun.status_code, ended.status_code) == (202, 202)
    assert before["service"] == {"review_at": START + HOUR, "by": ME, "reason": "on order"}
    assert (before["review_due"], due["review_due"], held["review_due"]) == (False, True, 1)
    assert await asked.alarms(only="out_of_service") == []


async def test_maintenance_is_listed_planned_and_ended(asked: Asked) -> None:
    body = {
        "starts": START,
        "for_s": 600,
        "reason": "oil",
        "class": ["electricity"],
        "rules": ["lo*"],
        "id": "oil",
    }
    planned = await asked.post("/maintenance", body)
    shown = (await asked.client.get("/maintenance")).json()
    alone = [(await asked.client.get(f"/maintenance/{name}")).json() for name in ("oil", "seals")]
    unknown = await asked.client.get("/maintenance/seal")
    (explained,) = await asked.alarms(only="suppressed")
    ended = await asked.post("/maintenance/oil/end", {"reason": "done"})
    left = (await asked.client.get("/maintenance")).json()

    assert (planned.status_code, planned.json()["target"]) == (202, "oil")
    assert [(each["id"], each["on"], each["from_site"]) for each in shown] == [
        ("oil", True, False),
        ("seals", True, True),
    ]
    assert (shown[0]["devices"], shown[0]["rules"], shown[0]["by"]) == (["meter"], ["lo*"], ME)
    assert alone == shown
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
    assert unknown.json()["detail"] == "there is no maintenance seal; did you mean seals?"
    assert explained["suppressed_by"] == ["maintenance:oil"]
    assert ended.status_code == 202
    assert [each["id"] for each in left] == ["seals"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (f"/alarms/{LOW_KEY}/shelve", {"for_s": 3600}, 409, "say why"),
        (f"/alarms/{LOW_KEY}/shelve", {"for_s": 3600, "until": START, "reason": "x"}, 409, "either until when"),
        (f"/alarms/{LOW_KEY}/shelve", {"for_s": 36_000, "reason": "x"}, 409, "8 h at most"),
        ("/alarms/none/shelve", {"for_s": 3600, "reason": "x"}, 409, "there is no alarm none"),
        (f"/alarms/{LOW_KEY}/unshelve", {}, 409, "is not shelved"),
        (f"/alarms/{LOW_KEY}/out-of-service", {"reason": "x"}, 422, "review_at"),
        (f"/alarms/{LOW_KEY}/return", {"why": "x"}, 422, "why"),
        ("/maintenance", {"starts": START, "for_s": 1, "reason": ""}, 409, "say why"),
        ("/maintenance/seal/end", {}, 409, "did you mean seals?"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    asked: Asked, path: str, body: Mapping[str, Any], status: int, words: str
) -> None:
    answer = await asked.client.post(path, json=body)

    assert answer.status_code == status
    assert words in answer.json()["detail"]
