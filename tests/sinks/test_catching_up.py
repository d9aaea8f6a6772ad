"""After an outage: what was missed is written, and the readings of this moment do not wait for it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry, Reading, Recorded
from monitor.ports import Batch
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.rejection import EntriesRejected, SinkMisconfigured
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import NOW, a_site, derived, event, reading, recorded, step
from tests.sinks.test_runner import a_runner, append, running, until

BATCH = 5000
MISSED = 23_000


class GatedSink:
    """Takes one batch for each `step`; what it has taken is looked at in between."""

    name = "gated"

    def __init__(self) -> None:
        self.asked = 0
        self.calls: list[Sequence[Recorded]] = []
        self.errors: list[Exception] = []
        self._gate = asyncio.Semaphore(0)

    async def step(self) -> Sequence[Recorded]:
        seen = len(self.calls)
        self._gate.release()
        async with asyncio.timeout(60):
            while len(self.calls) == seen:  # noqa: ASYNC110 - the runner's own tasks move on meanwhile
                await asyncio.sleep(0.001)
        return self.calls[-1]

    async def write(self, batch: Sequence[Recorded]) -> None:
        self.asked += 1
        await self._gate.acquire()
        self.calls.append(batch)
        if self.errors:
            raise self.errors.pop(0)

    async def close(self) -> None:
        pass


async def missed(journal: SqliteJournal, count: int = MISSED) -> None:
    for first in range(0, count, 1000):
        await append(journal, *(reading("e-main", NOW + first + each, power_w=1.0) for each in range(1000)))


async def live(journal: SqliteJournal, number: int) -> Reading:
    entry = reading("w-main", NOW + 10**6 + number, flow_m3h=float(number))
    await append(journal, entry)
    return entry


async def test_a_live_reading_waits_for_one_batch_of_what_was_missed_at_most(
    journal: SqliteJournal, state: State, clock: ManualClock
):
    await missed(journal)
    clock.advance(1000)
    sink = GatedSink()
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await until(lambda: len(runner._waiting) >= BATCH)
        for number in range(3):
            entry = await live(journal, number)
            await until(lambda: bool(runner._live) and runner._live[-1].position == journal.last)
            batches = [await sink.step(), await sink.step()]
            assert any(each.entry is entry for batch in batches for each in batch)
        assert runner.status()["ahead"] == 3
        behind = runner.status()["lag"]

    assert behind > BATCH


async def test_what_went_ahead_is_written_again_in_its_turn_and_everything_once_in_order(
    journal: SqliteJournal, state: State, clock: ManualClock
):
    await missed(journal)
    clock.advance(1000)
    sink = GatedSink()
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await until(lambda: len(runner._waiting) >= BATCH)
        await live(journal, 0)
        while True:
            await until(lambda: sink.asked > len(sink.calls) or not runner.status()["lag"])
            if not runner.status()["lag"]:
                break
            await sink.step()

    positions = [each.position for batch in sink.calls for each in batch]
    positions.remove(journal.last)  # the first time, ahead of its turn
    assert positions == sorted(set(positions))
    assert len(positions) == MISSED + 1
    assert await state.position("gated") == journal.last


async def test_only_readings_go_ahead(journal: SqliteJournal, state: State, clock: ManualClock):
    await missed(journal)
    clock.advance(1000)
    sink = GatedSink()
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await until(lambda: len(runner._waiting) >= BATCH)
        await append(journal, event("card"), step("raised", 1), derived("electricity", {"pf": 1}))
        entry = await live(journal, 1)
        await until(lambda: len(runner._live) > 0)
        batches = [await sink.step(), await sink.step()]

    ahead = next(batch for batch in batches if len(batch) < 1000)
    assert [each.entry for each in ahead] == [entry]


async def test_what_is_of_this_moment_goes_in_its_turn_alone_however_much_it_is(
    journal: SqliteJournal, state: State
):
    await missed(journal, 11_000)
    sink = GatedSink()
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await missed(journal, 9000)  # in the same millisecond
        while runner.status()["lag"]:
            await until(lambda: sink.asked > len(sink.calls) or not runner.status()["lag"])
            if runner.status()["lag"]:
                await sink.step()

    assert [each.position for batch in sink.calls for each in batch] == list(range(1, 20_001))
    assert runner.status()["ahead"] == 0


class PreparingSink(GatedSink):
    """Notes what it was given to prepare."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[Sequence[Recorded]] = []

    async def prepare(self, batch: Sequence[Recorded]) -> None:
        self.prepared.append(batch)


async def test_what_comes_next_is_prepared_while_something_is_written(journal: SqliteJournal, state: State):
    await missed(journal)
    sink = PreparingSink()
    runner = a_runner(journal, state, sink)
    async with running(runner):
        while runner.status()["lag"]:
            await until(lambda: sink.asked > len(sink.calls) or not runner.status()["lag"])
            if runner.status()["lag"]:
                await until(lambda: len(runner._waiting) >= min(2 * BATCH, int(runner.status()["lag"])))
                await sink.step()

    positions = [each.position for batch in sink.calls for each in batch]
    assert positions == list(range(1, MISSED + 1))
    assert len(sink.prepared) > 2
    written = [id(batch) for batch in sink.calls]
    assert all(id(batch) in written for batch in sink.prepared)


async def test_what_cannot_be_encoded_ahead_is_told_in_its_turn(
    state: State,
    settings: Callable[..., InfluxSettings],
    server: InfluxServer,
    database: str,
):
    sink = InfluxSink(settings(), a_site(), state)
    bad = recorded(replace(reading("e-main", power_w=1.0), values={"power_w": object()}))
    good = recorded(reading("e-main", power_w=7.0), first=2)

    await sink.prepare(bad)
    with pytest.raises(SinkRejected, match="cannot be encoded"):
        await sink.write(bad)
    await sink.prepare(good)
    await sink.write(recorded(reading("w-main", flow_m3h=1.0), first=3))
    await sink.write(good)
    await sink.write(good)
    await sink.close()

    assert [row["power_w"] for row in server.query('SELECT "power_w" FROM "electricity"', database)] == [7.0]
    assert sink.status()["lines"] == 3


async def test_catching_up_makes_no_pauses(journal: SqliteJournal, state: State):
    await missed(journal)
    sink = GatedSink()
    runner = SinkRunner(journal, state, sink, now=lambda: NOW, pace=Pace(interval=3600.0))
    async with running(runner):
        while MISSED - sum(map(len, sink.calls)) >= BATCH:
            await sink.step()

    assert len(sink.calls) > 2


@pytest.mark.fault(
    "database away",
    part="InfluxDB sink",
    outcome="The newest readings come first; what was missed follows, and delays them by one batch at most.",
)
async def test_when_the_server_is_back_the_newest_readings_come_first(journal: SqliteJournal, state: State):
    sink = GatedSink()
    sink.errors = [SinkUnavailable("away"), SinkUnavailable("away")]
    await append(journal, reading("e-main", power_w=1.0))
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await sink.step()
        await missed(journal, 7000)
        entry = await live(journal, 7)
        await until(lambda: bool(runner._live) and runner._live[-1].entry is entry)
        await sink.step()
        first = await sink.step()

    assert first[-1].entry is entry
    assert len(first) == BATCH  # no more is held, however long it takes


async def test_a_wait_for_one_bucket_does_not_keep_live_readings_from_the_other(
    journal: SqliteJournal,
    state: State,
    settings: Callable[..., InfluxSettings],
    server: InfluxServer,
    database: str,
):
    server.drop(f"{database}-access")
    server.query("CREATE USER writer WITH PASSWORD 'right'")
    server.query(f'GRANT WRITE ON "{database}" TO writer')
    sink = InfluxSink(settings(token="writer:right"), a_site(), state)
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await append(journal, event("card"))
        await until(lambda: runner.status().get("problem") == SinkMisconfigured.__name__)
        await append(journal, reading("e-main", power_w=7.0))
        await until(lambda: runner.status()["ahead"] == 1)
        rows = server.query('SELECT "power_w" FROM "electricity"', database)
        lag = runner.status()["lag"]
        server.create(f"{database}-access")
        server.query(f'GRANT WRITE ON "{database}-access" TO writer')
        await until(lambda: runner.status()["lag"] == 0)

    server.query("DROP USER writer")
    assert [row["power_w"] for row in rows] == [7.0]
    assert lag == 2
    assert len(server.query('SELECT * FROM "access"', f"{database}-access")) == 1


async def test_a_reading_that_is_refused_ahead_of_its_turn_is_judged_in_its_turn(
    journal: SqliteJournal, state: State
):
    sink = GatedSink()
    sink.errors = [SinkUnavailable("away"), SinkUnavailable("away")]
    await append(journal, reading("e-main", power_w=1.0))
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await sink.step()
        await live(journal, 0)
        await until(lambda: len(runner._live) == 1)
        await sink.step()
        sink.errors = [EntriesRejected({journal.last: "ahead"})]
        await sink.step()
        await sink.step()
        sink.errors = [EntriesRejected({journal.last: "in its turn"})]
        await sink.step()
        await until(lambda: runner.status()["lag"] == 0)

    [row] = await state.query("SELECT reason FROM dead_letters")
    assert row["reason"] == "in its turn"
    assert runner.status()["last_rejection"] == "in its turn"


def hours(count: int) -> list[Entry]:
    """What happens around an outage: everything of which the order counts, and one instant told three times."""
    entries: list[Entry] = []
    for number in range(count):
        time = NOW + number // 3
        entries.append(reading("e-main", time, power_w=float(number)))
        entries.append(event("card", NOW, result="denied", number=number))
        entries.append(derived("electricity", {"energy_import_delta_kwh": number}, role=f"v{number}"))
    entries.append(step("raised", 1))
    return entries


async def test_the_outcome_is_that_of_the_journals_order_whatever_went_ahead(
    journal: SqliteJournal,
    state: State,
    settings: Callable[..., InfluxSettings],
    server: InfluxServer,
    database: str,
):
    """The same entries, once without an outage and once with one: the same points, alarms and milliseconds."""
    sink = InfluxSink(settings(), a_site(), state)
    before, after = hours(40), [*hours(43)[40 * 3 :], step("cleared", 2, NOW + 9000)]
    padding = [reading("g-main", NOW + number, volume_m3=1.0) for number in range(11_000)]
    await journal.append([Batch(entries=[*before, *padding])])
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await journal.append([Batch(entries=after)])
        await until(lambda: runner.status()["lag"] == 0)
    recorded = await everything(journal)
    caught_up = contents(server, database)
    server.drop(database, f"{database}-access")
    server.create(database, f"{database}-access")
    await state.transact(lambda db: db.execute("DELETE FROM influx_times"))
    await state.transact(lambda db: db.execute("DELETE FROM influx_occurrences"))
    plain = InfluxSink(settings(), a_site(), state)
    for first in range(0, len(recorded), 100):
        await plain.write(recorded[first : first + 100])
    await plain.close()

    assert caught_up == contents(server, database)


async def everything(journal: SqliteJournal) -> list[Recorded]:
    found: list[Recorded] = []
    while not found or found[-1].position < journal.last:
        more = await journal.read(found[-1].position if found else journal.last.__class__(0), 1000)
        assert isinstance(more, Sequence)
        found += more
    return found


def contents(server: InfluxServer, database: str) -> dict[str, list[dict[str, object]]]:
    return {
        f"{each}/{name}": server.query(f'SELECT * FROM "{name}"', each)
        for each in (database, f"{database}-access")
        for name in [row["name"] for row in server.query("SHOW MEASUREMENTS", each)]
    }


@pytest.mark.fault(
    "SIGKILL",
    part="InfluxDB sink",
    outcome="It goes on at its position; what is written twice is there once.",
)
async def test_a_kill_while_catching_up_loses_nothing(
    journal: SqliteJournal,
    state: State,
    settings: Callable[..., InfluxSettings],
    server: InfluxServer,
    database: str,
):
    await missed(journal, 12_000)
    for _ in range(4):
        runner = SinkRunner(journal, state, InfluxSink(settings(), a_site(), state), now=lambda: NOW)
        async with running(runner):
            await live(journal, int(journal.last))
            await asyncio.sleep(0.1)
    runner = a_runner(journal, state, InfluxSink(settings(), a_site(), state))
    async with running(runner):
        await until(lambda: runner.status()["lag"] == 0)

    [row] = server.query('SELECT count("power_w") FROM "electricity"', database)
    assert row["count"] == 12_000
    [row] = server.query('SELECT count("flow_m3h") FROM "water"', database)
    assert row["count"] == 4


async def test_the_batch_after_a_waiting_one_is_prepared_behind_it(
    journal: SqliteJournal,
    state: State,
    settings: Callable[..., InfluxSettings],
    server: InfluxServer,
    database: str,
):
    """Milliseconds and the ends of alarms are settled in the journal's order, whoever has the turn meanwhile."""
    await append(journal, step("raised", 1, NOW), event("card", NOW, result="denied", number=1))
    await missed(journal, 4000)
    await append(journal, step("cleared", 2, NOW + 60_000), event("card", NOW, result="denied", number=2))
    await missed(journal, 4000)
    runner = a_runner(journal, state, InfluxSink(settings(), a_site(), state))
    async with runner._turn:
        task = asyncio.create_task(runner.run())
        await until(lambda: bool(runner._turn._waiters))
        await asyncio.sleep(0.2)  # what is prepared meanwhile has time to be
    await until(lambda: runner.status()["lag"] == 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    [raised, _] = server.query("SELECT * FROM alarms", database)
    cards = server.query("SELECT * FROM access", f"{database}-access")
    assert raised["end_ms"] == NOW + 60_000
    assert [row["seq"] for row in cards] == [2, 4004]
