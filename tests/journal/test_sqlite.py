"""The journal on SQLite: the contract, and what is its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal import file, trim, writer
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Event, Origin, Position, Recorded
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.conformance import JournalContract, OpenJournal, entries_of, everything, take
from tests.journal.entries import entries, event, reading


@pytest.fixture
async def open_journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[OpenJournal]:
    opened: list[SqliteJournal] = []

    async def open_again() -> SqliteJournal:
        clock.advance(1)
        opened.append(SqliteJournal.open(tmp_path / "contract.db", JournalSettings(), now=clock.now))
        return opened[-1]

    yield open_again
    for journal in opened:
        await journal.close()


class TestContract(JournalContract):
    """SqliteJournal is a journal."""


# Stamps and positions ----------------------------------------------------------------------------------


@pytest.mark.fault(
    "clock stepped back",
    part="journal",
    outcome="Entries keep their order: their stamps stand still until the clock has caught up.",
)
async def test_the_stamp_never_goes_back_with_the_clock(tmp_path: Path, clock: ManualClock) -> None:
    start = clock.time
    for step in (0, -3_600_000, 0):
        clock.advance(step)
        journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
        await journal.append([Batch(entries=[reading()])])
        found = await everything(journal)
        await journal.close()

    assert [recorded.recorded for recorded in found] == [start] * 3


@pytest.mark.fault(
    "clock stepped forward",
    part="journal",
    outcome="Entries before the event that tells of the step have stamps of the old clock, those behind it new.",
)
async def test_no_entry_before_a_step_of_the_clock_has_its_stamp(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    start, hour = clock.time, 3_600_000

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(journal.append([Batch(entries=[reading()])]))
            if number == 10:
                stepped = Batch(entries=[event("stepped")])
                group.create_task(journal.append([stepped], first=lambda: clock.advance(hour)))
    found = await everything(journal)
    await journal.close()

    place = next(n for n, recorded in enumerate(found) if isinstance(recorded.entry, Event))
    assert [recorded.recorded for recorded in found] == [start] * place + [start + hour] * (21 - place)
    assert place >= 11


async def test_a_refused_entry_takes_no_position(journal: SqliteJournal) -> None:
    await journal.append([Batch(entries=[event(), event(), reading(), event(), event("2")])])

    found = await everything(journal)

    assert [recorded.position for recorded in found] == [1, 2, 3]
    assert journal.stats()["refused"] == 2


async def test_a_new_journal_begins_above_every_position_in_the_state(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now, begin_above=Position(1000))
    assert journal.last == 1000
    last = await journal.append([Batch(entries=[reading()])])
    gap = await journal.read(Position(400), 10)
    found = await journal.read(Position(1000), 10)
    await journal.close()

    assert gap == Gap(after=Position(400), until=Position(1000), reason="lost")
    assert not isinstance(found, Gap)
    assert [recorded.position for recorded in found] == [last] == [1001]


async def test_an_old_copy_of_the_journal_goes_on_above_the_state_and_shows_the_hole(
    tmp_path: Path, clock: ManualClock
) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    await journal.append([Batch(entries=[reading(), reading()])])
    await journal.close()
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now, begin_above=Position(50))
    await journal.append([Batch(entries=[reading()])])
    stream = journal.follow(Position(0))
    found = [await anext(stream) for _ in range(3)]
    await journal.close()

    assert found[1] == Gap(after=Position(2), until=Position(50), reason="lost")
    kept = [batch for batch in found if not isinstance(batch, Gap)]
    assert [[recorded.position for recorded in batch] for batch in kept] == [[1, 2], [51]]


# Reading -----------------------------------------------------------------------------------------------


async def test_the_newest_readings_of_a_device_by_its_own_time(journal: SqliteJournal) -> None:
    late: list[Entry] = [
        reading("a", 3),
        reading("b", 9),
        reading("a", 1),
        event(device="a", time=8),
        reading("a", 2),
    ]
    await journal.append([Batch(entries=late)])

    found = await journal.readings("a", 2)

    assert [entry.time for entry in entries_of(found)] == [2, 3]


async def test_the_last_event_of_a_kind_is_that_which_was_kept_last_whatever_its_time(
    journal: SqliteJournal,
) -> None:
    def shown(device: str, kind: str, time: int, number: str) -> Event:
        return Event(device=device, kind=kind, time=time, arrived=time, id=number)

    await journal.append([Batch(entries=[shown("front", "card", 2000, "1"), shown("back", "card", 9000, "2")])])
    await journal.append([Batch(entries=[shown("front", "card", 1000, "3"), shown("front", "rex", 3000, "4")])])

    assert await journal.last_event("front", "card") == shown("front", "card", 1000, "3")
    assert await journal.last_event("back", "card") == shown("back", "card", 9000, "2")
    assert await journal.last_event("front", "tamper") is None


async def test_entries_of_a_device_between_two_times(journal: SqliteJournal) -> None:
    await journal.append([Batch(entries=[*(reading("a", time) for time in range(5)), event(device="a", time=3)])])

    found = await journal.between("a", 1, 4)
    events = await journal.between("a", 1, 4, ["event"])

    assert [entry.time for entry in entries_of(found)] == [1, 2, 3, 3]
    assert entries_of(events) == [event(device="a", time=3)]
    with pytest.raises(ValueError, match="no kind of entry: alarm"):
        await journal.between("a", 1, 4, ["alarm"])


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(st.lists(entries, max_size=4), max_size=8),
    starts=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    pauses=st.lists(st.integers(0, 2), min_size=1, max_size=8),
    memory=st.sampled_from([1, 600, 2000, 10**6]),
)
def test_following_gives_what_reading_gives_whatever_the_interleaving(
    batches: list[list[Entry]], starts: list[int], pauses: list[int], memory: int
) -> None:
    async def scenario() -> None:
        with TemporaryDirectory() as folder:
            journal = SqliteJournal.open(Path(folder) / "j.db", JournalSettings(), now=lambda: 5)
            journal._recent._limit = memory
            seen: list[list[Recorded]] = [[] for _ in starts]

            async def follower(number: int, after: int) -> None:
                async for batch in journal.follow(Position(after)):
                    assert not isinstance(batch, Gap)
                    seen[number].extend(batch)
                    for _ in range(pauses[number % len(pauses)]):
                        await asyncio.sleep(0)

            tasks = [asyncio.create_task(follower(number, after)) for number, after in enumerate(starts)]
            for number, batch in enumerate(batches):
                await journal.append([Batch(entries=batch)])
                for _ in range(pauses[number % len(pauses)]):
                    await asyncio.sleep(0)
            expected = await everything(journal)
            async with asyncio.timeout(60):
                while any(  # noqa: ASYNC110 - followers are watched from outside
                    len(found) < sum(recorded.position > after for recorded in expected)
                    for found, after in zip(seen, starts, strict=True)
                ):
                    await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await journal.close()
            for found, after in zip(seen, starts, strict=True):
                assert found == [recorded for recorded in expected if recorded.position > after]

    asyncio.run(scenario())


async def test_a_follower_far_behind_memory_catches_up_from_the_file(journal: SqliteJournal) -> None:
    journal._recent._limit = 2000
    stream = journal.follow(Position(0))
    for start in range(0, 3000, 100):
        await journal.append([Batch(entries=[reading(time=time) for time in range(start, start + 100)])])

    found = await take(stream, 3000)

    assert [entry.time for entry in entries_of(found)] == list(range(3000))
    assert len(journal._recent._batches) == 1


@pytest.mark.fault(
    "file damaged",
    part="journal",
    outcome="A single damaged entry is left out and told as a gap.",
)
async def test_a_damaged_entry_is_a_gap_of_one(journal: SqliteJournal, tmp_path: Path) -> None:
    await journal.append([Batch(entries=[reading(time=time) for time in range(3)])])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE entries SET body = x'5b' WHERE position = 2")

    found = [await journal.read(Position(after), 10) for after in range(3)]

    assert found[1] == Gap(after=Position(1), until=Position(2), reason="lost")
    assert not isinstance(found[0], Gap)
    assert not isinstance(found[2], Gap)
    assert (len(found[0]), len(found[2])) == (1, 1)


# Waiting for the commit --------------------------------------------------------------------------------


async def test_polls_alone_wait_and_anything_else_commits_at_once(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(commit_every=3600), now=clock.now)
    polls = [asyncio.create_task(journal.append([Batch(entries=[reading(time=n)])])) for n in range(3)]
    await asyncio.sleep(0.1)
    assert not any(poll.done() for poll in polls)
    await journal.append([Batch(entries=[reading(time=9, origin=Origin.PUSH)])])
    await asyncio.gather(*polls)
    found = await everything(journal)
    commits = journal.stats()["commits"]
    await journal.close()

    assert [entry.time for entry in entries_of(found)] == [0, 1, 2, 9]
    assert commits == 1


async def test_closing_keeps_what_still_waits(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(commit_every=3600), now=clock.now)
    waiting = asyncio.create_task(journal.append([Batch(entries=[reading()])]))
    await asyncio.sleep(0.05)
    await journal.close()

    assert await waiting == 1


async def test_a_cancelled_append_disturbs_nobody(journal: SqliteJournal) -> None:
    cancelled = asyncio.create_task(journal.append([Batch(entries=[reading(time=1)])]))
    await asyncio.sleep(0)
    cancelled.cancel()
    await journal.append([Batch(entries=[reading(time=2)])])

    assert entries_of(await everything(journal))[-1].time == 2


async def test_a_closed_journal_says_so(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    coming = asyncio.ensure_future(anext(journal.follow(Position(0))))
    await asyncio.sleep(0)
    await journal.close()
    await journal.close()

    with pytest.raises(JournalError, match="closed"):
        await coming
    with pytest.raises(JournalError, match="closed"):
        await journal.append([Batch(entries=[reading()])])
    with pytest.raises(JournalError, match="closed"):
        await journal.read(Position(0), 1)


async def test_what_cannot_be_kept_fails_alone(journal: SqliteJournal) -> None:
    outcomes = await asyncio.gather(
        journal.append([Batch(entries=[reading(time=1)])]),
        journal.append([Batch(entries=[reading("\ud800")])]),
        journal.append([Batch(entries=[reading(time=2)])]),
        journal.append([Batch(entries=[reading(time=2**63)])]),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], JournalError)
    assert isinstance(outcomes[3], ValueError)
    assert [entry.time for entry in entries_of(await everything(journal))] == [1, 2]


async def test_the_writers_beat_goes_on_while_it_waits_or_fails(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(trim.Trimmer, "pause", 0.01)
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(commit_every=3600), now=clock.now)
    for waiting in (False, True):
        if waiting:
            poll = asyncio.create_task(journal.append([Batch(entries=[reading()])]))
            await asyncio.sleep(0)
        before = journal.beat
        async with asyncio.timeout(60):
            while journal.beat < before + 3:  # noqa: ASYNC110 - another thread beats
                await asyncio.sleep(0.01)
    assert not poll.done()
    await journal.close()
    await poll


async def test_the_newest_stamp_outlives_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    assert journal.last_recorded == 0
    await journal.append([Batch(entries=[reading()])])
    await journal.close()
    start = clock.time
    clock.advance(1000)
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)

    assert journal.last_recorded == start
    await journal.close()


async def test_reads_that_fail_leave_no_file_open(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    await journal.append([Batch(entries=[reading()])])
    monkeypatch.setattr(file, "newest_readings", lambda db, *_: db.execute("SELECT * FROM nothing"))
    before = _open_files()
    for _ in range(50):
        with pytest.raises(JournalError):
            await journal.readings("meter", 1)

    assert _open_files() <= before + 6


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_an_id_that_is_used_for_another_event_is_said_once_for_each_device(journal: SqliteJournal) -> None:
    def card(number: str, credential: str, device: str = "far", kind: str = "card") -> Event:
        shown = {"credential": credential} if credential else {}
        return Event(device=device, kind=kind, time=1, arrived=2, id=number, attributes=shown)

    told = [card("1", "ana"), card("2", "erased"), card("3", ""), card("1", "ben", "near")]
    again = [card("1", "ana"), card("2", "ana"), card("3", "ana"), card("1", "ben", "near")]
    await journal.append([Batch(entries=told)])
    with capture_logs() as repeated:
        await journal.append([Batch(entries=again)])
    with capture_logs() as reused:
        await journal.append([Batch(entries=[card("1", "ben"), card("1", "", kind="opened")])])
        await journal.append([Batch(entries=[card("1", "ben"), card("1", "", "near", kind="opened")])])

    assert repeated == []
    assert [(log["event"], log["device"]) for log in reused] == [
        ("event_id_used_twice", "far"),
        ("event_id_used_twice", "near"),
    ]
    assert journal.stats()["kept"] == 4
