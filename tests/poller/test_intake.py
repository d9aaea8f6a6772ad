"""Readings on their way into the journal."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence

from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Event, Position, Reading
from monitor.poller.intake import ReadingIntake
from monitor.ports import Batch
from tests.poller.scripted import until


def reading(number: int) -> Reading:
    return Reading(device="meter", time=number, arrived=number, values={"power_w": float(number)})


def card(number: int) -> Event:
    return Event(device="meter", kind="card", time=number, arrived=number, id=str(number))


class Moody:
    """The real journal behind a disk that is full at times, or slow; it notes the size of each append."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal = journal
        self.full = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.sizes: list[int] = []

    async def append(self, batches: Sequence[Batch], *, settled: Collection[str] = ()) -> Position:
        self.sizes.append(sum(len(batch.entries) for batch in batches))
        if self.full:
            raise JournalError("no space left on the device")
        position = await self.journal.append(batches, settled=settled)
        await self.gate.wait()
        return position

    async def kept(self) -> list[Entry]:
        return [recorded.entry for recorded in await self.journal.readings("meter", 1000)]

    async def events(self) -> list[Entry]:
        return [recorded.entry for recorded in await self.journal.between("meter", 0, 1000, ["event"])]


async def run(intake: ReadingIntake) -> asyncio.Task[None]:
    task = asyncio.create_task(intake.run())
    await asyncio.sleep(0)
    return task


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_finishes_together_is_appended_together(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    intake = ReadingIntake(moody)  # type: ignore[arg-type]
    task = await run(intake)
    for number in range(50):
        intake.put(reading(number))
    await stop_when_empty(intake, task)

    assert moody.sizes == [50]
    assert await moody.kept() == [reading(number) for number in range(50)]


async def stop_when_empty(intake: ReadingIntake, task: asyncio.Task[None]) -> None:
    await until(lambda: not intake.waiting)
    await stop(task)


async def test_a_journal_that_cannot_write_is_waited_for_and_told_once_each_way(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    moody.full = True
    intake = ReadingIntake(moody, retry=0.01)  # type: ignore[arg-type]
    with capture_logs() as logs:
        task = await run(intake)
        for number in range(5):
            intake.put(reading(number))
        await until(lambda: len(moody.sizes) >= 4)
        assert intake.failing
        moody.full = False
        await until(lambda: not intake.failing)
        await stop_when_empty(intake, task)

    assert await moody.kept() == [reading(number) for number in range(5)]
    assert [log["event"] for log in logs] == ["readings cannot be recorded", "readings are recorded again"]


async def test_memory_is_bounded_and_the_oldest_go_first(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    moody.full = True
    intake = ReadingIntake(moody, limit=10, retry=0.01)  # type: ignore[arg-type]
    task = await run(intake)
    for number in range(25):
        intake.put(reading(number))
        await asyncio.sleep(0.001)
    moody.full = False
    await stop_when_empty(intake, task)

    assert await moody.kept() == [reading(number) for number in range(15, 25)]
    assert intake.dropped == 15


async def test_a_stop_appends_what_waits(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    intake = ReadingIntake(moody)  # type: ignore[arg-type]
    task = await run(intake)
    intake.put(reading(1))
    await stop(task)

    assert await moody.kept() == [reading(1)]


async def test_a_stop_during_an_append_doubles_nothing(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    moody.gate.clear()
    intake = ReadingIntake(moody)  # type: ignore[arg-type]
    task = await run(intake)
    intake.put(reading(1))
    await until(lambda: moody.sizes)
    asyncio.get_running_loop().call_later(0.05, moody.gate.set)
    await stop(task)

    assert await moody.kept() == [reading(1)]


async def test_events_are_kept_with_their_reading_and_told_of_only_then(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    moody.full = True
    told: list[int] = []
    intake = ReadingIntake(moody, retry=0.01)  # type: ignore[arg-type]
    task = await run(intake)
    intake.put(reading(1), card(1), card(2), kept=lambda: told.append(1))
    await until(lambda: len(moody.sizes) >= 3)
    before = list(told)
    moody.full = False
    await until(lambda: told)
    await stop_when_empty(intake, task)

    assert before == []
    assert told == [1]
    assert set(moody.sizes) == {3}
    assert await moody.kept() == [reading(1)]
    assert await moody.events() == [card(1), card(2)]


async def test_a_reading_with_an_event_outlives_the_others(journal: SqliteJournal) -> None:
    moody = Moody(journal)
    moody.full = True
    intake = ReadingIntake(moody, limit=10, retry=0.01)  # type: ignore[arg-type]
    task = await run(intake)
    intake.put(reading(0), card(0))
    for number in range(1, 25):
        intake.put(reading(number))
        await asyncio.sleep(0.001)
    moody.full = False
    await stop_when_empty(intake, task)

    assert await moody.kept() == [reading(0), *(reading(number) for number in range(16, 25))]
    assert await moody.events() == [card(0)]
    assert intake.dropped == 15
