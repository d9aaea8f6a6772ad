"""What every journal has to do, whatever it is made of.

A test module derives `JournalContract` and gives a fixture `open_journal`: an async function that opens the
journal of the test (again, after `close`). `ConformingJournal` is `monitor.ports.Journal` and `close`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

import pytest

from monitor.model import Entry, Position, Recorded
from monitor.ports import Batch, Gap, Journal
from tests.journal.entries import derive, event, reading, transition


class ConformingJournal(Journal, Protocol):
    async def close(self) -> None: ...


OpenJournal = Callable[[], Awaitable[ConformingJournal]]


async def everything(journal: Journal, after: int = 0) -> list[Recorded]:
    found: list[Recorded] = []
    position = Position(after)
    while True:
        batch = await journal.read(position, 7)
        assert not isinstance(batch, Gap)
        if not batch:
            return found
        found.extend(batch)
        position = batch[-1].position


async def take(stream: AsyncIterator[Sequence[Recorded] | Gap], count: int) -> list[Recorded]:
    found: list[Recorded] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            batch = await anext(stream)
            assert not isinstance(batch, Gap)
            found.extend(batch)
    return found


def entries_of(found: Sequence[Recorded]) -> list[Entry]:
    return [recorded.entry for recorded in found]


class JournalContract:
    """The tests every journal passes."""

    async def test_entries_are_kept_in_order_over_a_restart(self, open_journal: OpenJournal) -> None:
        kept: list[Entry] = [reading(time=1), event(), derive(), transition(), reading(time=2)]
        journal = await open_journal()
        last = await journal.append([Batch(entries=kept[:2]), Batch(entries=kept[2:])])
        assert journal.last == last
        await journal.close()
        journal = await open_journal()

        found = await everything(journal)

        assert entries_of(found) == kept
        assert journal.last == last == found[-1].position

    async def test_it_counts_what_stands_behind_a_position(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        first = await journal.append([Batch(entries=[reading(time=1)])])
        last = await journal.append([Batch(entries=[reading(time=2), reading(time=3)])])
        counted = [journal.behind(position) for position in (first, last)]
        await journal.close()

        assert counted == [2, 0]

    async def test_positions_and_stamps_grow_over_a_restart(self, open_journal: OpenJournal) -> None:
        for _ in range(3):
            journal = await open_journal()
            await journal.append([Batch(entries=[reading(), reading()])])
            await journal.close()
        journal = await open_journal()

        found = await everything(journal)

        positions = [recorded.position for recorded in found]
        stamps = [recorded.recorded for recorded in found]
        assert positions == sorted(set(positions))
        assert stamps == sorted(stamps)

    @pytest.mark.parametrize("entry", [event(), derive(), transition()], ids=["event", "derived", "transition"])
    async def test_an_identity_is_kept_once(self, open_journal: OpenJournal, entry: Entry) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[entry, entry, reading()])])
        last = await journal.append([Batch(entries=[entry])])

        found = await everything(journal)

        assert entries_of(found) == [entry, reading()]
        assert last == found[-1].position

    @pytest.mark.fault(
        "message redelivered",
        part="journal",
        outcome="Equal content alone is no repetition: both are kept.",
    )
    async def test_the_same_reading_twice_is_two_readings(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(), reading()])])

        assert len(await everything(journal)) == 2

    @pytest.mark.fault(
        "message redelivered",
        part="journal",
        outcome="What comes again under the same delivery is kept once.",
    )
    async def test_a_redelivered_batch_is_kept_once(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(time=1)], id="a")])
        await journal.close()
        journal = await open_journal()
        again = Batch(entries=[reading(time=1)], id="a", redelivered=True)
        fresh = Batch(entries=[reading(time=2)], id="b", redelivered=True)
        await journal.append([again, fresh, fresh])
        await journal.append([again, fresh])

        assert [entry.time for entry in entries_of(await everything(journal))] == [1, 2]

    async def test_a_batch_that_is_not_redelivered_is_new_whatever_its_id(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(time=1)], id="a")])
        await journal.append([Batch(entries=[reading(time=2)], id="a")])
        await journal.append([Batch(entries=[reading(time=3)], id="a", redelivered=True)])

        assert [entry.time for entry in entries_of(await everything(journal))] == [1, 2]

    async def test_a_settled_id_is_forgotten(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(time=1)], id="a")])
        await journal.append([], settled=["a", "never seen"])
        await journal.append([Batch(entries=[reading(time=2)], id="a", redelivered=True)])

        assert [entry.time for entry in entries_of(await everything(journal))] == [1, 2]

    async def test_an_id_can_be_settled_and_used_anew_in_one_call(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(time=1)], id="a")])
        await journal.append([Batch(entries=[reading(time=2)], id="a")], settled=["a"])
        await journal.append([Batch(entries=[reading(time=3)], id="a", redelivered=True)])

        assert [entry.time for entry in entries_of(await everything(journal))] == [1, 2]

    async def test_appending_nothing_is_fine(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()

        assert await journal.append([]) == await journal.append([Batch(entries=[])]) == journal.last

    async def test_many_appends_at_once_are_all_kept_in_the_order_of_each_caller(
        self, open_journal: OpenJournal
    ) -> None:
        journal = await open_journal()

        async def caller(device: str) -> None:
            for time in range(20):
                await journal.append([Batch(entries=[reading(device, time)])])

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(caller(f"meter-{number}"))

        found = entries_of(await everything(journal))
        for number in range(20):
            mine = [entry.time for entry in found if getattr(entry, "device", "") == f"meter-{number}"]
            assert mine == list(range(20))

    async def test_a_follower_sees_what_was_there_and_what_comes(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(time=1)])])
        await journal.close()
        journal = await open_journal()
        await journal.append([Batch(entries=[reading(time=2)])])
        stream = journal.follow(Position(0))
        first = await take(stream, 2)
        coming = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0)
        await journal.append([Batch(entries=[reading(time=3)])])

        assert [entry.time for entry in entries_of(first + await coming)] == [1, 2, 3]

    async def test_followers_in_step_share_the_committed_batch(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        streams = [journal.follow(journal.last) for _ in range(3)]
        coming = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0)
        await journal.append([Batch(entries=[reading(), reading()])])
        one, *others = await asyncio.gather(*coming)

        assert len(others) == 2
        assert all(other is one for other in others)
        assert isinstance(one, tuple)
        assert len(one) == 2

    async def test_acknowledging_backwards_or_unknown_is_harmless(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        last = await journal.append([Batch(entries=[reading()])])
        journal.acknowledge("sink", last)
        journal.acknowledge("sink", Position(0))

        assert len(await everything(journal)) == 1
