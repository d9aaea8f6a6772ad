"""Two feeders on one journal, of the state and of the ledger: in order each, nothing lost, nothing twice."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State, produce
from monitor.model import Derived, Entry
from monitor.site import JournalSettings
from tests.journal.conformance import entries_of, everything
from tests.journal.entries import derive


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[State]:
    ledger = State.open(tmp_path / "ledger.db", LEDGER)
    yield ledger
    await ledger.close()


async def feed_until(stores: Sequence[State], journal: SqliteJournal, count: int) -> list[Entry]:
    feeders = [asyncio.create_task(Feeder(store, journal).run()) for store in stores]
    async with asyncio.timeout(60):
        while len(await everything(journal)) < count or any(  # noqa: ASYNC110 - other tasks work
            [await store.query("SELECT 1 FROM produced") for store in stores]
        ):
            await asyncio.sleep(0.01)
    for feeder in feeders:
        feeder.cancel()
        with suppress(asyncio.CancelledError):
            await feeder
    return entries_of(await everything(journal))


def keys(entries: Sequence[Entry], producer: str) -> list[str]:
    return [each.key for each in entries if isinstance(each, Derived) and each.producer == producer]


async def test_two_feeders_carry_what_both_stores_produce_in_the_order_of_each(
    state: State, ledger: State, journal: SqliteJournal
) -> None:
    numbers = [str(number) for number in range(1200)]
    for store, producer in ((state, "alarms"), (ledger, "metering")):
        for part in (numbers[:700], numbers[700:]):
            entries = [derive(key, producer=producer) for key in part]
            await store.transact(partial(produce, producer=producer, entries=entries))

    kept = await feed_until([state, ledger], journal, 2400)

    assert keys(kept, "alarms") == keys(kept, "metering") == numbers
    assert len(kept) == 2400


async def test_what_one_store_cannot_get_fed_holds_up_nothing_of_the_other_and_its_file_is_named(
    state: State, ledger: State, journal: SqliteJournal
) -> None:
    unreadable = "INSERT INTO produced (producer, kind, body) VALUES ('metering', 3, ?)"
    await ledger.transact(lambda db: db.execute(unreadable, (b"{no json",)))
    await ledger.transact(lambda db: produce(db, "metering", [derive("behind", producer="metering")]))
    await state.transact(lambda db: produce(db, "alarms", [derive("other", producer="alarms")]))
    feeders = [Feeder(store, journal) for store in (state, ledger)]
    with capture_logs() as logs:
        for feeder in feeders:
            while await feeder.feed():
                pass

    kept = entries_of(await everything(journal))
    assert [feeder.unfed for feeder in feeders] == [0, 1]
    assert [(log["event"], log["file"]) for log in logs] == [("entry_set_aside", "ledger.db")]
    assert keys(kept, "metering") == ["behind"]
    assert keys(kept, "alarms") == ["other"]
    assert len(await ledger.query("SELECT 1 FROM unfed")) == 1


_FEEDERS = """
import asyncio, os, signal, sys
from pathlib import Path
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State, produce, set_position
from monitor.model import Derived, Position
from monitor.site import JournalSettings

folder, die_at = Path(sys.argv[1]), int(sys.argv[2])

class Feeders(Feeder):
    appends = 0

    async def _append(self, rows):
        unfed = await super()._append(rows)
        Feeders.appends += 1
        if Feeders.appends == die_at:
            os.kill(os.getpid(), signal.SIGKILL)  # what was appended is not deleted yet
        return unfed

async def make(store, producer):
    number = await store.position("count")
    while True:
        number += 1
        entry = Derived(producer=producer, key=str(number), device="d", time=number, measurement="m", values={})
        def work(db):
            produce(db, producer, [entry])
            set_position(db, "count", Position(number))
        await store.transact(work)

async def main():
    journal = SqliteJournal.open(folder / "j.db", JournalSettings(), now=lambda: 5)
    stores = {"alarms": State.open(folder / "s.db"), "metering": State.open(folder / "l.db", LEDGER)}
    async with asyncio.TaskGroup() as group:
        for producer, store in stores.items():
            group.create_task(Feeders(store, journal).run())
            group.create_task(make(store, producer))

asyncio.run(main())
"""


@pytest.mark.fault(
    "SIGKILL",
    part="ledger",
    outcome="A kill after the journal has what metering and alarms produced, and before either file has forgotten"
    " it, loses nothing and doubles nothing.",
)
async def test_a_kill_between_append_and_delete_of_two_feeders_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    appended_again = False
    for die_at in (1, 2, 9, 24):
        command = [sys.executable, "-c", _FEEDERS, str(tmp_path), str(die_at)]
        ended = await asyncio.to_thread(subprocess.run, command, check=False, timeout=60)
        assert ended.returncode == -signal.SIGKILL
        journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=lambda: 5)
        stores = [State.open(tmp_path / "s.db"), State.open(tmp_path / "l.db", LEDGER)]
        made = [await store.position("count") for store in stores]
        kept = await feed_until(stores, journal, sum(made))
        appended_again = appended_again or int(journal.stats()["refused"]) > 0
        await asyncio.gather(journal.close(), *(store.close() for store in stores))

        for producer, count in zip(("alarms", "metering"), made, strict=True):
            assert keys(kept, producer) == [str(number) for number in range(1, count + 1)]
    assert appended_again, "a second append was refused by identity"
