"""One person leaves every place of the state folder, and everybody else stays."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.access import erasing as erasing_module
from monitor.access import places as places_module
from monitor.access.directory import FILE, Directory
from monitor.access.erasing import Erasing, audit
from monitor.access.forgetting import Forgetting
from monitor.access.person import PersonFile
from monitor.errors import RequestRefused, SinkUnavailable
from monitor.journal.files import Files
from monitor.journal.state import set_position
from monitor.model import Position
from monitor.ports import Batch, Gap
from monitor.web.exportshapes import ExportOut
from tests.access.erased import ANA, BEN, DAY, STORES, card, done, fill, left, worked_off
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.journal.ledgers import opened
from tests.web.shaped import shaped


async def test_one_person_leaves_every_file_and_the_other_stays(tmp_path: Path, clock: ManualClock) -> None:
    await fill(tmp_path, clock)
    before = left(tmp_path, ANA)
    async with opened(tmp_path / "ledger.db", clock) as files:
        stream = files.journal.follow(Position(0))
        erasing = Erasing(files, now=clock.now)
        number = await erasing.ask(ANA, "house", "moved out")
        same = await erasing.ask(ANA, "house", "moved out")
        told = await worked_off(erasing, number)
        seen = await anext(stream)
        rows = await files.access.query("SELECT credential, count(*) AS n FROM entry GROUP BY 1 ORDER BY 1")
        presence = await files.access.query("SELECT credential FROM presence ORDER BY 1")
        request = await files.access.query("SELECT pseudonym, done FROM erasure")
        while_open = left(tmp_path, ANA)

    assert {name.split(".c")[0] for name in before} >= set(STORES) - {"journal.db-wal"}
    assert {"state.db.copy", "state.db.copy.1", "ledger.db.copy.1", "access.db.copy"} <= set(before)
    assert same == number
    assert (while_open, left(tmp_path, ANA)) == ({}, {})
    assert told["found_after"] == {}
    assert told["places"]["journal"] == 32
    assert {"state", "ledger", "access", "state.db.copy", "state.db.corrupt-20260101T000000Z"} <= set(
        told["places"]
    )
    assert all(told["places"][name] for name in ("state", "ledger", "access", "state.db.copy"))
    assert not isinstance(seen, Gap)
    assert [tuple(row) for row in rows] == [("erased", 2), (BEN, 2)]
    assert [row[0] for row in presence] == ["erased", BEN]
    assert tuple(request[0]) == (None, clock.time)
    assert set(left(tmp_path, BEN)) >= set(before) - {"access.db-wal"}
    async with opened(tmp_path / "ledger.db", clock) as files:
        assert files.what_was_replaced() == {}


async def test_a_copy_that_is_restored_does_not_bring_the_person_back(tmp_path: Path, clock: ManualClock) -> None:
    await fill(tmp_path, clock)
    async with opened(tmp_path / "ledger.db", clock) as files:
        erasing = Erasing(files, now=clock.now)
        await worked_off(erasing, await erasing.ask(ANA, "house", ""))
    for name in ("state.db", "access.db", "ledger.db"):
        (tmp_path / name).write_bytes(os.urandom(100))

    async with opened(tmp_path / "ledger.db", clock) as files:
        replaced = files.what_was_replaced()
        credentials = {row[0] for row in await files.access.query("SELECT credential FROM entry")}
        letters = [bytes(row[0]) for row in await files.state.query("SELECT body FROM dead_letters")]

    assert {"state_restored_from", "ledger_restored_from", "access_restored_from"} <= set(replaced)
    assert credentials == {"erased", BEN}
    assert sorted(BEN.encode() in letter for letter in letters) == [False, True]
    assert left(tmp_path, ANA) == {}


async def test_a_person_who_comes_in_while_erased_is_erased_as_well(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=[card(ANA, 1)])])

        async def people(pseudonym: str) -> int:
            last = files.journal.last
            await files.journal.append([Batch(entries=[card(pseudonym, 100 + last)])])
            return 1 if last == 1 else 0

        erasing = Erasing(files, now=clock.now, people=people)
        told = await worked_off(erasing, await erasing.ask(ANA, "house", ""))

    # The last card came after the last look; it is said, and not passed over in silence.
    assert told["places"]["journal"] >= 2
    assert told["found_after"].keys() <= {"journal.db", "journal.db-wal"}


async def test_who_cannot_be_reached_keeps_it_open_and_is_asked_again(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing_module, "_SHORTEST_WAIT", 0.05)
    await fill(tmp_path, clock)

    class Database:
        name = "influxdb"
        is_there = False
        points = 7

        def position(self) -> int:
            return 10_000

        async def settled(self) -> None:
            pass

        async def count(self, pseudonym: str) -> int:
            return await self.erase(pseudonym)

        async def erase(self, pseudonym: str) -> int:
            if not self.is_there:
                raise SinkUnavailable("nobody answers")
            assert pseudonym == ANA
            gone, self.points = self.points, 0
            return gone

    database = Database()
    async with opened(tmp_path / "ledger.db", clock) as files:
        erasing = Erasing(files, now=clock.now, outside=[database])
        number = await erasing.ask(ANA, "house", "")
        running = asyncio.create_task(erasing.run())
        async with asyncio.timeout(60):
            while (waiting := await erasing.state(number) or {})["waits_for"] == "":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        inside = left(tmp_path, ANA)
        database.is_there = True
        told = await done(erasing, number)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    assert (waiting["state"], waiting["waits_for"]) == ("open", "nobody answers")
    assert inside.keys() <= {"access.db", "access.db-wal"}, "only whom to erase is remembered"
    assert (told["places"]["influxdb"], told["waits_for"], told["found_after"]) == (7, "", {})
    assert left(tmp_path, ANA) == {}


async def test_what_has_gone_out_while_a_person_was_erased_is_deleted_as_well(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with opened(tmp_path / "ledger.db", clock) as files:

        class Following:
            """A database that gets each card at once; one comes right after it was first asked to delete."""

            name = "influxdb"
            points = 1
            asked = 0

            def position(self) -> int:
                return files.journal.last

            async def settled(self) -> None:
                pass

            async def count(self, pseudonym: str) -> int:
                raise AssertionError(pseudonym)

            async def erase(self, pseudonym: str) -> int:
                gone, self.points = self.points, 0
                self.asked += 1
                if self.asked == 1:
                    await files.journal.append([Batch(entries=[card(pseudonym, 100)])])
                    self.points = 1
                return gone

        database = Following()
        await files.journal.append([Batch(entries=[card(ANA, 1)])])
        erasing = Erasing(files, now=clock.now, outside=[database])
        told = await worked_off(erasing, await erasing.ask(ANA, "house", ""))

    assert (told["places"]["journal"], told["places"]["influxdb"], told["found_after"]) == (2, 2, {})
    assert database.points == 0
    assert left(tmp_path, ANA) == {}


async def test_what_is_not_written_out_yet_is_waited_for(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing_module, "_CATCHES_UP", 0.05)

    class Behind:
        name = "influxdb"

        def position(self) -> int:
            return 0

        async def settled(self) -> None:
            pass

        async def count(self, pseudonym: str) -> int:
            assert pseudonym == ANA
            return 0

        async def erase(self, pseudonym: str) -> int:
            raise AssertionError(pseudonym)

    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=[card(ANA, 1)])])
        erasing = Erasing(files, now=clock.now, outside=[Behind()])
        number = await erasing.ask(ANA, "house", "")
        assert not await erasing._work_off()
        told = await erasing.state(number)

    assert told is not None
    assert "has not been written yet" in told["waits_for"]


async def test_a_database_that_does_not_answer_is_not_waited_for(tmp_path: Path, clock: ManualClock) -> None:
    class Away:
        name = "influxdb"

        def position(self) -> int:
            return 0

        async def settled(self) -> None:
            pass

        async def count(self, pseudonym: str) -> int:
            assert pseudonym == ANA
            raise SinkUnavailable("nobody answers")

        async def erase(self, pseudonym: str) -> int:
            raise AssertionError(pseudonym)

    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=[card(ANA, 1)])])
        erasing = Erasing(files, now=clock.now, outside=[Away()])
        number = await erasing.ask(ANA, "house", "")
        async with asyncio.timeout(30):  # less than it would wait for
            assert not await erasing._work_off()
        told = await erasing.state(number)

    assert told is not None
    assert told["waits_for"] == "nobody answers"


async def test_only_a_pseudonym_is_erased_and_never_repeated(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path / "ledger.db", clock) as files:
        erasing = Erasing(files, now=clock.now)
        for wrong in ("", "erased", "card", ANA.upper(), f"{ANA}0"):
            with pytest.raises(RequestRefused, match="24 hexadecimal"):
                await erasing.ask(wrong, "house", "")
        with pytest.raises(RequestRefused, match="without the pseudonym"):
            await erasing.ask(ANA, "house", f"{ANA} wants it")
        assert await erasing.all() == []
        assert await erasing.state("erasure-1") is None
    noted = audit("access_erase", "house", "moved out", 5, erasure="erasure-1")
    assert (noted.target, dict(noted.arguments)) == ("facility-monitor", {"erasure": "erasure-1"})


async def test_who_has_the_databases_open_still_has_them_when_their_bytes_were_read(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Had it lost its locks, another program would take itself for the last one, and take the logs away."""
    await fill(tmp_path, clock)
    visit = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('SELECT count(*) FROM positions' if 'journal' not in sys.argv[1] else 'SELECT 1 FROM gaps');"
        "db.close()"
    )
    async with opened(tmp_path / "ledger.db", clock) as files:
        erasing = Erasing(files, now=clock.now)
        await worked_off(erasing, await erasing.ask(ANA, "house", ""))
        await PersonFile(files).export(ANA)
        for store in (files.state, files.ledger, files.access):
            await store.transact(lambda db: set_position(db, "x", Position(1)))
        await files.journal.append([Batch(entries=[reading(time=1)])])
        for name in STORES:
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", visit, str(tmp_path / name))
            assert await child.wait() == 0

        assert [name for name in STORES if not (tmp_path / f"{name}-wal").exists()] == []
        assert [name for name in STORES if not (tmp_path / f"{name}-shm").stat().st_size] == []


# Showing, names, forgetting ----------------------------------------------------------------------------


async def test_everything_that_would_be_erased_is_shown_and_nothing_of_others(
    tmp_path: Path, clock: ManualClock
) -> None:
    await fill(tmp_path, clock, deleted=False)
    directory = Directory(tmp_path / FILE, "secret")
    directory.put(ANA, "Ana", "flat 3")
    directory.put(BEN, "Ben")
    async with opened(tmp_path / "ledger.db", clock) as files:
        person = PersonFile(files, names=directory.names)
        shown = await person.export(ANA)
        erasing = Erasing(files, now=clock.now, forget_name=directory.remove)
        told = await worked_off(erasing, await erasing.ask(ANA, "house", ""))
        after = await person.export(ANA)

    text = json.dumps(shown)
    kept = shaped(ExportOut, json.loads(text))
    assert len(kept.journal) == len(shown["journal"])
    assert BEN not in text.replace(f"{ANA} and {BEN}", "")
    assert shown["name"] == {"name": "Ana", "note": "flat 3"}
    assert [row["position"] for row in shown["entries"]] == [0, 1, 2, 3]
    assert [row["zone"] for row in shown["presence"]] == ["hall"]
    assert len(shown["journal"]) == told["places"]["journal"] == 32
    assert shown["journal"][0]["entry"]["attributes"] == {"result": "granted", "credential": ANA}
    assert set(shown["elsewhere"]) == {
        "access.memory",
        "state.dead_letters",
        "state.unfed",
        "state.positions",
        "ledger.positions",
    }
    assert {*STORES, "state.db.copy"} <= set(shown["files"])
    assert told["places"]["names"] == 1
    assert {name: value for name, value in after.items() if value} == {"pseudonym": ANA}
    assert set(directory.names()) == {BEN}


async def test_credentials_are_forgotten_after_their_time_and_looked_at_once(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with opened(tmp_path / "ledger.db", clock) as files:
        await files.journal.append([Batch(entries=[card(ANA, number) for number in range(5)])])
        clock.time += 91 * DAY
        await files.journal.append([Batch(entries=[card(BEN, 9)])])
        forgetting = Forgetting(files.journal, files.access, keep=90 * 86_400.0, now=clock.now)

        counts = [await forgetting.forget() for _ in range(2)]
        clock.time += 91 * DAY
        await files.journal.append([Batch(entries=[reading(time=1)])])
        later = await forgetting.forget()

    assert (counts, later) == ([5, 0], 1)
    assert left(tmp_path, ANA) == left(tmp_path, BEN) == {}


async def test_a_very_large_journal_is_not_written_anew_and_that_is_said(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(files: Files) -> None:
        """A journal in whose free pages somebody lies, from before its trimming was careful."""
        await files.journal.append([Batch(entries=[card(ANA, number) for number in range(200)])])
        await files.journal.append([Batch(entries=[card(BEN, 500)])])

        def work(db: sqlite3.Connection) -> None:
            db.execute("PRAGMA secure_delete = OFF")
            db.execute("DELETE FROM entries WHERE position <= 200")

        await files.journal.in_writer(work)

    outcomes = []
    for largest in (0, 2**30):
        monkeypatch.setattr(places_module, "_LARGEST", largest)
        folder = tmp_path / str(largest)
        folder.mkdir()
        async with opened(folder / "ledger.db", clock) as files:
            await careless(files)
            erasing = Erasing(files, now=clock.now)
            told = await worked_off(erasing, await erasing.ask(ANA, "house", ""))
            await files.state.transact(lambda db: set_position(db, "x", Position(1)))
        outcomes.append((told["found_after"].get("journal.db", 0) > 0, "journal.db" in left(folder, ANA)))

    assert outcomes == [(True, True), (False, False)]
