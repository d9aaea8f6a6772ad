"""Copies of the state: when they are made, what they are worth, and what takes the place of a damaged state."""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal import copies as copies_module
from monitor.journal.copies import Copies, make_sure, note_journal
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State, set_position
from monitor.model import Position
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.harms import be_foreign, damage, empty, overwrite, truncate

HOUR = 3_600_000
DAY = 24 * HOUR
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def copies(path: Path, clock: ManualClock) -> Copies:
    return Copies(path, now=clock.now, timezone=BERLIN)


def put(path: Path, position: int) -> None:
    state = State.open(path)
    set_position(state._db, "alarms", Position(position))
    state._db.close()


def position(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT coalesce(max(position), 0) FROM positions").fetchone()
    return int(found[0])


def sure(path: Path, now: int = 5) -> copies_module.Restored | None:
    return make_sure(path, path.with_name("journal.db"), now)


# Making ------------------------------------------------------------------------------------------------


async def test_a_copy_holds_what_is_still_in_the_write_ahead_log(state: State, path: Path, copies: Copies) -> None:
    await state.transact(lambda db: set_position(db, "alarms", Position(7)))
    assert path.with_name("state.db-wal").stat().st_size > 0

    copies.copy()

    assert position(path.with_name("state.db.copy")) == 7


def test_two_generations_are_kept_for_their_owner_alone(path: Path, copies: Copies) -> None:
    for number in (1, 2, 3):
        put(path, number)
        copies.copy()

    assert position(path.with_name("state.db.copy")) == 3
    assert position(path.with_name("state.db.copy.1")) == 2
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in os.scandir(path.parent)}
    assert modes == {"state.db": 0o600, "state.db.copy": 0o600, "state.db.copy.1": 0o600}


def test_a_reload_leaves_whoever_is_at_a_copy_alone(path: Path, copies: Copies, clock: ManualClock) -> None:
    put(path, 1)
    later = Copies(path, now=clock.now, timezone=BERLIN)  # as the settings that came after have it
    copying = threading.Thread(target=later.copy)
    with copies.busy:
        copying.start()
        copying.join(0.3)
        meanwhile = [file.name for file in path.parent.glob("state.db.copy*")]
    copying.join(60)

    assert meanwhile == []
    assert position(path.with_name("state.db.copy")) == 1


def test_a_damaged_state_makes_no_copy_and_the_good_ones_stay(path: Path, copies: Copies) -> None:
    put(path, 1)
    copies.copy()
    damage(path)

    with pytest.raises((JournalError, sqlite3.DatabaseError)):
        copies.copy()

    assert position(path.with_name("state.db.copy")) == 1
    assert sorted(found.name for found in os.scandir(path.parent)) == ["state.db", "state.db.copy"]


@pytest.mark.fault(
    "disk full",
    part="state",
    outcome="The copy that would fill the disk is not made; said once, tried again.",
)
def test_the_copy_that_would_fill_the_disk_is_not_made(
    path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, 1)
    monkeypatch.setattr(copies_module, "size_of", lambda _: 2**60)

    with pytest.raises(OSError, match="no room for a copy"):
        copies.copy()


@pytest.mark.fault(
    "monitor off",
    part="state",
    outcome="The daily copy is made at the first start of a day; no hour that was missed matters.",
)
def test_a_copy_is_due_once_a_day_and_at_the_first_start_of_a_day(
    path: Path, copies: Copies, clock: ManualClock
) -> None:
    put(path, 1)
    assert copies.is_due()
    copies.copy()
    made = clock.time

    def due(after: int, *, is_start: bool = False) -> bool:
        clock.time = made + after
        return copies.is_due(is_start=is_start)

    assert not due(0, is_start=True)
    assert not due(DAY - 1)
    assert due(DAY)
    assert due(10 * DAY)
    assert due(20 * HOUR, is_start=True)
    assert not due(1, is_start=True)
    assert not due(-HOUR // 2)
    assert due(-2 * DAY), "the clock was set back"


@pytest.mark.fault(
    "daylight saving ends",
    part="state",
    outcome="The state is copied at the first start of a local day, of 25 hours then, and not at later ones.",
)
@pytest.mark.fault(
    "daylight saving begins",
    part="state",
    outcome="The state is copied at the first start of a local day, of 23 hours then, and not at later ones.",
)
@pytest.mark.parametrize(
    ("copied", "started", "due"),
    [
        ("2026-10-25T00:30+02:00", "2026-10-25T02:30+02:00", False),
        ("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00", False),  # the same words, an hour later
        ("2026-10-25T00:30+02:00", "2026-10-25T23:20+01:00", False),  # 23 h 50 min
        ("2026-10-24T23:59+02:00", "2026-10-25T00:01+02:00", True),
        ("2026-10-25T23:59+01:00", "2026-10-26T00:01+01:00", True),
        ("2026-03-29T00:30+01:00", "2026-03-29T03:30+02:00", False),
        ("2026-03-29T00:01+01:00", "2026-03-29T23:59+02:00", False),
        ("2026-03-28T23:59+01:00", "2026-03-29T00:01+01:00", True),
        ("2026-03-29T23:59+02:00", "2026-03-30T00:01+02:00", True),
    ],
)
def test_a_day_is_one_of_the_calendar_also_where_it_has_23_or_25_hours(
    path: Path, copies: Copies, clock: ManualClock, copied: str, started: str, *, due: bool
) -> None:
    put(path, 1)
    clock.time = _ms(copied)
    copies.copy()
    clock.time = _ms(started)

    assert copies.is_due(is_start=True) is due


def _ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


async def test_a_copy_that_fails_is_said_once_and_tried_again(
    path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, 1)
    with capture_logs() as logs:
        with monkeypatch.context() as broken:
            broken.setattr(copies_module, "size_of", lambda _: 2**60)
            await copies._try()
            await copies._try()
            failing = copies.status()
        await copies._try()

    assert [log["event"] for log in logs] == ["state_not_copied", "state_copied_again"]
    assert failing["state_copied"] == 0
    assert "no room" in str(failing["state_copy_error"])
    assert copies.status()["state_copy_error"] == ""


def lose_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE alarm_event")


def lose_a_column(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE outbox DROP COLUMN maybe_delivered")


HARMS = [damage, overwrite, truncate, empty, be_foreign, lose_a_table, lose_a_column]


@pytest.mark.fault(
    "file damaged",
    part="state",
    outcome="Damaged, truncated, emptied, foreign or incomplete: moved aside whole, restored from the"
    " newest good copy.",
)
@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_state_is_moved_aside_and_the_newest_good_copy_takes_its_place(
    path: Path, copies: Copies, clock: ManualClock, harm: Callable[[Path], None]
) -> None:
    put(path, 1)
    copies.copy()
    put(path, 2)
    harm(path)
    harmed = path.read_bytes()

    restored = sure(path, clock.time + HOUR)

    assert restored is not None
    assert (restored.copy, restored.copied) == ("state.db.copy", clock.time)
    assert path.with_name(restored.aside).read_bytes() == harmed
    assert position(path) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sure(path) is None


@pytest.mark.parametrize("harm", [damage, overwrite, truncate, empty])
def test_a_copy_that_is_harmed_too_is_passed_over(
    path: Path, copies: Copies, harm: Callable[[Path], None]
) -> None:
    for number in (1, 2):
        put(path, number)
        copies.copy()
    put(path, 3)
    harm(path)
    harm(path.with_name("state.db.copy"))

    restored = sure(path)

    assert restored is not None
    assert restored.copy == "state.db.copy.1"
    assert position(path) == 1


@pytest.mark.parametrize("harm", [damage, overwrite, truncate])
def test_without_a_good_copy_nothing_is_touched_and_the_message_says_what_to_do(
    path: Path, copies: Copies, harm: Callable[[Path], None]
) -> None:
    put(path, 1)
    copies.copy()
    harm(path)
    harm(path.with_name("state.db.copy"))
    before = {found.name: Path(found).read_bytes() for found in os.scandir(path.parent)}

    with pytest.raises(JournalError, match="no good copy") as refused:
        sure(path)
    assert {found.name: Path(found).read_bytes() for found in os.scandir(path.parent)} == before

    # The message's own words are what people will type.
    command = str(refused.value).rpartition("To begin afresh: ")[2]
    assert os.system(command) == 0
    assert sure(path) is None
    State.open(path)._db.close()
    assert position(path) == 0


def test_a_state_that_is_gone_is_restored_and_a_log_that_was_left_is_not_taken_for_its_own(
    path: Path, copies: Copies
) -> None:
    put(path, 1)
    copies.copy()
    state = State.open(path)
    set_position(state._db, "alarms", Position(2))
    log = path.with_name("state.db-wal").read_bytes()
    state._db.close()
    path.unlink()
    path.with_name("state.db-wal").write_bytes(log)

    restored = sure(path)

    assert restored is not None
    assert position(path) == 1


def test_a_first_start_and_a_first_start_that_was_interrupted_restore_nothing(path: Path) -> None:
    assert sure(path) is None
    path.touch()
    assert sure(path) is None

    path.with_name("journal.db").touch()
    with pytest.raises(JournalError, match="it is empty"):
        sure(path)


@pytest.mark.fault(
    "file of another version",
    part="state",
    outcome="A file of a newer version is refused, and no older copy replaces it.",
)
def test_a_newer_state_is_refused_and_no_older_copy_replaces_it(path: Path, copies: Copies) -> None:
    put(path, 1)
    copies.copy()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 9999")

    with pytest.raises(JournalError, match="newer version"):
        sure(path)
    assert sorted(found.name for found in os.scandir(path.parent)) == ["state.db", "state.db.copy"]


async def test_a_state_that_another_process_uses_is_not_replaced_under_it(
    path: Path, copies: Copies, journal: SqliteJournal
) -> None:
    put(path, 1)
    copies.copy()
    overwrite(path)

    with pytest.raises(JournalError, match="another process"):
        sure(path)
    await journal.close()
    assert sure(path) is not None


async def test_a_restore_is_noted_once_with_the_end_of_the_journal(
    path: Path, copies: Copies, clock: ManualClock
) -> None:
    put(path, 1)
    copies.copy()
    overwrite(path)
    sure(path, clock.time + 9)
    state = State.open(path)
    for last in (70, 80):
        await state.transact(lambda db, last=last: note_journal(db, Position(last), clock.time + 10))
    rows = await state.query("SELECT * FROM restores")
    await state.close()

    assert [tuple(row) for row in rows] == [(clock.time + 9, clock.time, 70)]


@pytest.mark.parametrize(("last", "noted"), [(0, []), (70, [(5, None, 70)])])
async def test_a_state_begun_afresh_beside_a_journal_counts_as_a_restore(
    state: State, last: int, noted: list[object]
) -> None:
    await state.transact(lambda db: note_journal(db, Position(last), 5))
    await state.transact(lambda db: note_journal(db, Position(last + 5), 6))

    assert [tuple(row) for row in await state.query("SELECT * FROM restores")] == (noted or [(6, None, 5)])


async def test_a_journal_found_damaged_while_it_was_used_is_moved_aside_at_the_next_start(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now, begin_above=Position(40))
    journal.condemn()
    await journal.close()
    with capture_logs() as logs:
        journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    aside, last = journal.stats()["moved_aside"], journal.last
    await journal.close()
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    again = journal.stats()["moved_aside"]
    await journal.close()

    assert (tmp_path / str(aside)).exists()
    assert last == 40
    assert again == ""
    assert [log["event"] for log in logs] == ["journal_moved_aside"]
