"""The files of a state folder, opened together, watched and copied: what the daemon stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from monitor.errors import JournalError
from monitor.journal.copies import DAILY, WEEKLY, Copies, Restored, make_sure, note_journal
from monitor.journal.file import condemn
from monitor.journal.opening import open_store
from monitor.journal.soundness import refuse_special
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import ACCESS, LEDGER, State
from monitor.journal.writer import Writer
from monitor.model import Position, Value
from monitor.site import JournalSettings

__all__ = ["Files", "open_files"]

_log = structlog.get_logger()

_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """state.db, ledger.db, access.db and journal.db, open.

    `restored`, `ledger_replaced`, `access_replaced`: what took the place of a damaged file at this start.
    """

    folder: Path
    state: State
    ledger: State
    access: State
    journal: SqliteJournal
    copies: Copies
    ledger_copies: Copies
    access_copies: Copies
    ledger_file: Path
    access_file: Path
    restored: Restored | None = None
    ledger_replaced: Restored | None = None
    access_replaced: Restored | None = None

    def failure(self) -> str:
        """Why nothing can be recorded now; "" when all is well.

        Not the ledger's and not access.db's: while one cannot be written its consumer waits, and loses nothing,
        as the journal keeps what it has not applied; all else goes on.
        """
        return self.journal.failure or self.state.failure

    def ledger_size(self) -> int:
        """What the ledger takes on the disk, with its write-ahead log, in bytes."""
        log = self.ledger_file.with_name(f"{self.ledger_file.name}-wal")
        return sum(file.stat().st_size for file in (self.ledger_file, log) if file.exists())

    def what_was_replaced(self) -> Mapping[str, str]:
        """For the event of the start: which file was damaged, as what it was kept, what took its place."""
        told = {"journal_moved_aside": str(self.journal.stats()["moved_aside"])}
        for name, replaced in (
            ("state", self.restored),
            ("ledger", self.ledger_replaced),
            ("access", self.access_replaced),
        ):
            if replaced is not None:
                told |= {f"{name}_restored_from": replaced.copy, f"{name}_moved_aside": replaced.aside}
        return {name: value for name, value in told.items() if value}

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; described in docs/journal.md."""
        return {
            **self.copies.status(),
            "state_restored": self.restored.copied if self.restored else 0,
            "state_failing": bool(self.state.failure),
            **self.ledger_copies.status(),
            **_facts(self.ledger, self.ledger_replaced),
            **self.access_copies.status(),
            **_facts(self.access, self.access_replaced),
        }

    async def watch(self) -> None:
        """Look for damage until cancelled. Raises JournalError when a file is found to be damaged.

        The daemon ends with it: the next start moves the file aside and puts the best there is in its place.
        """
        watches = (
            _Watch(self.ledger, self.ledger_copies, self.ledger_file),
            _Watch(self.access, self.access_copies, self.access_file),
        )
        while True:
            if self.journal.damaged:
                self.journal.condemn()
                raise JournalError("journal.db is damaged; the next start moves it aside and begins a new one")
            if self.state.damaged:
                raise JournalError("state.db is damaged; the next start restores it from its last good copy")
            for each in watches:
                each.look()
            await asyncio.sleep(_LOOK_EVERY)


def _facts(store: State, replaced: Restored | None) -> Mapping[str, Value]:
    """What `status` says of a store that is replaced when it is damaged."""
    return {
        f"{store.name}_replaced": replaced is not None,
        f"{store.name}_restored": replaced.copied if replaced else 0,
        f"{store.name}_moved_aside": replaced.aside if replaced else "",
        f"{store.name}_failing": bool(store.failure) or store.damaged,
    }


_SAID = {
    "ledger": ("ledger_cannot_be_written", "ledger_is_written_again"),
    "access": ("access_cannot_be_written", "access_is_written_again"),
}


class _Watch:
    """Says once when a store cannot be written and once when it can again, and heeds its damage."""

    def __init__(self, store: State, copies: Copies, file: Path) -> None:
        self._store = store
        self._copies = copies
        self._file = file
        self._failing = False
        self._is_given_up = False

    def look(self) -> None:
        """Raise JournalError when the store is damaged and the next start knows: it might not see it itself."""
        cannot, again = _SAID[self._store.name]
        failing = bool(self._store.failure)
        if failing and not self._failing:
            _log.error(cannot, error=self._store.failure)
        elif self._failing and not failing:
            _log.info(again)
        self._failing = failing
        if self._is_given_up or not (self._store.damaged or self._copies.found_damage):
            return
        if condemn(self._file, Position(0)):
            raise JournalError(f"{self._file.name} is damaged; the next start restores it from its last good copy")
        self._is_given_up = True  # a start that does not know would go round in circles; all else goes on


@contextlib.asynccontextmanager
async def open_files(
    folder: Path,
    settings: JournalSettings,
    *,
    now: Callable[[], int],
    timezone: ZoneInfo,
    writer: type[Writer] = Writer,
) -> AsyncIterator[Files]:
    """Check, mend and open the files of a state folder; closes them in order at the end.

    `writer`: what writes the journal.
    Raises JournalError when that cannot be done; the message says what to do.
    """
    state_file, ledger_file, access_file, journal_file = (
        folder / f"{name}.db" for name in ("state", "ledger", "access", "journal")
    )
    for file in (state_file, ledger_file, access_file, journal_file):
        refuse_special(file)
    restored = make_sure(state_file, journal_file, now())
    async with contextlib.AsyncExitStack() as opened:
        state = State.open(state_file)
        opened.push_async_callback(state.close)
        ledger, ledger_replaced = open_store(ledger_file, LEDGER, journal_file)
        opened.push_async_callback(ledger.close)
        access, access_replaced = open_store(access_file, ACCESS, journal_file)
        opened.push_async_callback(access.close)
        newest = max([await store.newest_position() for store in (state, ledger, access)])
        journal = SqliteJournal.open(journal_file, settings, now=now, begin_above=newest, writer=writer)
        opened.push_async_callback(journal.close)
        await state.transact(lambda db: note_journal(db, journal.last, now()))
        copies = Copies(state_file, now=now, timezone=timezone)
        files = Files(
            folder=folder,
            state=state,
            ledger=ledger,
            access=access,
            journal=journal,
            copies=copies,
            ledger_copies=Copies(ledger_file, LEDGER, WEEKLY, now=now, timezone=timezone),
            access_copies=Copies(access_file, ACCESS, DAILY, now=now, timezone=timezone),
            ledger_file=ledger_file,
            access_file=access_file,
            restored=restored,
            ledger_replaced=ledger_replaced,
            access_replaced=access_replaced,
        )
        journal.tell_also(files.status)
        yield files
