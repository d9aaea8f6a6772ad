"""Who gets how much of a bus: scripted drivers on overloaded, slow and half-dead buses, and a real journal.

What is compared are counts of one run; how fast the machine is cancels out.
"""

import asyncio
from dataclasses import replace

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.poller import Poller
from monitor.poller.unit import Allowance
from monitor.ports import Answer
from tests.poller.scripted import ScriptedDriver, lateness, meter, polling, until


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of 20 ms instead of 2 s; the real ones are in test_backoff.py."""
    monkeypatch.setattr("monitor.poller.backoff._STEP", 0.02)


def polls(poller: Poller, *devices: str) -> list[int]:
    status = poller.status()
    return [status[device].polls for device in devices]


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="Each device gets its share of the time, however many scan classes it has; cycles that do not fit are"
    " left out and counted, and nothing queues up.",
)
async def test_on_an_overloaded_bus_many_scan_classes_get_no_more(journal: SqliteJournal) -> None:
    greedy = meter("greedy", a=0.05, b=0.05, c=0.05, d=0.05)
    plain = [meter(f"m{number}", fast=0.05) for number in range(3)]
    driver = ScriptedDriver(greedy, *plain, delay=0.03)
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: sum(polls(poller, *driver.devices)) >= 80)
        most, *others = polls(poller, "greedy", "m0", "m1", "m2")
        facts = poller.connections()["bus"]
        late = [each.late for each in poller.status().values()]

    assert most <= 2 * min(others)
    assert facts.queued <= 7
    assert all(late)
    assert sum(late) == facts.late


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="It is asked less often, in at most half of the time; the others lose few of their cycles.",
)
async def test_a_device_that_answers_slowly_does_not_crowd_out_the_others(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(
        *(meter(f"m{number}", fast=0.06) for number in range(3)), meter("slow", fast=0.06), delay=0.002
    )
    driver.slow["slow"] = 0.24
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("slow") >= 3)
        before, at = polls(poller, "m0", "m1", "m2"), driver.count("slow")
        await until(lambda: driver.count("slow") >= at + 5)
        gained = [now - then for now, then in zip(polls(poller, "m0", "m1", "m2"), before, strict=True)]

    assert min(gained) >= 2 * 5


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="Urgent devices (card readers) keep their pace; the others are late, but each gets its turn.",
)
async def test_urgent_devices_keep_their_pace_on_an_overloaded_bus(journal: SqliteJournal) -> None:
    meters = [meter(f"m{number}", fast=0.1) for number in range(10)]
    driver = ScriptedDriver(*meters, meter("reader", urgent=True, fast=0.1), delay=0.03)
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: min(polls(poller, *driver.devices)) >= 5)
        reader, *others = polls(poller, "reader", *(device.id for device in meters))
        status = poller.status()

    assert reader >= 2 * max(others)
    assert status["reader"].late <= 0.3 * reader
    assert all(status[device.id].late >= others[0] for device in meters)


async def test_a_slow_device_holds_one_of_several_workers_and_no_other(journal: SqliteJournal) -> None:
    slow = meter("slow", a=0.05, b=0.05, c=0.05)
    driver = ScriptedDriver(slow, meter("quick", fast=0.05), delay=0.001, concurrency=2)
    driver.slow["slow"] = 3600.0
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("slow", "a") == 1)
        await until(lambda: driver.count("quick") >= 20)
        facts = poller.connections()["bus"]

    assert len([asked for asked in driver.asked if asked[0] == "slow"]) == 1
    assert facts.queued >= 2


async def test_devices_that_never_answered_leave_a_worker_to_those_that_do(journal: SqliteJournal) -> None:
    hanging = [meter(f"h{number}", fast=3600.0) for number in range(5)]
    driver = ScriptedDriver(meter("quick", fast=0.05), *hanging, delay=0.001, concurrency=3)
    driver.slow |= {device.id: 3600.0 for device in hanging}
    async with polling({"bus": driver}, journal):
        await until(lambda: driver.count("quick") >= 20)

    assert driver.most_under_way == 3


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="The ten that live keep their samples, also while the dead ones are found out; the dead ones are"
    " suspended, and probed in a tenth of the time.",
)
async def test_twenty_dead_of_thirty_on_a_line_with_long_timeouts(journal: SqliteJournal) -> None:
    devices = [meter(f"m{number}", fast=0.4) for number in range(30)]
    driver = ScriptedDriver(*devices, delay=0.005, timeout=0.1)
    driver.dead |= {device.id for device in devices if int(device.id[1:]) % 3}
    alive = [device.id for device in devices if device.id not in driver.dead]
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: all(poller.status()[device].last_answer for device in alive))
        first = poller.status()
        await until(lambda: poller.connections()["bus"].suspended == 20)
        then = poller.status()
        before = poller.connections()["bus"].probes
        began = asyncio.get_running_loop().time()
        await until(lambda: poller.connections()["bus"].probes >= before + 2)
        spent = asyncio.get_running_loop().time() - began
        status = poller.status()

    late = sum(then[device].late - first[device].late for device in alive)
    assert late <= 0.1 * sum(then[device].polls - first[device].polls for device in alive)
    assert spent >= 10 * 0.1
    assert {status[device].state for device in alive} == {"answering"}
    assert {status[device].state for device in driver.dead} == {"never_answered"}


async def test_one_dead_device_costs_the_others_nothing_later(journal: SqliteJournal) -> None:
    driver = ScriptedDriver(*(meter(f"m{number}", fast=0.1) for number in range(5)), delay=0.002, timeout=0.05)
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: driver.count("m4") >= 3)
        driver.dead.add("m2")
        await until(lambda: driver.count("m2", "probe") >= 3)
        await until(lambda: lateness(poller, "m2") <= 0.05)
        state = poller.status()["m2"].state

    assert state == "suspended"


class Endless(ScriptedDriver):
    """The device `reader` says each time that it has more to show."""

    async def read(self, device: str, scan: str) -> Answer:
        return replace(await super().read(device, scan), again=device == "reader")


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="A reader that always shows another card costs nobody else a cycle, even on a bus that is nearly full;"
    " it is asked out of turn 1,000 times, then once a second.",
)
async def test_a_reader_that_always_has_more_costs_nobody_a_cycle(journal: SqliteJournal) -> None:
    meters = [meter(f"m{number}", fast=0.3) for number in range(6)]
    driver = Endless(*meters, meter("reader", urgent=True, fast=0.3), delay=0.03)
    async with polling({"bus": driver}, journal) as poller:
        await until(lambda: min(polls(poller, "m0", "m5")) >= 8 and lateness(poller, "reader") < 0.05)
        reader, other = polls(poller, "reader", "m0")

    assert reader > other


def test_what_is_asked_out_of_turn_is_bounded_over_time() -> None:
    allowance = Allowance()

    assert sum(allowance.take(100.0) for _ in range(5000)) == 1000
    assert [allowance.take(100.0 + second / 4) for second in range(1, 9)] == [False, False, False, True] * 2
    assert sum(allowance.take(1e6) for _ in range(5000)) == 1000
