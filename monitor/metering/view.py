"""What the ledger says of a period: amounts, registers, demand, and how far each can be trusted.

A view reads one connection at one moment; it is used in a reader's thread, and by the consumer within its own
transaction.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from monitor.derivedpoints import rhythm_of
from monitor.figures import Break, Consumption
from monitor.metering.account import longest_step
from monitor.metering.ledger import steps_between
from monitor.metering.quarters import share_of
from monitor.metering.step import Cause, Step
from monitor.periods import HOUR, QUARTER, begin_of, local_day
from monitor.schema import rate_unit
from monitor.site import Device, Site

__all__ = ["Standings", "View", "break_of"]

_MOST_BREAKS: Final = 50
_DIGITS: Final = 9
_FIRST_YEAR: Final = 1970
_AN_HOUR: Final = HOUR // QUARTER
_SEEN: Final = frozenset({Cause.ROLLOVER, Cause.RESET, Cause.JUMP, Cause.REPLACED})
"""Causes of steps between two registers that were read."""

_BEHIND: Final = 2 * HOUR
"""How far the members of a virtual meter may be apart while the period still runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One counter in the ledger: its number, its first and newest register that count (UTC ms)."""

    number: int
    first: int
    head: int


@dataclass(frozen=True, slots=True)
class _Member:
    """A real counter that a meter is made of: itself, or what a virtual one adds and takes away."""

    sign: int
    device: Device
    point: str
    standing: Standing | None


class Standings:
    """The counters that have counted, by device and point: looked up when they are asked for, and once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._found: dict[tuple[str, str], Standing | None] = {}

    def get(self, device: str, point: str) -> Standing | None:
        """How a counter stands; None when it has not counted yet."""
        key = (device, point)
        if key not in self._found:
            self._found[key] = self._read(device, point)
        return self._found[key]

    def _read(self, device: str, point: str) -> Standing | None:
        """What has been forgotten is known no more than what was before the first register."""
        row = self._db.execute(
            "SELECT id, first, head,"
            " (SELECT min(quarter) FROM quarter WHERE quarter.counter = counter.id) AS oldest"
            " FROM counter WHERE device = ? AND point = ? AND first IS NOT NULL AND head IS NOT NULL",
            (device, point),
        ).fetchone()
        if row is None:
            return None
        first = row["first"] if row["oldest"] is None else max(row["first"], row["oldest"] * QUARTER)
        return Standing(number=row["id"], first=first, head=row["head"])


class View:
    """The ledger at one moment. `now` in UTC ms."""

    def __init__(self, db: sqlite3.Connection, site: Site, *, now: int) -> None:
        self._db = db
        self._site = site
        self._known = Standings(db)
        self._now = now

    def consumption(self, device: Device, point: str, start: int, end: int) -> Consumption:
        """What a counter counted in [start, end); both at edges of quarters of an hour."""
        unit = device.points[point].unit or ""
        members = list(self._members(device, point, 1))
        blank = Consumption(device=device.id, point=point, unit=unit, start=start, end=end, amount=None)
        known = self._known_of(members)
        if known is None:
            return blank
        first, head = known
        if device.virtual is not None and self._is_behind(members, head, end):
            return blank
        begin, until = max(start, first), min(end, head)
        if until <= begin:
            return blank
        amounts = self._amounts(members, begin, until)
        if amounts is None:
            return blank
        amount, estimated, breaks = amounts[0], 0.0, list[Break]()
        for member in members:
            share, told = self._doubts(member, start, end)
            estimated += share
            breaks += told
        if self._is_too_slow(members, end - start):
            estimated = abs(amount)
        peak, at, base = self._extremes(members, max(start, _up(first)), min(end, head))
        per_hour = rate_unit(unit)[1] * HOUR / QUARTER
        return Consumption(
            device=device.id,
            point=point,
            unit=unit,
            start=start,
            end=end,
            amount=round(amount, _DIGITS),
            estimated=round(min(estimated, abs(amount)), _DIGITS),
            known=(until - begin) / (end - start),
            is_complete=first <= start and head >= end,
            start_register=self._register(members, start // QUARTER - 1),
            end_register=amounts[1] if device.virtual is None else None,
            demand_max=None if peak is None else peak * per_hour,
            demand_at=at,
            base=None if base is None else base * per_hour,
            energy=self._energy(device, members, begin, until),
            breaks=tuple(breaks[:_MOST_BREAKS]),
        )

    def quarters(self, device: Device, point: str, start: int, end: int) -> list[tuple[int, float]]:
        """What was counted in each quarter that is over: (begin in UTC ms, amount), in the order of time.

        Of a virtual meter only quarters that all its members know.
        """
        members = list(self._members(device, point, 1))
        known = self._known_of(members)
        if known is None:
            return []
        first, last = max(start, known[0]) // QUARTER, min(-(-end // QUARTER), known[1] // QUARTER)
        rows = self._rows(members, first, last)
        return [(quarter * QUARTER, amount) for quarter, amount in rows]

    def amount(self, device: Device, point: str, start: int, end: int) -> float | None:
        """What was counted in [start, end), as far as it is known; None: nothing."""
        members = list(self._members(device, point, 1))
        known = self._known_of(members)
        if known is None or (begin := max(start, known[0])) >= (until := min(end, known[1])):
            return None
        found = self._amounts(members, begin, until)
        return None if found is None else found[0]

    def head(self, device: Device, point: str) -> int:
        """Until when (UTC ms) something is known; 0: never."""
        known = self._known_of(list(self._members(device, point, 1)))
        return 0 if known is None else known[1]

    def whole(self, device: Device, point: str, start: int, end: int) -> float | None:
        """What was counted in [start, end); None until all of it is known."""
        members = list(self._members(device, point, 1))
        known = self._known_of(members)
        if known is None or known[0] > start or known[1] < end:
            return None
        found = self._sum(members, start, end)
        return None if found is None else round(found[0], _DIGITS)

    def least_hour(self, device: Device, point: str, start: int, end: int) -> float | None:
        """The least mean of four quarters that follow each other in [start, end), in W or m3/h.

        None until all of that time is known, and where a meter that is not read that often or a gap made it up.
        """
        members = list(self._members(device, point, 1))
        known = self._known_of(members)
        if known is None or known[0] > start or known[1] < end or self._is_too_slow(members, QUARTER):
            return None
        if any(self._is_drawn(member, start, end) for member in members):
            return None
        amounts = [amount for _, amount in self._rows(members, start // QUARTER, end // QUARTER)]
        if len(amounts) < (end - start) // QUARTER:
            return None
        hours = [sum(amounts[place : place + _AN_HOUR]) for place in range(len(amounts) - _AN_HOUR + 1)]
        return round(min(hours) * rate_unit(device.points[point].unit or "")[1], _DIGITS) if hours else None

    def energy(self, device: Device, point: str, start: int, end: int) -> float | None:
        """What the gas counted in [start, end) was worth, in kWh."""
        return self._energy(device, list(self._members(device, point, 1)), start, end)

    def demand(self, device: Device, point: str, start: int, end: int) -> float | None:
        """The greatest mean of a quarter of an hour in [start, end), in W or m3/h."""
        members = list(self._members(device, point, 1))
        known = self._known_of(members)
        if known is None:
            return None
        peak, _, _ = self._extremes(members, max(start, _up(known[0])), min(end, known[1]))
        unit = device.points[point].unit or ""
        return None if peak is None else peak * rate_unit(unit)[1] * HOUR / QUARTER

    # Members ---------------------------------------------------------------------------------------------

    def _members(self, device: Device, point: str, sign: int) -> Iterator[_Member]:
        if device.virtual is None:
            yield _Member(sign, device, point, self._known.get(device.id, point))
            return
        for names, own in ((device.virtual.sum, sign), (device.virtual.minus, -sign)):
            for name in names:
                yield from self._members(self._site.devices[name], point, own)

    @staticmethod
    def _known_of(members: Sequence[_Member]) -> tuple[int, int] | None:
        """From when to when (UTC ms) all members are known; of several, in whole quarters of an hour."""
        standings = [member.standing for member in members if member.standing is not None]
        if not standings or len(standings) < len(members):
            return None
        first, head = max(each.first for each in standings), min(each.head for each in standings)
        return (first, head) if len(members) == 1 else (_up(first), head // QUARTER * QUARTER)

    def _is_behind(self, members: Sequence[_Member], head: int, end: int) -> bool:
        """Whether a member is missing: the result is then missing, too, and not smaller."""
        newest = max(member.standing.head for member in members if member.standing)
        return newest - head > _BEHIND if end > self._now else head < end

    def _amounts(self, members: Sequence[_Member], start: int, end: int) -> tuple[float, float | None] | None:
        """The sum over the members, and the last register of the first; None when one knows nothing."""
        found = self._sum(members, start, end)
        return None if found is None else (found[0], self._register(members, found[1]))

    def _sum(self, members: Sequence[_Member], start: int, end: int) -> tuple[float, int] | None:
        """The sum over the members, and the last quarter of the first; None when one knows nothing."""
        total, newest = 0.0, 0
        for place, member in enumerate(members):
            assert member.standing is not None
            row = self._db.execute(
                "SELECT sum(amount), max(quarter) FROM quarter WHERE counter = ? AND quarter >= ? AND quarter < ?",
                (member.standing.number, start // QUARTER, -(-end // QUARTER)),
            ).fetchone()
            if row[1] is None:
                return None
            total += member.sign * row[0]
            newest = row[1] if place == 0 else newest
        return total, newest

    def _register(self, members: Sequence[_Member], quarter: int) -> float | None:
        """What the one meter showed at the end of a quarter."""
        standing = members[0].standing
        if len(members) != 1 or standing is None:
            return None
        row = self._db.execute(
            "SELECT register FROM quarter WHERE counter = ? AND quarter = ?", (standing.number, quarter)
        ).fetchone()
        return None if row is None else row[0]

    def _rows(self, members: Sequence[_Member], first: int, last: int) -> list[tuple[int, float]]:
        """Quarters [first, last) that every member knows, with the sum over the members."""
        if len(members) == 1 and members[0].standing is not None:
            sign, number = members[0].sign, members[0].standing.number
            rows = self._db.execute(
                "SELECT quarter, amount FROM quarter WHERE counter = ? AND quarter >= ? AND quarter < ?"
                " ORDER BY quarter",
                (number, first, last),
            )
            return [(quarter, sign * amount) for quarter, amount in rows]
        sums: dict[int, float] = {}
        counts: dict[int, int] = {}
        for member in members:
            for quarter, amount in self._rows([member], first, last):
                sums[quarter] = sums.get(quarter, 0.0) + amount
                counts[quarter] = counts.get(quarter, 0) + 1
        return [
            (quarter, round(sums[quarter], _DIGITS)) for quarter in sorted(sums) if counts[quarter] == len(members)
        ]

    def _extremes(
        self, members: Sequence[_Member], start: int, end: int
    ) -> tuple[float | None, int | None, float | None]:
        """The greatest amount of a whole quarter, when it began (UTC ms), and the least."""
        first, last = -(-start // QUARTER), end // QUARTER
        if self._is_too_slow(members, QUARTER):
            return None, None, None  # its quarters are drawn between registers: a straight line has no peak
        if len(members) > 1 or members[0].standing is None:
            rows = self._rows(members, first, last)
            if not rows:
                return None, None, None
            at, peak = max(rows, key=lambda row: row[1])
            return peak, at * QUARTER, min(amount for _, amount in rows)
        span = (members[0].standing.number, first, last)
        where = "FROM quarter WHERE counter = ? AND quarter >= ? AND quarter < ?"
        at, peak = self._db.execute(f"SELECT quarter, max(amount) {where}", span).fetchone()
        if peak is None:
            return None, None, None
        base: float = self._db.execute(f"SELECT min(amount) {where}", span).fetchone()[0]
        return peak, at * QUARTER, base

    @staticmethod
    def _is_too_slow(members: Sequence[_Member], length: int) -> bool:
        """Whether a meter speaks more seldom than a period is long: then all of it is drawn between registers."""
        return any(rhythm_of(member.device, member.point) > length for member in members)

    def _doubts(self, member: _Member, start: int, end: int) -> tuple[float, list[Break]]:
        """How much of what a member counted in [start, end) is estimated, and what happened to it."""
        assert member.standing is not None
        estimated, breaks = 0.0, []
        longest = longest_step(member.device, member.point)
        for _, step in steps_between(self._db, member.standing.number, start, end):
            is_cut = step.start < start or step.end > end
            is_drawn = step.cause is Cause.GAP or (step.end - step.start > longest and step.cause in _SEEN)
            if step.lost or (is_drawn and is_cut):
                estimated += abs(share_of(step, start, end))
            if step.cause is not Cause.GAP or is_cut or step.end - step.start >= HOUR:
                breaks.append(break_of(step))
        return estimated, breaks

    def _is_drawn(self, member: _Member, start: int, end: int) -> bool:
        """Whether a gap longer than a quarter of an hour lies in [start, end)."""
        assert member.standing is not None
        steps = steps_between(self._db, member.standing.number, start, end)
        return any(step.cause is Cause.GAP and step.end - step.start > QUARTER for _, step in steps)

    def _energy(self, device: Device, members: Sequence[_Member], start: int, end: int) -> float | None:
        """KWh of the gas in [start, end): each stretch by what a cubic metre was worth then."""
        if not device.gas or any(member.standing is None for member in members):
            return None
        zone = self._site.timezone
        begins = [begin_of(value.since, zone) for value in device.gas if value.since.year >= _FIRST_YEAR]
        edges = [start, *(begin for begin in begins if start < begin < end), end]
        total, is_known = 0.0, False
        for one, two in pairwise(edges):
            day = local_day(one, zone)
            worth = [value for value in device.gas if value.since <= day]
            found = self._amounts(members, one, two) if one < two else None
            if found is None or not worth:
                continue
            is_known = True
            total += found[0] * worth[-1].kwh_per_m3 * worth[-1].factor
        return round(total, _DIGITS) if is_known else None


def _up(time: int) -> int:
    return -(-time // QUARTER) * QUARTER


def break_of(step: Step) -> Break:
    """A step as people see it."""
    return Break(
        cause=step.cause.value,
        start=step.start,
        end=step.end,
        start_register=step.start_register,
        end_register=step.end_register,
        amount=step.amount,
        lost=step.lost,
        by=step.by,
        reason=step.reason,
        command=step.command,
    )
