"""A period is sent again, and something is in its way: refusals, filters, a trimmed journal, a mistake."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.errors import RequestRefused
from monitor.journal.past import begin_at, read_page
from monitor.metering.past import UsagePage
from monitor.model import Event
from monitor.sinks.backfill import Backfill
from monitor.sinks.influxdb.again import InfluxPast
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.past import past_stamps
from monitor.site import InfluxSettings, SinkFilter
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer
from tests.sinks.pasts import END, HOUR, MINUTE, House, an_hour, lose, no_usage, usage
from tests.sinks.site import NOW, a_site, step
from tests.sinks.test_runner import append, until

Make = Callable[..., InfluxSettings]


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
