"""The past of a device in steps: against a slow reference, and what cannot be asked."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import sampled
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Quality, Reading
from monitor.ports import Batch
from monitor.site import JournalSettings
from monitor.web.historyroutes import HistoryOut
from tests.clock import ManualClock
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts

POINT = "voltage_l1_v"
PATH = "/api/v1/devices/main/history"


def _said(time: int, quality: Quality = Quality.GOOD, **values: float | bool | str) -> Reading:
    return Reading(device="main", time=time, arrived=time, values=values, quality=quality)


async def _asked(journal: SqliteJournal, clock: ManualClock, **query: Any) -> dict[str, Any]:
    async with asking(make_parts(journal, clock), somebody()) as client:
        answer = await client.get(PATH, params={"point": POINT, **query})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert HistoryOut.model_validate(told).model_dump() == told
    return told


_READINGS = st.lists(
    st.tuples(st.integers(0, 99_999), st.integers(-1000, 1000), st.sampled_from(Quality)), max_size=30
)


@settings(max_examples=25)
@given(_READINGS, st.integers(0, 50_000), st.integers(1, 60_000), st.integers(1000, 30_000))
def test_steps_are_those_of_a_slow_reference(
    readings: list[tuple[int, int, Quality]], start: int, length: int, step: int
) -> None:
    async def ask() -> dict[str, Any]:
        clock = ManualClock(200_000)
        with TemporaryDirectory() as folder:
            journal = SqliteJournal.open(Path(folder, "journal.db"), JournalSettings(), now=clock.now)
            await journal.append(
                [Batch(entries=[_said(time, how, **{POINT: float(value)}) for time, value, how in readings])]
            )
            try:
                return await _asked(journal, clock, **{"from": start, "to": start + length, "step": step})
            finally:
                await journal.close()

    told = asyncio.run(ask())

    course = told["points"][POINT]
    for number, begins in enumerate(told["times"]):
        ends = min(begins + step, start + length)
        ordered = sorted(readings, key=lambda one: one[0])
        inside = [v for time, v, how in ordered if begins <= time < ends and how is not Quality.SUSPECT]
        assert course["count"][number] == len(inside)
        assert course["min"][number] == (min(inside) if inside else None)
        assert course["max"][number] == (max(inside) if inside else None)
        assert course["last"][number] == (inside[-1] if inside else None)
        mean = course["mean"][number]
        assert mean is None if not inside else mean == pytest.approx(sum(inside) / len(inside))
    assert told["times"][-1] + step >= start + length


async def test_of_a_state_the_mean_is_the_share_of_true_and_of_a_text_there_is_none(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    entries = [_said(time, open=time < 3000, mode="auto") for time in (1000, 2000, 3000, 4000)]
    await journal.append([Batch(entries=entries)])
    told = await _asked(journal, clock, point="open,mode,nothing", **{"from": 0, "to": 8000, "step": 4000})

    points = told["points"]
    assert points["open"]["is_state"]
    assert points["open"]["mean"] == [pytest.approx(2 / 3), 0.0]
    assert points["mode"]["last"] == ["auto", "auto"]
    assert points["mode"]["mean"] == [None, None]
    assert points["nothing"]["count"] == [0, 0]


async def test_more_rows_than_are_looked_at_are_sampled(
    journal: SqliteJournal, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled, "_MOST_ROWS", 100)
    await journal.append([Batch(entries=[_said(time, **{POINT: 1.0}) for time in range(1000)])])
    told = await _asked(journal, clock, **{"from": 0, "to": 1000, "step": 1000})

    assert told["sampled"] == 10
    assert 50 < told["points"][POINT]["count"][0] < 150


async def test_what_takes_too_long_says_that_it_is_not_whole(
    journal: SqliteJournal, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled, "_LONGEST", -1.0)
    await journal.append([Batch(entries=[_said(1)])])

    assert not (await _asked(journal, clock, **{"from": 0, "to": 1000}))["whole"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"from": 10, "to": 10}, 422),
        ({"from": 0, "to": 4_000_000, "step": 1000}, 422),
        ({"point": ""}, 422),
        ({"point": ",".join(map(str, range(30)))}, 422),
        ({"step": 1}, 422),
        ({"width": 2001}, 422),
        ({"from": -1}, 422),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    journal: SqliteJournal, clock: ManualClock, query: dict[str, Any], status: int
) -> None:
    async with asking(make_parts(journal, clock), somebody()) as client:
        answer = await client.get(PATH, params={"point": POINT, **query})
        unknown = await client.get("/api/v1/devices/nothing/history", params={"point": POINT})

    assert (answer.status_code, unknown.status_code) == (status, 404)
