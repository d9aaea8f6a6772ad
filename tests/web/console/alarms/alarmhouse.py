"""A house with real alarms, people, rosters and a channel, and its console, asked as somebody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from monitor.alarms import Alarms
from monitor.alarms.store import standing
from monitor.duty import Layer, Roster
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command
from monitor.notify.channels import Channels
from monitor.notify.desk import ChannelDesk
from monitor.notify.outbox import Notifier
from monitor.site import Device, Site
from monitor.staff import Notify, Person
from monitor.web.callers import Caller, Role
from monitor.web.desk import AlarmDesk, CaseDesk, HoldDesk
from monitor.web.dutydesk import DutyDesk
from monitor.web.parts import Parts
from tests.alarms.household import DEVICES, House, site
from tests.clock import ManualClock
from tests.rules.build import event, reading
from tests.web.console.asking import CSRF, asking, somebody
from tests.web.console.looking import assert_sound
from tests.web.serving import make_parts

__all__ = ["EVIL", "HOUR", "Console", "living", "make_site"]

HOUR = 3_600_000
EVIL = "<script>alert(1)</script>\"'&\u202egnp"
"""What a device, a rule or a person may be called by somebody who means no good."""

LOW = {
    "id": "low",
    "kind": "threshold",
    "point": "voltage_v",
    "below": "207 V",
    "on_delay": "0 s",
    "off_delay": "0 s",
    "severity": "high",
    "name": "Undervoltage",
    "response": "Check the <main> breaker & call.",
    "cause": "A fuse has blown.",
    "consequence": "Pumps stop.",
    "owner": "Electrician",
}
LEAK = {"id": "leak", "kind": "state", "point": "alarm", "is": True, "latched": True, "severity": "critical"}
FORCED = {"id": "forced", "kind": "event", "event": "forced"}


def make_site(hook: str = "json://127.0.0.1:9/", **names: str) -> Site:
    """The site; `names`: what devices are called."""
    devices: dict[str, Device] = {
        ident: replace(each, name=names.get(ident, each.name), building="A" if ident == "meter" else "")
        for ident, each in DEVICES.items()
    }
    people = {
        "ana": Person(id="ana", name="Ana", language="en", channels={"hook": hook}),
        "li": Person(id="li", name="李伟", language="zh", channels={"mail": "json://127.0.0.1:9/"}),
    }
    duty = Roster(id="duty", name="On-call duty", layers=(Layer(people=("ana", "li"), begins=date(2026, 11, 16)),))
    return Site(
        id="s",
        name="Maple Court",
        timezone=ZoneInfo("Europe/Berlin"),
        devices=devices,
        rules=site(LOW, LEAK, FORCED).rules,
        notify=Notify(people=people, rosters={"duty": duty}),
    )


@dataclass
class Console:
    """What runs, and what can be asked."""

    house: House
    parts: Parts
    at: int = 0

    @asynccontextmanager
    async def asked_by(
        self, role: Role = Role.SUPERVISOR, *, person: str = "ana", language: str = "en"
    ) -> AsyncIterator["Browser"]:
        """The console as somebody of a role sees it."""
        who = somebody(role, name=EVIL if person == "evil" else "Ana", person=person, language=language)
        async with asking(self.parts, who) as client:
            yield Browser(self, client, who)

    async def alarm(self, volts: float = 200.0) -> str:
        """Raise the alarm of the meter, and answer its occurrence."""
        await self.says(volts)
        (found,) = [each for each in await self.alarms() if each["rule"] == "low" and each["state"] != "clear"]
        return str(found["occurrence"])

    async def says(self, volts: float) -> None:
        """Let the meter say something."""
        self._pass()
        await self.house.say(reading(self.at, volts), at=self.at)
        await self.house.applied()

    async def leaks(self, *, water: bool) -> None:
        """Let the detector say something."""
        self._pass()
        await self.house.say(reading(self.at, water, id="sensor", point="alarm"), at=self.at)
        await self.house.applied()

    async def forced(self) -> None:
        """Let somebody break the door."""
        self._pass()
        await self.house.say(event(self.at, "forced"), at=self.at)
        await self.house.applied()

    def _pass(self) -> None:
        self.at = self.house.clock.time - 1_795_378_523_000 + 1000

    async def alarms(self) -> list[dict[str, Any]]:
        """All alarms, as the desk answers them."""
        return [dict(each) for each in await self.parts.alarms.list_alarms()]

    async def shown(self, occurrence: str) -> dict[str, Any]:
        """One alarm, as the desk answers it."""
        found = await self.parts.alarms.show(occurrence)
        assert found is not None
        return dict(found)

    async def commands(self) -> list[Command]:
        """What people had kept in the journal."""
        found = await self.house.journal.read(0, 10_000)  # type: ignore[arg-type]
        entries = [item.entry for item in found]  # type: ignore[union-attr]
        return [each for each in entries if isinstance(each, Command)]


@dataclass
class Browser:
    """Somebody's browser without a script; every page that it is shown is looked at."""

    console: Console
    client: httpx.AsyncClient
    caller: Caller

    async def see(self, path: str, **query: str | int) -> str:
        """Open a page that is there and sound."""
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert_sound(answer.text)
        return answer.text

    async def send(self, path: str, **said: str) -> httpx.Response:
        """Send a form off."""
        return await self.client.post(path, data={"csrf": CSRF, **said})

    async def done(self, path: str, **said: str) -> str:
        """Send a form off that is accepted, and see the page behind it."""
        answer = await self.send(path, **said)
        assert answer.status_code == 303, answer.text
        return await self.see(answer.headers["location"])

    async def refused(self, path: str, **said: str) -> str:
        """Send a form off that is shown again."""
        answer = await self.send(path, **said)
        assert answer.status_code == 422, answer.text
        assert_sound(answer.text)
        return answer.text


@asynccontextmanager
async def living(
    journal: SqliteJournal, state: State, clock: ManualClock, there: Site | None = None
) -> AsyncIterator[Console]:
    """Let a house live until the block ends; time passes in it by itself, 100 ms at a time."""
    there = there or make_site()
    house = House(journal, state, clock)
    channels = Channels()
    notifier = Notifier(state, there, channels=channels, now=clock.now, standing=standing)
    parts = replace(
        make_parts(journal, clock),
        site=there,
        alarms=AlarmDesk(state, notifier, clock.now, Alarms(journal, state, there, lambda _: (), clock.now)),
        holds=HoldDesk(state, there, clock.now),
        cases=CaseDesk(state, there, clock.now),
        duty=DutyDesk(state, there, clock.now),
        channels=ChannelDesk(state, there, notifier, channels, clock.now),
        health=lambda: dict.fromkeys(there.devices, "answering") | {"door": "suspended"},
        judged=lambda: house.alarms.applied if house.alarms is not None else journal.last,
    )

    async def pass_time() -> None:
        while True:
            clock.advance(100)
            await asyncio.sleep(0.005)

    async with house.running(there):
        passing = asyncio.create_task(pass_time())
        try:
            yield Console(house, parts)
        finally:
            passing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await passing
