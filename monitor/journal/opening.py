"""Ledger and access.db at the start: a damaged one is moved aside, and its newest good copy or a new one comes.

They may be gigabytes, so a start looks at the ends of their tables only; all of it is read when it is copied.
Nothing of the building's safety depends on them: without a good copy the monitor goes on with a new one, and says
so aloud.
"""

import os
import sqlite3
from pathlib import Path

import structlog

from monitor.errors import JournalError
from monitor.journal.copies import Restored, copies_of
from monitor.journal.file import acquit, condemned, lock
from monitor.journal.soundness import find_fault, is_damage, is_io_error, is_orphaned, move_aside, sync
from monitor.journal.state import State, Store

__all__ = ["open_store"]

_log = structlog.get_logger()

_SAID = {
    "ledger": ("ledger_restored", "ledger_begun_afresh"),
    "access": ("access_restored", "access_begun_afresh"),
}


def open_store(path: Path, store: Store, journal: Path) -> tuple[State, Restored | None]:
    """Open a store, or a good copy of it, or a new one; answers what took the place of a damaged one, too.

    `journal`: the journal beside it, held while files are renamed. Raises JournalError when the store is of a
    newer program, or cannot be used for a reason that is not the file's.
    """
    fault = _fault(path, store, is_first_start=not journal.exists())
    replaced = _replace(path, store, journal, fault) if fault else None
    try:
        return State.open(path, store), replaced
    except JournalError as error:
        if error.__cause__ is None or not is_damage(error.__cause__):
            raise
        replaced = _replace(path, store, journal, str(error.__cause__))
    return State.open(path, store), replaced


def _fault(path: Path, store: Store, *, is_first_start: bool) -> str:
    if is_orphaned(path):
        return "its write-ahead log lies there without it"
    if condemned(path) is not None:
        return "it was found to be damaged while it was used"
    has_copies = any(copy.exists() for copy in copies_of(path))
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "it is absent, and there are copies of it" if has_copies else ""
    except OSError as error:
        raise JournalError(f"the {store.name} {path} cannot be used: {error.strerror}") from error
    if not size:
        return "" if is_first_start and not has_copies else "it is empty"
    try:
        return find_fault(path, store.schema, store.application, whole=False)
    except JournalError as error:
        if is_io_error(error.__cause__):  # a bad sector under it must not keep the whole monitor from its work
            return str(error.__cause__)
        raise


def _is_good(copy: Path, store: Store) -> bool:
    """Whether a copy can be taken: all of it was read when it was made."""
    try:
        return copy.stat().st_size > 0 and not find_fault(copy, store.schema, store.application, whole=False)
    except (OSError, JournalError):
        return False


def _replace(path: Path, store: Store, journal: Path, fault: str) -> Restored:
    """Move a store aside and the newest good copy to its place; without one there is none then.

    The copy is renamed, not copied: that takes no time and no room, and a copy that is no good in use is not taken
    twice. A kill in between leaves no store and its copies, from which the next start goes on.
    """
    restored, begun_afresh = _SAID[store.name]
    held = lock(journal)  # whoever holds the journal uses this store, too
    try:
        good = next((copy for copy in copies_of(path) if _is_good(copy, store)), None)
        copied = round(good.stat().st_mtime * 1000) if good else 0
        was_there = path.exists() or is_orphaned(path)
        kept = move_aside(path)
        aside = kept if was_there else ""
        if good is None:
            _log.error(begun_afresh, reason=fault, kept_as=aside)
        else:
            _log.error(restored, reason=fault, copy=good.name, kept_as=aside)
        acquit(path)
        if good is not None:
            good.replace(path)
        sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"the {store.name} {path} cannot be replaced: {error}") from error
    finally:
        os.close(held)
    return Restored(copy=good.name if good else "", copied=copied, aside=aside, reason=fault)
