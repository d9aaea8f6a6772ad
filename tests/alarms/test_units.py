"""An alarm about a device has the unit that its rule says, from raise to clear."""

import pytest

from monitor.alarms.store import show
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived
from tests.alarms.household import DEVICES, House, site
from tests.clock import ManualClock
from tests.rules.build import START, device

PEAK = {"id": "peak", "kind": "demand", "contract": "50000 W", "method": "sliding", "on": "mains"}


def _demand(at: int, power: float) -> Derived:
    return Derived(
        producer="metering",
        key="",
        device="mains",
        time=START + at,
        measurement="electricity",
        values={"demand_sliding_w": power},
    )


async def test_it_is_in_the_list_while_the_alarm_lasts_and_after(
    journal: SqliteJournal, state: State, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DEVICES, "mains", device("mains", points=["energy_import_kwh"]))
    house = House(journal, state, clock)
    async with house.running(site(PEAK)):
        await house.say(_demand(0, 52_000.0), at=0)
        raised = await house.only()
        await house.say(_demand(60_000, 20_000.0), at=60_000)
    over = await show(house.state, raised.occurrence)

    assert (raised.value, raised.limit, raised.unit) == (52_000.0, 50_000.0, "W")
    assert over is not None
    assert (over.state, over.unit) == ("clear", "W")
