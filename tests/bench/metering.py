"""What metering costs: per reading with a short and a long history, and a year of 500 meters worked out anew.

The ledger is filled by the real tables, the readings go through the real consumer, the feeder and the journal.
"""

import asyncio
import itertools
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import monotonic, process_time
from zoneinfo import ZoneInfo

from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.metering.consumer import Metering
from monitor.metering.rollup import Meters, Rollup
from monitor.metering.view import View
from monitor.model import Reading
from monitor.periods import QUARTER, begin_of, pieces
from monitor.ports import Batch
from monitor.site import Counter, Device, JournalSettings, Point, Site
from monitor.tariff import Band, Tariff, Terms

ZONE = ZoneInfo("Europe/Berlin")
POINT = "energy_import_kwh"
START = begin_of(date(2025, 1, 1), ZONE)
YEAR = begin_of(date(2026, 1, 1), ZONE)
KWH = 0.75


def site(meters: int, price: str) -> Site:
    """Meters with a tariff of two prices."""
    points = {POINT: Point(name=POINT, unit="kWh", counter=Counter())}
    devices = {
        f"m{number}": Device(
            id=f"m{number}",
            name="",
            connection="bus",
            device_class="electricity",
            scan={"fast": 900.0},
            points=points,
        )
        for number in range(meters)
    }
    bands = (
        Band(name="day", price=Decimal(price), days=frozenset({1, 2, 3, 4, 5}), hours=((420, 1200),)),
        Band(name="night", price=Decimal("0.21")),
    )
    tariff = Tariff(
        id="t",
        name="t",
        utility="electricity",
        unit="kWh",
        currency="EUR",
        terms=(Terms(since=date(2020, 1, 1), bands=bands, carbon=Decimal("0.36")),),
        devices=frozenset(devices),
        country="DE",
    )
    return Site(id="hq", name="", timezone=ZONE, devices=devices, tariffs={"t": tariff})


def fill(folder: Path, meters: int, since: int, until: int) -> None:
    """Put quarters of an hour of history into a ledger."""
    asyncio.run(State.open(folder / "ledger.db", LEDGER).close())
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for number in range(meters):
            db.execute("BEGIN")
            db.execute(
                "INSERT INTO counter VALUES (?, ?, ?, ?, ?, '{}')", (number + 1, f"m{number}", POINT, since, until)
            )
            rows = (
                (number + 1, quarter, KWH, KWH * (quarter - since // QUARTER))
                for quarter in range(since // QUARTER, until // QUARTER)
            )
            db.executemany("INSERT INTO quarter VALUES (?, ?, ?, ?)", rows)
            db.execute("COMMIT")


def tell_days(folder: Path, meters: int, price: str) -> None:
    """Remember the days of the year as they would have been told at a price."""
    known = Meters(site(meters, price))
    days = list(pieces(START, YEAR, "day", ZONE))
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        rollup = Rollup(known, db, View(db, known.site, now=YEAR), "past")
        db.execute("BEGIN")
        for device in known.billed:
            for start, end in days:
                rollup.tell_day(device, start, end, [])
        db.execute("COMMIT")


async def read_on(folder: Path, meters: int, quarters: int) -> float:
    """Readings of some quarters of an hour through the whole road; microseconds of CPU for each."""
    now = YEAR + (quarters + 1) * QUARTER
    ledger = State.open(folder / "ledger.db", LEDGER)
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=lambda: now)
    metering = Metering(
        journal, ledger, site(meters, "0.34"), now=lambda: now, steady=itertools.count(0, 10).__next__
    )
    feeder = Feeder(ledger, journal)
    tasks = [asyncio.create_task(part.run()) for part in (metering, feeder)]
    began = process_time()
    for number in range(quarters):
        time = YEAR + number * QUARTER
        readings = [
            Reading(device=f"m{each}", time=time, arrived=time, values={POINT: 1e5 + KWH * number})
            for each in range(meters)
        ]
        await journal.append([Batch(entries=readings)])
    while metering.applied != journal.last or (await ledger.query("SELECT count(*) FROM produced"))[0][0]:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.05)
    spent = process_time() - began
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await journal.close()
    await ledger.close()
    return spent / (meters * quarters) * 1e6


async def again(folder: Path, meters: int, price: str, title: str, *, days: int) -> None:
    """Work the year out anew, with a bar on the terminal."""
    now = YEAR + days * 86_400_000
    ledger = State.open(folder / "ledger.db", LEDGER)
    settings = replace(JournalSettings(), max_size=20 * 1000**3, keep=400 * 86400.0)
    journal = SqliteJournal.open(folder / "journal.db", settings, now=lambda: now)
    known = site(meters, price)
    metering = Metering(journal, ledger, known, now=lambda: now)
    feeder = asyncio.create_task(Feeder(ledger, journal).run())
    began, before = monotonic(), journal.last
    async for progress in metering.recompute(list(known.devices), START, YEAR):
        if progress.done % 20_000 < 20 or progress.done == progress.total:
            print(f"\r   {title}: {100 * progress.done // max(progress.total, 1)} %", end="", flush=True)  # noqa: T201 - it prints
    while (await ledger.query("SELECT count(*) FROM produced"))[0][0]:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.05)
    took = monotonic() - began
    print(f"\r   {title}: {took:.0f} s, {progress.changed} days told again, {journal.last - before} entries")  # noqa: T201 - it prints
    feeder.cancel()
    await asyncio.wait([feeder])
    await journal.close()
    await ledger.close()


def main() -> None:
    """Print what it costs; `METERS` as the only argument of this module makes it smaller."""
    meters = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else 500
    costs = []
    for title, days in (("a day", 1), ("a month", 31), ("a year", 365)):
        with tempfile.TemporaryDirectory() as name:
            fill(Path(name), 100, YEAR - days * 96 * QUARTER, YEAR)
            costs.append(asyncio.run(read_on(Path(name), 100, 100)))
            ratio = costs[-1] / costs[0]
            print(f"   after {title} of history: {ratio:.2f} ({costs[-1]:.0f} us of CPU per reading)")  # noqa: T201 - it prints
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), meters, START, YEAR)
        size = (Path(name) / "ledger.db").stat().st_size
        print(f"   a year of {meters} meters: {size / 1e6:.0f} MB, {size / meters / 35_040:.0f} bytes per quarter")  # noqa: T201 - it prints
        tell_days(Path(name), meters, "0.34")
        asyncio.run(again(Path(name), meters, "0.34", "nothing is another", days=31))
        asyncio.run(again(Path(name), meters, "0.35", "another price", days=32))
