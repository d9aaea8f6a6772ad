"""An outage of InfluxDB: how fast what was missed is written, and how old the newest reading there is meanwhile.

A thousand devices of ten points each say something every second, or every ten seconds; the server is stopped, the
journal is filled with what they would have said, the server is started, and they go on talking while the real
runner catches up. Nothing is asserted.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Reading
from monitor.ports import Batch
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.runner import SinkRunner
from monitor.site import Device, InfluxSettings, Site
from tests.bench.influx import opened
from tests.servers.influxdb import InfluxServer, influxdb
from tests.sinks.site import a_site

__all__ = ["main"]

DEVICES: Final = 1000
POINTS: Final = 10
ROUNDS: Final = 3
SAMPLE: Final = 0.1
BATCH: Final = 5000
OUTAGES: Final = {1: 200, 10: 2000}
"""Seconds between the readings of a device -> seconds that the server is away, in the time of what is said."""

_NAMES: Final = [f"power_l{point}_w" for point in range(POINTS)]


def _site() -> Site:
    return a_site(
        devices={
            f"m-{number}": Device(
                id=f"m-{number}", name="", connection="bus", device_class="electricity", building="b", zone="z"
            )
            for number in range(DEVICES)
        }
    )


def _said(moment: int, devices: Sequence[int]) -> list[Entry]:
    return [
        Reading(
            device=f"m-{device}",
            time=moment,
            arrived=moment,
            values={name: (moment % 997) + (device + place) / 7 for place, name in enumerate(_NAMES)},
        )
        for device in devices
    ]


def _now() -> int:
    return time.time_ns() // 1_000_000


class _Talking:
    """The devices, each every so many seconds, a tenth of a second's share at a time, with a commit each."""

    def __init__(self, journal: SqliteJournal, every: int) -> None:
        self._journal = journal
        self._every = every
        self.live = 0

    async def past(self, until: int, seconds: int) -> int:
        """Append what was said in the seconds before; answers how many readings that is."""
        count = 0
        for moment in range(until - seconds * 1000, until, self._every * 1000):
            for start in range(0, DEVICES, 500):
                await self._journal.append([Batch(entries=_said(moment, range(start, start + 500)))])
                count += 500
        return count

    async def run(self) -> None:
        """Talk until cancelled."""
        share = DEVICES // (10 * self._every)
        first = 0
        began, number = time.monotonic(), 0
        while True:
            await self._journal.append([Batch(entries=_said(_now(), range(first, first + share)))])
            self.live += share
            first, number = (first + share) % DEVICES, number + 1
            await asyncio.sleep(max(0.0, began + number / 10 - time.monotonic()))


async def _ages(server: InfluxServer, ages: list[float]) -> None:
    """Sample how old the newest reading is that the server has, in seconds."""
    while True:
        asked = _now()
        query = f'SELECT last("{_NAMES[0]}") FROM "electricity" WHERE time > {asked - 60_000}ms'
        rows = await asyncio.to_thread(server.query, query, "facility")
        if rows:
            ages.append((_now() - rows[0]["time"]) / 1000)
        await asyncio.sleep(SAMPLE)


async def _outage(server: InfluxServer, every: int, seconds: int) -> tuple[float, float, list[float]]:
    """Answer how many times real time it went, readings per second, and the ages that were seen."""
    server.create("facility", "facility-access")
    settings = InfluxSettings(url=server.url, api="v1")
    ages: list[float] = []
    async with opened() as (journal, state):
        server.stop()
        talking = _Talking(journal, every)
        missed = await talking.past(_now(), seconds)
        runner = SinkRunner(journal, state, InfluxSink(settings, _site(), state), now=_now)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(runner.run()), group.create_task(talking.run())]
            await asyncio.sleep(0.5)  # it finds nobody
            await asyncio.to_thread(server.start)
            while not runner.position:  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.005)
            began, done = time.monotonic(), runner.position
            tasks.append(group.create_task(_ages(server, ages)))
            while runner.position < missed:  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.005)
            took = time.monotonic() - began
            ahead = runner.status()["ahead"]
            for task in tasks:
                task.cancel()
    server.drop("facility", "facility-access")
    rate = (missed - done) / took
    sys.stdout.write(f"    {missed:,} readings missed, {talking.live:,} came meanwhile, {ahead:,} went ahead\n")
    return rate / (DEVICES / every), rate, ages


def main() -> None:
    """Print times of real time and the ages of the newest point, for both rhythms."""
    told = sys.stdout.write
    with tempfile.TemporaryDirectory() as folder, influxdb(Path(folder), auth=False) as server:
        for every, seconds in OUTAGES.items():
            told(f"  {DEVICES} devices of {POINTS} points, each every {every} s, {seconds} s missed\n")
            found = [asyncio.run(_outage(server, every, seconds)) for _ in range(ROUNDS)]
            times, rates = [each[0] for each in found], [each[1] for each in found]
            ages = sorted(age for each in found for age in each[2])
            told(f"    {median(times):6.0f} times real time ({min(times):.0f} to {max(times):.0f}; wished: 50)\n")
            told(
                f"    {median(rates):10,.0f} readings/s; a batch of {BATCH} takes {BATCH / median(rates):.2f} s\n"
            )
            most = ages[len(ages) * 95 // 100]
            told(
                f"    newest reading in InfluxDB: {median(ages):.2f} s old, 95 of 100 {most:.2f} s,"
                f" at most {ages[-1]:.2f} s ({len(ages)} samples)\n"
            )


if __name__ == "__main__":
    main()
