"""A scan through the poller, over the real driver and a simulated endpoint, while it polls."""

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
        scan = Scan(_Lent(_by_hand(house, poller)), range(1, 248))
        await scan.run()
        after = poller.status()

    assert {found.unit for found in scan.found} == {1, 2, 100, 247}
    for device, facts in after.items():
        polls = facts.polls - before[device].polls
        late = facts.late - before[device].late
        assert polls >= 10
        assert polls >= 0.95 * (polls + late), device
        assert (facts.answers - before[device].answers) >= 0.95 * polls, device
    for unit in (1, 247):
        readings = [each.entry for each in await journal.readings(f"a-{unit}", 10_000)]
        assert sum(bool(reading.values) for reading in readings) >= 0.95 * len(readings)  # type: ignore[union-attr]


async def test_a_bus_that_is_not_polled_has_no_registers(journal: SqliteJournal) -> None:
    house = House(meter(1))
    async with polling(house, journal) as poller:
        by_hand = _by_hand(house, poller)
        with pytest.raises(RequestRefused, match="no connection b"):
            await by_hand.read("b", 1, "holding", 0, 1)

    assert [bus["id"] for bus in by_hand.buses()] == ["a"]
