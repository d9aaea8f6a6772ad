"""The routes that send a period to InfluxDB again."""

import getpass
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from monitor.errors import RequestRefused
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Command, Position, Value
from monitor.wording import verbatim
from tests.clock import ManualClock
from tests.web.serving import make_parts, serving

DAY = 86_400_000


class Desk:
    """Notes what it is asked for; one thing at a time."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int, str]] = []
        self.state = ""

    async def start(self, first: int, until: int, *, by: str) -> None:
        if self.state == "running":
            raise RequestRefused(verbatim("a period is being sent again already"))
        self.begun.append((first, until, by))
        self.state = "running"

    async def stop(self) -> None:
        if self.state != "running":
            raise RequestRefused(verbatim("nothing is being sent again"))
        self.state = "stopped"

    def status(self) -> Mapping[str, Value]:
        first, until, _ = self.begun[-1] if self.begun else (0, 0, "")
        span: Mapping[str, Value] = {"backfill_from": first, "backfill_until": until, "backfill_reached": first}
        pace: Mapping[str, Value] = {"backfill_entries": 0, "backfill_rate": 0.0, "backfill_left_s": 0.0}
        return {"backfill": self.state, **span, **pace, "backfill_waits_for": ""}


@pytest.fixture
def desks() -> dict[str, Desk]:
    return {"influxdb": Desk()}


@pytest.fixture
async def client(
    journal: SqliteJournal, clock: ManualClock, desks: dict[str, Desk], tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(make_parts(journal, clock, backfills=desks), tmp_path / "api.sock") as client:
        yield client


async def test_a_period_is_begun_and_who_asked_is_kept(
    client: httpx.AsyncClient, desks: dict[str, Desk], journal: SqliteJournal
) -> None:
    answer = await client.post("/influx/backfill", json={"period": "2026-06-01..2026-06-02"})
    shown = (await client.get("/influx/backfill")).json()

    assert (answer.status_code, answer.json()["sink"]) == (202, "influxdb")
    assert answer.json()["facts"]["backfill"] == "running"
    assert shown == answer.json()
    [(first, until, by)] = desks["influxdb"].begun
    assert (until - first, by) == (2 * DAY, getpass.getuser())
    found = await journal.read(Position(0), 10)
    [command] = [each.entry for each in found]  # type: ignore[union-attr]
    assert isinstance(command, Command)
    assert (command.kind, command.target, command.arguments) == (
        "influx_backfill",
        "influxdb",
        {"from": first, "to": until},
    )


async def test_a_span_ends_now_at_the_latest(
    client: httpx.AsyncClient, desks: dict[str, Desk], clock: ManualClock
) -> None:
    now = clock.now()
    await client.post("/influx/backfill", json={"from": now - DAY, "to": now + DAY})

    assert desks["influxdb"].begun[0][:2] == (now - DAY, now)


async def test_it_is_stopped_once(client: httpx.AsyncClient) -> None:
    await client.post("/influx/backfill", json={"period": "2026-06"})
    again = await client.post("/influx/backfill", json={"period": "2026-06"})
    stopped = await client.post("/influx/backfill/stop", json={})
    twice = await client.post("/influx/backfill/stop", json={})

    assert again.status_code == 409
    assert "already" in again.json()["detail"]
    assert stopped.json()["facts"]["backfill"] == "stopped"
    assert twice.status_code == 409


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({}, 422),
        ({"period": "2026-06", "from": 1}, 422),
        ({"to": 5}, 422),
        ({"from": 10, "to": 5}, 409),
        ({"period": "2199"}, 409),
        ({"period": "some day"}, 409),
        ({"period": "2026-06", "sink": "elsewhere"}, 404),
    ],
)
async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, desks: dict[str, Desk], wish: Mapping[str, object], status: int
) -> None:
    answer = await client.post("/influx/backfill", json=wish)

    assert answer.status_code == status
    assert answer.json()["what_to_do"]
    assert desks["influxdb"].begun == []


async def test_one_of_several_has_to_be_named(client: httpx.AsyncClient, desks: dict[str, Desk]) -> None:
    desks["cloud"] = Desk()
    unnamed = await client.post("/influx/backfill", json={"period": "2026-06"})
    named = await client.post("/influx/backfill", json={"period": "2026-06", "sink": "cloud"})

    assert unnamed.status_code == 409
    assert "influxdb, cloud" in unnamed.json()["detail"]
    assert named.json()["sink"] == "cloud"


async def test_a_site_without_influxdb_says_so(client: httpx.AsyncClient, desks: dict[str, Desk]) -> None:
    desks.clear()
    answer = await client.post("/influx/backfill", json={"period": "2026-06"})

    assert answer.status_code == 404
    assert "sinks.influxdb" in answer.json()["detail"]
