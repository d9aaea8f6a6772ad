"""A period is sent again after a database was lost, and InfluxDB is as it was: point for point."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import RequestRefused
from monitor.journal.past import begin_at, read_page
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State, set_position
from monitor.metering.past import UsagePage
from monitor.model import Derived, Entry, Event, Position, Recorded
from monitor.ports import Batch
from monitor.sinks.backfill import Backfill, Portion
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.again import InfluxPast
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.past import past_stamps
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import InfluxSettings, SinkFilter
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import NOW, a_site, event, reading, step
from tests.sinks.test_catching_up import contents
from tests.sinks.test_runner import a_runner, append, running, until

Make = Callable[..., InfluxSettings]

MINUTE, HOUR = 60_000, 3_600_000
END = NOW + HOUR


async def no_usage(_start: int, end: int, _device: str) -> UsagePage:
    return UsagePage((), end)


def usage(measurement: str, amount: float, start: int = NOW, version: str = "1", **more: Any) -> Derived:
    per = {"usage_hourly": "hour", "usage_daily": "day"}[measurement]
    return Derived(
        producer="metering",
        key=f"{per}@{version}",
        device="e-main",
        time=start,
        measurement=measurement,
        values={"amount": amount, "partial_i": 1, **more},
        attributes={"utility": "electricity"},
    )


def an_hour() -> list[Entry]:
    """Everything of which the order counts: instants told again, events of one millisecond, alarms, usage."""
    entries: list[Entry] = []
    for number in range(400):
        time = NOW + number * 9000
        entries.append(reading("e-main", time, power_w=float(number), voltage_l1_v=230.0))
        entries.append(reading("w-main", time, volume_m3=number / 10))
        if number % 7 == 0:
            entries.append(reading("e-main", time, power_w=float(-number)))  # said again: less, and otherwise
        if number % 5 == 0:
            entries += [event("card", time, result="denied", number=each) for each in range(3)]
            entries.append(usage("usage_hourly", number, version=str(number), demand_max_w=float(number)))
    entries.append(usage("usage_hourly", 500.0, version="last"))
    entries.append(event("card", NOW + 1, result="denied", late="yes"))  # out of a reader's memory, told last
    entries += [step("raised", 1, NOW + MINUTE), step("acknowledged", 2, NOW + 2 * MINUTE)]
    entries.append(step("raised", 1, NOW + 3 * MINUTE, occurrence="o-2"))
    entries.append(step("cleared", 2, NOW + 4 * MINUTE, occurrence="o-2"))
    entries.append(event("tamper", NOW + 5 * MINUTE))
    return entries


def afterwards() -> list[Entry]:
    """What is told later, of the hour among other things."""
    return [
        reading("e-main", END + 1000, power_w=1.0),
        step("cleared", 3, END + MINUTE),
        usage("usage_hourly", 777.0, version="corrected"),
        reading("w-main", NOW + 9000, volume_m3=99.0),
    ]


class House:
    """A journal that one sink follows, and what sends its past again."""

    def __init__(self, journal: SqliteJournal, state: State, settings: InfluxSettings, folder: Path) -> None:
        self.journal = journal
        self.state = state
        self.sink = InfluxSink(settings, a_site(), state)
        self.runner = a_runner(journal, state, self.sink)
        past = InfluxPast(self.sink, a_site(), journal, folder / "state.db", no_usage)
        self.backfill = Backfill(
            self.runner, state, past, now=ManualClock().now, pace=Pace(first=0.05, longest=0.1)
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with running(self.runner):
            task = asyncio.create_task(self.backfill.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def is_written(self) -> None:
        await until(lambda: self.runner.status()["lag"] == 0)

    async def ends(self) -> None:
        await until(lambda: self.backfill.status()["backfill"] in {"done", "stopped"})


@pytest.fixture
def begun(journal: SqliteJournal, state: State, settings: Make, tmp_path: Path) -> Callable[[], House]:
    """Begins with the files that there are."""
    return lambda: House(journal, state, settings(), tmp_path)


@pytest.fixture
def house(begun: Callable[[], House]) -> House:
    return begun()


def lose(server: InfluxServer, database: str) -> None:
    server.drop(database, f"{database}-access")
    server.create(database, f"{database}-access")


def within(found: dict[str, list[dict[str, Any]]], start: int, end: int) -> dict[str, list[dict[str, Any]]]:
    """The points of a span, where there are any, without columns that are empty in it."""
    kept = {
        name: [
            {key: value for key, value in row.items() if value is not None}
            for row in rows
            if start <= row["time"] < end
        ]
        for name, rows in found.items()
    }
    return {name: rows for name, rows in kept.items() if rows}


async def test_what_was_lost_is_as_it_was(house: House, server: InfluxServer, database: str):
    async with house.running():
        for entries in (an_hour(), afterwards()):
            await append(house.journal, *entries)
            await house.is_written()
        before = contents(server, database)
        lose(server, database)
        await house.backfill.start(NOW - HOUR, END + HOUR, by="ana")
        await house.ends()
        again = contents(server, database)

    assert again == before
    assert sum(len(rows) for rows in before.values()) > 1000
    [alarm] = [row for row in again[f"{database}/alarms"] if row["time"] == NOW + MINUTE]
    assert alarm["end_ms"] == END + MINUTE
    [hour] = again[f"{database}/usage_hourly"]
    assert (hour["amount"], hour["demand_max_w"]) == (777.0, 395.0)


async def test_a_part_is_as_it_was_whenever_it_was_told(house: House, server: InfluxServer, database: str):
    start, end = NOW + 1000, NOW + 10 * MINUTE
    async with house.running():
        for entries in (an_hour(), afterwards()):
            await append(house.journal, *entries)
            await house.is_written()
        before = contents(server, database)
        lose(server, database)
        await house.backfill.start(start, end, by="ana")
        await house.ends()
        again = contents(server, database)

    assert within(again, start, end) == within(before, start, end)
    beyond = [row["time"] for rows in again.values() for row in rows if not start <= row["time"] < end]
    assert beyond == []


async def test_milliseconds_that_are_forgotten_are_found_again(
    house: House, state: State, server: InfluxServer, database: str
):
    async with house.running():
        for entries in (an_hour(), afterwards()):
            await append(house.journal, *entries)
            await house.is_written()
        before = contents(server, database)
        lose(server, database)
        await state.transact(lambda db: db.execute("DELETE FROM influx_times"))
        await state.transact(lambda db: db.execute("DELETE FROM influx_occurrences"))
        await house.backfill.start(NOW - HOUR, END + HOUR, by="ana")
        await house.ends()
        again = contents(server, database)
        kept = await state.query("SELECT count(*) FROM influx_times")

    assert again == before
    assert kept[0][0] == 0, "the past keeps nothing anew"


async def test_it_may_be_done_twice_and_be_stopped_anywhere(house: House, server: InfluxServer, database: str):
    """Over a database that has everything, no value is ever another than it was."""
    async with house.running():
        for entries in (an_hour(), afterwards()):
            await append(house.journal, *entries)
            await house.is_written()
        before = contents(server, database)
        await house.backfill.start(NOW, END, by="ana")
        await until(lambda: int(house.backfill.status()["backfill_entries"]) > 0)
        meanwhile = contents(server, database)
        with contextlib.suppress(RequestRefused):  # it may be over by now
            await house.backfill.stop()
        await house.ends()
        after = contents(server, database)

    assert meanwhile == after == before


async def test_live_entries_and_the_past_end_in_the_journals_order(
    house: House, server: InfluxServer, database: str
):
    async with house.running():
        await append(house.journal, *an_hour())
        await house.is_written()
        lose(server, database)
        await house.backfill.start(NOW, END, by="ana")
        for number in range(30):
            await append(
                house.journal,
                reading("e-main", NOW + number * 9000, power_w=5000.0 + number),
                usage("usage_hourly", 1000.0 + number, version=f"live-{number}"),
                event("card", NOW, result="denied", live=number),
            )
            await asyncio.sleep(0.01)
        await append(house.journal, *afterwards())
        await house.ends()
        await house.is_written()
        raced = contents(server, database)
        lose(server, database)
        await house.backfill.start(NOW - HOUR, END + HOUR, by="ana")
        await house.ends()
        again = contents(server, database)

    [hour] = raced[f"{database}/usage_hourly"]
    assert hour["amount"] == 777.0
    powers = {row["time"]: row["power_w"] for row in raced[f"{database}/electricity"]}
    assert [powers[NOW + number * 9000] for number in range(30)] == [5000.0 + number for number in range(30)]
    assert within(again, NOW - HOUR, END) == within(raced, NOW - HOUR, END)


async def test_it_goes_on_after_a_restart_where_it_was(
    begun: Callable[[], House], server: InfluxServer, database: str
):
    first = begun()
    async with first.running():
        await append(first.journal, *an_hour(), *afterwards())
        await first.is_written()
        before = contents(server, database)
        lose(server, database)
        server.stop()
        await first.backfill.start(NOW - HOUR, END + HOUR, by="ana")
        await until(lambda: first.backfill.status()["backfill"] == "waiting")
    server.start()
    second = begun()
    async with second.running():
        await second.ends()
        again = contents(server, database)
        facts = second.backfill.status()

    assert again == before
    assert (facts["backfill"], facts["backfill_from"], facts["backfill_until"]) == (
        "done",
        NOW - HOUR,
        END + HOUR,
    )
    assert facts["backfill_reached"] == END + HOUR


async def test_usage_that_the_journal_has_not_any_more_comes_from_the_ledger(
    house: House, tmp_path: Path, server: InfluxServer, database: str
):
    day = 24 * HOUR

    async def older(start: int, end: int, _device: str) -> UsagePage:
        at = -(-start // day) * day
        if at >= end:
            return UsagePage((), end)
        return UsagePage((usage("usage_daily", at / day, at), usage("usage_hourly", 3.0, at)), at + 1)

    past = InfluxPast(house.sink, a_site(), house.journal, tmp_path / "state.db", older)
    house.backfill = Backfill(house.runner, house.state, past, now=ManualClock().now)
    midnight = NOW // day * day
    async with house.running():
        await append(house.journal, usage("usage_daily", 1.0, midnight), usage("usage_daily", 2.0, midnight - day))
        await house.is_written()
        lose(server, database)
        await house.backfill.start(midnight - 3 * day, NOW, by="ana")
        await house.ends()

    days = {row["time"]: row["amount"] for row in server.query("SELECT * FROM usage_daily", database)}
    hours = server.query("SELECT * FROM usage_hourly", database)
    assert days == {
        midnight - 3 * day: midnight / day - 3,
        midnight - 2 * day: midnight / day - 2,
        midnight - day: 2.0,
        midnight: 1.0,
    }
    assert len(hours) == 4


class Gated:
    """A sink, and a past, that take a step when they are told to."""

    name = "gated"

    def __init__(self) -> None:
        self.order: list[str] = []
        self.gate = asyncio.Semaphore(0)

    async def write(self, batch: Sequence[Recorded]) -> None:
        await self.gate.acquire()
        self.order.append("past" if batch[0].position < 0 else "live")

    async def close(self) -> None:
        pass

    async def portion(self, place: Any, first: int, until: int) -> Portion:
        del first, until
        number = place.get("number", 0) + 1
        entries = [Recorded(Position(-number), NOW, reading("e-main", power_w=1.0))]
        following = {"number": number} if number < 50 else None
        return Portion(entries=entries, write=self.write, place=following, reached=NOW + number)


async def test_a_live_batch_waits_for_one_portion_at_most(journal: SqliteJournal, state: State):
    sink = Gated()
    runner = SinkRunner(journal, state, sink, now=ManualClock().now, pace=Pace(interval=0.0))
    backfill = Backfill(runner, state, sink, now=ManualClock().now)
    async with running(runner):
        task = asyncio.create_task(backfill.run())
        await backfill.start(NOW, END, by="ana")
        await until(runner._turn.locked)
        for number in range(5):
            await append(journal, reading("e-main", NOW + number, power_w=1.0))
            await until(lambda: bool(runner._turn._waiters))
            seen = len(sink.order)
            sink.gate.release()
            sink.gate.release()
            await until(lambda seen=seen: len(sink.order) >= seen + 2)
            assert "live" in sink.order[seen : seen + 2]
            await until(lambda: runner.status()["lag"] == 0)
            await until(runner._turn.locked)
        task.cancel()
        await asyncio.wait([task])


async def test_what_cannot_be_done_is_refused(house: House):
    async with house.running():
        with pytest.raises(RequestRefused, match="nothing is being sent"):
            await house.backfill.stop()
        house.runner._facts["last_error"] = "away"
        await house.backfill.start(NOW, END, by="ana")
        with pytest.raises(RequestRefused, match="already"):
            await house.backfill.start(NOW, END, by="ben")
        await house.backfill.stop()
        assert house.backfill.status()["backfill"] == "stopped"


async def test_what_is_refused_is_buried_and_the_rest_is_written(
    house: House, settings: Make, server: InfluxServer, database: str
):
    async with house.running():
        await append(house.journal, *an_hour())
        await house.is_written()
        lose(server, database)
        other = InfluxClient(settings())
        other.write(database, b'water,site=else volume_m3="text" %d' % NOW, lines=1)
        other.close()
        await house.backfill.start(NOW, END, by="ana")
        await house.ends()
        rejected = house.runner.status()["rejected"]

    assert rejected == 400
    assert len(server.query("SELECT power_w FROM electricity", database)) == 400


@pytest.mark.parametrize("ends", ["after it is sent again", "before", "while no sink writes alarms"])
async def test_an_alarm_that_was_left_out_until_now_gets_its_end(  # noqa: PLR0917 - fixtures
    house: House, settings: Make, tmp_path: Path, server: InfluxServer, database: str, ends: str
):
    """A filter is changed while an alarm lasts, and the past is sent again: as if it had never been there."""
    raised, cleared = step("raised", 1, NOW), step("cleared", 2, NOW + MINUTE, condition="clear")
    narrow = settings(filter=SinkFilter(kinds=frozenset({"readings"})))
    if ends == "while no sink writes alarms":
        async with house.running():
            await append(house.journal, raised)
            await house.is_written()
        await append(house.journal, cleared)
        before = House(house.journal, house.state, narrow, tmp_path)
        async with before.running():
            await before.is_written()
        lose(server, database)
    else:
        before = House(house.journal, house.state, narrow, tmp_path)
        async with before.running():
            await append(house.journal, raised, *([cleared] if ends == "before" else []))
            await before.is_written()
    after = House(house.journal, house.state, settings(), tmp_path)
    async with after.running():
        await after.backfill.start(NOW - HOUR, END, by="ana")
        await after.ends()
        if ends == "after it is sent again":
            await append(house.journal, cleared)
            await after.is_written()
        rows = server.query("SELECT cause, start_ms, end_ms FROM alarms", database)

    assert [(row["cause"], row["start_ms"], row["end_ms"]) for row in rows] == [
        ("raised", NOW, NOW + MINUTE),
        ("cleared", NOW, NOW + MINUTE),
    ]


async def test_usage_of_the_ledger_that_is_refused_is_buried_whole(
    house: House, tmp_path: Path, settings: Make, database: str
):
    """Each portion of it begins to count anew; each entry is one dead letter, however often it is refused."""
    day = 24 * HOUR

    async def older(start: int, end: int, _device: str) -> UsagePage:
        at = -(-start // day) * day
        return UsagePage((usage("usage_daily", 1.0, at),) if at < end else (), at + 1)

    past = InfluxPast(house.sink, a_site(), house.journal, tmp_path / "state.db", older)
    house.backfill = Backfill(house.runner, house.state, past, now=ManualClock().now)
    other = InfluxClient(settings())
    other.write(database, b'usage_daily,site=else amount="text" %d' % NOW, lines=1)
    other.close()
    midnight = NOW // day * day
    async with house.running():
        for _ in range(2):
            await house.backfill.start(midnight - 3 * day, NOW, by="ana")
            await house.ends()
        letters = await house.runner._letters.list_letters(100)

    assert sorted(letter["time"] for letter in letters) == [midnight - number * day for number in (3, 2, 1, 0)]


async def test_a_portion_is_written_though_the_journal_is_trimmed_once_it_is_read(house: House, tmp_path: Path):
    await append(house.journal, *an_hour())
    entries = (await house.journal.look(lambda db: read_page(db, begin_at(NOW, END), END, most=100))).entries
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("DELETE FROM entries")
    stamps = await house.journal.look(lambda db: past_stamps(db, Encoder(a_site()), entries))

    cards = [stamps[each.position].time for each in entries if isinstance(each.entry, Event)]
    assert len(cards) > 5
    assert len(set(cards)) == len(cards)


async def test_a_mistake_of_the_program_ends_what_is_sent_again_and_not_the_monitor(house: House, tmp_path: Path):
    async def odd(*_: object) -> UsagePage:
        raise KeyError("odd")

    past = InfluxPast(house.sink, a_site(), house.journal, tmp_path / "state.db", odd)
    house.backfill = Backfill(house.runner, house.state, past, now=ManualClock().now)
    async with house.running():
        await house.backfill.start(NOW, END, by="ana")
        await until(lambda: house.backfill.status()["backfill"] == "failed")
        house.backfill._past = InfluxPast(house.sink, a_site(), house.journal, tmp_path / "state.db", no_usage)
        await house.backfill.start(NOW, END, by="ana")
        await house.ends()

    assert house.backfill.status()["backfill"] == "done"


async def test_a_page_never_parts_an_instant_and_what_is_derived_comes_once(journal: SqliteJournal):
    await journal.append([Batch(entries=an_hour())])
    place, found, pages = begin_at(NOW - HOUR, END), list[Recorded](), 0
    while place is not None:
        page = await journal.look(lambda db, at=place: read_page(db, at, END, most=10))
        instants = {(each.entry.device, each.entry.time) for each in page.entries}  # type: ignore[union-attr]
        before = {(each.entry.device, each.entry.time) for each in found}  # type: ignore[union-attr]
        assert not instants & before
        found += page.entries
        place, pages = page.following, pages + 1  # type: ignore[assignment]

    hourly = [each.entry for each in found if getattr(each.entry, "measurement", "") == "usage_hourly"]
    assert pages > 50
    assert [each.values["amount"] for each in hourly] == [500.0]  # type: ignore[union-attr]
    assert hourly[0].values["demand_max_w"] == 395.0  # type: ignore[union-attr]
    others = [each for each in an_hour() if getattr(each, "measurement", "") != "usage_hourly"]
    assert len(found) == len(others) + 1


async def test_a_new_server_gets_what_the_first_one_has(
    house: House, settings: Make, tmp_path: Path, server: InfluxServer, database: str
):
    new = f"{database}-new"
    server.create(new, f"{new}-access")
    async with house.running():
        for entries in (an_hour(), afterwards()):
            await append(house.journal, *entries)
            await house.is_written()
    last = house.journal.last
    await house.state.transact(lambda db: set_position(db, "cloud", last))
    cloud = House(
        house.journal, house.state, settings(id="cloud", bucket=new, access_bucket=f"{new}-access"), tmp_path
    )
    async with cloud.running():
        await cloud.backfill.start(NOW - HOUR, END + HOUR, by="ana")
        await cloud.ends()
        found = {name.removeprefix(new): rows for name, rows in contents(server, new).items()}
        first = {name.removeprefix(database): rows for name, rows in contents(server, database).items()}
    server.drop(new, f"{new}-access")

    assert found == first
