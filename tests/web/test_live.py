"""The newest events in memory: a person who is erased leaves them, too."""

import asyncio
from contextlib import suppress
from pathlib import Path

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event
from monitor.ports import Batch
from monitor.site import JournalSettings
from monitor.web.live import LiveState
from tests.clock import ManualClock
from tests.sinks.site import a_site

ANA, BEN = "0123456789abcdef01234567", "fedcba9876543210fedcba98"


async def test_a_person_leaves_the_newest_events(tmp_path: Path, clock: ManualClock) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
    live = LiveState(a_site(), journal)
    following = asyncio.create_task(live.run())
    cards = [
        Event(
            device="front-reader", kind="card", time=n, arrived=n, id=f"{who}-{n}", attributes={"credential": who}
        )
        for n, who in enumerate([ANA, BEN, ANA])
    ]
    await journal.append([Batch(entries=cards)])
    async with asyncio.timeout(60):
        while len(live.events(10)) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    count, again = live.erase(ANA), live.erase(ANA)
    shown = live.events(10)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await journal.close()

    assert (count, again) == (2, 0)
    assert [each.attributes["credential"] for each in shown] == ["erased", BEN, "erased"]
    assert [each.id for each in shown] == ["erased-0", f"{BEN}-1", "erased-2"]
