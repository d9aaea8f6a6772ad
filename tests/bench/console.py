"""The console under load: 50 pages that are open, at 1,000 readings a second. Nothing is asserted.

200 devices on 20 connections, each polled five times a second by the real poller into the real journal, with a
scripted driver that answers after 5 ms; the console on a real port behind its gate, 100 open alarms. The 50 that
look are in a process of their own; one more never reads what it is told.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import httpx
import psutil

from monitor.accounts.roles import Role
from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.poller import Poller
from monitor.ports import Answer, Traffic
from monitor.site import Connection, Device, JournalSettings, Point, Site
from tests.clock import ManualClock
from tests.web.browsing import Browser, Front, accounts_of, front
from tests.web.serving import ALARM, ScriptedAlarms, make_parts

__all__ = ["CONNECTIONS", "DEVICES", "loaded", "main"]

CONNECTIONS, DEVICES = 20, 10
EVERY = 0.2
LOOKERS = 50
ALARMS = 100
ROUNDS, SECONDS, TIMES = 3, 10.0, 15
PAGES = (
    "/",
    "/alarms",
    "/alarms/a-7",
    "/shelves",
    "/notifications",
    "/on-call",
    "/plant",
    "/devices/meter-3-3",
    "/quality",
    "/meters",
    "/status",
    "/search?q=meter",
    "/api/v1/devices",
    "/api/v1/alarms",
)


class Wireless:
    """Answers two values after 5 ms."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = 0

    async def read(self, device: str, scan: str) -> Answer:  # noqa: ARG002 - the protocol's
        await asyncio.sleep(0.005)
        self._turn += 1
        values = {"voltage_l1_v": 230.0 + self._turn % 10, "power_w": 1000.0 + self._turn % 7}
        return Answer(values=values, arrived=self._clock.now(), answered=True)

    async def probe(self, device: str) -> Answer:
        return await self.read(device, "fast")

    def traffic(self, device: str) -> Traffic:  # noqa: ARG002 - the protocol's
        return Traffic()

    def advice(self, device: str) -> str:  # noqa: ARG002 - the protocol's
        return ""

    async def close(self) -> None:
        pass


def site(every: float = EVERY) -> Site:
    """200 meters in four buildings."""
    points = {"voltage_l1_v": Point(name="voltage_l1_v", unit="V"), "power_w": Point(name="power_w", unit="W")}
    devices = {
        f"meter-{bus}-{n}": Device(
            id=f"meter-{bus}-{n}",
            name=f"Meter {bus}/{n}",
            connection=f"bus-{bus}",
            device_class="electricity",
            building="ABCD"[bus % 4],
            scan={"fast": every},
            points=points,
        )
        for bus in range(CONNECTIONS)
        for n in range(DEVICES)
    }
    buses = {
        f"bus-{bus}": Connection(id=f"bus-{bus}", driver="modbus", options=None) for bus in range(CONNECTIONS)
    }
    return Site(id="bench", name="Bench", timezone=ZoneInfo("Europe/Berlin"), connections=buses, devices=devices)


@asynccontextmanager
async def loaded(folder: Path, known: Site) -> AsyncIterator[tuple[Front, Poller]]:
    """Poll and serve until the block ends."""
    clock = Clock()
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=clock.now)
    state = State.open(folder / "state.db")
    accounts = await accounts_of(state, ManualClock(clock.now()), idle=86400.0)
    poller = Poller({bus: Wireless(clock) for bus in known.connections}, dict(known.devices), journal, clock=clock)
    now = clock.now()
    alarms = ScriptedAlarms(
        ManualClock(now),
        {
            f"a-{n}": ALARM | {"occurrence": f"a-{n}", "device": f"meter-{n % CONNECTIONS}-3", "raised_at": now}
            for n in range(ALARMS)
        },
    )
    parts = replace(
        make_parts(journal, ManualClock(now)),
        site=known,
        now=clock.now,
        alarms=alarms,
        polls=poller.status,
        health=lambda: dict.fromkeys(known.devices, "answering"),
        losses=dict,
        connections=lambda: {bus: {} for bus in known.connections},
    )
    polling = asyncio.create_task(poller.run())
    try:
        async with front(parts, accounts) as served:
            yield served, poller
    finally:
        polling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await polling
        await journal.close()
        await state.close()


@asynccontextmanager
async def signed_in(served: Front) -> AsyncIterator[Browser]:
    """An administrator's browser."""
    await served.add("ana", Role.ADMINISTRATOR)
    async with served.browser() as browser:
        await browser.sign_in("ana")
        yield browser


def deaf(port: int, secret: str, topics: str = "readings&device=meter-3-3") -> socket.socket:
    """Somebody who asks for what is live and never reads it; his buffer is small."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    link.connect(("127.0.0.1", port))
    asked = (
        f"GET /api/v1/live?topics={topics} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: session={secret}\r\n\r\n"
    )
    link.sendall(asked.encode())
    return link


async def crowd(served: Front) -> list[str]:
    """The sessions of those who look, each of whom has ten pages open."""
    secrets = []
    for n in range(LOOKERS // 10):
        account = await served.accounts.add(f"looker-{n}", role=Role.VIEWER, by="bench")
        secrets.append((await served.accounts.begin(account, address="", network="", browser=""))[0])
    return secrets


def look(port: int, secrets: Sequence[str]) -> None:
    """Look with fifty pages, until stopped."""

    async def one(client: httpx.AsyncClient, n: int) -> None:
        topics = f"alarms,devices,doors,notifications,readings&device=meter-{n % CONNECTIONS}-3"
        cookie = {"cookie": f"session={secrets[n % len(secrets)]}"}
        async with client.stream("GET", f"/api/v1/live?topics={topics}", headers=cookie) as answer:
            async for _ in answer.aiter_bytes():
                pass

    async def all_of_them() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            trust_env=False,
            timeout=None,
            limits=limits,
        ) as client:
            await asyncio.gather(*(one(client, n) for n in range(LOOKERS)))

    asyncio.run(all_of_them())


async def _measured(poller: Poller) -> tuple[float, float, float]:
    """For some seconds: how late polls start (p99, ms), readings a second, share of one core."""
    before = sum(each.polls for each in poller.connections().values())
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    passed = time.monotonic() - wall
    polls = sum(each.polls for each in poller.connections().values()) - before
    return float(poller.facts()["start_p99_ms"]), polls / passed, (time.process_time() - cpu) / passed


async def _pages(browser: Browser) -> list[tuple[float, str]]:
    """The median of milliseconds that each page takes, as the one who asks sees it."""
    found = []
    for page in PAGES:
        taken = []
        for _ in range(TIMES):
            began = time.monotonic()
            answer = await browser.get(page)
            taken.append((time.monotonic() - began) * 1000)
            if answer.status_code != 200:
                raise RuntimeError(f"{page}: {answer.status_code}")
        found.append((median(taken), page))
    return found


async def _run(folder: Path) -> Sequence[str]:
    told, resident = [], psutil.Process().memory_info
    async with loaded(folder, site()) as (served, poller), signed_in(served) as browser:
        secrets = await crowd(served)
        await asyncio.sleep(3.0)
        alone, crowded, sizes = [], [], []
        for _ in range(ROUNDS):
            alone.append(await _measured(poller))
            sizes.append(resident().rss)
            lookers = multiprocessing.get_context("spawn").Process(target=look, args=(served.port, secrets))
            lookers.start()
            idle = deaf(served.port, browser.secret)
            try:
                await asyncio.sleep(3.0)
                crowded.append(await _measured(poller))
                sizes.append(resident().rss)
            finally:
                idle.close()
                lookers.terminate()
                lookers.join()
            await asyncio.sleep(1.0)
        pages = await _pages(browser)
    for name, found in (("alone", alone), ("51 look", crowded)):
        late, readings, share = (median(each[n] for each in found) for n in range(3))
        told.append(
            f"  {name:10} polls start late, p99 {late:7.1f} ms   readings/s {readings:6.0f}   "
            f"one core {share * 100:5.1f} %"
        )
    ratios = [with_[0] / without[0] for with_, without in zip(crowded, alone, strict=True)]
    told.append(f"  lateness with those who look to without: {', '.join(f'{each:.2f}' for each in ratios)}")
    told.append(f"  resident, MB: {', '.join(f'{each / 2**20:.0f}' for each in sizes)}")
    told += [f"  {ms:7.1f} ms  {page}" for ms, page in sorted(pages, reverse=True)]
    return told


def main() -> None:
    """Print lateness, memory and the time of each page."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(_run(Path(folder)))
    count = CONNECTIONS * DEVICES
    sys.stdout.write(
        f"The console, {count} devices every {EVERY:g} s, {ALARMS} alarms open:\n" + "\n".join(told) + "\n"
    )


if __name__ == "__main__":
    main()
