"""Copies of the state: made once a day, two generations; the newest good one takes the place of a damaged state.

The state is small, and nothing else knows which alarms are open and who was told: so it is copied, checked at
every start, and never replaced without being moved aside and said aloud.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from monitor.errors import JournalError
from monitor.journal.file import lock
from monitor.journal.migrate import migrate
from monitor.journal.soundness import find_fault, is_orphaned, move_aside, size_of, sync
from monitor.journal.state import STATE
from monitor.model import Position, Value

__all__ = ["Copies", "Restored", "make_sure", "note_journal"]

_log = structlog.get_logger()

_LOOK_EVERY = 60.0
_DAY = 86_400_000
_HOUR = 3_600_000
_GENERATIONS = (".copy", ".copy.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What took the place of a state: the copy's name and time (UTC ms), and the name of what was moved aside."""

    copy: str
    copied: int
    aside: str
    reason: str


# At the start ------------------------------------------------------------------------------------------


def make_sure(path: Path, journal: Path, now: int) -> Restored | None:
    """Make sure that there is a sound state at `path`, or none yet; answers what was restored, None when nothing.

    A damaged, foreign or truncated state is moved aside and the newest good copy takes its place. Raises
    JournalError when there is no good copy; then nothing was touched, and the message says what to do.
    """
    copies = [path.with_name(path.name + ending) for ending in _GENERATIONS]
    fault = _fault(path, is_first_start=not journal.exists() and not any(copy.exists() for copy in copies))
    if not fault:
        return None
    good = next((copy for copy in copies if _is_good(copy)), None)
    if good is None:
        raise JournalError(_what_to_do(path, fault))
    # Whoever holds the journal uses this state, too.
    held = lock(journal)
    try:
        return _restore(path, good, now, fault)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"the state {path} cannot be restored from {good.name}: {error}") from error
    finally:
        os.close(held)


def _fault(path: Path, *, is_first_start: bool) -> str:
    if is_orphaned(path):
        return "its write-ahead log lies there without it"
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        has_copies = any(path.with_name(path.name + ending).exists() for ending in _GENERATIONS)
        return "it is absent, and there are copies of it" if has_copies else ""
    except OSError as error:
        raise JournalError(f"the state {path} cannot be used: {error.strerror}") from error
    if not size:
        return "" if is_first_start else "it is empty"
    return find_fault(path, STATE.schema, STATE.application)


def _is_good(copy: Path) -> bool:
    try:
        return copy.stat().st_size > 0 and not find_fault(copy, STATE.schema, STATE.application)
    except (OSError, JournalError):
        return False


def _what_to_do(path: Path, fault: str) -> str:
    folder, aside = path.parent, path.parent / "damaged-state"
    return (
        f"the state {path} cannot be used ({fault}), and there is no good copy of it beside it.\n"
        f"Put a copy of your own in its place, or begin afresh: alarms are then judged anew from the journal.\n"
        f"To begin afresh: mkdir {aside} && mv {folder}/{path.name}* {aside}/"
    )


def _restore(path: Path, good: Path, now: int, fault: str) -> Restored:
    copied = round(good.stat().st_mtime * 1000)
    ready = path.with_name(path.name + ".restoring")
    ready.with_name(ready.name + "-journal").unlink(missing_ok=True)
    shutil.copyfile(good, ready)
    ready.chmod(0o600)
    with contextlib.closing(sqlite3.connect(ready, isolation_level=None)) as db:
        migrate(db, "state", path.name)
        db.execute("INSERT OR REPLACE INTO restores VALUES (?, ?, NULL)", (now, copied))
    sync(ready)
    was_there = path.exists()
    aside = move_aside(path)  # a write-ahead log alone would be taken for the restored file's own
    ready.replace(path)
    sync(path.parent)
    _log.error("state_restored", reason=fault, copy=good.name, kept_as=aside if was_there else "")
    return Restored(copy=good.name, copied=copied, aside=aside if was_there else "", reason=fault)


def note_journal(db: sqlite3.Connection, last: Position, now: int) -> None:
    """Within `State.transact`, once the journal is open: what it holds already was told of before a restore.

    A state that knows no position beside a journal with entries was begun afresh: that is a restore, too.
    """
    db.execute("UPDATE restores SET until = ? WHERE until IS NULL", (last,))
    if last and not db.execute("SELECT 1 FROM positions UNION SELECT 1 FROM restores").fetchone():
        db.execute("INSERT OR REPLACE INTO restores VALUES (?, NULL, ?)", (now, last))
        _log.warning("state_begun_afresh", judges_again_until=last)


# Day by day --------------------------------------------------------------------------------------------


class Copies:
    """Copies the state at the first start of a day, and then whenever the last copy is a day old.

    The time of the last copy is that of its file, so that no missed hour matters. The copy is written from a
    reader's connection of its own: it holds up nobody, and a state that is damaged makes no copy.
    """

    def __init__(self, path: Path, *, now: Callable[[], int], timezone: ZoneInfo) -> None:
        self._path = path
        self._now = now
        self._timezone = timezone
        self._failing = ""

    async def run(self) -> None:
        """Copy until cancelled; what fails is said once and tried again."""
        is_start = True
        while True:
            if self.is_due(is_start=is_start):
                await self._try()
            is_start = False
            await asyncio.sleep(_LOOK_EVERY)

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`: when the last copy was made (UTC ms; 0: never), and why the next one fails."""
        return {"state_copied": self._copied() or 0, "state_copy_error": self._failing}

    def is_due(self, *, is_start: bool = False) -> bool:
        """Whether it is time for a copy; a clock that was set back far makes one, too."""
        copied, now = self._copied(), self._now()
        if copied is None or copied > now + _HOUR:
            return True
        if is_start and self._date(copied) != self._date(now):
            return True
        return now - copied >= _DAY

    def _date(self, time: int) -> object:
        return datetime.fromtimestamp(time / 1000, self._timezone).date()

    def _copied(self) -> int | None:
        try:
            return round(self._path.with_name(self._path.name + _GENERATIONS[0]).stat().st_mtime * 1000)
        except OSError:
            return None

    async def _try(self) -> None:
        try:
            await asyncio.to_thread(self.copy)
        except (OSError, sqlite3.Error, UnicodeDecodeError, JournalError) as error:
            if not self._failing:
                _log.error("state_not_copied", error=str(error))
            self._failing = str(error)
        else:
            if self._failing:
                _log.info("state_copied_again")
            self._failing = ""

    def copy(self) -> None:
        """Make one copy now; blocks. Raises OSError, sqlite3.Error or JournalError, and leaves the old ones."""
        newest, older = (self._path.with_name(self._path.name + ending) for ending in _GENERATIONS)
        made = newest.with_name(newest.name + ".new")
        _look_for_room(self._path)
        made.unlink(missing_ok=True)
        made.touch(mode=0o600)
        now = self._now()
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as db:
                db.execute("VACUUM INTO ?", (str(made),))
            _refuse_damaged(made)
            os.utime(made, (now / 1000, now / 1000))
            sync(made)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
        with contextlib.suppress(FileNotFoundError):
            newest.replace(older)
        made.replace(newest)
        sync(newest.parent)


def _refuse_damaged(copy: Path) -> None:
    fault = find_fault(copy, STATE.schema, STATE.application)
    if fault:
        raise JournalError(f"the copy of the state is damaged: {fault}")


def _look_for_room(path: Path) -> None:
    """Refuse to make the copy that would fill the disk."""
    needed = 2 * sum(size_of(path.with_name(path.name + ending)) for ending in ("", "-wal"))
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < needed:
        raise OSError(f"no room for a copy of {path.name}: twice its size is wanted ({needed // 1024} KiB)")
