"""A scan through the poller, over the real driver and a simulated endpoint, while it polls."""

import asyncio
from collections.abc import Sequence

import pytest

from drivers.modbus.survey.scan import Scan
from monitor.errors import RequestRefused
from monitor.journal.sqlite import SqliteJournal
from monitor.poller import ByHand, Poller
from tests.poller.scripted import until
from tests.poller.test_over_modbus import House, meter, polling


class _Lent:
    """A bus of the poller, as the API's client has it."""

    timeout: float | None = 0.005

    def __init__(self, by_hand: ByHand) -> None:
        self.spoke: set[int] = set()
        self.took = 0.0
        self._by_hand = by_hand

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        values, self.took = await self._by_hand.read("a", unit, table, first, count, patience=self.timeout)
        return values


def _by_hand(house: House, poller: Poller) -> ByHand:
    drivers = {name: bus._driver for name, bus in poller._buses.items()}
    return ByHand(poller, drivers, list(house.devices.values()))


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="A scan of all unit ids through the running monitor leaves the polled devices 95 % of their samples.",
)
async def test_a_scan_of_all_ids_leaves_the_polled_devices_their_samples(journal: SqliteJournal) -> None:
    house = House(*(meter(unit, every=0.2) for unit in (1, 2, 100, 247)), timeouts={"a": "1 s"})
    async with polling(house, journal) as poller:
        await until(lambda: all(facts.polls >= 1 for facts in poller.status().values()))
        before = poller.status()
        bus, scans = _Lent(_by_hand(house, poller)), list[Scan]()

        async def scan_on() -> None:
            while True:
                scans.append(Scan(bus, range(1, 248)))
                await scans[-1].run()

        def kept(device: str) -> float:
            """The share of its cycles since the beginning in which a device was polled and answered."""
            now, then = poller.status()[device], before[device]
            polls, late = now.polls - then.polls, now.late - then.late
            return (now.answers - then.answers) / (polls + late) if polls >= 25 else 0.0

        scanning = asyncio.create_task(scan_on())
        await until(lambda: len(scans) > 1 and min(map(kept, before)) >= 0.95)
        scanning.cancel()
        await asyncio.gather(scanning, return_exceptions=True)

    assert scans[0].asked == 247
    assert {found.unit for found in scans[0].found} <= {1, 2, 100, 247}
    assert {found.unit for scan in scans for found in scan.found}


async def test_a_bus_that_is_not_polled_has_no_registers(journal: SqliteJournal) -> None:
    house = House(meter(1))
    async with polling(house, journal) as poller:
        by_hand = _by_hand(house, poller)
        with pytest.raises(RequestRefused, match="no connection b"):
            await by_hand.read("b", 1, "holding", 0, 1)

    assert [bus["id"] for bus in by_hand.buses()] == ["a"]
