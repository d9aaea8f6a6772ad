"""Registers by hand over the API: through a real poller, driver and bus."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.poller import ByHand, Poller
from monitor.simulation.modbus import SimulatedBus
from monitor.simulation.unit import Unit, Wrong
from tests.clock import ManualClock
from tests.drivers.modbus.site import driver
from tests.poller.scripted import SteppedClock
from tests.web.serving import make_parts, serving

URL = "/connections/line/registers"


def wish(unit: int = 3, table: str = "holding", **more: object) -> dict[str, object]:
    return {"unit": unit, "table": table, "first": 0, "timeout": 0.2} | more


@pytest.fixture
async def unit() -> Unit:
    unit = Unit()
    unit.set("holding", 0, [17254, 32768])
    return unit


@pytest.fixture
async def client(
    unit: Unit, journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    bus = SimulatedBus({3: unit})
    drivers = {"line": driver(await bus.start(), timeout="300 ms")}
    poller = Poller(drivers, {}, journal, clock=SteppedClock())
    running = asyncio.create_task(poller.run())
    async with serving(
        make_parts(journal, clock, by_hand=ByHand(poller, drivers, [])), tmp_path / "api.sock"
    ) as client:
        yield client
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await bus.stop()


async def test_the_buses_say_where_they_are(client: httpx.AsyncClient) -> None:
    (bus,) = (await client.get("/connections")).json()

    assert bus["id"] == "line"
    assert bus["place"].startswith("127.0.0.1:")
    assert (bus["line"], bus["timeout_s"]) == ("", 0.3)


async def test_registers_are_read(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json=wish(count=2))
    bits = await client.post(URL, json=wish(table="coil", count=3))

    assert answer.status_code == 200
    assert answer.json()["values"] == [17254, 32768]
    assert answer.json()["ms"] > 0
    assert bits.json()["values"] == [0, 0, 0]


async def test_each_way_to_get_nothing_is_told_apart(client: httpx.AsyncClient, unit: Unit) -> None:
    silence = await client.post(URL, json=wish(unit=9))
    unit.faults.exception = 2
    exception = await client.post(URL, json=wish())
    unit.faults.exception, unit.faults.wrong = 0, Wrong.SHORT
    garbled = await client.post(URL, json=wish())

    assert (silence.status_code, silence.json()["kind"], silence.json()["code"]) == (504, "silence", None)
    assert (exception.status_code, exception.json()["kind"], exception.json()["code"]) == (502, "exception", 2)
    assert (garbled.status_code, garbled.json()["kind"], garbled.json()["code"]) == (502, "garbled", None)
    assert all(answer.json()["what_to_do"] for answer in (silence, exception, garbled))


async def test_who_comes_when_too_many_wait_is_told_to_come_again(client: httpx.AsyncClient, unit: Unit) -> None:
    unit.faults.silent = True
    answers = await asyncio.gather(*(client.post(URL, json=wish(timeout=0.02)) for _ in range(12)))
    refused = [answer for answer in answers if answer.status_code == 429]

    assert {answer.status_code for answer in answers} == {429, 504}
    assert len(refused) == 4
    assert refused[0].json()["kind"] == "refused"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/connections/nowhere/registers", wish(), 404),
        (URL, wish(table="register"), 422),
        (URL, wish(unit=256), 422),
        (URL, wish(count=126), 422),
        (URL, wish(first=65535, count=2), 422),
        (URL, wish(timeout=60), 422),
        (URL, wish(values=[1]), 422),
        (URL, {}, 422),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int
) -> None:
    answer = await client.post(path, json=body)

    assert answer.status_code == status
    assert set(answer.json()) == {"type", "title", "status", "detail", "what_to_do"}


async def test_nothing_can_be_written(client: httpx.AsyncClient, unit: Unit) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await client.request(method, URL, json=wish())).status_code == 405
    assert not unit.asked
