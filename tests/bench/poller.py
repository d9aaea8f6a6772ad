"""1000 devices polled every 10 s: CPU share, memory, how far behind their slots polls start. Nothing is asserted.

The driver is scripted: it answers 50 values after 5 ms without a wire, so that the poller and the journal are
what is measured. 100 connections with 10 devices each.
"""

import asyncio
import contextlib
import logging
import resource
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.poller import Poller
from monitor.ports import Answer, Traffic
from monitor.site import Device, JournalSettings, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["main"]

CONNECTIONS = 100
DEVICES = 10
POINTS = 50
EVERY = 10.0
SECONDS = 30.0


class Wireless:
    """Answers 50 floats after 5 ms."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values = {f"power_{n}_w": 230.5 + n for n in range(POINTS)}

    async def read(self, device: str, scan: str) -> Answer:  # noqa: ARG002 - the protocol's
        await asyncio.sleep(0.005)
        return Answer(values=self._values, arrived=self._clock.now(), answered=True)

    async def probe(self, device: str) -> Answer:
        return await self.read(device, "fast")

    def traffic(self, device: str) -> Traffic:  # noqa: ARG002 - the protocol's
        return Traffic()

    def advice(self, device: str) -> str:  # noqa: ARG002 - the protocol's
        return ""

    async def close(self) -> None:
        pass


def devices() -> dict[str, Device]:
    points = {f"power_{n}_w": Point(name=f"power_{n}_w", unit="W") for n in range(POINTS)}
    return {
        f"meter-{bus}-{n}": Device(
            id=f"meter-{bus}-{n}",
            name="",
            connection=f"bus-{bus}",
            device_class="electricity",
            scan={"fast": EVERY},
            points=points,
        )
        for bus in range(CONNECTIONS)
        for n in range(DEVICES)
    }


async def polled(folder: Path) -> str:
    clock = Clock()
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=clock.now)
    drivers = {f"bus-{bus}": Wireless(clock) for bus in range(CONNECTIONS)}
    poller = Poller(drivers, devices(), journal, clock=clock)
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(2.0)  # the first readings of all at once
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    share = (time.process_time() - cpu) / (time.monotonic() - wall)
    polls = sum(facts.polls for facts in poller.connections().values())
    late = sum(facts.late for facts in poller.connections().values())
    behind = poller.facts()["start_p99_ms"]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await journal.close()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"  CPU                             {share * 100:6.1f} % of one core\n"
        f"  resident at most                {resident:6.0f} MB\n"
        f"  start behind its slot, p99      {behind:6.1f} ms (first polls and queues of 10 included)\n"
        f"  polls, late cycles              {polls:6d}, {late}\n"
    )


def main() -> None:
    """Print CPU share, memory and punctuality."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    run: Callable[[Coroutine[Any, Any, str]], str] = asyncio.run
    loop = "asyncio"
    with suppress(ImportError):
        import uvloop

        run = uvloop.run
        loop = "uvloop"
    with tempfile.TemporaryDirectory() as folder:
        told = run(polled(Path(folder)))
    site = f"{CONNECTIONS * DEVICES} devices x {POINTS} points every {EVERY:g} s"
    sys.stdout.write(f"The poller, {site} into the journal, {loop}:\n{told}")


if __name__ == "__main__":
    main()
