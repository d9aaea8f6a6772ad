"""Commands that change no alarm and are kept beside them: each kind has one function that writes it down.

The shell calls it in the transaction of its position: each command is booked once, in order, also after a kill.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from monitor.alarms import casebook, dutybook
from monitor.alarms.casework import ASSIGN, CLOSE, COMMENT, REOPEN
from monitor.model import Command

__all__ = ["BOOKS", "Booked", "book"]

Booked = Callable[[sqlite3.Connection, Command], str]
"""Writes a command down; answers why it cannot be done any more, nothing when it was."""

BOOKS: Final[Mapping[str, Booked]] = {
    dutybook.OVERRIDE: dutybook.book_override,
    dutybook.END: dutybook.book_end,
    ASSIGN: casebook.assign,
    COMMENT: casebook.comment,
    CLOSE: casebook.close,
    REOPEN: casebook.reopen,
}
"""Kind of a command -> who books it."""


def book(db: sqlite3.Connection, commands: Iterable[Command]) -> list[tuple[str, str]]:
    """Within `State.transact`: book what is to be; answers ids of refused commands and why."""
    refused = []
    for command in commands:
        booked = BOOKS.get(command.kind)
        reason = "" if booked is None else booked(db, command)
        if reason:
            refused.append((command.id, reason))
    return refused
