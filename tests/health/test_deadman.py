"""The dead-man ping over real HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from monitor.deadman import Deadman
from monitor.supervision import Watchdog
from tests.servers.http import WebServer
from tests.servers.ports import free_port

SECRET = "0f0e1d-secret"


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@asynccontextmanager
async def pinging(deadman: Deadman) -> AsyncIterator[None]:
    task = asyncio.create_task(deadman.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not claim():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def _deadman(url: str, stuck: Callable[[], list[str]] = list) -> Deadman:
    return Deadman(url, 0.05, stuck=stuck, now=lambda: 1_795_378_523_000)


async def test_somebody_outside_hears_of_it_again_and_again(server: WebServer) -> None:
    deadman = _deadman(f"{server.url}/{SECRET}")
    async with pinging(deadman):
        await until(lambda: len(server.taken) >= 3)

    assert {(each.method, each.path) for each in server.taken} == {("GET", f"/{SECRET}")}
    assert deadman.status()["last_success"] == 1_795_378_523_000
    assert deadman.status()["last_error"] == ""


@pytest.mark.fault(
    "part stands still",
    part="whole monitor",
    outcome="The dead-man ping stops, and somebody outside hears of it.",
)
async def test_nobody_hears_of_a_monitor_whose_parts_stand_still(server: WebServer) -> None:
    beat = 0
    watchdog = Watchdog({"journal": lambda: beat})
    looks = 0

    def stuck() -> list[str]:
        nonlocal looks
        looks += 1
        return watchdog.stuck()

    deadman = _deadman(server.url, stuck)
    watchdog.stuck()
    async with pinging(deadman):
        await until(lambda: looks >= 3)
        asked = len(server.requests)
        beat = 1
        await until(lambda: len(server.taken) > 0)

    assert asked == 0


async def test_an_outage_is_logged_once_each_way_and_never_with_the_address(server: WebServer) -> None:
    server.otherwise = 503
    with capture_logs() as logs:
        async with pinging(_deadman(f"{server.url}/{SECRET}")):
            await until(lambda: len(server.requests) >= 3)
            server.otherwise = 200
            await until(lambda: len(server.taken) >= 2)

    assert [log["event"] for log in logs] == ["deadman_not_told", "deadman_told_again"]
    assert logs[0]["error"] == "answered 503"
    assert SECRET not in str(logs)


async def test_nobody_there_is_a_failure_that_is_survived() -> None:
    deadman = _deadman(f"http://127.0.0.1:{free_port()}/{SECRET}")
    with capture_logs() as logs:
        async with pinging(deadman):
            await until(lambda: int(deadman.status()["failed"]) >= 2)

    assert deadman.status()["last_error"] == "not reached (ConnectError)"
    assert SECRET not in str(logs)
