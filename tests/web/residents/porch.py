"""A house whose residents report: its pages served over HTTP, about alarms that the real engine keeps."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from drivers import DRIVERS
from monitor.alarms import commands
from monitor.alarms.store import AlarmView, list_alarms
from monitor.app.residents import ResidentParts, make_residents
from monitor.model import Event
from monitor.settings import load
from monitor.settings.tables import resolve
from monitor.site import Site
from rules.kinds import RULES
from tests.alarms.household import House
from tests.servers.ports import free_port
from tests.web.linkhouse import files_of

__all__ = ["Porch", "house_with_places", "on_the_porch"]

SITE = """\
site: {{id: house, name: Maple Court, timezone: Europe/Berlin}}
residents:
  base: "http://127.0.0.1:{port}/fm"
  listen: "127.0.0.1:{port}"
  emergency: "112"
  contact: the office, 030 1
  most: {most}
  places:
    - {{id: lift, name: Lift <A>, building: A, reports: [person-stuck, lift-stuck, other]}}
    - {{id: hall, name: Hall, building: A, zone: entrance,
       reports: [water, light, {{id: bins, en: Bins, zh: 垃圾桶}}]}}
rules: [{{stock: residents}}]
"""


def house_with_places(folder: Path, port: int, most: int = 10) -> Site:
    path = folder / "site.yaml"
    path.write_text(SITE.format(port=port, most=most), "utf-8")
    return load(path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={}).site


class Porch:
    """The pages that are served, and a telephone without cookies or scripts."""

    def __init__(self, site: Site, house: House, parts: ResidentParts, client: httpx.AsyncClient) -> None:
        self.site = site
        self.house = house
        self.parts = parts
        self.client = client

    def address(self, place: str = "hall") -> str:
        return self.parts.desk.codes.address(place)

    async def form(self, place: str = "hall", **asked: str) -> dict[str, str]:
        """What the form of a place carries, as a browser reads it."""
        page = await self.client.get(self.address(place), params=asked)
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))

    async def send(self, form: Mapping[str, str], place: str = "hall", **more: Any) -> httpx.Response:
        return await self.client.post(self.address(place), data=dict(form), **more)

    async def report(self, kind: str, text: str = "", place: str = "hall") -> str:
        """Open the page, fill it in and send it; answers the address where it is followed."""
        answer = await self.send({**await self.form(place), "kind": kind, "text": text}, place)
        assert answer.status_code == 303, answer.text
        return str(answer.url.join(answer.headers["location"]))

    async def judged(self) -> list[AlarmView]:
        """All alarms, once everything in the journal is judged."""
        alarms = self.house.alarms
        assert alarms is not None
        await self.house.until(lambda: _is(alarms._position >= self.house.journal.last))
        await self.house.applied()
        return await list_alarms(self.house.state, include_cleared=True)

    async def acknowledge(self, occurrence: str) -> None:
        now = self.house.clock.now()
        await self.house.say(
            commands.command(commands.ACKNOWLEDGE, occurrence, by="Ana Secret", reason="", now=now), at=self.at
        )
        await self.judged()

    async def casework(self, kind: str, occurrence: str, **arguments: str) -> None:
        now = self.house.clock.now()
        command = commands.command(kind, occurrence, by="Ana Secret", reason="", now=now, arguments=arguments)
        await self.house.say(command, at=self.at)
        await self.judged()

    @property
    def at(self) -> int:
        return self.house.clock.now() - 1_795_378_523_000 + 1000

    async def events(self) -> list[Event]:
        found = await self.house.journal.read(0, 10_000)  # type: ignore[arg-type]
        entries = [item.entry for item in found]  # type: ignore[union-attr]
        return [each for each in entries if isinstance(each, Event)]


@asynccontextmanager
async def on_the_porch(house: House, folder: Path, most: int = 10) -> AsyncIterator[Porch]:
    site = house_with_places(folder, free_port(), most)
    parts = make_residents(site, folder, files_of(house), house.clock.now, may_forget=lambda: True)
    assert isinstance(parts, ResidentParts)
    await parts.load()
    async with house.running(site), httpx.AsyncClient(trust_env=False) as client:
        tasks = [asyncio.create_task(each) for each in parts.tasks().values()]
        await house.until(lambda: _is(parts.facts()["listening"]))
        try:
            yield Porch(site, house, parts, client)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def _is(fact: object) -> bool:
    return bool(fact)
