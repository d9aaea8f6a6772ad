"""The poller over scripted drivers and a real journal."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, Self

import pytest
from structlog.testing import capture_logs

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event, Missing, Position, Reading
from monitor.ports import Answer, Gap
from tests.poller.scripted import ScriptedDriver, SteppedClock, lateness, meter, polling, until


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of 20 ms instead of 2 s; the real ones are in test_backoff.py."""
    monkeypatch.setattr("monitor.poller.backoff._STEP", 0.02)


async def readings(journal: SqliteJournal, device: str) -> Sequence[Reading]:
    kept = [recorded.entry for recorded in await journal.readings(device, 10_000)]
    return [entry for entry in kept if isinstance(entry, Reading)]


async def test_every_device_is_read_at_the_start_and_not_a_cycle_later(journal: SqliteJournal) -> None:
    devices = [meter(f"m{number}", f"c{number}", fast=3600.0) for number in range(200)]
    drivers = {device.connection: ScriptedDriver(device) for device in devices}
    async with polling(drivers, journal):
        await until(lambda: all(driver.asked for driver in drivers.values()))

    assert [len(await readings(journal, device.id)) for device in devices] == [1] * 200


async def test_nobody_is_asked_twice_in_a_hurry_at_the_start(journal: SqliteJournal) -> None:
    devices = [meter(f"m{number}", f"c{number}", fast=2.0) for number in range(200)]
    drivers = {device.connection: ScriptedDriver(device) for device in devices}
    async with polling(drivers, journal):
        await until(lambda: all(len(driver.asked) > 1 for driver in drivers.values()))

    assert min(second - first for first, second, *_ in (driver.times for driver in drivers.values())) > 0.7


async def test_the_queue_at_the_start_does_not_count_as_lateness(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(*(meter(f"m{number}", fast=0.4) for number in range(6)), delay=0.02)
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("m5") == 1)
        at_the_start = poller.facts()["start_p99_ms"]
        await until(lambda: driver.count("m5") == 2)
        later = poller.facts()["start_p99_ms"]

    assert at_the_start == 0.0
    assert later > 50


async def test_a_reading_has_what_the_device_said(journal: SqliteJournal) -> None:
    device = meter("m", fast=3600.0, slow=3600.0)
    driver = ScriptedDriver(device)
    async with polling({"bus": driver}, journal):
        await until(lambda: len(driver.asked) == 2)
    fast, slow = await readings(journal, "m")

    assert (fast.values, fast.missing) == ({"fast_w": 1.0}, {})
    assert (slow.values, slow.missing) == ({"slow_w": 1.0}, {})


async def test_the_driver_is_never_called_twice_at_once(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(*(meter(f"m{number}", fast=0.02) for number in range(5)), delay=0.002)
    async with polling({"bus": driver}, journal):
        await until(lambda: driver.count("m4") > 5)

    assert driver.most_under_way == 1


async def test_unit_3_dead_on_bus_a_leaves_unit_3_on_bus_b_alone(journal: SqliteJournal) -> None:
    here, there = ScriptedDriver(meter("a-3", "a")), ScriptedDriver(meter("b-3", "b"))
    here.dead.add("a-3")
    async with polling({"a": here, "b": there}, journal) as poller:
        await until(lambda: here.count("a-3", "probe") >= 3)
        status = poller.status()

    assert status["a-3"].state == "never_answered"
    assert status["b-3"].state == "answering"
    assert all(reading.values for reading in await readings(journal, "b-3"))


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="After two failed polls it is suspended and only probed, less and less often; each failed"
    " probe is a reading without values.",
)
async def test_a_dead_unit_is_polled_twice_and_then_only_probed_again_and_again(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m"))
    driver.dead.add("m")
    async with polling({"bus": driver}, journal):
        await until(lambda: driver.count("m", "probe") >= 4)

    assert driver.asked[:6] == [("m", "fast")] * 2 + [("m", "probe")] * 4


async def test_a_failed_probe_is_a_reading_without_values(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m"))
    driver.dead.add("m")
    async with polling({"bus": driver}, journal):
        await until(lambda: driver.count("m", "probe") >= 3)
    kept = await readings(journal, "m")

    assert len(kept) >= 4
    assert {tuple(reading.missing.items()) for reading in kept} == {(("fast_w", Missing.TIMEOUT),)}
    assert not any(reading.values for reading in kept)


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="The first good answer ends the suspension with a full poll.",
)
async def test_backoff_ends_at_the_first_good_answer_with_a_full_poll(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m", fast=0.05, slow=3600.0, once=None))
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("m") >= 2)
        driver.dead.add("m")
        await until(lambda: driver.count("m", "probe") >= 2)
        driver.dead.clear()
        driver.asked.clear()
        await until(lambda: driver.count("m") >= 2)
        state = poller.status()["m"]

    assert driver.asked[:4] == [("m", "probe"), ("m", "fast"), ("m", "slow"), ("m", "once")]
    assert (state.state, state.failures, state.last_error) == ("answering", 0, "")


async def test_once_is_read_after_the_first_answer_and_not_again(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m", fast=0.02, once=None))
    async with polling({"bus": driver}, journal):
        await until(lambda: driver.count("m") >= 5)

    assert driver.count("m", "once") == 1
    assert driver.asked[:2] == [("m", "fast"), ("m", "once")]


async def test_a_device_that_is_only_read_once_is_read(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m", once=None))
    driver.dead.add("m")
    async with polling({"bus": driver}, journal):
        await until(lambda: driver.count("m", "probe") >= 1 or driver.count("m", "once") >= 1)
        driver.dead.clear()
        await until(lambda: any(asked == ("m", "once") for asked in driver.asked[1:]))

    assert (await readings(journal, "m"))[-1].values == {"once_w": 1.0}


async def test_nine_of_ten_keep_their_samples_while_one_is_dead(journal: SqliteJournal) -> None:
    devices = [meter(f"m{number}", fast=0.1) for number in range(10)]
    driver = ScriptedDriver(*devices, delay=0.002, timeout=0.04)
    driver.dead.add("m3")
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("m9") >= 30)
        await until(lambda: lateness(poller, "m3") <= 0.05)
        facts = poller.connections()["bus"]
        status = poller.status()

    assert all(facts.last_answer for device, facts in status.items() if device != "m3")
    assert facts.suspended == 1


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="All suspended devices together take at most a tenth of a bus's time.",
)
async def test_probes_take_at_most_a_tenth_of_the_time_of_the_bus(journal: SqliteJournal) -> None:
    devices = [meter(f"m{number}", fast=0.05) for number in range(20)]
    driver = ScriptedDriver(*devices, timeout=0.01)
    driver.dead |= {device.id for device in devices[1:]}
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: poller.connections()["bus"].suspended == 19)
        probes = poller.connections()["bus"].probes
        began = asyncio.get_running_loop().time()
        await until(lambda: poller.connections()["bus"].probes >= probes + 10)
        spent = asyncio.get_running_loop().time() - began

    assert spent >= 9 * 0.1


async def test_everything_is_off_at_the_start_and_comes_up(journal: SqliteJournal) -> None:
    devices = [meter(f"m{number}", fast=0.2) for number in range(10)]
    driver = ScriptedDriver(*devices, timeout=0.01)
    driver.dead |= set(driver.devices)
    with capture_logs() as logs:
        async with polling({"bus": driver}, journal) as poller:
            await until(lambda: poller.connections()["bus"].suspended == 10)
            driver.dead.clear()
            await until(lambda: all(facts.state == "answering" for facts in poller.status().values()))

    assert sorted(log["event"] for log in logs) == ["device answers"] * 10 + ["device has never answered"] * 10


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="The program log has one warning when it is lost, with what to check, and one line when it is back.",
)
async def test_an_outage_is_logged_once_each_way(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m", fast=0.02))
    with capture_logs() as logs:
        async with polling({"bus": driver}, journal):
            await until(lambda: driver.count("m") >= 2)
            driver.dead.add("m")
            await until(lambda: driver.count("m", "probe") >= 3)
            driver.dead.clear()
            before = driver.count("m")
            await until(lambda: driver.count("m") > before + 2)
    lost, back = logs

    assert (lost["event"], lost["device"], lost["connection"]) == ("device lost", "m", "bus")
    assert lost["check"] == "Look at the script."
    assert (back["event"], back["device"]) == ("device is back", "m")
    assert back["after_s"] >= 0


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="Cycles that come too late are left out and counted; they never queue up.",
)
async def test_late_cycles_are_skipped_and_counted(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("m", fast=0.02), delay=0.1)
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("m") >= 5)
        facts = poller.connections()["bus"]

    assert facts.late >= 8
    assert facts.queued <= 1


@pytest.mark.fault(
    "defect in the program",
    part="Modbus",
    outcome="A driver that raises costs one poll.",
)
async def test_a_driver_that_raises_costs_one_poll(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(meter("good", fast=0.02), meter("bad", fast=0.02))
    driver.raising.add("bad")
    with capture_logs() as logs:
        async with polling({"bus": driver}, journal) as poller:
            await until(lambda: driver.count("good") >= 5)
            status = poller.status()

    assert status["good"].state == "answering"
    assert "ZeroDivisionError" in status["bad"].last_error
    assert [log["event"] for log in logs].count("driver failed") == 1


@pytest.mark.fault(
    "stop in the middle",
    part="Modbus",
    outcome="Fifty reads that hang are cancelled and closed.",
)
async def test_fifty_hanging_connections_stop_and_are_closed(journal: SqliteJournal) -> None:
    drivers = {f"c{number}": ScriptedDriver(meter(f"m{number}", f"c{number}"), delay=3600) for number in range(50)}
    async with asyncio.timeout(60), polling(drivers, journal):
        await until(lambda: all(driver.under_way for driver in drivers.values()))

    assert [driver.under_way for driver in drivers.values()] == [0] * 50
    assert [driver.closed for driver in drivers.values()] == [1] * 50


class Swallowing(ScriptedDriver):
    """Loses cancellations, as asyncio's own wait_for does at times."""

    async def read(self, device: str, scan: str) -> Answer:
        self.under_way += 1
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.asked.append((device, "swallowed"))
        return await super().read(device, scan)


async def test_a_cancellation_that_a_driver_swallows_stops_it_all_the_same(journal: SqliteJournal) -> None:
    driver = Swallowing(meter("m"))
    async with asyncio.timeout(60), polling({"bus": driver}, journal):
        await until(lambda: driver.under_way)

    assert driver.asked == [("m", "swallowed"), ("m", "fast")]


class ShiftedDatetime(datetime):
    """The wall clock as APScheduler sees it."""

    shift = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + cls.shift


@pytest.mark.fault(
    "clock stepped back",
    part="Modbus",
    outcome="No scan class misses two cycles, the short ones neither.",
)
@pytest.mark.fault(
    "clock stepped forward",
    part="Modbus",
    outcome="No scan class misses two cycles, the short ones neither.",
)
@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(days=1), timedelta(days=-20_000)])
async def test_a_step_of_the_clock_costs_no_scan_class_two_cycles(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", ShiftedDatetime)
    monkeypatch.setattr(ShiftedDatetime, "shift", timedelta())
    clock = SteppedClock()
    fast, slow = ScriptedDriver(meter("m", fast=0.2)), ScriptedDriver(meter("s", "slow", fast=1.0))
    async with polling({"bus": fast, "slow": slow}, journal, clock), asyncio.TaskGroup() as tasks:
        stalled = tasks.create_task(longest_stall(lambda: len(slow.times) >= 3))
        await until(lambda: fast.count("m") >= 3 and slow.count("s") >= 2)
        monkeypatch.setattr(ShiftedDatetime, "shift", step)
        clock.step = step.total_seconds()
        await until(lambda: len(slow.times) >= 3)
        stall = await stalled
        gaps = [max(b - a for a, b in pairwise(driver.times)) for driver in (fast, slow)]
        async with asyncio.timeout(60):
            while not (  # noqa: ASYNC110 - the journal wakes nobody here
                events := [each.entry for each in await everything(journal) if isinstance(each.entry, Event)]
            ):
                await asyncio.sleep(0.01)

    assert [(event.device, event.kind) for event in events] == [("facility-monitor", "clock_stepped")]
    assert events[0].attributes["seconds"] == step.total_seconds()
    assert gaps[0] < 3 * 0.2 + stall
    assert gaps[1] < 3 * 1.0 + stall


async def longest_stall(ended: Callable[[], bool]) -> float:
    """For how long the machine has let this loop wait at worst, which no poll can help."""
    worst, last = 0.0, time.monotonic()
    while not ended():
        await asyncio.sleep(0.01)
        now = time.monotonic()
        worst, last = max(worst, now - last), now
    return worst


async def everything(journal: SqliteJournal) -> Sequence[Any]:
    kept = await journal.read(Position(0), 10_000)
    assert not isinstance(kept, Gap)
    return kept
