"""The routes about dead letters and InfluxDB, over real letters in a real state."""

import getpass
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command, Position, Reading, Recorded
from monitor.sinks.deadletters import DeadLetters, Refused
from tests.clock import ManualClock
from tests.web.serving import make_parts, serving

NOW = 1_795_378_523_000


@pytest.fixture
async def letters(state: State, clock: ManualClock) -> DeadLetters:
    letters = DeadLetters(state, clock.now)
    for number in (1, 2, 3):
        entry = Reading(device="pump", time=NOW + number, arrived=NOW, values={"state": 1.0})
        refused = {Position(number): Refused("type", b"equipment state=1 1")}
        await letters.bury("influxdb", [Recorded(Position(number), NOW, entry)], refused)
    return letters


async def examined(sink: str) -> Sequence[Mapping[str, Any]]:
    return [
        {"sink": sink or "influxdb", "check": "server", "state": "fine", "found": "it answers", "what_to_do": ""},
        {
            "sink": sink or "influxdb",
            "check": "token",
            "state": "wrong",
            "found": "unknown",
            "what_to_do": "mend it",
        },
    ]


@pytest.fixture
async def client(
    journal: SqliteJournal, clock: ManualClock, letters: DeadLetters, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    parts = make_parts(journal, clock, letters=letters, examine=examined)
    async with serving(parts, tmp_path / "api.sock") as client:
        yield client


async def test_letters_are_listed_newest_first(client: httpx.AsyncClient) -> None:
    found = (await client.get("/dead-letters", params={"last": 2})).json()

    assert [letter["time"] - NOW for letter in found] == [3, 2]
    assert (found[0]["reason"], found[0]["line"], found[0]["device"]) == ("type", "equipment state=1 1", "pump")


async def test_letters_are_marked_for_another_try(client: httpx.AsyncClient) -> None:
    first = (await client.get("/dead-letters")).json()[-1]["id"]
    answer = await client.post("/dead-letters/retry", json={"ids": [first]})

    assert (answer.status_code, answer.json()) == (202, {"ids": [first]})
    assert [letter["waiting"] for letter in (await client.get("/dead-letters")).json()] == [False, False, True]


async def test_who_drops_letters_is_kept_in_the_journal(client: httpx.AsyncClient, journal: SqliteJournal) -> None:
    answer = await client.post("/dead-letters/drop", json={"all": True})
    kept = await journal.read(Position(0), 10)

    assert len(answer.json()["ids"]) == 3
    assert (await client.get("/dead-letters")).json() == []
    assert isinstance(kept, Sequence)
    [command] = [each.entry for each in kept]
    assert isinstance(command, Command)
    assert (command.kind, command.by, command.arguments) == (
        "drop_dead_letters",
        getpass.getuser(),
        {"ids": "all"},
    )


@pytest.mark.parametrize("change", ["retry", "drop"])
async def test_a_number_that_is_none_is_not_found_and_nothing_changes(
    client: httpx.AsyncClient, change: str
) -> None:
    answer = await client.post(f"/dead-letters/{change}", json={"ids": [99]})

    assert answer.status_code == 404
    assert "facility-monitor dead-letters" in answer.json()["what_to_do"]
    assert len((await client.get("/dead-letters")).json()) == 3


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": [1], "all": True}, {"ids": ["x"]}, {"all": True, "x": 1}]
)
async def test_what_is_meant_has_to_be_said(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post("/dead-letters/drop", json=body)).status_code == 422
    assert len((await client.get("/dead-letters")).json()) == 3


async def test_influxdb_is_looked_at(client: httpx.AsyncClient) -> None:
    found = (await client.post("/influx/check")).json()

    assert found["fine"] is False
    assert [each["check"] for each in found["findings"]] == ["server", "token"]


async def test_without_influxdb_it_is_said(journal: SqliteJournal, clock: ManualClock, tmp_path: Path) -> None:
    async with serving(make_parts(journal, clock), tmp_path / "other.sock") as client:
        answer = await client.post("/influx/check")

    assert answer.status_code == 404
    assert "sinks.influxdb" in answer.json()["detail"]


async def test_letters_of_one_sink_are_listed_and_dropped_alone(
    client: httpx.AsyncClient, letters: DeadLetters
) -> None:
    entry = Reading(device="pump", time=NOW, arrived=NOW, values={"state": 1.0})
    await letters.bury("owner", [Recorded(Position(9), NOW, entry)], {Position(9): Refused("type")})
    [theirs] = (await client.get("/dead-letters", params={"sink": "owner"})).json()
    retried = (await client.post("/dead-letters/retry", json={"all": True, "sink": "owner"})).json()
    dropped = (await client.post("/dead-letters/drop", json={"all": True, "sink": "influxdb"})).json()
    both = await client.post("/dead-letters/drop", json={"ids": [theirs["id"]], "sink": "owner"})

    assert theirs["sink"] == "owner"
    assert retried["ids"] == [theirs["id"]]
    assert len(dropped["ids"]) == 3
    assert [letter["sink"] for letter in (await client.get("/dead-letters")).json()] == ["owner"]
    assert both.status_code == 422


async def test_one_influxdb_of_several_is_looked_at(client: httpx.AsyncClient) -> None:
    found = (await client.post("/influx/check", params={"sink": "owner"})).json()

    assert {each["sink"] for each in found["findings"]} == {"owner"}
