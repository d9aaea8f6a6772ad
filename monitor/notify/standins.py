"""Who stands in for whom, as people said it by command: the table `duty_override`."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from monitor.duty import Override

__all__ = ["OVERRIDES", "StandIns", "as_override"]

OVERRIDES: Final = "SELECT * FROM duty_override WHERE ends > ? ORDER BY rowid"
"""Those that are not over at a time (UTC ms), in the order in which they were said."""


def as_override(row: sqlite3.Row) -> Override:
    """A row of the table."""
    return Override(
        roster=row["roster"],
        person=row["person"],
        starts=row["starts"],
        ends=row["ends"],
        by=row["by"],
        reason=row["reason"],
        id=row["id"],
    )


class StandIns:
    """What is known of them without asking the state: the router, which is pure, and the outbox share it.

    It is as old as the newest look into the outbox, a second at most.
    """

    def __init__(self) -> None:
        self.known: tuple[Override, ...] = ()

    def __call__(self) -> Sequence[Override]:
        """Those that are known."""
        return self.known

    def refresh(self, db: sqlite3.Connection, now: int) -> None:
        """Within `State.transact`: read them anew."""
        self.known = tuple(as_override(row) for row in db.execute(OVERRIDES, (now,)))
