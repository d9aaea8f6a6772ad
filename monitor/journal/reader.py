"""Questions to a file that somebody else writes: from read-only connections, in threads of their own.

Questions never wait for the writer, nor it for them.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from monitor.errors import JournalError

__all__ = ["Reader"]

T = TypeVar("T")

_AT_ONCE: Final = 2
"""A report of a year takes seconds; who looks at one thing meanwhile need not wait."""


class Reader:
    """Reads the file at `path`, which errors call `name`."""

    def __init__(self, path: Path, name: str) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._name = name
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"{path.stem}-reader")

    def close(self) -> None:
        """Let go of the threads; safe to call twice."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Answer what `work` makes of one consistent look at the file. Raises JournalError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, work)

    def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=10)) as db:
                db.row_factory = sqlite3.Row
                db.execute("BEGIN")
                return work(db)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise JournalError(f"{self._name} cannot be read: {error}") from error
