"""Figures about alarms, by route, command and metric, of a state that the live shell has written."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.alarms.past import Past
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.performance.record import Episode, Record
from monitor.reports.books import Books
from monitor.reports.build import Desk
from monitor.web.desk import AlarmDesk
from monitor.web.metrics import exposition
from monitor.web.parts import Parts
from tests.cli.running import command
from tests.clock import ManualClock
from tests.reports.books import Book
from tests.trials.past import END, load, recorded
from tests.web.serving import make_parts, serving

_HOUR = 3_600_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shell had kept of a night."""
    made = tmp_path_factory.mktemp("past")
    asyncio.run(recorded(made, load(made)[1]))
    return made


@pytest.fixture
async def state(folder: Path) -> AsyncIterator[State]:
    """Ana got each message that was to go out at once."""
    state = State.open(folder / "state.db")
    await state.transact(
        lambda db: db.execute("UPDATE outbox SET state = 'sent', sent_at = not_before WHERE step = 0")
    )
    yield state
    await state.close()


@pytest.fixture
def parts(journal: SqliteJournal, clock: ManualClock, state: State, folder: Path) -> Parts:
    _, site = load(folder)
    alarms = SimpleNamespace(raised={"high": 3})
    desk = AlarmDesk(state, None, lambda: END, alarms)  # type: ignore[arg-type] - messages are not asked for
    reports = Desk(Books(usage=Book(site), alarms=Past(state)), site, lambda: END)
    return replace(make_parts(journal, clock), site=site, alarms=desk, reports=reports, now=lambda: END)


@pytest.fixture
async def client(parts: Parts, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(parts, tmp_path / "api.sock") as client:
        yield client


async def test_figures_are_answered_up_to_now(client: httpx.AsyncClient, state: State) -> None:
    answer = await client.get("/alarms/performance", params={"period": "2026-01-05..2026-01-06"})

    rows = await state.query("SELECT count(*) AS count FROM alarm")
    found: dict[str, Any] = answer.json()
    assert answer.status_code == 200
    assert found["end"] == END
    assert found["raised"] == rows[0]["count"] == sum(one["raised"] for one in found["days"])
    assert found["severities"]["high"] > found["severities"]["medium"] > 0
    assert [one["day"] for one in found["days"]] == ["2026-01-05", "2026-01-06"]
    assert found["people"][0]["person"] == "ana"
    assert found["people"][0]["at_night"] > 0
    assert found["limits"] == {"acceptable": 150, "too_many": 300, "messages": 10, "night_messages": 2}


@pytest.mark.parametrize(
    ("period", "says"), [("soon", "`soon` is no period"), ("2027", "the period has not begun")]
)
async def test_what_is_no_period_is_refused(client: httpx.AsyncClient, period: str, says: str) -> None:
    answer = await client.get("/alarms/performance", params={"period": period})

    assert answer.status_code == 422
    assert says in answer.json()["detail"]


async def test_the_command_tells_the_same(client: httpx.AsyncClient, tmp_path: Path) -> None:
    words = ("alarms", "performance", "--period", "2026-01-05", "--state", tmp_path)

    told = await command(*words)
    data = await command(*words, "--json")

    asked = await client.get("/alarms/performance", params={"period": "2026-01-05"})
    assert told.code == data.code == 0, told.err + data.err
    assert data.json == asked.json()
    lines = told.out.splitlines()
    assert lines[0].startswith("House: Alarms, 2026-01-05")
    (top,) = [line.split() for line in lines if line.startswith(f"{data.json['top'][0]['rule']} ")][:1]
    assert top[1:3] == [data.json["top"][0]["source_key"], str(data.json["top"][0]["alarms"])]


async def test_metrics_say_how_alarms_come_now(parts: Parts, state: State) -> None:
    rows = await state.query("SELECT count(*) AS count FROM alarm WHERE raised_at > ?", (END - 600_000,))

    found = _samples((await exposition(parts)).decode())

    assert found["facility_monitor_alarms_last_ten_minutes"] == rows[0]["count"]
    assert found["facility_monitor_alarms_raised_total[high]"] == 3
    assert found["facility_monitor_alarms_raised_total[low]"] == 0
    opened = [found[f"facility_monitor_alarms_open[{name}]"] for name in ("critical", "high", "medium", "low")]
    assert sum(opened) == found["facility_monitor_alarms_active"]
    assert found["facility_monitor_alarms_in_flood"] == found["facility_monitor_alarms_standing"] == 0


async def test_metrics_say_that_it_is_a_flood(journal: SqliteJournal, clock: ManualClock) -> None:
    parts, now = make_parts(journal, clock), clock.now()
    storm = [_episode(str(number), now - 60_000 + number) for number in range(11)]
    parts.alarms.past = Record(storm, [])  # type: ignore[attr-defined] - of the scripted one

    found = _samples((await exposition(parts)).decode())

    assert found["facility_monitor_alarms_in_flood"] == 1
    assert found["facility_monitor_alarms_last_ten_minutes"] == 11


def _episode(name: str, raised: int) -> Episode:
    return Episode(occurrence=name, rule="low", source_key=name, severity="high", raised=raised)


def _samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
