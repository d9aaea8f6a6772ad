"""The consumer of the journal that meters: counters in, what was used out, all of it kept in the ledger.

Registers are booked in memory as they come; every few seconds, and at once when there is something to tell, the
ledger takes what is new in one transaction: quarters, steps, the engine's memory, what is to be told, the
position. A kill in between replays the entries since, which books the same.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Final

import orjson
import structlog

from monitor.errors import JournalError
from monitor.figures import DayCoverage, Register
from monitor.journal.state import State, produce, set_position
from monitor.metering import beside, commands, ledger
from monitor.metering.account import Account
from monitor.metering.amending import Work, correcting, replacing
from monitor.metering.coverage import Coverage
from monitor.metering.recompute import Progress, recompute
from monitor.metering.retention import forget_all
from monitor.metering.rollup import Meters, Rollup
from monitor.metering.view import View, billed_counter, metered, standings
from monitor.model import Command, Derived, Entry, Event, Origin, Position, Quality, Reading, Recorded
from monitor.ports import Gap, Journal
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site

__all__ = ["Metering"]

_log = structlog.get_logger()

_TICK: Final = 1.0
_COMMIT_EVERY: Final = 15.0
_SETTLE_MS: Final = 500
_AFTER_FAILURE: Final = 1.0
_FORGET_EVERY: Final = 3600.0
_SERIALS: Final = ("serial", "serial_number")
_TRUSTED: Final = frozenset({Quality.GOOD, Quality.MANUAL})


class Metering:
    """Follows the journal; keeps the ledger; appends deltas, demand, usage and events of counters."""

    name = "metering"

    def __init__(
        self,
        journal: Journal,
        store: State,
        site: Site,
        *,
        now: Callable[[], int],
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._journal = journal
        self._store = store
        self._site = site
        self._now = now
        self._steady = steady
        self._accounts = {
            device.id: {
                point: Account(device, point, is_billed=point == billed_counter(device))
                for point in metered(device)
            }
            for device in site.devices.values()
            if device.virtual is None and metered(device)
        }
        self._serials = {
            ident: [name for name in _SERIALS if name in site.devices[ident].points] for ident in self._accounts
        }
        self._coverage = Coverage(site)
        self._meters = Meters(site)
        self._position = Position(0)
        self._boundary = Position(0)
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
        return [_register(account) for accounts in chosen for account in accounts.values()]

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
        return recompute(self._store, self._meters, devices=known, start=start, end=end, now=self._now())

    # Following -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Meter until cancelled."""
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="metering follow")
            group.create_task(self._watch(), name="metering watch")

    async def _load(self) -> None:
        await self._insist(self._read)
        self._boundary = self._journal.last

    def _read(self, db: sqlite3.Connection) -> None:
        for (device, point), (number, body) in ledger.read_accounts(db).items():
            account = self._accounts.get(device, {}).get(point)
            if account is not None:
                account.number = number
                account.load(body)
        self._coverage.load(ledger.read_memory(db).items())
        row = db.execute("SELECT position FROM positions WHERE consumer = ?", (self.name,)).fetchone()
        self._position = self.applied = Position(row[0] if row else 0)

    async def _insist(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        """Do it in one transaction, again and again until the disk takes it."""
        is_failing = False
        while True:
            try:
                await self._store.transact(work)
                break
            except JournalError as error:
                if not is_failing:
                    _log.error("metering_cannot_be_kept", error=str(error))
                is_failing = True
                await asyncio.sleep(_AFTER_FAILURE)
        if is_failing:
            _log.info("metering_is_kept_again")

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._journal.follow(self._position):
                    async with self._busy:
                        self._take(batch)
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
                    self._coverage.tick(self._now() - _SETTLE_MS)
                await self._keep_in_time()
            await self._forget()

    async def _forget(self) -> None:
        """Once an hour, forget what is older than the ledger has to keep, a step at a time."""
        if self._steady() - self._forgot_at < _FORGET_EVERY:
            return
        self._forgot_at = self._steady()
        with contextlib.suppress(JournalError):  # told where it is written; what is left goes the next time
            await forget_all(self._store, self._now() - round(self._site.metering.keep * 1000))

    def _take(self, batch: Sequence[Recorded] | Gap) -> None:
        self._is_dirty = True
        if isinstance(batch, Gap):
            _log.warning("metering_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
            self._coverage.gap(self._now())
            self._position = batch.until
            return
        self._coverage.take(batch)
        for recorded in batch:
            entry = recorded.entry
            if type(entry) is Reading:
                self._reading(entry)
            elif type(entry) is Command:
                self._command(entry)
            elif type(entry) is Event and entry.kind == "clock_stepped" and entry.device == MONITOR_DEVICE:
                for accounts in self._accounts.values():
                    for account in accounts.values():
                        account.track.follow_clock(entry.time)
        self._position = batch[-1].position

    def _reading(self, reading: Reading) -> None:
        accounts = self._accounts.get(reading.device)
        values = reading.values
        if accounts is None or not values or reading.quality not in _TRUSTED or reading.origin is Origin.RETAINED:
            return
        for name in self._serials[reading.device]:
            if name in values:
                for account in accounts.values():
                    account.serial(str(values[name]), reading.time)
        told_at = None
        has_counted = False
        by_hand = reading.origin is Origin.MANUAL
        for point, account in accounts.items():
            register = values.get(point)
            if type(register) is not float and type(register) is not int:
                continue
            has_counted = True
            told_at = account.told_at if told_at is None else told_at
            try:
                account.take(reading.time, float(register), reading.arrived, by_hand=by_hand)
            except ValueError as error:
                _log.warning("register_refused", device=reading.device, point=point, reason=str(error))
        if has_counted and (told_at is None or not 0 <= reading.time - told_at < beside.EVERY):
            derived = beside.beside(self._site.devices[reading.device], list(accounts.values()), reading.time)
            if derived is not None:
                self._entries.append(derived)

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
        if head is None or said.at >= head[0] or account.track.pending:
            account.replace(said)
        else:
            self._works.append((account, replacing(account.device, account.point, said)))

    # Keeping ---------------------------------------------------------------------------------------------

    async def _keep_in_time(self) -> None:
        """Keep what is new: soon when there is something to tell, else every few seconds."""
        waited = self._steady() - self._committed_at
        if waited < _TICK or not self._is_dirty:
            return
        if (
            waited >= _COMMIT_EVERY
            or self._works
            or any(account.told or account.pace.closed for account in self._all_accounts())
        ):
            await self._keep()

    def _all_accounts(self) -> Iterable[Account]:
        return (account for accounts in self._accounts.values() for account in accounts.values())

    async def _keep(self) -> None:
        position = self._position
        numbers: dict[Account, int] = {}
        days, memory = self._coverage.news()
        await self._insist(lambda db: self._write(db, position, numbers, days, memory))
        for account, number in numbers.items():
            account.number = number
        for account in self._all_accounts():
            if account.touched:
                account.forget_news()
        self._entries, self._works = [], []
        self._is_dirty = False
        self._committed_at = self._steady()
        self._kept_at = self._now()
        self.applied = position
        self._journal.acknowledge(self.name, position)

    def _write(
        self,
        db: sqlite3.Connection,
        position: Position,
        numbers: dict[Account, int],
        days: Sequence[DayCoverage],
        memory: dict[str, Any],
    ) -> None:
        """In the ledger's thread, while nothing is booked: everything that is new, at once."""
        numbers.clear()
        told: list[Entry] = list(self._entries)
        changed: dict[str, set[int]] = {}
        for account in self._all_accounts():
            if account.touched or account.late:
                numbers[account] = account.number or ledger.number_of(db, account.device, account.point)
                changed.setdefault(account.device, set()).update(
                    self._write_account(db, account, numbers[account])
                )
                told += beside.events(account)
                if account.is_billed:
                    told += beside.demands(self._site.devices[account.device], account)
        for account, work in self._works:
            number = numbers.get(account) or ledger.number_of(db, account.device, account.point)
            quarters, said = work(db, number)
            changed.setdefault(account.device, set()).update(quarters)
            told += said
        _write_coverage(db, days)
        ledger.save_memory(db, memory)
        told += self._usage(db, changed, str(position))
        produce(db, self.name, told)
        set_position(db, self.name, position)

    @staticmethod
    def _write_account(db: sqlite3.Connection, account: Account, number: int) -> set[int]:
        ledger.add_entries(db, number, account.entries)
        ledger.add_steps(db, number, account.steps)
        ledger.resolve(db, number, account.resolved)
        head = account.track.head
        ledger.save_account(db, number, account.track.first, None if head is None else head[0], account.dump())
        changed = ledger.fill_gaps(db, number, account.late, account.gap)
        if account.is_billed:
            changed |= {quarter for quarter, _ in account.pace.closed}
        return changed

    def _usage(self, db: sqlite3.Connection, changed: dict[str, set[int]], key: str) -> list[Derived]:
        """The roll-ups of all that has changed, of virtual meters too."""
        wanted: dict[str, set[int]] = {}
        for device, quarters in changed.items():
            if quarters:
                for affected in self._meters.affected(device):
                    wanted.setdefault(affected, set()).update(quarters)
        if not wanted:
            return []
        rollup = Rollup(self._meters, db, View(db, self._site, standings(db), now=self._now()), key)
        return [derived for device, quarters in wanted.items() for derived in rollup.tell(device, quarters)]


def _register(account: Account) -> Register:
    head, running = account.track.head, account.running()
    return Register(
        device=account.device,
        point=account.point,
        unit=account.unit,
        is_billed=account.is_billed,
        register=None if head is None else head[1],
        time=None if head is None else head[0],
        serial=account.track.serial_number,
        pending=account.track.pending,
        doubt=account.track.doubt,
        rate=account.pace.rate(),
        demand=None if running is None else running[0],
        predicted=None if running is None else running[1],
        first=account.track.first,
    )


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
