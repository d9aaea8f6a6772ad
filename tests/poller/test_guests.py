"""What else may ask a bus than its polling, over the real driver and a simulated endpoint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from monitor.errors import RequestRefused
from monitor.journal.sqlite import SqliteJournal
from monitor.poller import Poller
from monitor.ports import Answer, PolledDriver
from tests.poller.scripted import until
from tests.poller.test_over_modbus import House, meter, polling


@asynccontextmanager
async def one_meter(journal: SqliteJournal, every: float = 0.05) -> AsyncIterator[Poller]:
    async with polling(House(meter(1, every=every)), journal) as poller:
        await until(lambda: poller.status()["a-1"].polls >= 1)
        yield poller


async def ask(driver: PolledDriver) -> Answer:
    return await driver.read("a-1", "fast")


async def never(_driver: PolledDriver) -> None:
    await asyncio.sleep(3600)


async def test_a_guest_gets_what_its_request_answers(journal: SqliteJournal) -> None:
    async with one_meter(journal) as poller:
        answer = await poller.lend("a", ask, device="a-1")

    assert answer.values == {"power_w": 1.0}


@pytest.mark.fault(
    "bus overloaded",
    part="Modbus",
    outcome="One request at a time is let in, in a fifth of the time at most; the polling goes on.",
)
async def test_guests_get_a_fifth_of_the_time_and_never_stop_the_polling(journal: SqliteJournal) -> None:
    at_once = most = 0

    async def slow(_driver: PolledDriver) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1

    async with one_meter(journal) as poller:
        before = poller.status()["a-1"].polls
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(poller.lend("a", slow) for _ in range(6)))
        spent = asyncio.get_running_loop().time() - began
        polls = poller.status()["a-1"].polls - before

    assert spent >= 5 * 5 * 0.05
    assert most == 1
    assert polls >= 5


async def test_while_a_guest_asks_a_device_it_is_not_polled(journal: SqliteJournal) -> None:
    inside = asyncio.Event()
    leave = asyncio.Event()

    async def stay(_driver: PolledDriver) -> None:
        inside.set()
        await leave.wait()

    async with one_meter(journal) as poller:
        guest = asyncio.create_task(poller.lend("a", stay, device="a-1"))
        await inside.wait()
        polls, late = poller.status()["a-1"].polls, poller.status()["a-1"].late
        await until(lambda: poller.status()["a-1"].late > late + 1)
        meanwhile = poller.status()["a-1"].polls
        leave.set()
        await guest
        await until(lambda: poller.status()["a-1"].polls > polls)

    assert meanwhile == polls


async def test_a_guest_that_goes_gives_the_bus_back(journal: SqliteJournal) -> None:
    async with one_meter(journal) as poller:
        guests = [asyncio.create_task(poller.lend("a", never)) for _ in range(3)]
        await asyncio.sleep(0.05)
        for guest in reversed(guests):  # first those that wait, then the one that has the bus
            guest.cancel()
        ended = await asyncio.gather(*guests, return_exceptions=True)
        polls = poller.status()["a-1"].polls
        await until(lambda: poller.status()["a-1"].polls > polls)
        answer = await poller.lend("a", ask)

    assert [type(each) for each in ended] == [asyncio.CancelledError] * 3
    assert answer.answered


async def test_a_guest_whose_request_is_cut_off_leaves_a_driver_that_works(journal: SqliteJournal) -> None:
    house = House(meter(1, every=3600.0), timeouts={"a": "30 s"})
    async with polling(house, journal) as poller:
        await until(lambda: poller.status()["a-1"].polls == 1)
        house.silence("a-1")
        asked = len(house.units["a-1"].asked)
        guest = asyncio.create_task(poller.lend("a", ask))
        await until(lambda: len(house.units["a-1"].asked) > asked)
        guest.cancel()
        ended = await asyncio.gather(guest, return_exceptions=True)
        house.silence()
        answer = await poller.lend("a", ask)

    assert isinstance(ended[0], asyncio.CancelledError)
    assert answer.values == {"power_w": 1.0}


async def test_a_guest_that_stays_too_long_is_sent_away(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.poller.guests._LONGEST", 0.1)
    async with one_meter(journal) as poller:
        with pytest.raises(RequestRefused, match=r"longer than 0\.1 s"):
            await poller.lend("a", never)
        polls = poller.status()["a-1"].polls
        await until(lambda: poller.status()["a-1"].polls > polls)


async def test_what_a_guest_raises_is_its_own(journal: SqliteJournal) -> None:
    async def fail(_driver: PolledDriver) -> None:
        raise TimeoutError("mine")

    async with one_meter(journal) as poller:
        with pytest.raises(TimeoutError, match="mine"):
            await poller.lend("a", fail)


async def test_too_many_guests_and_strangers_are_refused(journal: SqliteJournal) -> None:
    async with one_meter(journal) as poller:
        with pytest.raises(RequestRefused, match="nothing that is polled is called nowhere"):
            await poller.lend("nowhere", never)
        with pytest.raises(RequestRefused, match="nothing that is polled is called b-7"):
            await poller.lend("a", never, device="b-7")
        guests = [asyncio.create_task(poller.lend("a", never)) for _ in range(8)]
        await asyncio.sleep(0.05)
        with pytest.raises(RequestRefused, match="too many"):
            await poller.lend("a", never)
        for guest in guests:
            guest.cancel()
        await asyncio.gather(*guests, return_exceptions=True)


async def test_when_the_polling_ends_all_guests_are_sent_away(journal: SqliteJournal) -> None:
    async with one_meter(journal) as poller:
        guests = [asyncio.create_task(poller.lend("a", never)) for _ in range(3)]
        await asyncio.sleep(0.05)
    ended = await asyncio.gather(*guests, return_exceptions=True)

    assert [type(each) for each in ended] == [RequestRefused] * 3
    with pytest.raises(RequestRefused, match="ends"):
        await poller.lend("a", never)
