"""A house with every desk behind its console: doors, people, alarms, rosters, channels, reports, residents."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from monitor.alarms import Alarms
from monitor.alarms.store import standing
from monitor.duty import Layer, Roster
from monitor.journal.feeder import Feeder
from monitor.notify.channels import Channels
from monitor.notify.desk import ChannelDesk
from monitor.notify.outbox import Notifier
from monitor.places import Place, Report, Residents
from monitor.reports.books import Books
from monitor.reports.build import Desk
from monitor.staff import Notify, Person
from monitor.web.desk import AlarmDesk, CaseDesk, HoldDesk
from monitor.web.dutydesk import DutyDesk
from monitor.web.parts import Parts
from monitor.web.residents.desk import ResidentDesk
from tests.clock import ManualClock
from tests.metering.books import MemoryBook
from tests.rules.build import rule
from tests.web.houses import DEVICES, HOUR, NOON, SITE, House, furnish, living

__all__ = ["whole"]

_ACCESS = {"class": ["access", "door"]}
_RULES = (
    {"id": "shown", "kind": "event", "event": ["card", "passage"], "devices": _ACCESS, "severity": "low"},
    {"id": "denied", "kind": "event_count", "event": ["card"], "count": 2, "window": "1 h", "devices": _ACCESS}
    | {"group_by": ["credential"], "severity": "low"},
)


@asynccontextmanager
async def whole(folder: Path) -> AsyncIterator[tuple[House, Parts]]:
    """Let it live until the block ends; at its doors people came and went, and rules have judged each of it."""
    known = {each.id: each for each in DEVICES}
    rules = {made.id: made for made in (rule(each, known) for each in _RULES)}
    people = {"ana": Person(id="ana", name="Ana", language="en", channels={"hook": "json://127.0.0.1:9/"})}
    roster = Roster(id="duty", name="On-call duty", layers=(Layer(people=("ana",)),))
    place = Place(id="hall", name="Hall", building="A", reports=(Report(id="water"),))
    site = replace(
        SITE,
        rules=rules,
        notify=Notify(people=people, rosters={"duty": roster}),
        residents=Residents(base="http://127.0.0.1:9/fm", places={"hall": place}),
    )
    async with living(folder, ManualClock(NOON - 2 * HOUR), site) as house:
        state, clock, journal = house.files.state, house.clock, house.files.journal
        channels = Channels()
        notifier = Notifier(state, site, channels=channels, now=clock.now, standing=standing)
        alarms = Alarms(journal, state, site, lambda _: (), clock.now)
        assert house.parts.access is not None
        assert house.parts.equipment is not None
        books = Books(
            usage=MemoryBook(site, clock.now),
            access=house.parts.access.book,
            upkeep=house.parts.equipment.book,
        )
        desk = AlarmDesk(state, notifier, clock.now, alarms)
        parts = replace(
            house.parts,
            alarms=desk,
            holds=HoldDesk(state, site, clock.now),
            cases=CaseDesk(state, site, clock.now),
            duty=DutyDesk(state, site, clock.now),
            channels=ChannelDesk(state, site, notifier, channels, clock.now),
            reports=Desk(books, site, clock.now),
            residents=ResidentDesk(site, state, journal, bytes(32), clock.now),
            judged=lambda: alarms.applied,
        )
        work = [asyncio.create_task(each) for each in (alarms.run(), Feeder(state, journal).run())]
        house.applied = [*house.applied, lambda: alarms.applied]
        try:
            await furnish(house)
            yield house, parts
        finally:
            for task in work:
                task.cancel()
            for task in work:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
