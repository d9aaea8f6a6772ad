"""An outage of the disk is told past the outbox: once when it begins, once when it is over, to everybody."""

import asyncio
from collections.abc import Callable
from typing import Self

import pytest
from structlog.testing import capture_logs

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event
from monitor.notify.channels import Channels
from monitor.notify.direct import Direct
from monitor.notify.outage import Outages, Pace
from monitor.site import Site
from monitor.staff import Route
from tests.clock import ManualClock
from tests.journal.conformance import entries_of, everything
from tests.notify.house import person, site
from tests.notify.notifying import mailed
from tests.servers.smtp import MailServer

PACE = Pace(look=0.01, begins=0.05, ends=0.1)


class Disk:
    """A disk that fails when told to, and the watch over it."""

    def __init__(self, settings: Site, journal: SqliteJournal, clock: ManualClock) -> None:
        self.failure = ""
        self.outages = Outages(
            settings,
            journal,
            failing=lambda: self.failure,
            direct=Direct(settings, Channels()),
            now=clock.now,
            pace=PACE,
        )

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.outages.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not claim():  # noqa: ASYNC110 - a server in another thread is watched
            await asyncio.sleep(0.01)


@pytest.mark.fault(
    "disk full",
    part="notifications",
    outcome="Everybody on the route is told once of the beginning and once of the end.",
)
async def test_everybody_is_told_once_of_the_beginning_and_once_of_the_end(
    journal: SqliteJournal, clock: ManualClock, mail: MailServer
) -> None:
    house = site(mailed(mail, "ana"), mailed(mail, "ben", "zh"), escalation=[(0, ["ana"]), (3600, ["ben"])])
    async with Disk(house, journal, clock) as disk:
        disk.failure = "database or disk is full"
        await until(lambda: len(mail.messages) == 2)
        disk.failure = ""
        await until(lambda: len(mail.messages) == 4)
        await asyncio.sleep(0.3)

    kept = [entry for entry in entries_of(await everything(journal)) if isinstance(entry, Event)]
    assert sorted(str(each["To"]).strip("<>") for each in mail.messages) == [
        "ana@example.org", "ana@example.org", "ben@example.org", "ben@example.org",
    ]  # fmt: skip
    assert "Reason: database or disk is full" in "".join(mail.texts())
    assert [(event.kind, event.attributes["state"]) for event in kept] == [("health", "unrecorded")]


async def test_a_hiccup_is_no_outage(journal: SqliteJournal, clock: ManualClock, mail: MailServer) -> None:
    async with Disk(site(mailed(mail, "ana")), journal, clock) as disk:
        disk.failure = "database is locked"
        await asyncio.sleep(0.02)
        disk.failure = ""
        await asyncio.sleep(0.2)

        assert (disk.outages.count, mail.attempts) == (0, 0)


async def test_a_disk_on_the_edge_has_to_be_well_for_longer_each_time(
    journal: SqliteJournal, clock: ManualClock, mail: MailServer
) -> None:
    async with Disk(site(mailed(mail, "ana")), journal, clock) as disk:
        waits = []
        for _ in range(2):
            disk.failure = "full"
            await until(lambda: disk.outages.active)
            waits.append(disk.outages._settle)
            disk.failure = ""
            await until(lambda: not disk.outages.active)

    assert waits == [0.1, 0.4]


async def test_where_no_route_matches_the_first_one_is_taken(
    journal: SqliteJournal, clock: ManualClock, mail: MailServer
) -> None:
    house = site(mailed(mail, "ana"), routes=(Route(team="house", match={"building": ("A",)}),))
    async with Disk(house, journal, clock) as disk:
        disk.failure = "full"
        await until(lambda: len(mail.messages) == 1)


async def test_somebody_who_cannot_be_reached_keeps_nobody_else_from_it(
    journal: SqliteJournal, clock: ManualClock, mail: MailServer
) -> None:
    house = site(person("cora", hook="json://127.0.0.1:1/?cto=0.2&rto=0.2"), mailed(mail, "ana"))
    with capture_logs() as logs:
        async with Disk(house, journal, clock) as disk:
            disk.failure = "full"
            await until(lambda: len(mail.messages) == 1 and any(log["event"] == "outage_not_told" for log in logs))
            disk.failure = ""
            await until(lambda: len(mail.messages) == 2)

    assert [log["person"] for log in logs if log["event"] == "outage_not_told"] == ["cora"]


async def test_a_site_without_people_says_so_in_the_log(journal: SqliteJournal, clock: ManualClock) -> None:
    with capture_logs() as logs:
        async with Disk(site(routes=()), journal, clock) as disk:
            disk.failure = "full"
            await until(lambda: any(log["event"] == "outage_reaches_nobody" for log in logs))
