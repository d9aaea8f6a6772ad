"""The poller over the real driver and simulated endpoints: failures that users of other systems reported."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from drivers.modbus import MODBUS
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Reading
from monitor.poller import Poller
from monitor.ports import DriverContext, PolledDriver
from monitor.simulation.modbus import SimulatedBus, Unit
from monitor.site import Connection, Device, Point
from tests.poller.scripted import SteppedClock, lateness, until


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of 20 ms instead of 2 s; the real ones are in test_backoff.py."""
    monkeypatch.setattr("monitor.poller.backoff._STEP", 0.02)


def meter(unit: int, connection: str = "a", every: float = 0.1) -> Device:
    source = MODBUS.point_model.model_validate({"register": "input 0", "type": "float32"})
    return Device(
        id=f"{connection}-{unit}",
        name="",
        connection=connection,
        device_class="electricity",
        scan={"fast": every},
        address=MODBUS.device_model(unit=unit),
        points={"power_w": Point(name="power_w", unit="W", source=source)},
    )


class House:
    """Some endpoints and what is behind them; each unit's power is its number.

    Who is dead costs a time-out each time: it is short, longer where a busy machine must not make the living late.
    """

    def __init__(self, *devices: Device, timeouts: dict[str, str] | None = None) -> None:
        self.timeouts = timeouts or {}
        self.devices = {device.id: device for device in devices}
        self.buses: dict[str, SimulatedBus] = {}
        self.units: dict[str, Unit] = {}
        for device in devices:
            unit = self.units[device.id] = Unit(device)
            unit.put("power_w", float(device.address.unit))
            bus = self.buses.setdefault(device.connection, SimulatedBus({}))
            bus.units[device.address.unit] = unit

    def silence(self, *devices: str) -> None:
        for device, unit in self.units.items():
            unit.faults.silent = device in devices

    async def drivers(self) -> dict[str, PolledDriver]:
        made: dict[str, PolledDriver] = {}
        for name, bus in self.buses.items():
            port = await bus.start()
            timeout = self.timeouts.get(name, "60 ms")
            written = {"transport": "tcp", "host": "127.0.0.1", "port": port, "timeout": timeout, "retries": 0}
            connection = Connection(
                id=name, driver="modbus", options=MODBUS.connection_model.model_validate(written)
            )
            devices = [device for device in self.devices.values() if device.connection == name]
            context = DriverContext(now=SteppedClock().now, pseudonymise=str, site="test")
            made[name] = MODBUS.create(connection, devices, context)
        return made


@asynccontextmanager
async def polling(house: House, journal: SqliteJournal) -> AsyncIterator[Poller]:
    poller = Poller(await house.drivers(), house.devices, journal, clock=SteppedClock())
    task = asyncio.create_task(poller.run())
    try:
        yield poller
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for bus in house.buses.values():
            await bus.stop()


async def values(journal: SqliteJournal, device: str) -> list[object]:
    kept = [each.entry for each in await journal.readings(device, 10_000)]
    return [entry.values.get("power_w") for entry in kept if isinstance(entry, Reading)]


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="Health is kept per connection and unit: a dead unit 3 on one bus says nothing about unit 3"
    " on another.",
)
async def test_unit_3_dead_on_bus_a_leaves_unit_3_on_bus_b_alone(journal: SqliteJournal) -> None:
    house = House(meter(3, "a"), meter(3, "b"), timeouts={"b": "5 s"})
    house.silence("a-3")
    async with polling(house, journal) as poller:
        await until(lambda: poller.connections()["a"].probes >= 3)
        status = poller.status()

    assert (status["a-3"].state, status["b-3"].state) == ("never_answered", "answering")
    assert set(await values(journal, "b-3")) == {3.0}
    assert set(await values(journal, "a-3")) == {None}


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="One dead device of ten delays its neighbours in at most a twentieth of their cycles.",
)
async def test_one_of_ten_dead_leaves_the_other_nine_their_samples(journal: SqliteJournal) -> None:
    house = House(*(meter(unit, every=0.2) for unit in range(1, 11)), timeouts={"a": "250 ms"})
    house.silence("a-4")
    async with polling(house, journal) as poller:
        await until(lambda: poller.status()["a-10"].polls >= 15)
        await until(lambda: lateness(poller, "a-4") <= 0.05)

    for unit in (1, 10):
        kept = await values(journal, f"a-{unit}")
        assert set(kept) - {None} == {float(unit)}
        assert kept.count(None) <= 0.5 * len(kept)


@pytest.mark.fault(
    "everything away at the start",
    part="Modbus",
    outcome="Each device is read when it comes up; none waits for another.",
)
async def test_everything_is_off_at_the_start_then_each_comes_up(journal: SqliteJournal) -> None:
    house = House(*(meter(unit) for unit in range(1, 5)))
    house.silence(*house.units)
    async with polling(house, journal) as poller:
        await until(lambda: poller.connections()["a"].suspended == 4)
        for off in range(3, -1, -1):
            house.silence(*list(house.units)[:off])
            await until(lambda off=off: poller.connections()["a"].suspended == off)  # type: ignore[misc]

    for unit in range(1, 5):
        assert (await values(journal, f"a-{unit}"))[-1] == float(unit)


@pytest.mark.fault(
    "converter away",
    part="Modbus",
    outcome="All behind it are suspended and read again when it is back.",
)
async def test_a_converter_that_is_away_and_back_is_read_again(journal: SqliteJournal) -> None:
    house = House(meter(1), meter(2), timeouts={"a": "200 ms"})
    with capture_logs() as logs:
        async with polling(house, journal) as poller:
            await until(lambda: poller.status()["a-2"].polls >= 2)
            house.buses["a"].half_open = True
            await until(lambda: poller.connections()["a"].suspended == 2)
            house.buses["a"].half_open = False
            await until(lambda: poller.connections()["a"].suspended == 0)
    told = [log["event"] for log in logs if log["event"].startswith("device ")]

    assert sorted(told) == ["device is back"] * 2 + ["device lost"] * 2


@pytest.mark.fault(
    "half-open connection",
    part="Modbus",
    outcome="All behind it are read again within two cycles; it is not even noted as lost.",
)
async def test_a_converter_that_restarts_is_read_again_without_a_loss(journal: SqliteJournal) -> None:
    house = House(meter(1))
    async with polling(house, journal) as poller:
        await until(lambda: poller.status()["a-1"].polls >= 2)
        house.buses["a"].forget_connections()
        before = poller.status()["a-1"].polls
        await until(lambda: poller.status()["a-1"].polls >= before + 4)
        facts = poller.status()["a-1"]

    assert facts.state == "answering"
    assert (await values(journal, "a-1")).count(None) <= 2


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="The warning in the log says what to look at, by what was seen on the wire; requests, errors by kind"
    " and latency are counted for the device and its connection; its neighbours lose nothing.",
)
async def test_a_lost_device_is_told_with_advice_and_counted_by_kind(journal: SqliteJournal) -> None:
    house = House(meter(1), meter(2), timeouts={"a": "500 ms"})
    with capture_logs() as logs:
        async with polling(house, journal) as poller:
            await until(lambda: poller.status()["a-2"].polls >= 2)
            house.silence("a-2")
            await until(lambda: poller.status()["a-2"].state == "suspended")
            facts, bus = poller.status(), poller.connections()["a"]
            advice = poller.advice("a-2")
    (lost,) = [log for log in logs if log["event"] == "device lost"]

    assert lost["check"] == advice
    assert "answered before" in advice
    assert facts["a-2"].errors["timeout"] >= 2
    assert facts["a-2"].requests == facts["a-2"].answers + sum(facts["a-2"].errors.values())
    assert not any(facts["a-1"].errors.values())
    assert facts["a-1"].latency_ms is not None
    assert bus.errors == facts["a-2"].errors
    assert bus.requests >= facts["a-1"].requests + facts["a-2"].requests
    assert bus.last_answer is not None


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="`busy_pct` of its connection says so, and each device says how many of its cycles were left out.",
)
async def test_an_overloaded_bus_is_seen(journal: SqliteJournal) -> None:
    house = House(*(meter(unit, every=0.1) for unit in range(1, 5)), timeouts={"a": "5 s"})
    for unit in house.units.values():
        unit.faults.delay = 0.06
    async with polling(house, journal) as poller:
        await until(lambda: poller.status()["a-4"].polls >= 6)
        facts, bus = poller.status(), poller.connections()["a"]

    assert bus.busy_pct >= 80
    assert all(each.late for each in facts.values())
    assert max(each.polls for each in facts.values()) <= 2 * min(each.polls for each in facts.values())


async def test_an_urgent_reader_keeps_its_pace_between_slow_meters(journal: SqliteJournal) -> None:
    reader = replace(meter(9, every=0.2), urgent=True)
    house = House(*(meter(unit, every=0.2) for unit in range(1, 7)), reader, timeouts={"a": "5 s"})
    for device, unit in house.units.items():
        unit.faults.delay = 0.0 if device == reader.id else 0.06
    async with polling(house, journal) as poller:
        await until(lambda: min(facts.polls for facts in poller.status().values()) >= 6)
        facts = poller.status()

    meters = [each for device, each in facts.items() if device != reader.id]
    assert facts[reader.id].polls > max(each.polls for each in meters)
    assert facts[reader.id].late < min(each.late for each in meters)
