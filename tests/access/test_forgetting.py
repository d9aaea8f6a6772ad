"""Forgetting people where clocks are wrong, files are large, secrets are lost and copies are restored."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.access import erasing as erasing_module
from monitor.access import places as places_module
from monitor.access.directory import FILE, Directory
from monitor.access.erasing import Erasing
from monitor.access.forgetting import Forgetting
from monitor.access.pseudonyms import Pseudonyms
from monitor.app.people import AccessParts
from monitor.journal.files import Files
from monitor.ports import Batch
from monitor.site import Site
from monitor.zones import AccessSettings
from tests.access.erased import ANA, DAY, card, done, left, worked_off
from tests.access.homes import home, site_of, through, zone
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.journal.ledgers import opened


async def test_a_clock_that_cannot_be_believed_forgets_no_credentials(tmp_path: Path, clock: ManualClock) -> None:
    is_right = False
    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=[card(ANA, 1), reading(time=1)])])
        forgetting = Forgetting(
            files.journal, files.access, keep=90 * 86_400.0, now=clock.now, may_forget=lambda: is_right
        )
        clock.time += 20_000 * DAY
        early = await forgetting.forget()
        is_right = True
        late = await forgetting.forget()

    assert (early, late) == (0, 1)


async def test_a_large_access_db_keeps_nothing_of_the_request_in_its_log(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "_LARGEST", 0)
    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=[card(ANA, 1)])])
        erasing = Erasing(files, now=clock.now)
        told = await worked_off(erasing, await erasing.ask(ANA, "house", ""))
        while_open = left(tmp_path, ANA)

    assert (told["found_after"], while_open) == ({}, {})


async def test_names_without_a_secret_hold_an_erasure_up(tmp_path: Path, clock: ManualClock) -> None:
    directory = Directory(tmp_path / FILE, "correct horse battery staple")
    directory.put(ANA, "Ana")
    async with opened(tmp_path / "ledger.db", clock) as files:
        parts = _parts(files, tmp_path, clock)
        running = [asyncio.create_task(work) for work in parts.tasks().values()]
        number = await parts.desk.erase(ANA, by="house", reason="")
        try:
            async with asyncio.timeout(60):
                while not (told := (await parts.desk.erasures())[0])["waits_for"]:
                    assert told["state"] == "open"
                    await asyncio.sleep(0.01)
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            parts.close()

    assert (told["id"], told["state"]) == (number, "open")
    assert "access.names" in told["waits_for"]


def _parts(files: Files, folder: Path, clock: ManualClock) -> AccessParts:
    site = Site(id="hq", name="HQ", timezone=ZoneInfo("UTC"), devices={}, access=AccessSettings())
    return AccessParts(
        site, files, folder, pseudonyms=Pseudonyms(bytes(32)), now=clock.now, may_forget=lambda: True, outside=()
    )


async def test_a_copy_that_was_cleansed_brings_back_no_ghost(tmp_path: Path, clock: ManualClock) -> None:
    house = site_of(zone("house", "front"))
    async with home(tmp_path, house, clock) as made:
        await made.keep(*through("front-in", clock.time, "ana"))
        await made.settle()
        count = made.people.zones()[0].count
    with closing(sqlite3.connect(tmp_path / "access.db", isolation_level=None)) as db:
        db.execute("UPDATE presence SET credential = 'erased'")
        db.execute("UPDATE entry SET credential = 'erased'")  # as it stands in a copy that was cleansed
    async with home(tmp_path, house, clock) as made:
        await made.settle()
        again, present = made.people.zones()[0].count, await made.book.present()

    assert (count, again, list(present)) == (1, 0, [])


async def test_an_odd_answer_of_a_database_holds_one_erasure_up_and_not_the_monitor(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing_module, "_SHORTEST_WAIT", 0.05)

    class Database:
        name = "influxdb"
        is_odd = True

        def position(self) -> int:
            return 10_000

        async def settled(self) -> None:
            pass

        async def count(self, pseudonym: str) -> int:
            return len(pseudonym)

        async def erase(self, pseudonym: str) -> int:
            if self.is_odd:
                raise KeyError(pseudonym)
            return 1

    database = Database()
    async with opened(tmp_path / "ledger.db", clock) as files:
        erasing = Erasing(files, now=clock.now, outside=[database])
        number = await erasing.ask(ANA, "house", "")
        running = asyncio.create_task(erasing.run())
        async with asyncio.timeout(60):
            while not (waiting := await erasing.state(number) or {})["waits_for"] and not running.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        database.is_odd = False
        told = await done(erasing, number)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    assert waiting["waits_for"].startswith(
        "a mistake in the program, please report it: KeyError in test_forgetting.py"
    )
    assert ANA not in waiting["waits_for"]
    assert told["state"] == "done"
