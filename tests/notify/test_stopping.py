"""The notifier is stopped, or killed, while it sends: what may have been on its way is known."""

import asyncio
import sys
from pathlib import Path

import pytest

from monitor.errors import ChannelUnavailable
from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.ports import Message
from tests.clock import ManualClock
from tests.notify.house import site
from tests.notify.notifying import House, hooked, running, settle, until
from tests.servers.http import WebServer


async def test_a_kill_between_sending_and_writing_it_down_sends_again(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier)
    await state.transact(lambda db: db.execute("UPDATE outbox SET state = 'sending', sent_at = NULL"))

    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier)

    assert (row["state"], row["attempts"], row["maybe_delivered"]) == ("sent", 2, True)
    assert len(web.taken) == 2


@pytest.mark.fault(
    "SIGKILL",
    part="notifications",
    outcome="A message that may have been on its way is sent again, and marked so; none is lost.",
)
async def test_a_process_killed_while_it_sends_sends_again_at_the_next_start(
    tmp_path: Path, clock: ManualClock, web: WebServer
) -> None:
    house = House(State.open(tmp_path / "state.db"), clock, site(hooked(web, "ana", "?rto=60")))
    await house.tell(NoticeKind.RAISE)
    await house.state.close()
    web.hang = True
    address = house.site.notify.people["ana"].channels["hook"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notify.sender", str(tmp_path / "state.db"), address
    )
    await asyncio.to_thread(web.requested.wait, 20)
    process.kill()
    await process.wait()
    web.hang = False
    house.state = State.open(tmp_path / "state.db")

    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier)
    await house.state.close()

    assert (row["state"], row["attempts"], row["maybe_delivered"]) == ("sent", 2, True)
    assert len(web.taken) == 1


@pytest.mark.fault(
    "stop in the middle",
    part="notifications",
    outcome="A service that hangs does not hold up the stop; its message is sent at the next start.",
)
async def test_stopping_waits_for_nobody_who_hangs(state: State, clock: ManualClock, web: WebServer) -> None:
    web.hang = True
    house = House(state, clock, site(hooked(web, "ana", "?rto=60")))
    await house.tell(NoticeKind.RAISE)

    async with asyncio.timeout(60):
        async with running(house.notifier()) as notifier:

            async def arrived() -> bool:
                return len(web.requests) == 1

            await until(notifier, arrived)
        assert (await notifier.counts())["sending"] == 1


async def test_stopping_lets_what_is_nearly_done_be_written_down(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    slow = Slow()

    async with running(house.notifier(lambda _address: slow)) as notifier:
        await slow.begun.wait()
        asyncio.get_running_loop().call_later(0.05, slow.go_on.set)

    assert (await notifier.counts())["sent"] == 1


class Slow:
    """A channel that delivers when it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def send(self, address: str, message: Message) -> None:
        self.begun.set()
        await self.go_on.wait()
        if not message.title:
            raise ChannelUnavailable(address)
