"""What was judged live, over restarts, steps of the clock and all that happens, is judged the same afterwards."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.alarms import Alarms
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command, Derived, Entry, Event, Missing, Reading
from monitor.notify.routing import make_router
from monitor.ports import Batch
from monitor.schema import MONITOR_DEVICE
from monitor.site import JournalSettings, Site
from monitor.trials.backtest import Result, Variant, Wish, backtest
from tests.clock import ManualClock
from tests.running import running
from tests.trials.past import BEGIN, load, transitions
from tests.trials.test_backtest import loader

_MINUTE, _HOUR = 60_000, 3_600_000
_MINUTES = 150


class _Past:
    """A house whose shell of the engine lives through it, stopped and started as the script says."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site
        self.clock = ManualClock(BEGIN)
        self.stepped = 0
        self.number = 0
        self.journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=self.clock.now)
        self.state = State.open(folder / "state.db")

    def runs(self) -> Alarms:
        return Alarms(
            self.journal,
            self.state,
            self.site,
            make_router(self.site),
            self.clock.now,
            monotonic=lambda: (self.clock.time - self.stepped) / 1000,
        )

    async def say(self, alarms: Alarms, *entries: Entry) -> None:
        await self.journal.append([Batch(entries=entries)])
        async with asyncio.timeout(60):
            while alarms.applied < self.journal.last:
                self.clock.time += 1100
                await asyncio.sleep(0.002)

    def goes_to(self, minute: int) -> None:
        """Let time go on; it may be there already, when the machine was busy."""
        self.clock.time = max(self.clock.time, BEGIN + self.stepped + minute * _MINUTE + 30_000)

    def of_itself(self, kind: str, **attributes: Any) -> Event:
        self.number += 1
        at = self.clock.time
        return Event(
            device=MONITOR_DEVICE,
            kind=kind,
            time=at,
            arrived=at,
            id=f"{kind}-{self.number}",
            attributes=attributes,
        )

    async def acknowledge(self, alarms: Alarms) -> None:
        rows = await self.state.query("SELECT occurrence FROM alarm WHERE response = 'unacked'")
        for row in rows:
            self.number += 1
            name = f"ack-{self.number}"
            at, target = self.clock.time, row["occurrence"]
            await self.say(alarms, Command(id=name, time=at, by="ana", kind="acknowledge", target=target))

    async def close(self) -> None:
        await self.state.close()
        await self.journal.close()


def _said(what: str, device: str, at: int) -> list[Entry]:
    values = {"voltage_v": 230.0 if what == "well" else 205.0}
    if what == "derived":
        return [
            Derived(producer="metering", key="", device=device, time=at, measurement="electricity", values=values)
        ]
    if what == "dead":
        return [Reading(device=device, time=at, arrived=at, values={}, missing={"voltage_v": Missing.TIMEOUT})]
    time = at - 10 * _MINUTE if what == "late" else at
    return [Reading(device=device, time=time, arrived=at, values=values, late=what == "late")]


async def _lived(folder: Path, site: Site, seed: int) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Some hours with two restarts, a step of the clock, acknowledgements and forced doors."""
    chance, past = random.Random(seed), _Past(folder, site)
    restarts = sorted(chance.sample(range(20, _MINUTES - 20), 2))
    step_at = chance.randrange(20, _MINUTES - 20)
    begin, doing = 0, {"main": "well", "shop": "well"}
    for end in [*restarts, _MINUTES]:
        alarms = past.runs()
        async with running(alarms):
            if begin:
                await past.say(alarms, past.of_itself("monitor_started"))
            for minute in range(begin, end):
                past.goes_to(minute)
                if minute == step_at:
                    before = past.clock.time
                    past.stepped += _HOUR
                    past.clock.time += _HOUR
                    told = {"from": before, "to": past.clock.time, "seconds": 3600.0}
                    await past.say(alarms, past.of_itself("clock_stepped", **told))
                for device in ("main", "shop"):
                    if chance.random() < 0.3:
                        doing[device] = chance.choices(["well", "low", "dead"], [4, 4, 2])[0]
                    what = chance.choices([doing[device], "late", "derived"], [16, 1, 1])[0]
                    await past.say(alarms, *_said(what, device, past.clock.time))
                if chance.random() < 0.02:
                    at = past.clock.time
                    await past.say(
                        alarms, Event(device="door", kind="forced", time=at, arrived=at, id=f"forced-{minute}")
                    )
                if chance.random() < 0.1:
                    await past.acknowledge(alarms)
        begin = end + 7 if end < _MINUTES else end
        past.goes_to(begin)
    found = await transitions(past.state)
    await past.close()
    return found, past.clock.time + 1


def _judged(folder: Path, end: int, processes: int) -> Result:
    wish = Wish(folder=folder, start=BEGIN, end=end)
    variants = [Variant(name="now", file=folder / "site.yaml")]
    (result,) = backtest(loader, variants, wish, lambda *_: None, processes=processes)
    return result


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_was_judged_live_is_judged_so_again(tmp_path: Path, seed: int) -> None:
    _, site = load(tmp_path, lambda text: text.replace("on_delay: 5 min", "on_delay: 1 min"))
    steps, end = await _lived(tmp_path, site, seed)

    result = _judged(tmp_path, end, processes=1 + seed % 2)

    raised = {(one["occurrence"], one["time"]) for one in steps if one["cause"] == "raised"}
    cleared = {one["occurrence"]: one["time"] for one in steps if one["cause"] == "cleared"}
    assert len(raised) > 10
    assert {(one.occurrence, one.raised) for one in result.occurrences} == raised
    assert {
        one.occurrence: one.cleared for one in result.occurrences if not one.is_event and one.cleared
    } == cleared
    assert {one.rule for one in result.occurrences} == {"low", "dead", "forced"}
