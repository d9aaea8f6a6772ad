"""A process that sends is killed again and again: nothing is lost, and nothing comes twice without a mark."""

import asyncio
import re
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from tests.clock import ManualClock
from tests.notify.house import MINUTE, site
from tests.notify.notifying import House, hooked, running, settle
from tests.servers.http import Answer, Request, WebServer

ALARMS = 12
KILLED_AFTER = (1, 5)
"""Requests after whose arrival the process is killed: before their answers are written down."""


class Slow:
    """Takes everything, but answers only once the test goes on."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.stops_at = 0
        self.go_on = threading.Event()
        self._seen = 0

    def __call__(self, _: Request) -> Answer:
        self._seen += 1
        if self._seen == self.stops_at:
            self.arrived.release()
            self.go_on.wait(60)
        return 200


def occurrences(requests: list[Request]) -> Counter[str]:
    return Counter(re.findall(r"alarms ack (o\d+)", "\n".join(each.json()["message"] for each in requests)))


@pytest.mark.fault(
    "SIGKILL",
    part="notifications",
    outcome="Killed again and again while it sends, no message is lost; what comes twice is marked so.",
)
async def test_nothing_is_lost_and_nothing_comes_twice_without_a_mark(
    tmp_path: Path, clock: ManualClock, web: WebServer
) -> None:
    path = tmp_path / "state.db"
    house = House(State.open(path), clock, site(hooked(web, "ana", "?rto=60")))
    for number in range(ALARMS):
        await house.tell(NoticeKind.RAISE, occurrence=f"o{number}")
    await house.state.close()
    address = house.site.notify.people["ana"].channels["hook"]
    for stops_at in KILLED_AFTER:
        slow = web.handle = Slow()
        slow.stops_at = stops_at
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.notify.sender", str(path), address
        )
        assert await asyncio.to_thread(slow.arrived.acquire, timeout=60)
        process.kill()
        await process.wait()
        slow.go_on.set()
    web.handle = None
    clock.advance(MINUTE)  # the processes' clock went on

    house.state = State.open(path)
    async with running(house.notifier()) as notifier:
        found = await settle(notifier, "sent")
    await house.state.close()

    arrived = occurrences(web.taken)
    marked = {row["occurrence"] for row in found if row["maybe_delivered"]}
    assert set(arrived) == {f"o{number}" for number in range(ALARMS)}
    assert {name for name, times in arrived.items() if times > 1} <= marked
    assert arrived.total() <= ALARMS + len(KILLED_AFTER)
    assert len(marked) <= len(KILLED_AFTER)


@pytest.mark.fault(
    "SIGKILL",
    part="notifications",
    outcome="Killed before anything was sent, every message is there at the next start and goes once.",
)
async def test_what_was_recorded_and_not_yet_sent_goes_once_after_a_kill(
    tmp_path: Path, clock: ManualClock, web: WebServer
) -> None:
    path = tmp_path / "state.db"
    script = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from monitor.journal.state import State\n"
        "from monitor.notices import NoticeKind\n"
        "from tests.notify.house import NOW, insert, person, rows, site\n"
        "async def main():\n"
        "    state = State.open(Path(sys.argv[1]))\n"
        "    made = rows(site(person('ana', hook=sys.argv[2])), NoticeKind.RAISE)\n"
        "    await state.transact(lambda db: insert(db, made, NOW))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    house = House(State.open(path), clock, site(hooked(web, "ana")))
    await house.state.close()
    address = house.site.notify.people["ana"].channels["hook"]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path), address)
    assert await process.wait() == -9

    house.state = State.open(path)
    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier, "sent")
    await house.state.close()

    assert (row["attempts"], row["maybe_delivered"], len(web.taken)) == (1, False, 1)
