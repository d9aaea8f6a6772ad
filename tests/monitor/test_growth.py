"""What one reading costs must not depend on how many devices, rules or old rows there are: counted, not timed."""

import asyncio
import contextlib
import gc
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor import daemon
from monitor.access.machine import Machine
from monitor.alarms import keep
from monitor.alarms.store import standing
from monitor.health.itself import _COUNTS
from monitor.health.judge import Judge
from monitor.journal import writer
from monitor.journal.file import between, connect, newest_readings, read_after
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Position, Reading, Recorded
from monitor.notify import store
from monitor.poller import Poller
from monitor.ports import Answer, Batch
from monitor.sinks.influxdb.encoder import Encoder
from monitor.site import Device, JournalSettings, Rule, Site
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.clock import ManualClock
from tests.poller.scripted import ScriptedDriver, SteppedClock, meter, until
from tests.rules.build import START, device, rule

FEW, MANY = 20, 400
WATCHED = {"id": "low", "kind": "threshold", "points": "voltage_v", "below": "207 V", "on_delay": "1 min"}
SILENT = {"id": "silent", "kind": "offline", "on_delay": "1 min"}
Work = Callable[[], Any]


# Counting -----------------------------------------------------------------------------------------------


def calls(work: Work) -> int:
    """How many functions of Python and of C are called; the same each time, however busy the machine is."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


class Steps:
    """Counts the instructions of SQLite's machine on a connection: a scan shows, an index does not."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.count = 0
        db.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.count += 1
        return 0


# From the reading to the line ---------------------------------------------------------------------------


def house(count: int) -> dict[str, Device]:
    return {f"m-{n}": device(f"m-{n}", points=("voltage_v", "power_w")) for n in range(count)}


def spoken(at: int) -> list[Recorded]:
    """A reading of each of the first few devices, the voltage of every other one too low."""
    return [
        Recorded(
            Position(at + n),
            START + at,
            Reading(
                device=f"m-{n}",
                time=START + at,
                arrived=START + at,
                values={"voltage_v": 200.0 + 30 * (n % 2), "power_w": 5.0},
            ),
        )
        for n in range(FEW)
    ]


def site_of(devices: Mapping[str, Device], rules: Sequence[Rule] = ()) -> Site:
    return Site(
        id="s",
        name="S",
        timezone=ZoneInfo("UTC"),
        connections={},
        devices=devices,
        rules={each.id: each for each in rules},
    )


def rules_for_all(devices: dict[str, Device]) -> list[Rule]:
    return [rule(WATCHED, devices), rule(SILENT, devices)]


def judged_by(rules: Callable[[dict[str, Device]], Sequence[Rule]]) -> Callable[[dict[str, Device]], Work]:
    def make(devices: dict[str, Device]) -> Work:
        engine = Engine(rules(devices), Surroundings(devices=devices))
        engine.resume(START)
        engine.judge(spoken(0))
        engine.dump_changed()

        def work() -> None:
            for at in range(10_000, 90_000, 10_000):  # the delay ends among them: alarms are raised
                engine.judge(spoken(at))
                engine.due()
                engine.dump_changed()

        return work

    return make


def healthy(devices: dict[str, Device]) -> Work:
    judge = Judge(devices.values())
    judge.resume(START)
    judge.judge(spoken(0))
    return lambda: judge.judge(spoken(1000))


def encoded(devices: dict[str, Device]) -> Work:
    encoder = Encoder(site_of(devices))
    return lambda: encoder.encode(spoken(0), {})


def at_the_doors(devices: dict[str, Device]) -> Work:
    doors = Machine(site_of(devices))

    def work() -> None:
        for item in spoken(0):
            doors.handle(item)
        doors.changes()

    return work


PARTS: Mapping[str, Callable[[dict[str, Device]], Work]] = {
    "rules": judged_by(rules_for_all),
    "health": healthy,
    "line protocol": encoded,
    "doors": at_the_doors,
}


@pytest.mark.parametrize("part", PARTS)
def test_a_reading_costs_the_same_calls_beside_twenty_times_the_devices(part: str) -> None:
    few, many = (calls(PARTS[part](house(count))) for count in (FEW, MANY))

    assert few >= FEW, "nothing was done"
    assert many == pytest.approx(few, rel=0.1)


def test_a_reading_costs_the_same_calls_beside_a_thousand_rules_of_other_devices() -> None:
    devices = house(FEW)
    others = {f"o-{n}": device(f"o-{n}") for n in range(1000)}

    def many_rules(devices: dict[str, Device]) -> list[Rule]:
        more = [rule({**WATCHED, "id": f"low-{name}", "on": name}, devices) for name in devices if name in others]
        here = {name: each for name, each in devices.items() if name not in others}
        return [*rules_for_all(here), *more]

    few = calls(judged_by(many_rules)(devices))
    many = calls(judged_by(many_rules)({**devices, **others}))

    assert many == pytest.approx(few, rel=0.1)


class CountedDriver(ScriptedDriver):
    """Sets `done` after so many reads of all drivers that share `left`."""

    def __init__(self, *devices: Device, left: list[int], done: asyncio.Event) -> None:
        super().__init__(*devices)
        self._left = left
        self._done = done

    async def read(self, device: str, scan: str) -> Answer:
        answer = await super().read(device, scan)
        self._left[0] -= 1
        if self._left[0] == 0:
            self._done.set()
        return answer


async def poll_all(folder: Path, connections: int) -> float:
    """Calls per poll, of all that the poller does from its start until every device was asked once."""
    left, done = [connections * FEW], asyncio.Event()
    each = [[meter(f"m-{bus}-{n}", f"bus-{bus}", fast=3600.0) for n in range(FEW)] for bus in range(connections)]
    drivers = {of[0].connection: CountedDriver(*of, left=left, done=done) for of in each}
    clock = SteppedClock()
    journal = SqliteJournal.open(folder / f"{connections}.db", JournalSettings(), now=clock.now)
    poller = Poller(drivers, {one.id: one for of in each for one in of}, journal, clock=clock)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        task = asyncio.create_task(poller.run())
        async with asyncio.timeout(60):
            await done.wait()
    finally:
        sys.setprofile(None)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await journal.close()
    return counted / (connections * FEW)


async def test_a_poll_costs_no_more_calls_on_twenty_connections_than_on_one(tmp_path: Path) -> None:
    one = await poll_all(tmp_path, 1)
    twenty = await poll_all(tmp_path, 20)

    assert twenty < 1.3 * one


async def test_facts_of_the_poller_look_at_a_bounded_number_of_polls(journal: SqliteJournal) -> None:
    drivers = {f"bus-{n}": ScriptedDriver(meter(f"m-{n}", f"bus-{n}")) for n in range(1000)}
    devices = {name: one for driver in drivers.values() for name, one in driver.devices.items()}
    poller = Poller(drivers, devices, journal, clock=SteppedClock())

    assert poller._starts.maxlen == 10_000


def test_what_devices_share_is_there_once() -> None:
    encoder = Encoder(site_of(house(MANY)))
    batch = [
        replace(item, entry=replace(item.entry, device=f"m-{n}"))
        for n, item in enumerate(spoken(0) * (MANY // FEW))
    ]
    encoder.encode(batch, {})

    assert len(encoder._readings) == 1


# The past -----------------------------------------------------------------------------------------------


async def appended_beside(
    rows: int, folder: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, int]:
    """SQLite's steps of an append and a look at what may be trimmed, beside so many rows; and of reading on."""
    path = folder / f"{rows}.db"
    old = [
        Reading(device=f"m-{n % FEW}", time=clock.now() - n, arrived=clock.now(), values={"power_w": 1.0})
        for n in range(rows)
    ]
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    await journal.append([Batch(entries=old)])
    await journal.close()
    counted: list[Steps] = []

    def counting(path: Path) -> sqlite3.Connection:
        db = connect(path)
        counted.append(Steps(db))
        return db

    monkeypatch.setattr(writer, "connect", counting)
    monkeypatch.setattr("monitor.journal.trim._FIRST_LOOK", 0.0)
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    journal._trimmer.pause = 3600.0  # one look, after the append
    journal.register("sink")
    last = journal.last
    clock.advance(1000)
    try:
        await journal.append([Batch(entries=[item.entry for item in spoken(0)])])
        with contextlib.closing(connect(path)) as db:
            reading = Steps(db)
            read_after(db, last, 1000)
            newest_readings(db, "m-1", 10)
            between(db, "m-1", 0, 2**62, ("event",))
    finally:
        await journal.close()
    return sum(each.count for each in counted), reading.count


async def test_the_journal_appends_trims_and_reads_on_by_the_same_steps_beside_a_hundred_times_the_rows(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = await appended_beside(500, tmp_path, clock, monkeypatch)
    many = await appended_beside(50_000, tmp_path, clock, monkeypatch)

    assert min(few) > 100
    assert many[0] < 1.5 * few[0]
    assert many[1] < 1.5 * few[1]


def fill(db: sqlite3.Connection, count: int) -> None:
    """Alarms that are over, messages that were sent, dead letters."""
    numbers = [(n,) for n in range(count)]
    db.executemany(
        "INSERT INTO alarm (occurrence, rule, source_key, device, title, response_text, state, response,"
        " suppression, severity, latched, normal, momentary, late, since, raised_at, changed_at)"
        " VALUES (?1, 'low', ?1, 'm-1', '', '', 'clear', 'none', '[]', 'high', 0, 0, 0, 0, ?1, ?1, ?1)",
        numbers,
    )
    db.executemany(
        "INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,"
        " not_before, expires, state, next_at, body) VALUES (?1, ?1, 'raise', 'ana', 'mail', 0, 'high', ?1, ?1,"
        " ?1, iif(?1 % 2, 'sent', 'dead'), ?1, '{}')",
        numbers,
    )


def looked_at(db: sqlite3.Connection, now: int) -> None:
    """What the daemon asks all the time, or once per step of an alarm."""
    db.execute(_COUNTS, {"now": now, "hour": 3_600_000}).fetchall()
    store.take(db, now=now, busy=(), most=16, standing=standing)
    db.execute("SELECT * FROM alarm WHERE state <> 'clear' OR response <> 'none'").fetchall()
    keep.prune(db, -1)
    db.execute(keep._TOLD, ("past",)).fetchall()


async def test_the_state_answers_by_the_same_steps_beside_a_hundred_times_the_alarms_and_messages(
    tmp_path: Path, clock: ManualClock
) -> None:
    found = []
    for count in (100, 10_000):
        state = State.open(tmp_path / f"{count}.db")
        try:
            await state.transact(lambda db, count=count: fill(db, count))
            steps = Steps(state._db)
            await state.transact(lambda db: looked_at(db, clock.now()))
            found.append(steps.count)
        finally:
            await state.close()

    few, many = found
    assert few > 20
    assert many < 1.5 * few


# Memory -------------------------------------------------------------------------------------------------


async def test_the_search_for_cycles_leaves_out_what_stays_until_the_daemon_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gc.unfreeze()
    monkeypatch.setattr(daemon, "_MADE", 0.0)
    task = asyncio.create_task(daemon.spare_what_stays())
    try:
        await until(gc.get_freeze_count)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    assert gc.get_freeze_count() == 0
    gc.freeze()  # as the suite's own start leaves it
