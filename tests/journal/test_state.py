"""state.db and the feeder: transactions, positions, schema versions, and produced entries."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal.codec import encode
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State, produce, set_position
from monitor.model import Entry, Position
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.journal.conformance import entries_of, everything
from tests.journal.entries import derive, event, reading, transition


async def test_a_position_is_kept_over_a_restart(tmp_path: Path) -> None:
    state = State.open(tmp_path / "s.db")
    assert await state.position("alarms") == 0
    await state.transact(lambda db: set_position(db, "alarms", Position(5)))
    await state.transact(lambda db: set_position(db, "alarms", Position(7)))
    await state.transact(lambda db: set_position(db, "sink", Position(3)))
    await state.close()
    state = State.open(tmp_path / "s.db")

    assert await state.position("alarms") == 7
    assert await state.newest_position() == 7
    await state.close()


async def test_what_work_raises_rolls_everything_back(state: State) -> None:
    def work(db: sqlite3.Connection) -> None:
        set_position(db, "alarms", Position(5))
        produce(db, "alarms", [event()])
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await state.transact(work)

    assert await state.position("alarms") == 0
    assert await state.query("SELECT * FROM produced") == []
    assert not state.produced.is_set()


async def test_an_error_of_the_database_is_a_journal_error(state: State) -> None:
    with pytest.raises(JournalError, match="cannot be written"):
        await state.transact(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(JournalError, match="cannot be read"):
        await state.query("SELECT * FROM nowhere")

    assert await state.position("alarms") == 0


def _add(number: int, db: sqlite3.Connection) -> None:
    newest = db.execute("SELECT coalesce(max(position), -1) FROM positions").fetchone()[0]
    assert newest == number - 1
    set_position(db, f"c{number}", Position(number))


async def test_a_transaction_that_changes_nothing_does_not_say_that_the_disk_works(state: State) -> None:
    state.failure = "disk I/O error"
    await state.transact(lambda db: db.execute("DELETE FROM positions WHERE consumer = 'nobody'"))
    idle = state.failure
    await state.transact(lambda db: set_position(db, "somebody", Position(1)))

    assert idle == "disk I/O error"
    assert state.failure == ""


async def test_transactions_happen_in_the_order_they_were_asked_for(state: State) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(state.transact(partial(_add, number)))
        seen = group.create_task(state.query("SELECT count(*) AS n FROM positions"))

    assert seen.result()[0]["n"] == 50


async def test_a_newer_state_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await State.open(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 9999")

    with pytest.raises(JournalError, match="newer version"):
        State.open(path)


def test_a_damaged_state_is_never_replaced(tmp_path: Path) -> None:
    content = b"no database" * 1000
    path = tmp_path / "s.db"
    path.write_bytes(content)

    with pytest.raises(JournalError, match=r"cannot be used.*restore it from a copy"):
        State.open(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text)")

    with pytest.raises(JournalError, match="another program"):
        State.open(path)


async def test_a_closed_state_says_so(tmp_path: Path) -> None:
    state = State.open(tmp_path / "s.db")
    await state.close()
    await state.close()

    with pytest.raises(JournalError, match="closed"):
        await state.position("alarms")


# The feeder --------------------------------------------------------------------------------------------


async def _feed_until(state: State, journal: SqliteJournal, count: int) -> list[Entry]:
    feeder = asyncio.create_task(Feeder(state, journal).run())
    async with asyncio.timeout(60):
        while len(await everything(journal)) < count or await state.query("SELECT 1 FROM produced"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    feeder.cancel()
    with suppress(asyncio.CancelledError):
        await feeder
    return entries_of(await everything(journal))


async def test_what_is_produced_comes_into_the_journal_in_order(state: State, journal: SqliteJournal) -> None:
    made: list[Entry] = [derive(str(number)) for number in range(1200)]
    made += [transition(), event(), derive("last")]
    await state.transact(lambda db: produce(db, "test", made[:600]))
    await state.transact(lambda db: produce(db, "test", made[600:]))

    assert await _feed_until(state, journal, len(made)) == made


async def test_a_running_feeder_is_woken(
    state: State, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.journal.feeder._LOOK_EVERY", 3600.0)
    feeder = asyncio.create_task(Feeder(state, journal).run())
    stream = journal.follow(Position(0))
    for number in range(3):
        await state.transact(partial(produce, producer="test", entries=[derive(str(number))]))
        async with asyncio.timeout(60):  # it does not wait to look by itself
            await anext(stream)
    feeder.cancel()
    with suppress(asyncio.CancelledError):
        await feeder


async def test_what_was_appended_but_not_forgotten_is_appended_once(state: State, journal: SqliteJournal) -> None:
    await state.transact(lambda db: produce(db, "test", [derive("a"), derive("b")]))
    await journal.append([Batch(entries=[derive("a")])])

    assert await _feed_until(state, journal, 2) == [derive("a"), derive("b")]


async def test_an_entry_without_identity_cannot_be_produced(state: State) -> None:
    with pytest.raises(ValueError, match="no identity"):
        await state.transact(lambda db: produce(db, "test", [reading()]))


_PRODUCER = """
import asyncio, sys
from pathlib import Path
from monitor.journal.codec import encode
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State, produce, set_position
from monitor.model import Derived, Position
from monitor.site import JournalSettings

async def main():
    folder = Path(sys.argv[1])
    state = State.open(folder / "s.db")
    journal = SqliteJournal.open(folder / "j.db", JournalSettings(), now=lambda: 5)
    feeder = asyncio.create_task(Feeder(state, journal).run())
    number = await state.position("count")
    while True:
        number += 1
        entry = Derived(producer="p", key=str(number), device="d", time=number, measurement="m", values={})
        def work(db):
            produce(db, "p", [entry])
            set_position(db, "count", Position(number))
        await state.transact(work)
        print(number, flush=True)

asyncio.run(main())
"""


def _killed_producer(folder: Path, count: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", _PRODUCER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(count):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()


@pytest.mark.fault(
    "SIGKILL",
    part="state",
    outcome="A kill between the two files loses nothing and doubles nothing.",
)
async def test_a_kill_between_state_and_journal_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for count in (30, 77, 51):
        await asyncio.to_thread(_killed_producer, tmp_path, count)
    state = State.open(tmp_path / "s.db")
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=lambda: 5)
    made = await state.position("count")
    kept = await _feed_until(state, journal, made)
    await journal.close()
    await state.close()

    assert [entry.time for entry in kept] == list(range(1, made + 1))


async def test_what_no_journal_can_keep_is_set_aside_and_the_rest_goes_on(
    state: State, journal: SqliteJournal
) -> None:
    unreadable = "INSERT INTO produced (producer, kind, body) VALUES ('test', 3, ?)"
    await state.transact(lambda db: produce(db, "test", [derive("first")]))
    await state.transact(lambda db: db.execute(unreadable, (b"{no json",)))
    await state.transact(lambda db: produce(db, "test", [derive("second")]))
    await state.transact(
        lambda db: db.execute(
            unreadable, (encode(derive("late")).replace(b'"time":', b'"time":9999999999999999'),)
        )
    )
    broken = encode(derive("\udc00")).replace(b'"meter"', b'"\\udc00"')
    await state.transact(lambda db: db.execute(unreadable, (broken,)))
    await state.transact(lambda db: produce(db, "test", [derive("third")]))
    feeder = Feeder(state, journal)
    with capture_logs() as logs:
        while await feeder.feed():
            pass
    unfed = await state.query("SELECT producer, reason FROM unfed ORDER BY number")

    assert entries_of(await everything(journal)) == [derive("first"), derive("second"), derive("third")]
    assert len(unfed) == feeder.unfed == 3
    assert [row["producer"] for row in unfed] == ["test"] * 3
    assert [log["event"] for log in logs] == ["entry_set_aside"] * 3
    assert not await state.query("SELECT 1 FROM produced")


async def test_a_journal_that_cannot_write_sets_nothing_aside(state: State, tmp_path: Path) -> None:
    closed = SqliteJournal.open(tmp_path / "closed.db", JournalSettings(), now=lambda: 5)
    await closed.close()
    await state.transact(lambda db: produce(db, "test", [derive("a")]))

    with pytest.raises(JournalError, match="closed"):
        await Feeder(state, closed).feed()
    assert len(await state.query("SELECT 1 FROM produced")) == 1
    assert not await state.query("SELECT 1 FROM unfed")


async def test_a_store_that_delays_keeps_what_was_settled_and_says_for_ever_what_failed(tmp_path: Path) -> None:
    store = State.open(tmp_path / "state.db")
    await store.delay()
    await store.transact(lambda db: set_position(db, "settled", Position(1)))
    await store.settle()
    await store.transact(lambda db: set_position(db, "lost", Position(2)))
    with pytest.raises(JournalError):
        await store.transact(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))
    await store.transact(lambda db: set_position(db, "closed", Position(3)))
    await store.close()

    assert "nowhere" in store.failure
    again = State.open(tmp_path / "state.db")
    assert [await again.position(each) for each in ("settled", "lost", "closed")] == [1, 0, 3]
    await again.close()
