"""The book: answers what people and reports ask of the meters, from a reader's connection of its own.

Questions never wait for the ledger's writer, nor it for them.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from monitor.figures import Consumption, Cost, DayCoverage, Register
from monitor.journal.reader import Reader
from monitor.journal.sampled import History
from monitor.metering.past import UsagePage, past_usage
from monitor.metering.prices import cost
from monitor.metering.registers import past_registers, register_spans
from monitor.metering.rollup import Meters
from monitor.metering.view import View
from monitor.meters import billed_counter, counters_of
from monitor.periods import pieces
from monitor.site import Device, Site
from monitor.tariff import Tariff

__all__ = ["Book"]

T = TypeVar("T")

_CREDITED: Final = "energy_export_kwh"


def _unknown(_start: int, _end: int) -> None:
    return None


def _nothing_today(_device: str) -> None:
    return None


class Book:
    """A `monitor.figures.UsageBook` of the ledger at `path`.

    `registers` answers how counters stand now, `today` what a device has said on the day that still runs.
    """

    def __init__(
        self,
        path: Path,
        site: Site,
        *,
        registers: Callable[[str | None], Sequence[Register]],
        today: Callable[[str], DayCoverage | None] = _nothing_today,
        now: Callable[[], int],
    ) -> None:
        self._file = Reader(path, "the ledger")
        self._site = site
        self._registers = registers
        self._today = today
        self._now = now

    def close(self) -> None:
        """Let go of the reader's thread; safe to call twice."""
        self._file.close()

    def registers(self, device: str | None = None) -> Sequence[Register]:
        """Every counter of a device, or of all meters, as it stands now."""
        return self._registers(device)

    async def consumption(
        self, devices: Sequence[str], start: int, end: int, *, per: str = "", points: Sequence[str] = ()
    ) -> Sequence[Consumption]:
        """What each device used; see `monitor.figures.UsageBook`. Raises ValueError for another `per`."""
        spans = list(pieces(start, end, per, self._site.timezone))
        return await self._read(lambda view: list(self._consumption(view, devices, spans, points)))

    def _consumption(
        self, view: View, devices: Sequence[str], spans: Sequence[tuple[int, int]], points: Sequence[str]
    ) -> Iterator[Consumption]:
        for device in self._known(devices):
            billed = billed_counter(device)
            wanted = [point for point in points if point in counters_of(device)] if points else [billed]
            for point in wanted:
                if point is not None:
                    yield from (view.consumption(device, point, begin, until) for begin, until in spans)

    async def costs(self, devices: Sequence[str], start: int, end: int) -> Sequence[Cost]:
        """What each device cost, one `Cost` per tariff that applies."""
        return await self._read(lambda view: list(self._costs(view, devices, start, end)))

    def _costs(self, view: View, devices: Sequence[str], start: int, end: int) -> Iterator[Cost]:
        for device in self._known(devices):
            for tariff in self._site.tariffs.values():
                point = _CREDITED if tariff.credit else billed_counter(device)
                if point is not None and device.id in tariff.devices and point in device.points:
                    yield self._cost(view, tariff, device, point, start, end)

    def _cost(  # noqa: PLR0913, PLR0917 - a tariff, a counter, a period
        self, view: View, tariff: Tariff, device: Device, point: str, start: int, end: int
    ) -> Cost:
        found = view.consumption(device, point, start, end)
        is_known = found.amount is not None
        in_energy = tariff.unit == "kWh" and found.unit == "m3"
        worth = (found.energy or 0.0) / found.amount if in_energy and found.amount else 1.0

        def demand(begin: int, until: int) -> float | None:
            peak = view.demand(device, point, begin, until)
            return peak * worth * 1000 if in_energy and peak is not None else peak  # m3/h of gas as W

        return cost(
            tariff,
            device.id,
            device.tenant,
            start,
            end,
            self._site.timezone,
            amount=partial(view.energy if in_energy else view.amount, device, point) if is_known else _unknown,
            demand=demand,
            estimated=found.estimated * worth,
            is_complete=found.is_complete,
        )

    async def coverage(self, devices: Sequence[str], first: date, last: date) -> Sequence[DayCoverage]:
        """What each device said on each local day, both days included."""

        def read(db: sqlite3.Connection) -> list[DayCoverage]:
            sql = "SELECT * FROM coverage WHERE device = ? AND day >= ? AND day <= ? ORDER BY day"
            span = (first.isoformat(), last.isoformat())
            return [_covered(row) for device in devices for row in db.execute(sql, (device, *span))]

        found = {(each.device, each.day): each for each in await self._file.ask(read)}
        for device in devices:
            running = self._today(device)
            if running is not None and first <= running.day <= last:
                found[device, running.day] = running
        return [found[key] for key in sorted(found)]

    async def past_usage(self, start: int, end: int, device: str = "") -> UsagePage:
        """Roll-ups that begin in [start, end), as they would be told now, a page at a time; see `past_usage`."""
        meters = Meters(self._site)

        def read(db: sqlite3.Connection) -> UsagePage:
            return past_usage(db, meters, now=self._now(), start=start, end=end, device=device)

        return await self._file.ask(read)

    async def register_spans(self, device: str, points: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """From when to when (UTC ms) registers of counters are known; those that never counted are left out."""
        return await self._file.ask(lambda db: register_spans(db, device, points))

    async def past_registers(
        self, device: str, points: Sequence[str], *, period: tuple[int, int], step: int
    ) -> History:
        """What counters showed in [start, end) (UTC ms), in steps of so many ms; see `past_registers`."""
        return await self._file.ask(lambda db: past_registers(db, device, points, period=period, step=step))

    def _known(self, devices: Sequence[str]) -> Iterator[Device]:
        return (self._site.devices[ident] for ident in devices if ident in self._site.devices)

    async def _read(self, work: Callable[[View], T]) -> T:
        return await self._file.ask(lambda db: work(View(db, self._site, now=self._now())))


def _covered(row: Any) -> DayCoverage:
    return DayCoverage(
        device=row["device"],
        day=date.fromisoformat(row["day"]),
        expected=row["expected"],
        received=row["received"],
        late=row["late"],
        lost=orjson.loads(row["lost"]),
    )
