"""The files of a state folder, opened together, watched and copied: what the daemon stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.errors import JournalError
from monitor.journal.copies import Copies, Restored, make_sure, note_journal
from monitor.journal.soundness import refuse_special
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.model import Value
from monitor.site import JournalSettings

__all__ = ["Files", "open_files"]

_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """state.db, ledger.db and journal.db, open.

    `restored`: what took the place of a damaged state at this start.
    """

    state: State
    ledger: State
    journal: SqliteJournal
    copies: Copies
    restored: Restored | None = field(default=None)

    def failure(self) -> str:
        """Why nothing can be recorded now; "" when all is well."""
        return self.journal.failure or self.state.failure or self.ledger.failure

    def what_was_replaced(self) -> Mapping[str, str]:
        """For the event of the start: which file was damaged, as what it was kept, what took its place."""
        told = {"journal_moved_aside": str(self.journal.stats()["moved_aside"])}
        if self.restored is not None:
            told |= {"state_restored_from": self.restored.copy, "state_moved_aside": self.restored.aside}
        return {name: value for name, value in told.items() if value}

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; described in docs/journal.md."""
        return {
            **self.copies.status(),
            "state_restored": self.restored.copied if self.restored else 0,
            "state_failing": bool(self.state.failure),
        }

    async def watch(self) -> None:
        """Look for damage until cancelled. Raises JournalError when a file is found to be damaged.

        The daemon ends with it: the next start moves the file aside and puts the best there is in its place.
        """
        while True:
            if self.journal.damaged:
                self.journal.condemn()
                raise JournalError("journal.db is damaged; the next start moves it aside and begins a new one")
            if self.state.damaged:
                raise JournalError("state.db is damaged; the next start restores it from its last good copy")
            await asyncio.sleep(_LOOK_EVERY)


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
        ledger = State.open(ledger_file, LEDGER)
        opened.push_async_callback(ledger.close)
        newest = max(await state.newest_position(), await ledger.newest_position())
        journal = SqliteJournal.open(journal_file, settings, now=now, begin_above=newest)
        opened.push_async_callback(journal.close)
        await state.transact(lambda db: note_journal(db, journal.last, now()))
        copies = Copies(state_file, now=now, timezone=timezone)
        files = Files(state=state, ledger=ledger, journal=journal, copies=copies, restored=restored)
        journal.tell_also(files.status)
        yield files
