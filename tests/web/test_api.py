"""The API over its Unix socket."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import get_ident

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Command, Entry, Event, Missing, Position, Reading, Value
from monitor.ports import Batch, Gap
from monitor.web.parts import Parts
from tests.clock import ManualClock
from tests.web.serving import ALARM, RULES, ScriptedAlarms, make_parts, serving


def reading(number: int, device: str = "main") -> Reading:
    return Reading(
        device=device,
        time=1_795_378_523_000 + number,
        arrived=1_795_378_523_000 + number,
        values={"voltage_l1_v": 230.0 + number, "energy_import_kwh": 1_234_567.89},
    )


def event(number: int) -> Event:
    return Event(
        device="front-door", kind="forced", time=number, arrived=number, id=f"e{number}", attributes={"count": 1}
    )


async def keep(journal: SqliteJournal, *entries: Entry) -> None:
    await journal.append([Batch(entries=entries)])


@pytest.fixture
def parts(journal: SqliteJournal, clock: ManualClock) -> Parts:
    return make_parts(journal, clock)


@pytest.fixture
async def client(parts: Parts, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(parts, tmp_path / "api.sock") as client:
        yield client


async def test_status_counts_devices_and_alarms(client: httpx.AsyncClient) -> None:
    facts = (await client.get("/status")).json()

    assert facts["site"] == "maple-court"
    assert facts["timezone"] == "Europe/Berlin"
    assert facts["devices"] == {"total": 2, "answering": 1, "never_answered": 1}
    held = dict.fromkeys(("shelved", "suppressed", "out_of_service", "standing", "review_due"), 0)
    assert facts["alarms"] == {"active": 1, "unacknowledged": 1, "flooding": 0} | held
    assert facts["sinks"] == {"influxdb": {"written": 3}}
    assert "position" in facts["journal"]


async def test_what_is_only_tried_is_listed_and_counts_nowhere(parts: Parts, tmp_path: Path) -> None:
    assert isinstance(parts.alarms, ScriptedAlarms)
    parts.alarms.alarms["tried-1"] = {**ALARM, "occurrence": "tried-1", "shadow": True}
    async with serving(parts, tmp_path / "api.sock") as client:
        facts, alarms = (await client.get("/status")).json(), (await client.get("/alarms")).json()
        metrics = (await client.get("/metrics")).text

    assert (facts["alarms"]["active"], facts["alarms"]["unacknowledged"]) == (1, 1)
    assert [alarm["occurrence"] for alarm in alarms] == ["undervoltage-1", "tried-1"]
    assert "facility_monitor_alarms_active 1.0" in metrics
    assert "facility_monitor_alarms_unacknowledged 1.0" in metrics


async def test_rules_say_how_they_do(client: httpx.AsyncClient) -> None:
    assert (await client.get("/rules")).json() == [json.loads(json.dumps(rule)) for rule in RULES]


async def test_devices_say_how_they_do(client: httpx.AsyncClient) -> None:
    main, door = (await client.get("/devices")).json()

    assert (main["id"], main["class"], main["state"], main["poll_ms"]) == ("main", "electricity", "answering", 3.5)
    assert (door["id"], door["state"], door["last_answer"]) == ("front-door", "never_answered", None)
    assert (main["loss_pct"], main["requests"], main["answers"], main["errors"]) == (12.5, 9, 7, {"timeout": 2})
    assert (main["latency_ms"], main["advice"]) == (3.1, "")
    assert (door["loss_pct"], door["requests"], door["errors"]) == (None, 0, {})
    assert door["advice"] == "look at front-door, never_answered"


async def test_how_a_device_does_is_the_word_of_health(parts: Parts, tmp_path: Path) -> None:
    parts = replace(parts, health=lambda: {"main": "flapping", "front-door": "degraded"})
    async with serving(parts, tmp_path / "api.sock") as client:
        states = [device["state"] for device in (await client.get("/devices")).json()]
        counts = (await client.get("/status")).json()["devices"]

    assert states == ["flapping", "degraded"]
    assert counts == {"total": 2, "flapping": 1, "degraded": 1}


async def test_devices_are_chosen_and_come_page_by_page(client: httpx.AsyncClient) -> None:
    first = await client.get("/devices", params={"limit": 1})
    second = await client.get("/devices", params={"limit": 1, "cursor": cursor_of(first)})
    questions: list[dict[str, str]] = [
        {"state": "answering"},
        {"q": "FRONT"},
        {"class": "door"},
        {"class": "door", "state": "answering"},
        {"building": "nowhere"},
        {"zone": "nowhere"},
    ]
    found = [(await client.get("/devices", params=each)).json() for each in questions]
    wrong = await client.get("/devices", params={"cursor": "nothing"})

    assert [device["id"] for page in (first, second) for device in page.json()] == ["main", "front-door"]
    assert "link" not in second.headers
    assert [[device["id"] for device in each] for each in found] == [
        ["main"],
        ["front-door"],
        ["front-door"],
        [],
        [],
        [],
    ]
    assert wrong.status_code == 422


def cursor_of(answer: httpx.Response) -> str:
    """Where the next page begins."""
    return str(httpx.URL(answer.links["next"]["url"]).params["cursor"])


async def test_the_list_of_devices_is_made_beside_the_loop(parts: Parts, tmp_path: Path) -> None:
    threads: list[int] = []

    def health() -> Mapping[str, str]:
        threads.append(get_ident())
        return {}

    async with serving(replace(parts, health=health), tmp_path / "api.sock") as client:
        listed = (await client.get("/devices")).json()

    assert [device["id"] for device in listed] == ["main", "front-door"]
    assert threads
    assert get_ident() not in threads


async def heard(client: httpx.AsyncClient, at: int) -> int | None:
    """When the door was last heard of; waits a little for `at`: the journal is followed beside the answers."""
    found = None
    for _ in range(500):
        found = (await client.get("/devices/front-door")).json()["last_answer"]
        if found == at:
            break
        await asyncio.sleep(0.01)
    return found


async def test_a_reader_that_says_nothing_but_events_is_heard(
    journal: SqliteJournal, parts: Parts, tmp_path: Path, clock: ManualClock
) -> None:
    def card(number: int, kind: str) -> Event:
        now = clock.now() + number
        return Event(device="front-door", kind=kind, time=now, arrived=now, id=f"c{number}", attributes={})

    await keep(journal, card(1, "card"), card(2, "health"))
    async with serving(parts, tmp_path / "api.sock") as client:
        before = await heard(client, clock.now() + 1)
        await keep(journal, card(3, "card"), card(4, "reader_offline"))
        since = await heard(client, clock.now() + 3)

    assert before == clock.now() + 1
    assert since == clock.now() + 3


async def test_a_device_has_the_newest_value_of_each_point(
    client: httpx.AsyncClient, journal: SqliteJournal
) -> None:
    missing = {"voltage_l1_v": Missing.TIMEOUT}
    failed = Reading(device="main", time=1_795_378_530_000, arrived=1_795_378_530_000, values={}, missing=missing)
    await keep(journal, reading(0), reading(1), failed)
    points = (await client.get("/devices/main")).json()["points"]

    assert points["voltage_l1_v"] == {
        "value": 231.0,
        "unit": "V",
        "time": 1_795_378_523_001,
        "missing": "timeout",
    }
    assert points["energy_import_kwh"]["value"] == 1_234_567.89


async def test_readings_are_the_newest_newest_last(client: httpx.AsyncClient, journal: SqliteJournal) -> None:
    await keep(journal, *(reading(number) for number in range(5)))
    found = (await client.get("/devices/main/readings", params={"last": 2})).json()

    assert found == [
        {
            "device": "main",
            "time": 1_795_378_523_000 + number,
            "arrived": 1_795_378_523_000 + number,
            "values": {"voltage_l1_v": 230.0 + number, "energy_import_kwh": 1_234_567.89},
            "missing": {},
            "quality": "good",
        }
        for number in (3, 4)
    ]


async def test_values_keep_their_types(client: httpx.AsyncClient, journal: SqliteJournal) -> None:
    values: dict[str, Value] = {"open": True, "starts": 9_007_199_254_740_993, "power_w": 4920.0, "serial": "007"}
    await keep(journal, Reading(device="front-door", time=1, arrived=1, values=values))
    found = (await client.get("/devices/front-door/readings")).json()[0]["values"]

    assert found == values
    assert [type(value) for value in found.values()] == [bool, int, float, str]


async def test_a_stream_goes_on_with_each_reading_once(client: httpx.AsyncClient, journal: SqliteJournal) -> None:
    await keep(journal, reading(0), reading(1))
    found = []
    async with client.stream("GET", "/devices/main/readings/stream", params={"last": 2}) as answer:
        async for line in answer.aiter_lines():
            found.append(json.loads(line)["time"])
            if len(found) == 2:
                await keep(journal, reading(2), reading(7, "front-door"), reading(3))
            if len(found) == 4:
                break

    assert found == [1_795_378_523_000 + number for number in range(4)]


async def test_a_stop_does_not_wait_for_who_follows(parts: Parts, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    async with asyncio.timeout(60), httpx.AsyncClient(transport=transport, base_url="http://monitor") as follower:
        async with serving(parts, path):
            asking = follower.build_request("GET", "/api/v1/devices/main/readings/stream")
            answer = await follower.send(asking, stream=True)

        with pytest.raises(httpx.HTTPError):
            await answer.aread()


async def test_events_of_before_the_start_and_since(journal: SqliteJournal, parts: Parts, tmp_path: Path) -> None:
    await keep(journal, event(1), event(2))
    async with serving(parts, tmp_path / "api.sock") as client:
        await keep(journal, event(3))
        found: list[str] = []
        async with asyncio.timeout(60):
            while found[-1:] != ["e3"]:
                found = [each["id"] for each in (await client.get("/events", params={"last": 2})).json()]

    assert found == ["e2", "e3"]


async def test_an_acknowledgement_is_kept_in_the_name_of_the_peer(
    client: httpx.AsyncClient, journal: SqliteJournal
) -> None:
    answer = await client.post("/alarms/undervoltage-1/acknowledge", json={"reason": "on my way"})
    kept = await journal.read(Position(0), 10)

    assert answer.status_code == 202
    assert answer.json() == {"command": "c-1", "occurrence": "undervoltage-1", "by": getpass.getuser()}
    assert not isinstance(kept, Gap)
    command = kept[-1].entry
    assert isinstance(command, Command)
    assert (command.by, command.target, command.reason) == (getpass.getuser(), "undervoltage-1", "on my way")


async def test_what_cannot_be_done_is_refused_with_the_reason(
    client: httpx.AsyncClient, journal: SqliteJournal
) -> None:
    for _ in range(2):
        answer = await client.post("/alarms/undervoltage-1/acknowledge", json={})
    kept = await journal.read(Position(0), 10)

    assert answer.status_code == 409
    assert answer.json()["detail"] == "undervoltage-1 was acknowledged before"
    assert not isinstance(kept, Gap)
    assert len(kept) == 1


async def test_an_alarm_that_is_not_there_cannot_be_acknowledged(client: httpx.AsyncClient) -> None:
    answer = await client.post("/alarms/none/acknowledge", json={})

    assert answer.status_code == 404
    assert "facility-monitor alarms" in answer.json()["what_to_do"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/devices/none", 404),
        ("/devices/none/readings", 404),
        ("/devices/none/readings/stream", 404),
        ("/alarms/none", 404),
        ("/nothing", 404),
        ("/devices/main/readings?last=0", 422),
        ("/devices/main/readings?last=many", 422),
    ],
)
async def test_every_refusal_says_what_to_do(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)

    assert answer.status_code == status
    assert set(answer.json()) == {"type", "title", "status", "detail", "what_to_do"}
    assert all(answer.json().values())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 422),
        (b'{"reason": 7}', 422),
        (b'{"who": "me"}', 422),
        (b'{"reason": "%s"}' % (b"x" * 70_000), 413),
    ],
)
async def test_bodies_are_checked_and_bounded(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/alarms/undervoltage-1/acknowledge", content=body, headers=headers)

    assert answer.status_code == status
    assert set(answer.json()) == {"type", "title", "status", "detail", "what_to_do"}


async def test_openapi_describes_every_route(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert set(paths) == {
        f"/api/v1{path}"
        for path in (
            "/status",
            "/labels",
            "/devices",
            "/devices/{device}",
            "/devices/{device}/readings",
            "/devices/{device}/readings/stream",
            "/events",
            "/devices/{device}/history",
            "/alarms/{occurrence}/notifications",
            "/rules/{rule}",
            "/live",
            "/search",
            "/alarms",
            "/alarms/{occurrence}",
            "/alarms/{occurrence}/acknowledge",
            "/notifications",
            "/notify/explain",
            "/dead-letters",
            "/dead-letters/retry",
            "/rules",
            "/dead-letters/drop",
            "/influx/check",
            "/influx/backfill",
            "/influx/backfill/stop",
            "/connections",
            "/connections/{connection}/registers",
            "/meters",
            "/reports/{kind}",
            "/meters/{device}",
            "/meters/{device}/usage",
            "/meters/{device}/replace",
            "/meters/{device}/correct",
            "/meters/{device}/enter",
            "/meters/enter",
            "/meters/recompute",
            "/alarms/performance",
            "/cases",
            "/residents/places",
            "/residents/places/{place}/close",
            "/residents/places/{place}/open",
            "/residents/places/{place}/renew",
            "/metrics",
            "/reload",
            "/whoami",
        )
    }


async def test_a_reload_of_a_wrong_file_says_what_is_wrong(client: httpx.AsyncClient) -> None:
    answer = await client.post("/reload", json={"dry_run": False})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "site.yaml:3:1: no such key"
