"""What was read of a person before she was erased is on its way to InfluxDB when that is looked through."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from monitor.access import erasing as erasing_module
from monitor.access.erasing import Erasing
from monitor.errors import SinkUnavailable
from monitor.journal.counting import holds
from monitor.journal.files import Files
from monitor.model import Position
from monitor.ports import Gap
from monitor.sinks.backfill import Backfill
from monitor.sinks.deadletters import DeadLetters, Refused
from monitor.sinks.influxdb import InfluxSink, client, writer
from monitor.sinks.influxdb.again import InfluxPast
from monitor.sinks.influxdb.erase import InfluxErasing
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import InfluxSettings
from monitor.zones import AccessSettings
from tests.clock import ManualClock
from tests.journal.ledgers import opened
from tests.servers.http import Answer, Request, WebServer
from tests.servers.influxdb import InfluxServer
from tests.sinks.pasts import no_usage
from tests.sinks.site import NOW, a_site
from tests.sinks.test_influx_erase import ANA, BEN, CARDS, stored
from tests.sinks.test_runner import append, running, until

DAY = 86_400_000


class Slow:
    """What stands before an InfluxDB: once `held` is set, lines that name Ana wait for `let_go`."""

    def __init__(self, server: InfluxServer) -> None:
        self._server = server
        self._pool = urllib3.PoolManager()
        self.held = False
        self.waiting = threading.Event()
        self.let_go = threading.Event()
        self.landed = threading.Event()

    def __call__(self, request: Request) -> Answer:
        names_her = self.held and ANA.encode() in request.body and urlsplit(request.path).path == "/write"
        if names_her:
            self.waiting.set()
            self.let_go.wait(60)
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Connection"}}
        url = f"{self._server.url}{request.path}"
        answer = self._pool.request(request.method, url, body=request.body, headers=headers, retries=False)
        if names_her:
            self.landed.set()
        return answer.status, {"X-Influxdb-Version": "1.6.7"}, answer.data


class House:
    """A sink that has written everything, what sends it again, and what erases."""

    def __init__(self, files: Files, settings: InfluxSettings, slow: Slow) -> None:
        self.files = files
        self.slow = slow
        pace = Pace(interval=0.01, first=0.05, longest=0.1)
        now = ManualClock().now
        site = a_site(access=AccessSettings(pseudonyms=True))
        sink = InfluxSink(settings, site, files.state)
        self.letters = DeadLetters(files.state, now)
        self.runner = SinkRunner(files.journal, files.state, sink, now=now, pace=pace, letters=self.letters)
        past = InfluxPast(sink, site, files.journal, files.folder / "state.db", no_usage)
        self.backfill = Backfill(self.runner, files.state, past, now=now, pace=pace)
        outside = InfluxErasing(settings, lambda: self.runner.position, self.runner.settled)
        self.erasing = Erasing(files, now=now, outside=[outside])
        self.close = outside.close

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with running(self.runner):
            tasks = [asyncio.create_task(each.run()) for each in (self.backfill, self.erasing)]
            try:
                await append(self.files.journal, *CARDS)
                await until(lambda: self.runner.status()["lag"] == 0)
                self.slow.held = True
                yield
            finally:
                self.slow.let_go.set()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self.close()

    async def state_of(self, number: str) -> str:
        told = await self.erasing.state(number)
        assert told is not None
        return f"{told['state']} {told['waits_for']}"

    async def erased_but_for_what_is_under_way(self) -> str:
        """Ask for it, and come back when it is over, or has had time to be."""
        number = await self.erasing.ask(ANA, "house", "moved out")
        await until(lambda: holds(self.files.folder / "journal.db", ANA) == 0)
        with contextlib.suppress(TimeoutError):
            await self.is_done(number, within=2)
        return number

    async def is_done(self, number: str, within: float = 60) -> None:
        async with asyncio.timeout(within):
            while await self.state_of(number) != "done ":  # noqa: ASYNC110 - it is in a file
                await asyncio.sleep(0.02)


@pytest.fixture
def slow(server: InfluxServer) -> Iterator[tuple[Slow, str]]:
    slow = Slow(server)
    with WebServer() as web:
        web.handle = slow
        yield slow, web.url
        slow.let_go.set()


@contextlib.asynccontextmanager
async def a_house(
    folder: Path, server: InfluxServer, database: str, slow: tuple[Slow, str]
) -> AsyncIterator[House]:
    settings = InfluxSettings(
        url=slow[1], token=server.token, bucket=database, access_bucket=f"{database}-access", api="v1"
    )
    async with opened(folder / "ledger.db", ManualClock()) as files:
        house = House(files, settings, slow[0])
        async with house.running():
            yield house


async def test_a_portion_of_the_past_that_was_read_before_is_waited_for(
    tmp_path: Path, server: InfluxServer, database: str, slow: tuple[Slow, str]
):
    async with a_house(tmp_path, server, database, slow) as house:
        await house.backfill.start(NOW - DAY, NOW + DAY, by="ana")
        await asyncio.to_thread(house.slow.waiting.wait, 60)
        number = await house.erased_but_for_what_is_under_way()
        house.slow.let_go.set()
        await house.is_done(number)
        await until(lambda: house.backfill.status()["backfill"] == "done")

    assert stored(server, database, ANA) == []
    assert len(stored(server, database, BEN)) == 33


async def test_a_dead_letter_that_was_read_before_is_waited_for(
    tmp_path: Path, server: InfluxServer, database: str, slow: tuple[Slow, str]
):
    async with a_house(tmp_path, server, database, slow) as house:
        found = await house.files.journal.read(Position(0), 100)
        assert not isinstance(found, Gap)
        hers = [each for each in found if each.entry == CARDS[1]]
        await house.letters.bury("influxdb", hers, {hers[0].position: Refused("odd")})
        await house.letters.retry(None)
        await asyncio.to_thread(house.slow.waiting.wait, 60)
        number = await house.erased_but_for_what_is_under_way()
        house.slow.let_go.set()
        await house.is_done(number)
        await until(lambda: house.runner.status()["dead_letters"] == 0)

    assert stored(server, database, ANA) == []


async def test_what_was_given_up_and_lands_later_is_waited_for(
    tmp_path: Path,
    server: InfluxServer,
    database: str,
    slow: tuple[Slow, str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(client, "_TIMEOUT_S", (1.0, 0.3))
    monkeypatch.setattr(writer, "_LINGERS_S", 4.0)
    monkeypatch.setattr(erasing_module, "_SHORTEST_WAIT", 0.2)
    async with a_house(tmp_path, server, database, slow) as house:
        await house.backfill.start(NOW - DAY, NOW + DAY, by="ana")
        await until(lambda: "timed out" in str(house.backfill.status()["backfill_waits_for"]))
        await house.backfill.stop()
        with pytest.raises(SinkUnavailable, match="may still be writing"):
            await house.runner.settled()
        number = await house.erased_but_for_what_is_under_way()
        waiting = await house.state_of(number)
        house.slow.let_go.set()
        await asyncio.to_thread(house.slow.landed.wait, 60)
        await house.is_done(number)

    assert waiting.startswith("open influxdb may still be writing what it has not answered")
    assert stored(server, database, ANA) == []
