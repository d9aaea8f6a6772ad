"""Sustained writes: what the journal holds through runner and sink into a real InfluxDB, beside ready bytes.

A hundred meters of ten points with what metering tells beside them, and cards at doors. Ready bytes are the same
lines, posted by the same client in bodies of the size that the runner sends while it catches up; the two take
turns, because server, journal and sink share the cores with whatever else is running. Where that is much, look at
the CPU per line: what both processes take, divided by the cores, is a bound for every way of running them. Nothing
is asserted.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from monitor.cycles import look_seldom
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry, Position
from monitor.ports import Batch
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Stamp
from monitor.sinks.runner import SinkRunner
from monitor.site import InfluxSettings, JournalSettings
from tests.bench.encoder import SHAPES, a_large_site
from tests.servers.influxdb import InfluxServer, influxdb
from tests.sinks.site import recorded

__all__ = ["main", "opened", "running", "told"]

TIMES: Final = 500
ROUNDS: Final = 7
BATCH: Final = 4000
"""Entries that the runner sends at once while it catches up, and lines of a ready body."""
COMMIT: Final = 500
DERIVED_EVERY: Final = 6
CARDS_EVERY: Final = 10
SITE: Final = a_large_site()


def told(first: int, times: int, devices: int = 100) -> Iterator[Entry]:
    """What is in the journal of so many seconds: a reading each, a delta each sixth, a card each tenth."""
    meter = SHAPES["meter, 10 points"]
    beside = SHAPES["beside a meter's reading (deltas, demand)"]
    card = SHAPES["event: card"]
    for second in range(first, first + times):
        for device in range(devices):
            yield meter(device, second)
            if second % DERIVED_EVERY == device % DERIVED_EVERY:
                yield beside(device, second)
        if second % CARDS_EVERY == 0:
            yield card(second // CARDS_EVERY % devices, second)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[SqliteJournal, State]]:
    """A new journal and a new state."""
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal.open(
            Path(folder) / "journal.db", JournalSettings(), now=lambda: time.time_ns() // 10**6
        )
        state = State.open(Path(folder) / "state.db")
        yield journal, state
        await state.close()
        await journal.close()


@asynccontextmanager
async def running(journal: SqliteJournal, state: State, settings: InfluxSettings) -> AsyncIterator[SinkRunner]:
    """The real runner with the real sink."""
    runner = SinkRunner(journal, state, InfluxSink(settings, SITE, state), now=lambda: time.time_ns() // 10**6)
    task = asyncio.create_task(runner.run())
    yield runner
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def append(journal: SqliteJournal, entries: Sequence[Entry]) -> None:
    """Append with a commit for each five hundred."""
    for start in range(0, len(entries), COMMIT):
        await journal.append([Batch(entries=entries[start : start + COMMIT])])


async def _caught_up(runner: SinkRunner) -> Position:
    """Wait until less than a batch is left: for the rest the runner takes its time. Answers how far it is."""
    while int(runner.status()["lag"]) >= BATCH:  # noqa: ASYNC110 - it is looked at from outside
        await asyncio.sleep(0.005)
    return runner.position


@contextmanager
def _databases(server: InfluxServer) -> Iterator[InfluxSettings]:
    server.create("facility", "facility-access")
    yield InfluxSettings(url=server.url, api="v1")
    server.drop("facility", "facility-access")


def _bodies(entries: Sequence[Entry]) -> list[tuple[str, bytes, int]]:
    batch = recorded(*entries)
    stamps = {each.position: Stamp(time=each.entry.time) for each in batch}
    encoder, bodies = Encoder(SITE), []
    for start in range(0, len(batch), BATCH):
        encoded = encoder.encode(batch[start : start + BATCH], stamps)
        for bucket, lines in (("facility", encoded.main), ("facility-access", encoded.access)):
            bodies.append((bucket, b"\n".join(lines.texts), len(lines.texts)))
    return [body for body in bodies if body[2]]


def _ready(settings: InfluxSettings, bodies: Sequence[tuple[str, bytes, int]]) -> float:
    client = InfluxClient(settings)
    began = time.monotonic()
    for bucket, body, lines in bodies:
        client.write(bucket, body, lines=lines)
    took = time.monotonic() - began
    client.close()
    return sum(lines for _, _, lines in bodies) / took


async def _catching_up(settings: InfluxSettings, entries: Sequence[Entry], server: int) -> tuple[float, ...]:
    """Answer lines per second, and microseconds of CPU per line: ours and the server's, which is `server`."""
    async with opened() as (journal, state):
        await append(journal, entries)
        began, before = time.monotonic(), (time.process_time(), _cpu(server))
        async with running(journal, state, settings) as runner:
            await asyncio.sleep(0.001)
            lines = await _caught_up(runner)
            ours, theirs = time.process_time() - before[0], _cpu(server) - before[1]
            return lines / (time.monotonic() - began), ours / lines * 1e6, theirs / lines * 1e6


def _cpu(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


async def _live(settings: InfluxSettings, entries: Sequence[Entry]) -> float:
    async with opened() as (journal, state), running(journal, state, settings) as runner:
        began = time.monotonic()
        await append(journal, entries)
        return await _caught_up(runner) / (time.monotonic() - began)


async def _journal_alone(entries: Sequence[Entry]) -> float:
    async with opened() as (journal, _):
        began = time.monotonic()
        await append(journal, entries)
        return len(entries) / (time.monotonic() - began)


def main() -> None:
    """Print lines per second of each way, and how many times as long as ready bytes it takes."""
    look_seldom()  # as the daemon does
    ways: dict[str, list[float]] = {"ready bytes": [], "journal, catching up": [], "journal, appended to": []}
    cpu: list[tuple[float, ...]] = []
    alone: list[float] = []
    with tempfile.TemporaryDirectory() as folder, influxdb(Path(folder), auth=False) as server:
        for round_ in range(ROUNDS + 1):
            entries = list(told(round_ * TIMES, TIMES))
            bodies = _bodies(entries)
            with _databases(server) as settings:
                ready = _ready(settings, bodies)
            with _databases(server) as settings:
                caught, *used = asyncio.run(_catching_up(settings, entries, server.process_id))
            with _databases(server) as settings:
                live = asyncio.run(_live(settings, entries))
            if round_:  # the first one warms up
                for found, rate in zip(ways.values(), (ready, caught, live), strict=True):
                    found.append(rate)
                cpu.append(tuple(used))
                alone.append(asyncio.run(_journal_alone(entries)))
    share = [ours / raw for ours, raw in zip(ways["journal, catching up"], ways["ready bytes"], strict=True)]
    also = [ours / raw for ours, raw in zip(ways["journal, appended to"], ways["ready bytes"], strict=True)]
    ways["appended to the journal alone"] = alone
    for name, found in ways.items():
        _say(f"{name:<32}{median(found):10,.0f} lines/s ({min(found):,.0f} to {max(found):,.0f})")
    for name, shares in (("catching up", share), ("appended to", also)):
        low, high = min(shares), max(shares)
        _say(f"{name:<32}{median(shares):10.0%} of ready bytes ({low:.0%} to {high:.0%}; wished: 60 %)")
    ours, theirs = (median(each) for each in zip(*cpu, strict=True))
    cores = os.cpu_count() or 1
    _say(f"catching up{ours:31.1f} µs of our CPU per line, and {theirs:.1f} of the server's")
    _say(f"so that at most{cores / (ours + theirs) * 1e6:27,.0f} lines/s are possible on {cores} cores")


def _say(text: str) -> None:
    sys.stdout.write(f"  {text}\n")


if __name__ == "__main__":
    main()
