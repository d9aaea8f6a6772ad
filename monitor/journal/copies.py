"""Copies of state, ledger and access.db: two generations; a good one takes the place of a damaged file.

The state is small, and nothing else knows which alarms are open and who was told: so it is copied daily, checked
at every start, and never replaced without being moved aside and said aloud. The others may be large: `opening.py`.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

import structlog

from monitor.errors import JournalError
from monitor.journal.file import lock
from monitor.journal.migrate import migrate
from monitor.journal.soundness import find_fault, is_damage, is_orphaned, move_aside, size_of, sync
from monitor.journal.state import STATE, Store
from monitor.model import Position, Value
from monitor.periods import DAY, HOUR

__all__ = ["DAILY", "WEEKLY", "Copies", "Restored", "Rhythm", "copies_of", "make_sure", "note_journal"]

_log = structlog.get_logger()

_LOOK_EVERY = 60.0
_GENERATIONS = (".copy", ".copy.1")
_MB = 1024 * 1024
_SAID = {
    "state": ("state_not_copied", "state_copied_again"),
    "ledger": ("ledger_not_copied", "ledger_copied_again"),
    "access": ("access_not_copied", "access_copied_again"),
}
_STEPS = 50_000
_AT_ONCE = 8 * _MB
_KEPT_FREE = 64 * _MB
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What took the place of a file: the copy's name and time (UTC ms), and the name of what was moved aside.

    Without a copy ("" and 0) the file was begun afresh.
    """

    copy: str
    copied: int
    aside: str
    reason: str


def copies_of(path: Path) -> list[Path]:
    """Where the copies of a file are, the newest first; whether they are there or not."""
    return [path.with_name(path.name + ending) for ending in _GENERATIONS]


# At the start ------------------------------------------------------------------------------------------


def make_sure(path: Path, journal: Path, now: int) -> Restored | None:
    """Make sure that there is a sound state at `path`, or none yet; answers what was restored, None when nothing.

    A damaged, foreign or truncated state is moved aside and the newest good copy takes its place. Raises
    JournalError when there is no good copy; then nothing was touched, and the message says what to do.
    """
    copies = copies_of(path)
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
        has_copies = any(copy.exists() for copy in copies_of(path))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When copies are made: `every` so many milliseconds, and at the first start of a local day if `at_day`.

    Seconds: `settle` before the first one after a start, `again` until one that failed is tried again.
    """

    every: int
    at_day: bool
    settle: float
    again: float


DAILY = Rhythm(every=DAY, at_day=True, settle=0.0, again=60.0)
WEEKLY = Rhythm(every=7 * DAY, at_day=False, settle=600.0, again=3600.0)
"""For what takes minutes: not before the clock can be relied on, and the disk is left alone at the start."""


_locks: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()


def _lock_of(path: Path) -> threading.Lock:
    """The one lock of a file's copies in this process, also for parts that were made with other settings."""
    return _locks.setdefault(path.absolute(), threading.Lock())


class Copies:
    """Copies a store whenever the last copy is old enough.

    The time of the last copy is that of its file, so that no missed hour matters. The copy is written from a
    reader's connection and a thread of its own: it holds up nobody, a file that is damaged makes no copy, and a
    stop does not wait for it.
    """

    def __init__(
        self,
        path: Path,
        store: Store = STATE,
        rhythm: Rhythm = DAILY,
        *,
        now: Callable[[], int],
        timezone: ZoneInfo,
    ) -> None:
        self._path = path
        self._store = store
        self._rhythm = rhythm
        self._now = now
        self._timezone = timezone
        self._failing = ""
        self._stopping = threading.Event()
        self.busy = _lock_of(path)
        """Held while copies are made or changed: by whoever does it, in a thread that may outlive a reload."""
        self.found_damage = False
        """Whether the store was found to be damaged when it was read for a copy, and there is an older one."""

    async def run(self) -> None:
        """Copy until cancelled; what fails is said once and tried again."""
        await asyncio.sleep(self._rhythm.settle)
        is_start = True
        while True:
            if self.is_due(is_start=is_start):
                await self._try()
            is_start = False
            await asyncio.sleep(self._rhythm.again if self._failing else _LOOK_EVERY)

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`: when the last copy was made (UTC ms; 0: never), and why the next one fails."""
        name = self._store.name
        return {f"{name}_copied": self._copied() or 0, f"{name}_copy_error": self._failing}

    def is_due(self, *, is_start: bool = False) -> bool:
        """Whether it is time for a copy; a clock that was set back far makes one, too."""
        copied, now = self._copied(), self._now()
        if copied is None or copied > now + HOUR:
            return True
        if is_start and self._rhythm.at_day and self._date(copied) != self._date(now):
            return True
        return now - copied >= self._rhythm.every

    def _date(self, time: int) -> object:
        return datetime.fromtimestamp(time / 1000, self._timezone).date()

    def _copied(self) -> int | None:
        try:
            return round(copies_of(self._path)[0].stat().st_mtime * 1000)
        except OSError:
            return None

    async def _try(self) -> None:
        not_copied, copied_again = _SAID[self._store.name]
        try:
            await self._in_its_thread()
        except (OSError, sqlite3.Error, UnicodeDecodeError, JournalError) as error:
            if not self._failing:
                _log.error(not_copied, error=str(error))
            self._failing = str(error)
            self.found_damage = is_damage(error) and self._copied() is not None
        else:
            if self._failing:
                _log.info(copied_again)
            self._failing = ""

    async def _in_its_thread(self) -> None:
        """Copy in a thread that nobody has to wait for: reading gigabytes cannot be stopped at any instant."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[BaseException | None] = loop.create_future()

        def work() -> None:
            outcome = None
            try:
                self.copy()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                outcome = error
            with contextlib.suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(done.set_result, outcome)

        threading.Thread(target=work, name=f"copy of the {self._store.name}", daemon=True).start()
        try:
            error = await asyncio.shield(done)
        except asyncio.CancelledError:
            self._stopping.set()
            await asyncio.wait([done], timeout=_PATIENCE)
            raise
        if error is not None:
            raise error

    def copy(self) -> None:
        """Make one copy now; blocks. Raises OSError, sqlite3.Error or JournalError, and leaves the old ones."""
        with self.busy:
            self._copy()

    def _copy(self) -> None:
        newest, older = copies_of(self._path)
        made = newest.with_name(newest.name + ".new")
        _look_for_room(self._path)
        made.unlink(missing_ok=True)
        made.touch(mode=0o600)
        now = self._now()
        try:
            self._write(made)
            os.utime(made, (now / 1000, now / 1000))
            sync(made)
            self._refuse_useless(made)
        except BaseException:
            if not self._stopping.is_set():  # else it may be the next one's, who clears it away
                made.unlink(missing_ok=True)
            raise
        with contextlib.suppress(FileNotFoundError):
            newest.replace(older)
        made.replace(newest)
        sync(newest.parent)

    def _refuse_useless(self, made: Path) -> None:
        fault = find_fault(made, self._store.schema, self._store.application)
        if fault:
            raise JournalError(f"the copy of the {self._store.name} is damaged: {fault}")
        if self._stopping.is_set():
            raise JournalError("the copy was given up, because the monitor stops")

    def _write(self, made: Path) -> None:
        pace = _Pace(made, self._stopping)
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as db:
                db.set_progress_handler(pace.look, _STEPS)
                db.execute("VACUUM INTO ?", (str(made),))
        except sqlite3.OperationalError as error:
            if pace.reason:
                raise OSError(pace.reason) from error
            raise
        finally:
            pace.close()  # not sooner: closing it would take SQLite's locks on the file with it


class _Pace:
    """Keeps the disk free for others while a copy is written: its sync is never more than some megabytes behind.

    Each `fsync` of another file would have to wait for all that is not synced yet; and between two pieces the copy
    rests for as long as the last one took.
    """

    def __init__(self, made: Path, stopping: threading.Event) -> None:
        self._made = made
        self._stopping = stopping
        self._descriptor = os.open(made, os.O_RDONLY)
        self._synced = 0
        self.reason = ""
        """Why the copy has to be given up; "" when it need not be."""

    def look(self) -> bool:
        """SQLite's progress handler: whether to give up."""
        try:
            size = os.fstat(self._descriptor).st_size
            if size - self._synced >= _AT_ONCE:
                began = monotonic()
                os.fsync(self._descriptor)
                self._synced = size
                if _free(self._made.parent) < _KEPT_FREE:
                    self.reason = f"the disk got full while {self._made.name} was written"
                self._stopping.wait(monotonic() - began)
        except OSError as error:
            self.reason = str(error)
        return bool(self.reason) or self._stopping.is_set()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _look_for_room(path: Path) -> None:
    """Refuse to make the copy that would fill the disk."""
    needed = 2 * sum(size_of(path.with_name(path.name + ending)) for ending in ("", "-wal"))
    if _free(path.parent) < needed:
        raise OSError(f"no room for a copy of {path.name}: twice its size is wanted ({needed // 1024} KiB)")
