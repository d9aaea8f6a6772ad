"""A house of which a period is sent again: what it recorded, and what it is that has the past."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.metering.past import UsagePage
from monitor.model import Derived, Entry
from monitor.sinks.backfill import Backfill
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.again import InfluxPast
from monitor.sinks.runner import Pace
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import NOW, a_site, event, reading, step
from tests.sinks.test_runner import a_runner, append, running, until

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

    async def lives(self) -> None:
        """Record all there is, and wait until it is written."""
        for entries in (an_hour(), afterwards()):
            await append(self.journal, *entries)
            await self.is_written()

    async def is_written(self) -> None:
        await until(lambda: self.runner.status()["lag"] == 0)

    async def ends(self) -> None:
        await until(lambda: self.backfill.status()["backfill"] in {"done", "stopped"})


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
