"""What metering keeps at once: one transaction of the ledger with all that is new since the one before.

A mistake of the program in the figures of one meter must not stop all others for ever: such a part is undone by
itself, told once, and the rest goes on. What the disk does not take is tried again as a whole.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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


@dataclass(frozen=True, slots=True)
class _Part:
    """What is written of one device; answers the quarters that changed."""

    device: str
    what: str
    work: Callable[[], set[int]]


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
        for device, quarters in self._together(db, partial(self._of_accounts, db, news.accounts, numbers)):
            changed.setdefault(device, set()).update(quarters)
        # Behind the events: who judges a rate has to know first that a meter was replaced.
        produce(db, PRODUCER, news.entries)
        for account, work in news.works:
            number = ledger.number_of(db, account.device, account.point)
            done = self._alone(db, account.device, "command", partial(work, db, number))
            if done is not None:
                changed.setdefault(account.device, set()).update(done[0])
                produce(db, PRODUCER, done[1])
        _write_coverage(db, news.days)
        ledger.save_memory(db, news.memory)
        if any(changed.values()):
            self._together(db, partial(self._usage, db, changed, str(news.position)))
        set_position(db, PRODUCER, news.position)
        return numbers

    def _of_accounts(
        self, db: sqlite3.Connection, accounts: Sequence[Account], numbers: Mapping[Account, int]
    ) -> Iterator[_Part]:
        """What is new of each counter; most of them have only counted on."""
        for account in accounts:
            number = numbers[account]
            yield _Part(account.device, "account", partial(self._write_account, db, account, number))
            if account.late:
                late = (number, account.late, account.hole)
                yield _Part(account.device, "late values", partial(ledger.fill_gaps, db, *late))
            if account.told or account.pace.closed:
                yield _Part(account.device, "events", partial(self._tell, db, account))

    def _write_account(self, db: sqlite3.Connection, account: Account, number: int) -> set[int]:
        changed: set[int] = set()
        if account.touched:
            ledger.add_entries(db, number, account.entries)
            if account.steps:
                ledger.add_steps(db, number, account.steps)
            if account.resolved:
                changed |= ledger.resolve(db, number, account.resolved)
            head = account.track.head
            until = None if head is None else head[0]
            ledger.save_account(db, number, account.track.first, until, account.dump())
        if account.is_billed or account.point in self._meters.others[account.device]:
            changed.update(account.pace.ended)
        return changed

    def _tell(self, db: sqlite3.Connection, account: Account) -> set[int]:
        produce(db, PRODUCER, beside.events(account))
        if account.is_billed:
            produce(db, PRODUCER, beside.demands(self._site.devices[account.device], account))
        return set()

    def _usage(self, db: sqlite3.Connection, changed: Mapping[str, set[int]], key: str) -> Iterator[_Part]:
        """Tell the roll-ups of all that has changed, of virtual meters and of the mains above them too."""
        wanted: dict[str, set[int]] = {}
        over: dict[str, set[int]] = {}
        for device, quarters in changed.items():
            for affected in self._meters.affected(device) if quarters else ():
                wanted.setdefault(affected, set()).update(quarters)
            for main in self._meters.above(device) if quarters else ():
                over.setdefault(main, set()).update(quarters)
        rollup = Rollup(self._meters, db, View(db, self._site, now=self._now()), key)
        for what, tell, devices in (("usage", rollup.tell, wanted), ("below", rollup.tell_below, over)):
            for device, quarters in devices.items():
                yield _Part(device, what, partial(_produced, db, tell, device, quarters))

    def _together(
        self, db: sqlite3.Connection, parts: Callable[[], Iterable[_Part]]
    ) -> list[tuple[str, set[int]]]:
        """Do parts of the transaction; answers of each its device and the quarters that changed.

        Nearly always none fails, and one savepoint does for all. When one does, all are undone and done anew, each
        by itself: `parts` makes them a second time.
        """
        db.execute("SAVEPOINT parts")
        try:
            done = [(part.device, part.work()) for part in parts()]
        except Exception as error:
            if _is_of_the_file(error):
                raise
            db.execute("ROLLBACK TO parts")
            done = [(part.device, self._alone(db, part.device, part.what, part.work) or set()) for part in parts()]
        db.execute("RELEASE parts")
        return done

    def _alone(self, db: sqlite3.Connection, device: str, what: str, work: Callable[[], T]) -> T | None:
        """Do a part of the transaction; None when it failed by a mistake of its own, which is undone and told."""
        db.execute("SAVEPOINT part")
        answer = None
        try:
            answer = work()
        except Exception as error:
            if _is_of_the_file(error):
                raise
            db.execute("ROLLBACK TO part")
            if what == "command" or (device, what) not in self._told:
                self._told.add((device, what))
                _log.exception("metering_part_set_aside", device=device, what=what)
        db.execute("RELEASE part")
        return answer


def _is_of_the_file(error: Exception) -> bool:
    return isinstance(error, (sqlite3.Error, UnicodeDecodeError)) and not isinstance(error, _OWN)


def _produced(
    db: sqlite3.Connection,
    tell: Callable[[str, Iterable[int]], Iterable[Derived]],
    device: str,
    quarters: Iterable[int],
) -> set[int]:
    produce(db, PRODUCER, tell(device, quarters))
    return set()


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
