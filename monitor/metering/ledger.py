"""The ledger's tables: what every counter has counted. Every function runs inside `State.transact` of ledger.db.

Amounts are only ever added to quarters, so that late values and corrections change the past without a replay.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Any, Final

import orjson

from monitor.metering.account import Entry
from monitor.metering.quarters import spread
from monitor.metering.step import Cause, Replacement, Step
from monitor.periods import DAY, QUARTER

__all__ = [
    "Refused",
    "add_entries",
    "add_steps",
    "correct",
    "fill_gaps",
    "number_of",
    "read_accounts",
    "read_memory",
    "replace_meter",
    "resolve",
    "save_account",
    "save_memory",
    "steps_between",
]

_NEAR: Final = DAY
"""How far from the time that a person named a break may lie to be the one that is meant."""

_CORRECTED: Final = (
    "what was used then was corrected by hand, and stays: it is put right with `facility-monitor meter correct`"
)

_DIGITS: Final = 9
_ADD: Final = """
    INSERT INTO quarter VALUES (?, ?, ?, ?) ON CONFLICT (counter, quarter) DO UPDATE SET
        amount = amount + excluded.amount, register = coalesce(excluded.register, register)
"""
_STEP: Final = """
    INSERT INTO step
        (counter, start, "end", start_register, end_register, amount, cause, lost, "by", reason, command)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_COLUMNS: Final = 'id, start, "end", start_register, end_register, amount, cause, lost, "by", reason, command'


class Refused(ValueError):
    """What a person said cannot be: the message says why."""


def read_accounts(db: sqlite3.Connection) -> dict[tuple[str, str], tuple[int, Mapping[str, Any]]]:
    """Every counter that the ledger knows: (device, point) -> its number and what is remembered of it."""
    rows = db.execute("SELECT id, device, point, body FROM counter")
    return {(row["device"], row["point"]): (row["id"], orjson.loads(row["body"])) for row in rows}


def number_of(db: sqlite3.Connection, device: str, point: str) -> int:
    """The number of a counter; it gets one when it has none."""
    db.execute("INSERT OR IGNORE INTO counter (device, point, body) VALUES (?, ?, '{}')", (device, point))
    found: int = db.execute("SELECT id FROM counter WHERE device = ? AND point = ?", (device, point)).fetchone()[0]
    return found


def save_account(
    db: sqlite3.Connection, counter: int, first: int | None, head: int | None, body: Mapping[str, Any]
) -> None:
    """Keep what is remembered of a counter; `first` and `head` in UTC ms."""
    db.execute(
        "UPDATE counter SET first = ?, head = ?, body = ? WHERE id = ?",
        (first, head, orjson.dumps(body).decode(), counter),
    )


def read_memory(db: sqlite3.Connection) -> dict[str, Any]:
    """What else is remembered, by key."""
    return {row["key"]: orjson.loads(row["body"]) for row in db.execute("SELECT key, body FROM memory")}


def save_memory(db: sqlite3.Connection, rows: Mapping[str, Any]) -> None:
    """Keep what else is remembered; None forgets."""
    for key, body in rows.items():
        if body is None:
            db.execute("DELETE FROM memory WHERE key = ?", (key,))
        else:
            db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (key, orjson.dumps(body).decode()))


# Booking -----------------------------------------------------------------------------------------------


def add_entries(db: sqlite3.Connection, counter: int, entries: Mapping[int, Entry]) -> None:
    """Add to quarters what was counted in them."""
    rows = [(counter, quarter, entry.amount, entry.register) for quarter, entry in entries.items()]
    db.executemany(_ADD, rows)


def add_steps(db: sqlite3.Connection, counter: int, steps: Iterable[Step]) -> None:
    """Keep steps that are more than counting on; their amounts are in the quarters already."""
    rows = [
        (
            counter,
            step.start,
            step.end,
            step.start_register,
            step.end_register,
            step.amount,
            step.cause.value,
            step.lost,
            step.by,
            step.reason,
            step.command,
        )
        for step in steps
    ]
    db.executemany(_STEP, rows)


def resolve(db: sqlite3.Connection, counter: int, ends: Iterable[int]) -> set[int]:
    """Mark steps as no longer lost, what followed having shown what was used; answers their quarters."""
    changed: set[int] = set()
    for end in ends:
        found = db.execute('SELECT min(start) FROM step WHERE counter = ? AND "end" = ? AND lost', (counter, end))
        start = found.fetchone()[0]
        if start is not None:
            db.execute('UPDATE step SET lost = 0 WHERE counter = ? AND "end" = ?', (counter, end))
            changed.update(range(start // QUARTER, -(-end // QUARTER)))
    return changed


def steps_between(db: sqlite3.Connection, counter: int, start: int, end: int) -> list[tuple[int, Step]]:
    """Steps that touch [start, end), by time, each with its row's id."""
    rows = db.execute(
        f'SELECT {_COLUMNS} FROM step WHERE counter = ? AND "end" > ? AND start < ? ORDER BY "end", id',  # noqa: S608 - a constant
        (counter, start, end),
    )
    return [(row[0], _step(row)) for row in rows]


def _step(row: Sequence[Any]) -> Step:
    return Step(
        start=row[1],
        end=row[2],
        start_register=row[3],
        end_register=row[4],
        amount=row[5],
        cause=Cause(row[6]),
        lost=bool(row[7]),
        by=row[8],
        reason=row[9],
        command=row[10],
    )


def _respread(db: sqlite3.Connection, counter: int, old: Step, new: Sequence[Step]) -> set[int]:
    """Put other steps in the place of one; answers the quarters that changed.

    The registers within an old gap were drawn as a straight line: they are drawn anew. What lies behind it stays.
    """
    changes: dict[int, Entry] = {}
    for step, sign in ((old, -1), *((each, 1) for each in new)):
        for share in spread(step):
            entry = changes.setdefault(share.quarter, Entry(0.0, None))
            entry.amount += sign * share.amount
            if sign > 0:
                entry.register = share.register
    last = (old.end - 1) // QUARTER
    if last in changes:
        changes[last].register = None  # later registers of that quarter are in its row
    add_entries(db, counter, changes)
    _tidy(db, counter, changes)
    return set(changes)


def _tidy(db: sqlite3.Connection, counter: int, quarters: Iterable[int]) -> None:
    """Round what additions and subtractions have left behind the ninth digit, and below zero."""
    db.executemany(
        "UPDATE quarter SET amount = max(0.0, round(amount, ?)) WHERE counter = ? AND quarter = ?",
        [(_DIGITS, counter, quarter) for quarter in quarters],
    )


# Late values, and people's words -----------------------------------------------------------------------


def fill_gaps(db: sqlite3.Connection, counter: int, late: Sequence[tuple[int, float]], longest: int) -> set[int]:
    """Let values that arrived late (UTC ms, register) say how a gap was filled; answers the quarters that changed.

    Only values that fit between the registers at its ends count, and none where a person has said what was used.
    Pieces longer than `longest` ms stay gaps, which values that come later still can fill.
    """
    changed: set[int] = set()
    samples = sorted(set(late))
    if not samples:
        return changed
    for number, gap in steps_between(db, counter, samples[0][0], samples[-1][0] + 1):
        if gap.cause is not Cause.GAP or gap.start_register is None or gap.end_register is None:
            continue
        points = [(gap.start, gap.start_register)]
        for time, register in samples[bisect_right(samples, (gap.start, inf)) :]:
            if time >= gap.end:
                break
            if points[-1][0] < time and points[-1][1] <= register <= gap.end_register:
                points.append((time, register))
        if len(points) == 1 or _is_corrected(db, counter, gap):
            continue
        points.append((gap.end, gap.end_register))
        steps = [
            replace(
                gap,
                start=one[0],
                end=two[0],
                start_register=one[1],
                end_register=two[1],
                amount=two[1] - one[1],
                cause=Cause.GAP if two[0] - one[0] > longest else Cause.COUNTED,
            )
            for one, two in pairwise(points)
        ]
        changed |= _respread(db, counter, gap, steps)
        db.execute("DELETE FROM step WHERE id = ?", (number,))
        add_steps(db, counter, [step for step in steps if step.cause is Cause.GAP])
    return changed


def replace_meter(db: sqlite3.Connection, counter: int, said: Replacement) -> tuple[Step, set[int]]:
    """Book what a person says of a replacement that lies behind; answers the step and the quarters that changed.

    A break that was seen within a day of the time named is the one that is meant; else the counter is taken to
    have counted on from the old register to the new one, and the difference is put right. Raises Refused.
    """
    near = [
        (number, step)
        for number, step in steps_between(db, counter, said.at - _NEAR, said.at + _NEAR)
        if step.cause in {Cause.RESET, Cause.JUMP, Cause.REPLACED}
    ]
    # What a step that was told of began with is not always what the old meter showed: it cannot be told again.
    unsaid = [found for found in near if not found[1].command]
    if unsaid:
        number, old = min(unsaid, key=lambda found: max(found[1].start - said.at, said.at - found[1].end, 0))
        return _rebook(db, counter, number, old, said)
    if near:
        raise Refused(
            "that replacement was said already: what was used then is put right with "
            "`facility-monitor meter correct`"
        )
    return _put_right(db, counter, said)


def _put_right(db: sqlite3.Connection, counter: int, said: Replacement) -> tuple[Step, set[int]]:
    """Book a replacement where no break was seen."""
    quarter = said.at // QUARTER
    before, after = (_register_at(db, counter, each) for each in (quarter - 1, quarter))
    if before is not None and said.final < before:
        raise Refused(f"the old meter showed {before:g} already: its last register cannot be {said.final:g}")
    if after is not None and said.start > after:
        raise Refused(f"the new meter showed {after:g} already: its first register cannot be {said.start:g}")
    amount = said.final - said.start
    step = Step(
        start=said.at // QUARTER * QUARTER,
        end=(said.at // QUARTER + 1) * QUARTER,
        start_register=said.final,
        end_register=said.start,
        amount=amount,
        cause=Cause.REPLACED,
        by=said.by,
        reason=said.reason,
        command=said.command,
    )
    if _is_corrected(db, counter, step):
        raise Refused(_CORRECTED)
    row = db.execute("SELECT amount FROM quarter WHERE counter = ? AND quarter = ?", (counter, quarter)).fetchone()
    if row is None or row[0] + amount < -(10**-_DIGITS):
        raise Refused(
            f"no break was seen within a day of that time, and by these registers less than nothing was used then "
            f"({amount:g}): look at the time and at both registers"
        )
    add_entries(db, counter, {quarter: Entry(amount, None)})
    _tidy(db, counter, [quarter])
    add_steps(db, counter, [step])
    return step, {quarter}


def _register_at(db: sqlite3.Connection, counter: int, quarter: int) -> float | None:
    row = db.execute(
        "SELECT register FROM quarter WHERE counter = ? AND quarter = ?", (counter, quarter)
    ).fetchone()
    return None if row is None else row[0]


def _is_corrected(db: sqlite3.Connection, counter: int, step: Step) -> bool:
    """Whether a person has said what was used in a part of a step: its share in the quarters is another now."""
    found = steps_between(db, counter, step.start, step.end)
    return any(each.cause is Cause.CORRECTED for _, each in found)


def _rebook(
    db: sqlite3.Connection, counter: int, number: int, old: Step, said: Replacement
) -> tuple[Step, set[int]]:
    before, after = old.start_register, old.end_register
    if before is None or after is None:
        raise Refused("what the register showed before or after that break is not known: correct it by its amount")
    if _is_corrected(db, counter, old):
        raise Refused(_CORRECTED)
    used, since = said.final - before, after - said.start
    if used < 0:
        raise Refused(f"the old meter showed {before:g} already: its last register cannot be {said.final:g}")
    if since < 0:
        raise Refused(f"the new meter showed {after:g} already: its first register cannot be {said.start:g}")
    at = min(max(said.at, old.start), old.end)
    booked = replace(
        old,
        amount=used + since,
        cause=Cause.REPLACED,
        lost=False,
        by=said.by,
        reason=said.reason,
        command=said.command,
    )
    parts = [booked]
    if old.start < at < old.end:
        parts = [replace(booked, end=at, amount=used), replace(booked, start=at, amount=since)]
    changed = _respread(db, counter, old, parts)
    db.execute("DELETE FROM step WHERE id = ?", (number,))
    add_steps(db, counter, [booked])
    return booked, changed


def correct(db: sqlite3.Connection, counter: int, said: Step) -> tuple[Step, set[int]]:
    """Book that `said.amount` was used in [said.start, said.end); answers the step and the quarters that changed.

    The difference is shared out as the use was, or evenly where none was. The step that is kept holds the
    difference. Raises Refused.
    """
    first, last = said.start // QUARTER, said.end // QUARTER
    rows = db.execute(
        "SELECT quarter, amount FROM quarter WHERE counter = ? AND quarter >= ? AND quarter < ?",
        (counter, first, last),
    ).fetchall()
    if len(rows) < last - first:
        raise Refused("not all of that time is metered: correct only what lies between two registers")
    before = sum(row["amount"] for row in rows)
    if before > 0:
        amounts = [(said.amount * row["amount"] / before, counter, row["quarter"]) for row in rows]
    else:
        amounts = [(said.amount / len(rows), counter, row["quarter"]) for row in rows]
    db.executemany("UPDATE quarter SET amount = ? WHERE counter = ? AND quarter = ?", amounts)
    step = replace(said, amount=said.amount - before, cause=Cause.CORRECTED, lost=False)
    add_steps(db, counter, [step])
    db.execute(
        'UPDATE step SET lost = 0 WHERE counter = ? AND start >= ? AND "end" <= ?',
        (counter, said.start, said.end),
    )
    return step, set(range(first, last))
