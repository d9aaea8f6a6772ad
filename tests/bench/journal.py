"""How fast the journal keeps and gives back: µs of CPU per entry, and entries per second of the wall clock."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Origin, Reading
from monitor.ports import Batch
from monitor.site import JournalSettings

_DAY = 8640
_MANY = 20_000


def main() -> None:
    """Print the three benchmarks."""
    asyncio.run(_wide())
    asyncio.run(_small())
    asyncio.run(_read_back())


@contextmanager
def _measured(what: str, entries: int) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:<58}{cpu / entries * 1e6:7.1f} µs CPU per entry {entries / wall:10,.0f} entries/s")  # noqa: T201


def _open(folder: str) -> SqliteJournal:
    return SqliteJournal.open(Path(folder) / "journal.db", JournalSettings(), now=lambda: time.time_ns() // 10**6)


def _wide_reading(device: str) -> Callable[[int], Reading]:
    values = {f"point_{number}_w": number * 1.123 for number in range(50)}
    return lambda time_: Reading(device=device, time=time_, arrived=time_, values=values)


async def _wide() -> None:
    makers = [_wide_reading(f"meter-{number}") for number in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        journal = _open(folder)
        with _measured("readings of 50 points, 100 per commit", _MANY):
            for second in range(_MANY // 100):
                await journal.append([Batch(entries=[make(second) for make in makers])])
        await journal.close()


async def _small() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = _open(folder)
        settled: list[str] = []
        with _measured("readings of 2 points, each a batch with an id, 200 per call", _MANY):
            for start in range(0, _MANY, 200):
                batches = [_delivery(number) for number in range(start, start + 200)]
                await journal.append(batches, settled=settled)
                settled = [batch.id for batch in batches]
        await journal.close()


def _delivery(number: int) -> Batch:
    values = {"temperature_c": 20.5, "humidity_pct": 48.0}
    device = f"sensor-{number % 50}"
    reading = Reading(device=device, time=number, arrived=number, values=values, origin=Origin.PUSH)
    return Batch(entries=[reading], id=f"broker/{number}")


async def _read_back() -> None:
    makers = [_wide_reading(f"meter-{number}") for number in range(5)]
    with tempfile.TemporaryDirectory() as folder:
        journal = _open(folder)
        for start in range(0, _DAY, 180):
            times = [number * 10_000 for number in range(start, start + 180)]
            await journal.append([Batch(entries=[make(moment) for moment in times for make in makers])])
        with _measured(f"one device's day of {_DAY} readings of 50 points, read back", _DAY):
            found = await journal.between("meter-3", 0, 86_400_000)
        assert len(found) == _DAY
        await journal.close()
