"""A house whose messages carry links, and the pages behind them."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import httpx

from monitor.app.links import LinkParts, make_links
from monitor.journal.files import Files
from monitor.model import Command
from monitor.site import Site
from monitor.staff import Links, Notify, Person
from tests.alarms.household import DEVICES, FORCED, LEAK, LOW, House, site
from tests.rules.build import reading
from tests.servers.ports import free_port

__all__ = ["HOUR", "Pages", "files_of", "house_with_links", "running", "serving_links"]

HOUR = 3_600_000
PEOPLE = {
    "ana": Person(id="ana", name="Ana", language="en", channels={}),
    "li": Person(id="li", name="李伟", language="zh", channels={}),
}
LOW_RULE = {**LOW, "on_delay": "0 s", "response": "Check the <main> breaker & call.", "name": "Undervoltage"}


def house_with_links(port: int) -> Site:
    links = Links(base=f"http://127.0.0.1:{port}/fm", host="127.0.0.1", port=port)
    return Site(
        id="s",
        name="Maple Court",
        timezone=ZoneInfo("Europe/Berlin"),
        devices={**DEVICES, "meter": replace(DEVICES["meter"], name="Main meter", building="A")},
        rules=site(LOW_RULE, LEAK, FORCED).rules,
        notify=Notify(people=PEOPLE, links=links),
    )


def files_of(house: House) -> Files:
    """The files of a house, as far as links use them."""
    return cast("Files", SimpleNamespace(state=house.state, journal=house.journal))


class Pages:
    """Pages that are served, the house that they are about, and a browser without a script."""

    def __init__(self, house: House, parts: LinkParts, client: httpx.AsyncClient) -> None:
        self.house = house
        self.parts = parts
        self.client = client

    async def alarm(self) -> str:
        """Raise the alarm of the meter, and answer its occurrence."""
        await self.house.say(reading(0, 200.0), at=0)
        return (await self.house.only()).occurrence

    async def press(self, link: str) -> httpx.Response:
        """Open a page and press its button, as a browser does."""
        page = (await self.client.get(link)).text
        form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        assert 'method="post"' in page
        return await self.client.post(link, data=form)

    async def acknowledged(self) -> list[Command]:
        found = await self.house.journal.read(0, 10_000)  # type: ignore[arg-type]
        entries = [item.entry for item in found]  # type: ignore[union-attr]
        return [each for each in entries if isinstance(each, Command) and each.kind == "acknowledge"]


@asynccontextmanager
async def running(house: House, folder: Path) -> AsyncIterator[Pages]:
    there = house_with_links(free_port())
    parts = make_links(there, folder, files_of(house), house.clock.now)
    assert isinstance(parts, LinkParts)
    async with (
        house.running(there),
        httpx.AsyncClient(trust_env=False) as client,
        serving_links(house, parts),
    ):
        yield Pages(house, parts, client)


@asynccontextmanager
async def serving_links(house: House, parts: LinkParts) -> AsyncIterator[None]:
    """Serve the pages until the block ends."""
    task = asyncio.create_task(parts.run())
    await house.until(lambda: _is(parts.facts()["listening"]))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _is(fact: object) -> bool:
    return bool(fact)
