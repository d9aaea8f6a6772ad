"""The journal within its bounds: by age, by size, and never what a consumer still needs."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from monitor.journal import file, trim
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.traces import checkpoint
from monitor.model import Position
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.conformance import everything
from tests.journal.entries import reading

DAY = 86_400_000


@pytest.fixture(autouse=True)
def impatient_trimmer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trim, "_FIRST_LOOK", 0.0)
    monkeypatch.setattr(trim, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(trim.Trimmer, "pause", 0.01)
    monkeypatch.setattr(trim, "_AT_ONCE", 10)


def _open(tmp_path: Path, clock: ManualClock, settings: JournalSettings) -> SqliteJournal:
    return SqliteJournal.open(tmp_path / "j.db", settings, now=clock.now)


async def _until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not met():  # noqa: ASYNC110 - another thread works
            await asyncio.sleep(0.01)


async def _days(journal: SqliteJournal, clock: ManualClock, days: int) -> None:
    for day in range(days):
        await journal.append([Batch(entries=[reading(time=day, number=n) for n in range(25)])])
        clock.advance(DAY)


async def test_what_is_too_old_goes_and_is_a_gap(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=2.5 * 86400))
    await _days(journal, clock, 4)
    await _until(lambda: journal.stats()["trimmed"] == 50)
    await asyncio.sleep(0.1)
    gap = await journal.read(Position(10), 5)
    found = await everything(journal, after=50)
    trimmed = journal.stats()["trimmed"]
    await journal.close()
    journal = _open(tmp_path, clock, JournalSettings())
    stream = journal.follow(Position(0))
    followed = [await anext(stream), await anext(stream)]
    await journal.close()

    assert trimmed == 50
    assert gap == Gap(after=Position(10), until=Position(50), reason="trimmed")
    assert [recorded.position for recorded in found] == list(range(51, 101))
    assert followed == [Gap(after=Position(0), until=Position(50), reason="trimmed"), found]


async def test_a_consumer_that_never_acknowledged_holds_the_trim(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    journal.register("alarms")
    journal.register("sink")
    await _days(journal, clock, 2)
    journal.acknowledge("alarms", Position(40))
    await asyncio.sleep(0.2)
    held = journal.stats()
    journal.acknowledge("sink", Position(30))
    await _until(lambda: journal.stats()["trimmed"] == 30)
    await asyncio.sleep(0.1)
    after = journal.stats()
    await journal.close()

    assert (held["trimmed"], held["slowest"], held["lag"]) == (0, "sink", 50)
    assert (after["trimmed"], after["slowest"], after["lag"]) == (30, "sink", 20)


async def test_a_registered_consumer_is_remembered_where_it_was(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings())
    await _days(journal, clock, 1)
    journal.acknowledge("sink", Position(20))
    await journal.close()
    journal = _open(tmp_path, clock, JournalSettings())
    journal.register("sink")
    lag = journal.stats()["lag"]
    await journal.close()

    assert lag == 5


async def test_a_consumer_that_is_gone_from_the_settings_holds_nothing(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    journal.acknowledge("old-sink", Position(0))
    await journal.append([Batch(entries=[reading(), reading()])])
    await journal.close()
    clock.advance(DAY)
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    await _until(lambda: journal.stats()["trimmed"] == 1)
    await journal.close()


async def test_the_newest_entry_stays_and_positions_go_on(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    await _days(journal, clock, 2)
    await _until(lambda: journal.stats()["trimmed"] == 49)
    await journal.close()
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    last = await journal.append([Batch(entries=[reading()])])
    await journal.close()

    assert last == 51


async def test_size_bounds_the_journal_before_age_does(tmp_path: Path, clock: ManualClock) -> None:
    bound = 400_000
    journal = _open(tmp_path, clock, JournalSettings(max_size=bound))
    for time in range(100):
        await journal.append([Batch(entries=[reading(time=time, text="x" * 20_000)])])
    await _until(lambda: int(journal.stats()["size_bytes"]) <= bound)
    newest = await journal.readings("meter", 1)
    over = journal.stats()["over_size"]
    await journal.close()

    assert newest[0].entry.time == 99
    assert over is False


async def test_age_never_costs_what_a_part_still_needs(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    journal.register("sink")
    await _days(journal, clock, 10)
    await asyncio.sleep(0.1)
    facts = journal.stats()
    await journal.close()

    assert (facts["trimmed"], facts["lost"], facts["over_size"]) == (0, 0, False)


@pytest.mark.fault(
    "database away",
    part="journal",
    outcome="Only its size costs what is not written out, the oldest first, and counts it.",
)
async def test_the_size_costs_what_is_needed_as_the_last_resort_and_counts_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    journal = _open(tmp_path, clock, JournalSettings(max_size=400_000))
    journal.register("sink")
    for time in range(30):
        await journal.append([Batch(entries=[reading(time=time, text="x" * 20_000)])])
    await _until(lambda: int(journal.stats()["lost"]) > 0 and int(journal.stats()["size_bytes"]) <= 400_000)
    gap = await journal.read(Position(0), 100)
    newest = await journal.readings("meter", 1)
    lost = journal.stats()["lost"]
    journal.acknowledge("sink", journal.last)
    await _until(lambda: journal.stats()["over_size"] is False)
    await journal.close()

    assert gap == Gap(after=Position(0), until=Position(int(lost)), reason="trimmed")
    assert newest[0].entry.time == 29


async def test_what_everybody_has_passed_goes_first(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(max_size=400_000))
    journal.register("sink")
    journal.acknowledge("sink", Position(15))
    for time in range(25):
        await journal.append([Batch(entries=[reading(time=time, text="x" * 20_000)])])
    await _until(lambda: int(journal.stats()["trimmed"]) > 0 and int(journal.stats()["size_bytes"]) <= 400_000)
    facts = journal.stats()
    await journal.close()

    assert facts["trimmed"] in {10, 15}
    assert facts["lost"] == 0


async def test_hours_left_fall_as_the_backlog_grows_and_are_plenty_when_it_is_gone(
    tmp_path: Path, clock: ManualClock
) -> None:
    """One entry of 20 kB a minute, room for 2 MB: a hundred entries, so 1.7 hours."""
    journal = _open(tmp_path, clock, JournalSettings(max_size=2_000_000))
    journal.register("sink")
    said = []
    for quarter in range(4):
        for minute in range(15):
            await journal.append([Batch(entries=[reading(time=quarter * 15 + minute, text="x" * 20_000)])])
            clock.advance(60_000)
        beat = journal.beat
        await _until(lambda seen=beat: journal.beat > seen + 2)
        said.append(float(journal.stats()["hours_left"]))
    journal.acknowledge("sink", journal.last)
    await _until(lambda: journal.stats()["hours_left"] == trim.PLENTY)
    await journal.close()

    assert said == sorted(said, reverse=True)
    assert said == [pytest.approx(hours, abs=0.25) for hours in (1.35, 1.1, 0.85, 0.6)]


async def test_a_part_that_is_a_moment_behind_is_no_news(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(max_size=100_000))
    journal.register("sink")
    await journal.append([Batch(entries=[reading(text="x" * 50_000)])])
    clock.advance(5 * 60_000)
    beat = journal.beat
    await _until(lambda: journal.beat > beat + 2)
    said = journal.stats()["hours_left"]
    await journal.close()

    assert said == trim.PLENTY


@pytest.mark.fault(
    "disk full",
    part="journal",
    outcome="Before it is full, the oldest entries go that every part has passed.",
)
async def test_a_disk_that_gets_full_costs_only_what_everybody_has_passed(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trim.Trimmer, "_room", lambda _: 300_000)
    journal = _open(tmp_path, clock, JournalSettings())
    journal.register("sink")
    journal.acknowledge("sink", Position(10))
    for time in range(25):
        await journal.append([Batch(entries=[reading(time=time, text="x" * 20_000)])])
    await _until(lambda: journal.stats()["trimmed"] == 10)
    beat = journal.beat
    await _until(lambda: journal.beat > beat + 2)
    facts = journal.stats()
    await journal.close()

    assert (facts["trimmed"], facts["lost"], facts["over_size"]) == (10, 0, False)


async def test_a_delivery_that_is_never_settled_is_forgotten_after_days(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trim, "_DELIVERIES_EVERY", 0.0)
    journal = _open(tmp_path, clock, JournalSettings())

    def known() -> set[str]:
        with closing(sqlite3.connect(tmp_path / "j.db")) as db:
            return {row[0] for row in db.execute("SELECT id FROM deliveries")}

    await journal.append([Batch(entries=[reading(time=1)], id="old")])
    clock.advance(7 * DAY)
    await journal.append([Batch(entries=[reading(time=2)], id="newer")])
    both = known()
    clock.advance(2 * DAY)
    await _until(lambda: known() == {"newer"})
    await journal.append([Batch(entries=[reading(time=2)], id="newer", redelivered=True)])
    refused = len(await everything(journal))
    await journal.close()

    assert both == {"old", "newer"}
    assert refused == 2


async def test_a_trimmed_journal_is_sound(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=86400))
    await _days(journal, clock, 5)
    await _until(lambda: int(journal.stats()["trimmed"]) >= 100)
    await journal.close()

    with closing(sqlite3.connect(tmp_path / "j.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM gaps").fetchone() == (1,)


def test_no_credential_is_left_by_trims_of_mixed_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large and small entries side by side: SQLite moves those that stay from page to page."""
    monkeypatch.setattr(trim, "_AT_ONCE", 37)
    monkeypatch.setattr(trim, "_LOOK_EVERY", 0.0)
    path, random, names = tmp_path / "journal.db", Random(1), dict[int, bytes]()
    file.open_file(path, Position(0))
    with closing(file.connect(path)) as db:
        assert db.execute("PRAGMA secure_delete").fetchone() == (2,)
        trimmer = trim.Trimmer(JournalSettings(keep=10), tmp_path)
        trimmer.load(db)
        trimmer._look_at = 0.0
        position = Position(0)
        for _ in range(60):
            rows = []
            for _ in range(random.randint(1, 120)):
                position = Position(position + 1)
                body = b"x" * random.choice([40, 100, 300, 1000, 6000])
                is_card = random.random() < 0.2
                if is_card:
                    names[position] = b"%024x" % random.getrandbits(96)
                    body = b'"credential":"%b"' % names[position] + body
                at = position * 100
                rows.append((position, at, 1 + is_card, "d", random.randrange(10**6), str(position), body))
            db.execute("BEGIN")
            db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            db.execute("COMMIT")
            for _ in range(random.randint(0, 4)):
                trimmer.step(db, position * 100, position)
        while trimmer.step(db, position * 100, position):
            pass
        (first,) = db.execute("SELECT min(position) FROM entries").fetchone()
        assert checkpoint(db)

    content = path.read_bytes()
    assert sum(at < first for at in names) > 400
    assert [at for at, name in names.items() if at < first and name in content] == []
