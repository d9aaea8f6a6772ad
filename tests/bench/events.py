"""A reader's backlog through driver, journal and doors: what it costs beside appending the same events alone.

10,000 cards with ids and times of their own, a tenth of them told twice, wait in a real Mosquitto for the driver's
session. A card of another reader is told behind the first half. Nothing is asserted.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from drivers.mqtt import MQTT
from monitor.access.doors import Doors
from monitor.clock import Clock
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Event
from monitor.ports import Batch
from monitor.site import Device, JournalSettings, Site
from tests.bench.whole import runner
from tests.drivers.mqtt.site import connection, context, device
from tests.end_to_end.test_backlog import say
from tests.servers.mosquitto import Mosquitto

__all__ = ["main"]

CARDS = 10_000
_AT_ONCE = 1000
_HOUR = 3_600_000
_CARD = {
    "kind": "card",
    "id": {"json": "$.seq"},
    "credential": {"json": "$.card", "form": "hex"},
    "result": {"json": "$.ok", "map": {"true": "granted", "false": "denied"}},
}


def main() -> None:
    """Print what appending costs, what the whole way costs, and when a live card was kept."""
    _, run = runner()
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker") as broker:
        alone = run(_append(Path(folder) / "alone.db"))
        _tell("appended to the journal alone", alone, alone)
        whole, live = run(_whole(broker, Path(folder)))
        _tell("broker, driver, journal and doors", whole, alone)
        sys.stdout.write(f"  a card of another reader, told in the middle, is kept after {live * 1000:.0f} ms\n")


def _tell(what: str, seconds: tuple[float, float], alone: tuple[float, float]) -> None:
    wall, cpu = seconds
    sys.stdout.write(
        f"  {what:<36}{cpu / CARDS * 1e6:6.0f} µs of CPU each, {CARDS / wall:8,.0f} events/s,"
        f" {cpu / alone[1]:4.1f} times the CPU, {wall / alone[0]:4.1f} times as long\n"
    )


def _readers() -> Sequence[Device]:
    trusted = {"json": "$.at", "format": "unix_ms", "trusted": True}
    return [device(name, events=[_CARD], device_class="access", time=trusted) for name in ("far", "near")]


async def _append(path: Path) -> tuple[float, float]:
    journal = SqliteJournal.open(path, JournalSettings(), now=Clock().now)
    now = Clock().now()
    shown = {"credential": "0123456789abcdef01234567", "result": "denied"}
    events = [
        Event(device="far", kind="card", time=now - _HOUR + n, arrived=now, id=str(n), attributes=shown)
        for n in range(CARDS)
    ]
    wall, cpu = time.monotonic(), time.process_time()
    for start in range(0, CARDS, _AT_ONCE):
        await journal.append([Batch(entries=[event], id=event.id) for event in events[start : start + _AT_ONCE]])
    answer = time.monotonic() - wall, time.process_time() - cpu
    await journal.close()
    return answer


async def _whole(broker: Mosquitto, folder: Path) -> tuple[tuple[float, float], float]:
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=Clock().now)
    state = State.open(folder / "state.db")
    readers = {each.id: each for each in _readers()}
    site = Site(id="bench", name="Bench", timezone=ZoneInfo("UTC"), devices=readers, rules={})
    doors = Doors(journal, state, site)
    driver = MQTT.create(connection(broker.url), list(readers.values()), context())
    followers = [asyncio.create_task(doors.run()), asyncio.create_task(Feeder(state, journal).run())]
    await _drive(driver, journal, lambda: bool(driver.status()["subscribed"]))
    await asyncio.to_thread(say, broker.port, _told())

    wall, cpu = time.monotonic(), time.process_time()
    live = 0.0

    async def keep(batches: Sequence[Batch], **more: Any) -> Any:
        nonlocal live
        position = await journal.append(batches, **more)
        if not live and any(entry.device == "near" for batch in batches for entry in batch.entries):
            live = time.monotonic() - wall
        return position

    await _drive(driver, journal, lambda: journal.stats()["kept"] > CARDS, keep)
    while await state.position(doors.name) < journal.last:  # noqa: ASYNC110 - a position is watched
        await asyncio.sleep(0.01)
    answer = time.monotonic() - wall, time.process_time() - cpu
    for task in followers:
        task.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    await state.close()
    await journal.close()
    return answer, live


async def _drive(driver: Any, journal: SqliteJournal, done: Callable[[], bool], keep: Any = None) -> None:
    """Run the driver until something holds; its session stays with the broker."""
    task = asyncio.create_task(driver.run(keep or journal.append))
    deadline = time.monotonic() + 60
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - a count is watched
        await asyncio.sleep(0.005)
    if not done():
        raise RuntimeError("the backlog did not come")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _told() -> list[tuple[str, bytes]]:
    now = Clock().now()
    far = [("meters/far", _said(number, now - _HOUR + number)) for number in range(CARDS)]
    near = ("meters/near", _said(1, now))
    half = CARDS // 2
    return [*far[:half], *far[:half:5], near, *far[half:]]


def _said(number: int, at: int) -> bytes:
    return json.dumps({"seq": number, "at": at, "card": "04a2b3c4", "ok": False}).encode()


if __name__ == "__main__":
    main()
