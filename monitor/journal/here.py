"""A journal's writer without a thread: each `append` is a transaction of its own, done before its caller goes on.

For whoever has nothing else to do meanwhile and wants everything in one order: the filling in of a past.
"""

import contextlib
import sqlite3

from monitor.journal.file import connect
from monitor.journal.writer import Call, Job, Writer

__all__ = ["WriterHere"]


class WriterHere(Writer):
    """Writes in the thread of its callers, who are one; trims nothing."""

    def start(self) -> None:
        """Begin to write."""
        self._db = connect(self._path)

    def put(self, call: Call) -> None:
        """Keep one `append`."""
        self._commit([call])

    def ask(self, job: Job) -> None:
        """Do a small piece of work."""
        job(self._connected)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._trimmer.persist(self._db)
            self._db.close()

    @property
    def alive(self) -> bool:
        """Always: there is no thread that could have died."""
        return True
