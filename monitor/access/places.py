"""All places in which something of a person may stand: for who shows him, who erases him, and who proves it."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from monitor.access.directory import FILE
from monitor.journal.copies import Copies, copies_of
from monitor.journal.files import Files
from monitor.journal.rewriting import Rewriting
from monitor.journal.soundness import size_of
from monitor.journal.state import State
from monitor.journal.traces import checkpoint, cleanse_copy, cleanse_damaged, count_in, erase, find
from monitor.model import Position, Recorded

__all__ = ["Outside", "Places", "aside"]

T = TypeVar("T")

_SEALED: Final = frozenset({FILE, f"{FILE}.new", "pseudonym.key"})
"""Files in which no pseudonym can be read: names are sealed, and the key is a key."""

_ERASURE: Final = frozenset({"erasure"})
"""The table that remembers whom to erase until it is done."""

_TRIES = 100
_REST = 0.1
_LARGEST = 64 * 1024 * 1024
"""Bytes up to which a database is written anew: nothing is kept in it while that lasts."""


class Outside(Protocol):
    """A database that pseudonyms may have gone to. Raises SinkUnavailable while it cannot be asked."""

    name: str

    def position(self) -> int:
        """How far it has been written in the journal."""

    async def settled(self) -> None:
        """Return when nothing that was read of the files before is on its way to it any more."""

    async def count(self, pseudonym: str) -> int:
        """How many points there are of a person."""

    async def erase(self, pseudonym: str) -> int:
        """Delete them all, and make sure that none is left; answers how many there were."""


class Places:
    """The places of one state folder. Raises JournalError or OSError."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._rewriting = Rewriting(files.journal)
        self.stores: Sequence[State] = (files.access, files.state, files.ledger)

    # Looking -------------------------------------------------------------------------------------------

    async def in_journal(self, pseudonym: str) -> Sequence[Recorded]:
        """Every entry of the journal that names a person."""
        return await self._rewriting.find(pseudonym)

    async def rows(self, store: State, pseudonym: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Every row of a store that names a person, with its table."""
        return await store.alone(lambda db: list(find(db, pseudonym, but=_ERASURE)))

    async def left(self, pseudonym: str) -> Mapping[str, int]:
        """How often a pseudonym stands in the bytes of each file, deleted or not; but for access.db's own."""
        own = _of_database(self._files.access_file)
        return await self._counted([each for each in self._all() if each not in own], pseudonym)

    async def left_in_access(self, pseudonym: str) -> Mapping[str, int]:
        """The same of access.db, its log and its copies."""
        file = self._files.access_file
        return await self._counted([file, _log_of(file), *copies_of(file)], pseudonym)

    async def _counted(self, paths: Sequence[Path], pseudonym: str) -> Mapping[str, int]:
        found = await count_in(paths, pseudonym)
        return {str(path.relative_to(self._files.folder)): count for path, count in found.items()}

    def _all(self) -> list[Path]:
        """Every file but those in which nothing can be read, or that only say where pages are."""
        return sorted(
            path
            for path in self._files.folder.rglob("*")
            if path.is_file() and path.name not in _SEALED and not path.name.endswith("-shm")
        )

    # Erasing -------------------------------------------------------------------------------------------

    async def erase_in_journal(self, pseudonym: str, after: Position) -> int:
        """Erase in entries behind a position, and empty the log; answers in how many it stood."""
        count = await self._rewriting.erase(pseudonym, after=after)
        await self._rewriting.sweep()
        return count

    async def erase_in(self, store: State, pseudonym: str) -> int:
        """Erase in every column of every table of a store, and empty its log; answers in how many rows it was."""
        count = await store.transact(lambda db: erase(db, pseudonym, but=_ERASURE))
        await _sweep(store)
        return count

    async def cleanse_files(self, pseudonym: str) -> Mapping[str, int]:
        """Erase in copies and in what was moved aside; answers how often it stood in which file."""
        found: dict[str, int] = {}
        for copies, file in self._copied():
            found.update(await aside(partial(_cleanse_copies, copies, file, pseudonym)))
        return {**found, **await aside(partial(self._cleanse_others, pseudonym))}

    def _copied(self) -> Sequence[tuple[Copies, Path]]:
        files = self._files
        return (
            (files.copies, files.folder / "state.db"),
            (files.ledger_copies, files.ledger_file),
            (files.access_copies, files.access_file),
        )

    def _cleanse_others(self, pseudonym: str) -> Mapping[str, int]:
        databases = [self._files.folder / "journal.db", *(file for _, file in self._copied())]
        # Where one is a link, the database is where it leads to; and no byte of what is in use is touched.
        live = {path for file in databases for path in _of_database(file)}
        live |= {copy for _, file in self._copied() for copy in copies_of(file)}
        found = {}
        for path in self._all():
            # A copy under way is replaced or thrown away by who makes it.
            if path not in live and not path.name.endswith((".copy.new", ".copy.cleansed")):
                count = cleanse_damaged(path, pseudonym)
                if count:
                    found[str(path.relative_to(self._files.folder))] = count
        return found

    @contextlib.asynccontextmanager
    async def no_copies_of_access(self, pseudonym: str | None) -> AsyncIterator[None]:
        """Cleanse the copies of access.db of a request to erase, and let nobody make one meanwhile."""
        busy = self._files.access_copies.busy
        while not busy.acquire(blocking=False):  # noqa: ASYNC110 - threads hold it, too
            await asyncio.sleep(_REST)
        try:
            if pseudonym is not None:
                for copy in copies_of(self._files.access_file):
                    await aside(partial(cleanse_copy, copy, pseudonym))
            yield
        finally:
            busy.release()

    async def write_anew(self, files: Mapping[str, int]) -> None:
        """Write the databases among these files anew, without what was deleted; of large ones only the log."""
        for store in self.stores:
            if {f"{store.name}.db", f"{store.name}.db-wal"} & files.keys():
                if self._is_small(f"{store.name}.db"):
                    await store.alone(_vacuum)
                await _sweep(store)
        if {"journal.db", "journal.db-wal"} & files.keys() and self._is_small("journal.db"):
            await self._rewriting.vacuum()

    def _is_small(self, name: str) -> bool:
        return size_of(self._files.folder / name) <= _LARGEST


def _of_database(file: Path) -> set[Path]:
    """A database, what lies beside it, and the same where it really is."""
    return {
        each.with_name(each.name + ending) for each in (file, file.resolve()) for ending in ("", "-wal", "-shm")
    }


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


async def aside(work: Callable[[], T]) -> T:
    """Do it in a thread that the end of the program does not wait for: a file may be gigabytes.

    An end in the middle of it is what a kill is.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(answer: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(answer)  # type: ignore[arg-type]  # without an error it is a T
        else:
            done.set_exception(error)

    def run() -> None:
        answer, error = None, None
        try:
            answer = work()
        except BaseException as failed:  # noqa: BLE001 - whoever waits gets it
            error = failed
        with contextlib.suppress(RuntimeError):  # the loop has gone
            loop.call_soon_threadsafe(settle, answer, error)

    threading.Thread(target=run, name="erasing", daemon=True).start()
    return await done


def _cleanse_copies(copies: Copies, file: Path, text: str) -> Mapping[str, int]:
    with copies.busy:
        counts = {copy.name: cleanse_copy(copy, text) for copy in copies_of(file)}
    return {name: count for name, count in counts.items() if count}


def _vacuum(db: sqlite3.Connection) -> None:
    db.execute("VACUUM")


async def _sweep(store: State) -> None:
    for _ in range(_TRIES):
        if await store.alone(checkpoint):
            return
        await asyncio.sleep(_REST)
