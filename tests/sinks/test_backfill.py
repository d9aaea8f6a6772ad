"""A period is sent again after a database was lost, and InfluxDB is as it was: point for point."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monitor.errors import RequestRefused
from monitor.journal.past import begin_at, read_page
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State, set_position
from monitor.metering.past import UsagePage
from monitor.model import Position, Recorded
from monitor.ports import Batch
from monitor.sinks.backfill import Backfill, Portion
from monitor.sinks.influxdb.again import InfluxPast
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer
from tests.sinks.pasts import END, HOUR, MINUTE, House, afterwards, an_hour, lose, usage, within
from tests.sinks.site import NOW, a_site, event, reading
from tests.sinks.test_catching_up import contents
from tests.sinks.test_runner import append, running, until

Make = Callable[..., InfluxSettings]


async def test_what_was_lost_is_as_it_was(house: House, server: InfluxServer, database: str):
    async with house.running():
        await house.lives()
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
        await house.lives()
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
        await house.lives()
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
        await house.lives()
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
        await house.lives()
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
