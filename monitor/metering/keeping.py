"""What metering keeps at once: one transaction of the ledger with all that is new since the one before.

A mistake of the program in the figures of one meter must not stop all others for ever: such a part is undone by
itself, told once, and the rest goes on. What the disk does not take is tried again as a whole.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
import structlog

from monitor.figures import DayCoverage
from monitor.journal.state import position_of, produce, set_position
from monitor.metering import beside, ledger
from monitor.metering.account import Account
from monitor.metering.amending import Work
from monitor.metering.rollup import PRODUCER, Meters, Rollup
from monitor.metering.view import View
from monitor.model import Derived, Position
from monitor.site import Site

__all__ = ["Keeper", "News"]

_log = structlog.get_logger()

T = TypeVar("T")

_OWN: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""What SQLite says of values that it cannot keep; all else it says is of the disk or the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the ledger does not have yet; nothing is booked while it is written."""

    position: Position
    accounts: Sequence[Account]
    entries: Sequence[Derived]
    works: Sequence[tuple[Account, Work]]
    days: Sequence[DayCoverage]
    memory: Mapping[str, Any]


class Keeper:
    """Writes the ledger, in its own thread."""

    def __init__(self, site: Site, meters: Meters, now: Callable[[], int]) -> None:
        self._site = site
        self._meters = meters
        self._now = now
        self._told: set[tuple[str, str]] = set()

    def keep(self, db: sqlite3.Connection, news: News) -> dict[Account, int]:
        """Within one transaction: everything that is new. Answers the counters' numbers."""
        numbers = {
            account: account.number or ledger.number_of(db, account.device, account.point)
            for account in news.accounts
        }
        if position_of(db, PRODUCER) == news.position:
            return numbers  # the commit before was told as failed, and is in the file
        changed: dict[str, set[int]] = {}
        for account in news.accounts:
            quarters = self._alone(db, account.device, "account", self._write_account, account, numbers[account])
            changed.setdefault(account.device, set()).update(quarters or ())
            if account.late:
                late = (numbers[account], account.late, account.hole)
                filled = self._alone(db, account.device, "late values", ledger.fill_gaps, *late)
                changed[account.device].update(filled or ())
            self._alone(db, account.device, "events", self._tell, account)
        # Behind the events: who judges a rate has to know first that a meter was replaced.
        produce(db, PRODUCER, news.entries)
        for account, work in news.works:
            number = ledger.number_of(db, account.device, account.point)
            done = self._alone(db, account.device, "command", work, number)
            if done is not None:
                changed.setdefault(account.device, set()).update(done[0])
                produce(db, PRODUCER, done[1])
        _write_coverage(db, news.days)
        ledger.save_memory(db, news.memory)
        self._usage(db, changed, str(news.position))
        set_position(db, PRODUCER, news.position)
        return numbers

    def _write_account(self, db: sqlite3.Connection, account: Account, number: int) -> set[int]:
        changed: set[int] = set()
        if account.touched:
            ledger.add_entries(db, number, account.entries)
            ledger.add_steps(db, number, account.steps)
            changed |= ledger.resolve(db, number, account.resolved)
            head = account.track.head
            until = None if head is None else head[0]
            ledger.save_account(db, number, account.track.first, until, account.dump())
        if account.is_billed or account.point in self._meters.others[account.device]:
            changed.update(account.pace.ended)
        return changed

    def _tell(self, db: sqlite3.Connection, account: Account) -> None:
        produce(db, PRODUCER, beside.events(account))
        if account.is_billed:
            produce(db, PRODUCER, beside.demands(self._site.devices[account.device], account))

    def _usage(self, db: sqlite3.Connection, changed: Mapping[str, set[int]], key: str) -> None:
        """Tell the roll-ups of all that has changed, of virtual meters and of the mains above them too."""
        wanted: dict[str, set[int]] = {}
        for device, quarters in changed.items():
            if quarters:
                for affected in self._meters.affected(device):
                    wanted.setdefault(affected, set()).update(quarters)
        if not wanted:
            return
        rollup = Rollup(self._meters, db, View(db, self._site, now=self._now()), key)
        for device, quarters in wanted.items():
            found = self._alone(db, device, "usage", lambda _, *told: rollup.tell(*told), device, quarters)
            produce(db, PRODUCER, found or ())
        over: dict[str, set[int]] = {}
        for device, quarters in changed.items():
            for main in self._meters.above(device) if quarters else ():
                over.setdefault(main, set()).update(quarters)
        for device, quarters in over.items():
            found = self._alone(db, device, "below", lambda _, *told: rollup.tell_below(*told), device, quarters)
            produce(db, PRODUCER, found or ())

    def _alone(
        self, db: sqlite3.Connection, device: str, what: str, work: Callable[..., T], *arguments: Any
    ) -> T | None:
        """Do a part of the transaction; None when it failed by a mistake of its own, which is undone and told."""
        db.execute("SAVEPOINT part")
        answer = None
        try:
            answer = work(db, *arguments)
        except Exception as error:
            is_of_the_file = isinstance(error, (sqlite3.Error, UnicodeDecodeError)) and not isinstance(error, _OWN)
            if is_of_the_file:
                raise
            db.execute("ROLLBACK TO part")
            if what == "command" or (device, what) not in self._told:
                self._told.add((device, what))
                _log.exception("metering_part_set_aside", device=device, what=what)
        db.execute("RELEASE part")
        return answer


def _write_coverage(db: sqlite3.Connection, days: Iterable[DayCoverage]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO coverage VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                day.device,
                day.day.isoformat(),
                day.expected,
                day.received,
                day.late,
                orjson.dumps(dict(day.lost)).decode(),
            )
            for day in days
        ],
    )
