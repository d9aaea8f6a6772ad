"""A journal's writer without a thread: each `append` is done before its caller goes on.

For whoever has nothing else to do meanwhile and wants everything in one order: the filling in of a past. What is
cut off begins anew, so that many appends are one transaction, which ends when somebody wants to read the file.
"""

import contextlib
import sqlite3
from collections.abc import Sequence

from monitor.errors import JournalError
from monitor.journal.file import connect
from monitor.journal.writer import Call, Committed, Job, Taking, Writer

__all__ = ["WriterHere"]


class WriterHere(Writer):
    """Writes in the thread of its callers, who are one; trims nothing. What fails once stays failed."""

    def start(self) -> None:
        """Begin to write."""
        self._begin, self._end = "", ""  # a transaction is begun and ended here
        self._db = connect(self._path)

    def put(self, call: Call) -> None:
        """Keep one `append`."""
        if self.failing:  # appends that were told as kept may be gone
            self._refuse([call])
        else:
            self._commit([call])

    def _write(self, calls: Sequence[Call]) -> Taking:
        db = self._connected()
        if not db.in_transaction:
            db.execute("BEGIN IMMEDIATE")
        return super()._write(calls)

    def _give_up(self, calls: list[Call], error: Exception) -> None:
        """What cannot be kept undoes all that the transaction had."""
        self._failed(error)
        self._refuse(calls)

    def _refuse(self, calls: list[Call]) -> None:
        error = JournalError(f"the journal cannot be written: {self.failure}")
        error.__cause__ = OSError(self.failure)
        self._tell(Committed(calls=calls, last=self._last, error=error))

    def ask(self, job: Job) -> None:
        """Do a small piece of work."""
        self.settle()
        job(self._connected)

    def settle(self) -> None:
        """Have all that was told as kept in the file."""
        if self._db is None or not self._db.in_transaction:
            return
        try:
            self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._failed(error)

    def close(self) -> None:
        """Close the file."""
        self.settle()
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._trimmer.persist(self._db)
            self._db.close()

    @property
    def alive(self) -> bool:
        """Always: there is no thread that could have died."""
        return True
