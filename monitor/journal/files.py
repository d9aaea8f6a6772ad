"""The files of a state folder, opened together, watched and copied: what the daemon stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from monitor.errors import JournalError
from monitor.journal.copies import WEEKLY, Copies, Restored, make_sure, note_journal
from monitor.journal.file import condemn
from monitor.journal.ledger import open_ledger
from monitor.journal.soundness import refuse_special
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.model import Position, Value
from monitor.site import JournalSettings

__all__ = ["Files", "open_files"]

_log = structlog.get_logger()

_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """state.db, ledger.db and journal.db, open.

    `restored`, `ledger_replaced`: what took the place of a damaged state or ledger at this start.
    """

    state: State
    ledger: State
    journal: SqliteJournal
    copies: Copies
    ledger_copies: Copies
    ledger_file: Path
    restored: Restored | None = None
    ledger_replaced: Restored | None = None

    def failure(self) -> str:
        """Why nothing can be recorded now; "" when all is well.

        Not the ledger's: while it cannot be written metering waits, and loses nothing, as the journal keeps what
        it has not applied; all else goes on.
        """
        return self.journal.failure or self.state.failure

    def ledger_size(self) -> int:
        """What the ledger takes on the disk, with its write-ahead log, in bytes."""
        log = self.ledger_file.with_name(f"{self.ledger_file.name}-wal")
        return sum(file.stat().st_size for file in (self.ledger_file, log) if file.exists())

    def what_was_replaced(self) -> Mapping[str, str]:
        """For the event of the start: which file was damaged, as what it was kept, what took its place."""
        told = {"journal_moved_aside": str(self.journal.stats()["moved_aside"])}
        for name, replaced in (("state", self.restored), ("ledger", self.ledger_replaced)):
            if replaced is not None:
                told |= {f"{name}_restored_from": replaced.copy, f"{name}_moved_aside": replaced.aside}
        return {name: value for name, value in told.items() if value}

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; described in docs/journal.md."""
        ledger = self.ledger_replaced
        return {
            **self.copies.status(),
            "state_restored": self.restored.copied if self.restored else 0,
            "state_failing": bool(self.state.failure),
            **self.ledger_copies.status(),
            "ledger_replaced": ledger is not None,
            "ledger_restored": ledger.copied if ledger else 0,
            "ledger_moved_aside": ledger.aside if ledger else "",
            "ledger_failing": bool(self.ledger.failure) or self.ledger.damaged,
        }

    async def watch(self) -> None:
        """Look for damage until cancelled. Raises JournalError when a file is found to be damaged.

        The daemon ends with it: the next start moves the file aside and puts the best there is in its place.
        """
        ledger = _LedgerWatch(self.ledger, self.ledger_copies, self.ledger_file)
        while True:
            if self.journal.damaged:
                self.journal.condemn()
                raise JournalError("journal.db is damaged; the next start moves it aside and begins a new one")
            if self.state.damaged:
                raise JournalError("state.db is damaged; the next start restores it from its last good copy")
            ledger.look()
            await asyncio.sleep(_LOOK_EVERY)


class _LedgerWatch:
    """Says once when the ledger cannot be written and once when it can again, and heeds its damage."""

    def __init__(self, ledger: State, copies: Copies, file: Path) -> None:
        self._ledger = ledger
        self._copies = copies
        self._file = file
        self._failing = False
        self._is_given_up = False

    def look(self) -> None:
        """Raise JournalError when the ledger is damaged and the next start knows: it might not see it itself."""
        failing = bool(self._ledger.failure)
        if failing and not self._failing:
            _log.error("ledger_cannot_be_written", error=self._ledger.failure)
        elif self._failing and not failing:
            _log.info("ledger_is_written_again")
        self._failing = failing
        if self._is_given_up or not (self._ledger.damaged or self._copies.found_damage):
            return
        if condemn(self._file, Position(0)):
            raise JournalError("ledger.db is damaged; the next start restores it from its last good copy")
        self._is_given_up = True  # a start that does not know would go round in circles; all but metering goes on


@contextlib.asynccontextmanager
async def open_files(
    folder: Path, settings: JournalSettings, *, now: Callable[[], int], timezone: ZoneInfo
) -> AsyncIterator[Files]:
    """Check, mend and open the files of a state folder; closes them in order at the end.

    Raises JournalError when that cannot be done; the message says what to do.
    """
    state_file, ledger_file, journal_file = folder / "state.db", folder / "ledger.db", folder / "journal.db"
    for file in (state_file, ledger_file, journal_file):
        refuse_special(file)
    restored = make_sure(state_file, journal_file, now())
    async with contextlib.AsyncExitStack() as opened:
        state = State.open(state_file)
        opened.push_async_callback(state.close)
        ledger, ledger_replaced = open_ledger(ledger_file, journal_file)
        opened.push_async_callback(ledger.close)
        newest = max(await state.newest_position(), await ledger.newest_position())
        journal = SqliteJournal.open(journal_file, settings, now=now, begin_above=newest)
        opened.push_async_callback(journal.close)
        await state.transact(lambda db: note_journal(db, journal.last, now()))
        copies = Copies(state_file, now=now, timezone=timezone)
        files = Files(
            state=state,
            ledger=ledger,
            journal=journal,
            copies=copies,
            ledger_copies=Copies(ledger_file, LEDGER, WEEKLY, now=now, timezone=timezone),
            ledger_file=ledger_file,
            restored=restored,
            ledger_replaced=ledger_replaced,
        )
        journal.tell_also(files.status)
        yield files
