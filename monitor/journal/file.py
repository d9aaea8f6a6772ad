"""journal.db as a file: opening it, judging it, moving a damaged one aside, reading ranges of it."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from monitor.errors import JournalError
from monitor.journal.codec import KINDS, decode
from monitor.journal.migrate import migrate
from monitor.journal.soundness import (
    Damage,
    fault_of_tables,
    is_damage,
    is_orphaned,
    move_aside,
    settle,
    speaks_of_contents,
    sync,
)
from monitor.journal.swift import make_recorded
from monitor.model import Event, Position, Recorded
from monitor.ports import Gap

__all__ = [
    "Opened",
    "acquit",
    "between",
    "condemn",
    "condemned",
    "connect",
    "lock",
    "newest_event",
    "newest_readings",
    "open_file",
    "read_after",
]

_log = structlog.get_logger()

_APPLICATION = 0x464D4A4C  # "FMJL"
_FIND_GAP = "SELECT after, until, reason FROM gaps WHERE after <= ? AND until > ? ORDER BY after LIMIT 1"
_FIND_NEXT_GAP = "SELECT min(after) FROM gaps WHERE after > ?"
_COLUMNS = "position, recorded, kind, body"
_BEYOND = 2**63 - 1


class _Foreign(Exception):
    """The file is not a journal of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was found at the opening: the newest position and stamp, and what was moved aside ("" = nothing)."""

    last: Position
    recorded: int
    aside: str


def lock(path: Path) -> int:
    """Make this process the only writer of a journal; answers the descriptor that holds the lock."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise JournalError(f"another process is writing the journal {path}; stop it first") from error
    return descriptor


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection as everybody here needs it."""
    db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = FULL")
        # However SQLite was built: what is moved on pages that are written anyway leaves no copy of itself there.
        db.execute("PRAGMA secure_delete = FAST")
    except (sqlite3.Error, UnicodeDecodeError):
        db.close()
        raise
    return db


def open_file(path: Path, begin_above: Position) -> Opened:
    """Make sure of a sound journal at `path`; a damaged or foreign one is moved aside, never deleted."""
    if is_orphaned(path):
        return _begin_anew(path, begin_above, "its write-ahead log lies there without it")
    noted = condemned(path)
    try:
        opened = _prepare(path, begin_above) if noted is None else None
        reason = "it was found to be damaged while it was used"
    except (_Foreign, sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not isinstance(error, _Foreign) and not is_damage(error):
            raise JournalError(f"the journal {path} cannot be opened: {error}") from error
        opened, reason = None, str(error)
    return opened or _begin_anew(path, max(begin_above, noted or Position(0)), reason)


def _begin_anew(path: Path, begin_above: Position, reason: str) -> Opened:
    above = begin_above if is_orphaned(path) else max(begin_above, _last_of_damaged(path))
    try:
        aside = move_aside(path)
        _log.error("journal_moved_aside", reason=reason, kept_as=aside, begins_above=above)
        opened = _prepare(path, above)
        _marker(path).unlink(missing_ok=True)
    except (_Foreign, sqlite3.Error, OSError) as error:
        raise JournalError(f"no new journal can be begun at {path}: {error}") from error
    return replace(opened, aside=aside)


def condemn(path: Path, last: Position) -> bool:
    """Note that a file is damaged, and where it ended: the next start moves it aside.

    Answers whether it could be noted.
    """
    marker = _marker(path)
    try:
        marker.write_text(f"{last}\n")
        sync(marker)
        sync(marker.parent)
    except OSError as error:
        _log.error("damage_cannot_be_noted", error=str(error))
        return False
    return True


def acquit(path: Path) -> None:
    """Take back what `condemn` noted. Raises OSError."""
    _marker(path).unlink(missing_ok=True)
    sync(path.parent)


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")


def condemned(path: Path) -> Position | None:
    """Where a file ended that was found to be damaged; None when nobody has said so."""
    try:
        return Position(int(_marker(path).read_bytes()[:20] or b"0"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return Position(0)


def _prepare(path: Path, begin_above: Position) -> Opened:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be written: {error}") from error
    with contextlib.closing(_looked_into(path)) as db:
        db.execute(f"PRAGMA application_id = {_APPLICATION}")
        fault = fault_of_tables(db, path.name, "journal")
        if fault:
            raise Damage(fault)
        migrate(db, "journal", path.name)
        settle(db)
        last, recorded = newest(db)
        for _, position in db.execute("SELECT * FROM consumers"):  # what the trimming begins with
            if not isinstance(position, int):
                raise Damage(f"a consumer stands at {position!r}")
        if last < begin_above:
            db.execute("INSERT OR REPLACE INTO gaps VALUES (?, ?, 'lost')", (last, begin_above))
            last = begin_above
        return Opened(last=last, recorded=recorded, aside="")


def _looked_into(path: Path) -> sqlite3.Connection:
    """Open what may be anything. Raises _Foreign when it is not a journal of ours that can be read."""
    db = None
    try:
        db = connect(path)
        found: int = db.execute("PRAGMA application_id").fetchone()[0]
        tables: int = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if found == _APPLICATION or not (found or tables):
            db.execute("PRAGMA journal_mode = WAL")
            return db
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if db is not None:
            db.close()
        if speaks_of_contents(error):
            raise _Foreign(str(error)) from error
        raise
    db.close()
    raise _Foreign(f"{path.name} is a database of another program")


def newest(db: sqlite3.Connection) -> tuple[Position, int]:
    """The newest position in use (an entry's or a gap's end) and the newest stamp; 0 for none."""
    row = db.execute("SELECT position, recorded FROM entries ORDER BY position DESC LIMIT 1").fetchone()
    until = db.execute("SELECT coalesce(max(until), 0) FROM gaps").fetchone()[0]
    position, recorded = row or (0, 0)
    if not all(isinstance(number, int) for number in (position, recorded, until)):
        raise Damage("the newest entry has no number")
    return Position(max(position, until)), recorded


def _last_of_damaged(path: Path) -> Position:
    try:
        with contextlib.closing(connect(path)) as db:
            return newest(db)[0]
    except (sqlite3.Error, UnicodeDecodeError):
        return Position(0)


def read_after(db: sqlite3.Connection, after: Position, limit: int) -> Sequence[Recorded] | Gap:
    """Read at most `limit` entries behind `after`, or the gap that lies there; one consistent look."""
    db.execute("BEGIN")
    try:
        gap = db.execute(_FIND_GAP, (after, after)).fetchone()
        if gap is not None:
            return Gap(after=after, until=Position(gap[1]), reason=gap[2])
        until = db.execute(_FIND_NEXT_GAP, (after,)).fetchone()[0]
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",  # noqa: S608
            (after, _BEYOND if until is None else until, limit),
        ).fetchall()
    finally:
        db.execute("ROLLBACK")
    before = int(after)
    for row in rows:
        if row[0] <= before:
            raise Damage(f"position {row[0]} comes after {before}")  # whoever follows would go round for ever
        before = row[0]
    return _recorded_or_gap(rows, after)


def _recorded_or_gap(
    rows: Sequence[tuple[Position, int, int, bytes]], after: Position
) -> Sequence[Recorded] | Gap:
    found: list[Recorded] = []
    for position, recorded, kind, body in rows:
        try:
            found.append(make_recorded(position, recorded, decode(kind, body)))
        except JournalError:
            if found:
                break
            return Gap(after=after, until=Position(position), reason="lost")
    return found


def newest_readings(db: sqlite3.Connection, device: str, last: int) -> Sequence[Recorded]:
    """The newest readings of a device by their own time, newest last."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE device = ? AND kind = 1 ORDER BY time DESC, position DESC LIMIT ?",  # noqa: S608
        (device, last),
    ).fetchall()
    return _recorded(rows[::-1])


def newest_event(db: sqlite3.Connection, device: str, kind: str) -> Event | None:
    """The event of a kind that was kept last for a device, whatever its own time; None when there is none."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE device = ? AND kind = 2 ORDER BY position DESC",  # noqa: S608
        (device,),
    )
    events = (recorded.entry for row in rows for recorded in _recorded([row]))
    return next((event for event in events if isinstance(event, Event) and event.kind == kind), None)


def between(
    db: sqlite3.Connection, device: str, start: int, end: int, kinds: Collection[str]
) -> Sequence[Recorded]:
    """Entries of a device with start <= time < end, oldest first; without kinds, all kinds."""
    numbers = sorted(KINDS[kind] for kind in kinds or KINDS)
    # Spelt so that the index of events alone is found.
    chosen = f"= {numbers[0]}" if len(numbers) == 1 else f"IN ({', '.join(map(str, numbers))})"
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE device = ? AND time >= ? AND time < ? AND kind {chosen} "  # noqa: S608
        "ORDER BY time, position",
        (device, start, end),
    ).fetchall()
    return _recorded(rows)


def _recorded(rows: Sequence[tuple[Position, int, int, bytes]]) -> list[Recorded]:
    found = []
    for position, recorded, kind, body in rows:
        with contextlib.suppress(JournalError):  # a damaged row; `read` tells of it
            found.append(make_recorded(position, recorded, decode(kind, body)))
    return found
