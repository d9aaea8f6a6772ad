"""The past of a counter beyond what the journal keeps: real readings, metered, trimmed, and asked for again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from monitor.journal import trim
from monitor.journal.past import begins
from monitor.journal.sqlite import SqliteJournal
from monitor.metering import registers
from monitor.metering.book import Book
from monitor.model import Reading
from monitor.periods import DAY, HOUR, QUARTER
from monitor.site import Device, JournalSettings, Point
from monitor.web.historyroutes import HistoryOut
from monitor.web.parts import Parts
from tests.clock import ManualClock
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import plant, reading
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts
from tests.web.shaped import shaped

BEGIN = ms("2026-11-02 00:00")
DAYS = 6
END = BEGIN + DAYS * DAY
KEPT = 2 * DAY
COUNTER, OTHER = "energy_import_kwh", "voltage_l1_v"
SILENT = range(BEGIN + 20 * HOUR, BEGIN + 31 * HOUR)
"""Nothing came of the meter then."""
CHANGED = BEGIN + 50 * HOUR
"""Another meter hangs there since then."""


def _device() -> Device:
    made = meter("main", every=900.0)
    return replace(made, points={**made.points, OTHER: Point(name=OTHER, unit="V")})


def _said(time: int) -> Reading:
    number = (time - BEGIN) // QUARTER
    register = 5000.0 + number * 0.5 if time < CHANGED else 1.0 + number % 400 * 0.25
    return reading("main", time, {COUNTER: register, OTHER: 230.0 + number % 7})


@dataclass
class Metered:
    """What was asked before the journal was trimmed, and what can be asked now."""

    parts: Parts
    before: dict[str, Any]

    async def ask(self, **query: Any) -> dict[str, Any]:
        return await _ask(self.parts, **query)


async def _ask(parts: Parts, **query: Any) -> dict[str, Any]:
    asked = {"point": f"{COUNTER},{OTHER}", "from": BEGIN, "to": END, "step": HOUR} | query
    async with asking(parts, somebody()) as client:
        answer = await client.get("/api/v1/devices/main/history", params=asked)
    assert answer.status_code == 200, answer.text
    shaped(HistoryOut, answer.json())
    told: dict[str, Any] = answer.json()
    return told


async def _lived(folder: Path, clock: ManualClock) -> dict[str, Any]:
    """Let six days pass, and the journal forget four of them; answers the past as it was asked for before."""
    site = site_of(_device())
    async with plant(folder, site, clock.now) as made:
        for day in range(BEGIN, END, DAY):
            clock.time = day + DAY
            await made.keep(*(_said(at) for at in range(day, day + DAY, QUARTER) if at not in SILENT))
            await made.settle()
        before = await _ask(replace(make_parts(made.journal, clock), site=site))
    journal = _journal(folder, clock)
    async with asyncio.timeout(60):
        while (await journal.look(begins) or 0) < END - KEPT:  # noqa: ASYNC110 - a thread trims
            await asyncio.sleep(0.01)
    await journal.close()
    return before


def _journal(folder: Path, clock: ManualClock) -> SqliteJournal:
    return SqliteJournal.open(folder / "journal.db", JournalSettings(keep=KEPT / 1000), now=clock.now)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The state folder, and what was answered before the journal was trimmed."""
    folder = tmp_path_factory.mktemp("long")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trim, "_FIRST_LOOK", 0.0)
        patch.setattr(trim, "_LOOK_EVERY", 0.01)
        patch.setattr(trim.Trimmer, "pause", 0.01)
        return folder, asyncio.run(_lived(folder, ManualClock(BEGIN)))


@pytest.fixture
async def metered(past: tuple[Path, dict[str, Any]]) -> AsyncIterator[Metered]:
    folder, before = past
    site, clock = site_of(_device()), ManualClock(END)
    journal = _journal(folder, clock)
    book = Book(folder / "ledger.db", site, registers=lambda _: [], now=clock.now)
    yield Metered(replace(make_parts(journal, clock), site=site, registers=book), before)
    book.close()
    await journal.close()


async def test_a_counter_goes_on_before_the_journal_and_each_step_is_as_it_was_there(metered: Metered) -> None:
    told = await metered.ask()

    now, then = told["points"][COUNTER], metered.before["points"][COUNTER]
    ledger, journal = now["sources"]
    assert (ledger["source"], ledger["step"], ledger["end"]) == ("ledger", QUARTER, journal["start"])
    assert (journal["source"], journal["step"], journal["end"]) == ("journal", None, END)
    assert BEGIN <= ledger["start"] <= BEGIN + QUARTER
    assert END - KEPT <= ledger["end"] < END - KEPT + DAY
    first = 1  # the very first reading began the count: nothing was shown before it
    for name in ("min", "max", "last", "count"):
        assert now[name][first:] == then[name][first:], name
    assert now["mean"][first:] == [each and pytest.approx(each) for each in then["mean"][first:]]
    silent = [number for number, time in enumerate(told["times"]) if time in SILENT]
    assert [now["last"][number] for number in silent] == [None] * len(silent)
    assert sum(now["count"][first:]) == len(range(BEGIN + HOUR, END, QUARTER)) - len(SILENT[::QUARTER])
    assert (told["step"], told["whole"]) == (HOUR, True)


async def test_what_is_no_counter_says_from_when_on_it_is_kept(metered: Metered) -> None:
    told = await metered.ask()
    alone = await metered.ask(point=OTHER, step=60_000, **{"from": END - HOUR})

    (kept,) = told["points"][OTHER]["sources"]
    assert (kept["source"], kept["start"] > BEGIN, kept["end"]) == ("journal", True, END)
    empty = [
        time for time, value in zip(told["times"], told["points"][OTHER]["last"], strict=True) if value is None
    ]
    assert max(empty) < kept["start"]
    assert alone["step"] == 60_000
    assert alone["points"][OTHER]["sources"] == [
        {"source": "journal", "start": END - HOUR, "end": END, "step": None}
    ]


async def test_no_step_of_the_ledger_is_shorter_than_its_own_and_the_answer_is_bounded(metered: Metered) -> None:
    whole = await metered.ask(point=COUNTER, step=1000)
    near = await metered.ask(point=COUNTER, step=60_000, **{"from": END - 2 * HOUR})
    early = await metered.ask(point=COUNTER, **{"from": BEGIN - 2 * DAY, "to": BEGIN + 2 * HOUR})
    async with asking(metered.parts, somebody()) as client:
        query = {"point": COUNTER, "from": BEGIN - 30 * DAY, "to": END, "step": 1000}
        refused = await client.get("/api/v1/devices/main/history", params=query)

    assert (whole["step"], len(whole["times"])) == (QUARTER, DAYS * DAY // QUARTER)
    gaps = [
        time for time, count in zip(whole["times"], whole["points"][COUNTER]["count"], strict=True) if not count
    ]
    assert gaps == [BEGIN, *SILENT[::QUARTER]]
    assert near["step"] == 60_000
    assert [source["source"] for source in near["points"][COUNTER]["sources"]] == ["journal"]
    (only,) = early["points"][COUNTER]["sources"]
    assert (only["source"], only["end"]) == ("ledger", BEGIN + 2 * HOUR)
    assert refused.status_code == 422
    assert "2000 steps" in refused.json()["detail"]


async def test_what_takes_too_long_says_that_it_is_not_whole(
    metered: Metered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registers, "_LONGEST", -1.0)

    assert not (await metered.ask(point=COUNTER))["whole"]
