"""The daemon runs on uvloop where it can, whose timers count whole milliseconds and so fire a moment early."""

from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.poller.scripted import ScriptedDriver, meter, polling, until

uvloop = pytest.importorskip("uvloop")


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="A device that is slower than its interval is asked on and on, also when it is alone.",
)
def test_a_device_slower_than_its_interval_is_polled_on_and_on(tmp_path: Path, clock: ManualClock) -> None:
    driver = ScriptedDriver(meter("slow", fast=0.02), delay=0.0303)

    async def scenario() -> None:
        journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
        async with polling({"bus": driver}, journal):
            await until(lambda: driver.count("slow") >= 40)
        await journal.close()

    uvloop.run(scenario())

    assert driver.count("slow") >= 40
