"""The consumer of the journal that meters: counters in, what was used out, all of it kept in the ledger.

Registers are booked in memory as they come; every 15 seconds, and within a second when a counter has an event or a
person has said something, the ledger takes what is new in one transaction: quarters, steps, the engine's memory,
what is to be told, the position. A kill in between replays the entries since, which books the same.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Final, TypeVar

import structlog

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.errors import JournalError
from monitor.figures import DayCoverage, Register
from monitor.journal.insisting import insist
from monitor.journal.state import State, position_of
from monitor.metering import beside, commands, ledger
from monitor.metering.account import Account
from monitor.metering.amending import Work, correcting, replacing
from monitor.metering.coverage import Coverage
from monitor.metering.keeping import Keeper, News
from monitor.metering.recompute import Progress, recompute
from monitor.metering.retention import forget_all
from monitor.metering.rollup import Meters
from monitor.meters import billed_counter, counters_of
from monitor.model import Command, Derived, Event, Origin, Position, Quality, Reading, Recorded, Value
from monitor.ports import Gap, Journal
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site

__all__ = ["Metering"]

_log = structlog.get_logger()

T = TypeVar("T")

_TICK: Final = 1.0
_COMMIT_EVERY: Final = 15.0
_SETTLE_MS: Final = 500
_AFTER_FAILURE: Final = 1.0
_FORGET_EVERY: Final = 3600.0
_SERIALS: Final = ("serial", "serial_number")
_MOST_ENTRIES: Final = 1000
"""So many entries wait in memory at most; a backlog of days makes them by the thousand."""
_AT_ONCE: Final = 20
_LARGE: Final = 200
"""A counter with so many quarters to tell was away for days: with so many of its like, keep before more come."""

_TRUSTED: Final = frozenset({Quality.GOOD, Quality.MANUAL})


class Metering:
    """Follows the journal; keeps the ledger; appends deltas, demand, usage and events of counters.

    `may_forget`: whether the clock can be believed enough to throw away what is old by it.
    """

    name = "metering"

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        journal: Journal,
        store: State,
        site: Site,
        *,
        now: Callable[[], int],
        steady: Callable[[], float] = monotonic,
        may_forget: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._store = store
        self._site = site
        self._now = now
        self._steady = steady
        self._may_forget = may_forget
        self._accounts = {
            device.id: {
                point: Account(device, point, is_billed=point == billed_counter(device))
                for point in counters_of(device)
            }
            for device in site.devices.values()
            if device.virtual is None and counters_of(device)
        }
        self._serials = {
            ident: [name for name in _SERIALS if name in site.devices[ident].points] for ident in self._accounts
        }
        self._coverage = Coverage(site)
        self._meters = Meters(site)
        self._keeper = Keeper(site, self._meters, now)
        self._touched: dict[Account, None] = {}
        self._is_urgent = False
        self._large: set[Account] = set()
        self._told: set[tuple[str, str]] = set()
        self._position = Position(0)
        self._boundary = Position(0)
        """Where the journal ended at the start: what waits for that to be metered shall not wait longer."""
        self._entries: list[Derived] = []
        self._works: list[tuple[Account, Work]] = []
        self._committed_at = steady()
        self._kept_at = 0
        self._forgot_at = steady()
        self._is_dirty = False
        self._busy = asyncio.Lock()
        self.applied = Position(0)
        """How far the ledger has come."""

    # Asking ----------------------------------------------------------------------------------------------

    def registers(self, device: str | None = None) -> Sequence[Register]:
        """Every counter of a device, or of all meters, as it stands now."""
        chosen = self._accounts.values() if device is None else [self._accounts.get(device, {})]
        now = self._now()
        return [account.stands(now) for accounts in chosen for account in accounts.values()]

    def status(self) -> dict[str, int]:
        """Facts for `status`: how far the ledger has come, and how counters stand. Times in UTC ms."""
        return {
            "position": self.applied,
            "lag": self._journal.last - self.applied,
            "last_commit": self._kept_at,
            "meters": len(self._accounts),
            "counters": sum(len(accounts) for accounts in self._accounts.values()),
            "held": sum(bool(account.track.pending) for account in self._all_accounts()),
        }

    def coverage_today(self, device: str) -> DayCoverage | None:
        """What a meter has said today."""
        return self._coverage.today(device)

    def recompute(self, devices: Sequence[str], start: int, end: int) -> AsyncIterator[Progress]:
        """Work out what is told of the past of some meters anew; see `monitor.metering.recompute`."""
        known = [device for device in self._meters.billed if device in devices]
        now = self._now()
        oldest = now - round(self._site.metering.keep * 1000)
        return recompute(self._store, self._meters, devices=known, start=start, end=end, now=now, oldest=oldest)

    # Following -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Meter until cancelled."""
        await self._insist(self._read)
        self._boundary = self._journal.last
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="metering follow")
            group.create_task(self._watch(), name="metering watch")

    def _read(self, db: sqlite3.Connection) -> None:
        for (device, point), (number, body) in ledger.read_accounts(db).items():
            account = self._accounts.get(device, {}).get(point)
            if account is not None:
                account.number = number
                self._alone(device, "memory", account.load, body)
        self._coverage.load(ledger.read_memory(db).items())
        self._position = self.applied = position_of(db, self.name)

    def _alone(self, device: str, what: str, work: Callable[..., T], *arguments: Any) -> T | None:
        """Do what concerns one device; None when a mistake of the program made it fail, which is told once."""
        try:
            return work(*arguments)
        except Exception:  # noqa: BLE001 - whatever it is, all others go on
            if (device, what) not in self._told:
                self._told.add((device, what))
                _log.exception("metering_part_set_aside", device=device, what=what)
            return None

    async def _insist(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await insist(
            self._store,
            work,
            failed=lambda why: _log.error("metering_cannot_be_kept", error=why),
            again=lambda: _log.info("metering_is_kept_again"),
        )

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._journal.follow(self._position):
                    async with self._busy:
                        for part in _parts(batch):
                            self._take(part)
                            await self._keep_in_time()
            except JournalError as error:
                _log.warning("metering_cannot_read_the_journal", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    async def _watch(self) -> None:
        """Let time pass while nothing is recorded, and forget what is too old."""
        while True:
            await asyncio.sleep(_TICK)
            async with self._busy:
                if self._position >= self._journal.last:
                    self._alone("", "coverage", self._coverage.tick, self._now() - _SETTLE_MS)
                await self._keep_in_time()
            await self._forget()

    async def _forget(self) -> None:
        """Once an hour, forget what is older than the ledger has to keep, a step at a time."""
        if self._steady() - self._forgot_at < _FORGET_EVERY or not self._may_forget():
            return
        self._forgot_at = self._steady()
        with contextlib.suppress(JournalError):  # told where it is written; what is left goes the next time
            await forget_all(self._store, self._now() - round(self._site.metering.keep * 1000))

    def _take(self, batch: Sequence[Recorded] | Gap) -> None:
        self._is_dirty = True
        if isinstance(batch, Gap):
            _log.warning("metering_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
            self._alone("", "coverage", self._coverage.gap, self._now())
            self._position = batch.until
            return
        self._alone("", "coverage", self._coverage.take, batch)
        for recorded in batch:
            entry = recorded.entry
            if type(entry) is Reading:
                self._alone(entry.device, "reading", self._reading, entry)
            elif type(entry) is Command:
                self._alone(entry.target, "command", self._command, entry)
            elif type(entry) is Event and entry.kind == "clock_stepped" and entry.device == MONITOR_DEVICE:
                for account in self._all_accounts():
                    account.follow_clock(entry.time)
                    self._touched[account] = None
        self._position = batch[-1].position

    def _reading(self, reading: Reading) -> None:
        accounts = self._accounts.get(reading.device)
        values = reading.values
        if accounts is None or not values or not _is_trusted(reading):
            return
        for name in self._serials[reading.device]:
            for account in accounts.values() if name in values else ():
                account.serial(_serial(values[name]), reading.time)
                self._note(account)
        has_counted = False
        by_hand = reading.origin is Origin.MANUAL
        for point, account in accounts.items():
            register = values.get(point)
            if type(register) is not float and type(register) is not int:
                continue
            try:
                is_newest = account.take(reading.time, float(register), reading.arrived, by_hand=by_hand)
                has_counted = has_counted or is_newest
            except ValueError as error:
                _log.warning("register_refused", device=reading.device, point=point, reason=str(error))
            self._note(account)
        if has_counted:
            derived = beside.beside(self._site.devices[reading.device], list(accounts.values()), reading.time)
            if derived is not None:
                self._entries.append(derived)

    def _note(self, account: Account) -> None:
        """There is something to keep of a counter."""
        self._touched[account] = None
        if account.told:
            self._is_urgent = True
        if len(account.entries) > _LARGE:
            self._large.add(account)

    # People's words --------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        if command.kind not in {commands.REPLACE, commands.CORRECT}:
            return
        try:
            account = self._accounts[command.target][str(command.arguments.get("point"))]
            if command.kind == commands.REPLACE:
                self._replace(account, command)
            else:
                self._works.append((account, correcting(commands.correction(command))))
        except (KeyError, ValueError) as error:
            _log.info("command_refused", command=command.id, reason=str(error))

    def _replace(self, account: Account, command: Command) -> None:
        said = commands.replacement(command)
        head = account.track.head
        if head is None or said.at >= head[0]:
            account.replace(said)
            self._note(account)
        else:
            self._works.append((account, replacing(account.device, account.point, said)))

    # Keeping ---------------------------------------------------------------------------------------------

    async def _keep_in_time(self) -> None:
        """Keep what is new: soon when there is something to tell, else every 15 seconds."""
        waited = self._steady() - self._committed_at
        is_large = len(self._large) >= _AT_ONCE or len(self._entries) >= _MOST_ENTRIES
        if not self._is_dirty or (waited < _TICK and not is_large):
            return
        is_caught_up = self.applied < self._boundary <= self._position
        if waited >= _COMMIT_EVERY or self._works or self._is_urgent or is_large or is_caught_up:
            await self._keep()

    def _all_accounts(self) -> Iterable[Account]:
        return (account for accounts in self._accounts.values() for account in accounts.values())

    async def _keep(self) -> None:
        days, memory = self._alone("", "coverage", self._coverage.news) or ([], {})
        news = News(
            position=self._position,
            accounts=list(self._touched),
            entries=self._entries,
            works=self._works,
            days=days,
            memory=memory,
        )

        def write(db: sqlite3.Connection) -> dict[Account, int]:
            return self._keeper.keep(db, news)

        for account, number in (await self._insist(write)).items():
            account.number = number
            account.forget_news()
        self._touched.clear()
        self._large.clear()
        self._entries, self._works = [], []
        self._is_dirty = self._is_urgent = False
        self._committed_at = self._steady()
        self._kept_at = self._now()
        self.applied = self._position
        self._journal.acknowledge(self.name, self._position)


def _is_trusted(reading: Reading) -> bool:
    return (
        reading.quality in _TRUSTED
        and reading.origin is not Origin.RETAINED
        and reading.time >= CLOCKS_ARE_RIGHT_FROM
    )


def _serial(value: Value) -> str:
    """A number is the same number whether the device, or another profile of it, says it with decimals or not."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _parts(batch: Sequence[Recorded] | Gap) -> Iterable[Sequence[Recorded] | Gap]:
    """A batch a few entries at a time: after days of silence each of them may be days to book."""
    if isinstance(batch, Gap):
        return (batch,)
    return (batch[place : place + _AT_ONCE] for place in range(0, len(batch), _AT_ONCE))
