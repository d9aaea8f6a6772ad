"""What people say of the past, applied to the ledger: within a transaction, in the order of the journal."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from monitor.metering import ledger
from monitor.metering.commands import Correction
from monitor.metering.step import Cause, Replacement, Step
from monitor.model import Entry, Event

__all__ = ["Work", "correcting", "replacing"]

_log = structlog.get_logger()

Work = Callable[[sqlite3.Connection, int], tuple[set[int], Sequence[Entry]]]
"""Changes what one counter (by its number) has booked: answers the quarters that changed, and what to tell."""

_NOTHING: Final[tuple[set[int], Sequence[Entry]]] = (set(), ())


def replacing(device: str, point: str, said: Replacement) -> Work:
    """Book a replacement that lies before the newest register."""
    return partial(_replace, device, point, said)


def correcting(said: Correction) -> Work:
    """Book what was really used in a span."""
    return partial(_correct, said)


def _replace(
    device: str, point: str, said: Replacement, db: sqlite3.Connection, counter: int
) -> tuple[set[int], Sequence[Entry]]:
    try:
        step, changed = ledger.replace_meter(db, counter, said)
    except ledger.Refused as error:
        _log.warning("command_refused", command=said.command, reason=str(error))
        return _NOTHING
    event = Event(
        device=device,
        kind="meter_replaced",
        time=said.at,
        arrived=said.at,
        id=f"meter_replaced-{point}-{said.command or said.at}",
        attributes={
            "point": point,
            "final": said.final,
            "start": said.start,
            "amount": step.amount,
            "by": said.by,
            "why": said.reason,
        },
    )
    return changed, (event,)


def _correct(said: Correction, db: sqlite3.Connection, counter: int) -> tuple[set[int], Sequence[Entry]]:
    step = Step(
        start=said.start,
        end=said.end,
        start_register=None,
        end_register=None,
        amount=said.amount,
        cause=Cause.CORRECTED,
        by=said.by,
        reason=said.reason,
        command=said.command,
    )
    try:
        _, changed = ledger.correct(db, counter, step)
    except ledger.Refused as error:
        _log.warning("command_refused", command=said.command, reason=str(error))
        return _NOTHING
    return changed, ()
