"""What a person may tell of a meter: checked before the command enters the journal, in words for that person.

`monitor.metering` applies the commands in the order of the journal, by `replacement` and `correction`.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final
from uuid import uuid4

from monitor.errors import RequestRefused
from monitor.figures import UsageBook
from monitor.metering.checks import (
    Asked,
    Between,
    Meant,
    check_growth,
    check_number,
    check_rate,
    check_time,
    meant,
    when_replaced,
)
from monitor.metering.step import Replacement
from monitor.model import Command, Origin, Quality, Reading
from monitor.periods import HOUR, QUARTER
from monitor.site import Site
from monitor.wording import Sentence

__all__ = [
    "CORRECT",
    "ENTER",
    "REPLACE",
    "Asked",
    "Correction",
    "correct",
    "correction",
    "enter",
    "entered",
    "first_reading",
    "replace",
    "replacement",
]

REPLACE: Final = "meter_replace"
CORRECT: Final = "meter_correct"
ENTER: Final = "meter_enter"

_LONGEST_SERIAL: Final = 100
_LATE: Final = 120_000
_SECOND: Final = 1000
_ROUNDED: Final = 1.0
"""A display without decimals shows less than the register by less than this, and a rounded one more."""
_WHOLE: Final = 1 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A person's word of what was really used in [start, end) (UTC ms, whole quarters of an hour)."""

    point: str
    start: int
    end: int
    amount: float
    by: str = ""
    reason: str = ""
    command: str = ""


async def replace(  # noqa: PLR0913 - what a person says of two meters
    book: UsageBook,
    site: Site,
    asked: Asked,
    *,
    final: float,
    start: float,
    at: int | None = None,
    serial: str = "",
) -> Command:
    """Make the command that says that another meter hangs there since `at` (UTC ms).

    `final`: what the old one showed last; `start`: what the new one showed first. Without `at`: when the monitor
    saw it, else now. A number that a display has rounded gives way to what was read. Raises RequestRefused.
    """
    it = meant(book, site, asked)
    check_number(it, Sentence("the final register"), final)
    check_number(it, Sentence("the first register"), start)
    if len(serial) > _LONGEST_SERIAL or not serial.isprintable():
        raise RequestRefused(
            Sentence("a serial number has at most {count} letters and digits", count=_LONGEST_SERIAL)
        )
    found = await when_replaced(book, it, at)
    final = _final(it, found, final)
    is_unbroken = found.after is None or found.until is not None
    if found.before is not None and is_unbroken and found.since < found.at:
        what = Sentence(
            "the final register is {more} more than at {time}",
            more=it.shown(final - found.before),
            time=it.clock(found.since),
        )
        check_rate(it, final - found.before, found.at - found.since, what)
    start = _start(it, found, start)
    if found.after is not None and found.until is not None:
        what = Sentence(
            "no change was seen at {time}, and by {until} the new meter would have counted {amount}",
            time=it.clock(found.at),
            until=it.clock(found.until),
            amount=it.shown(found.after - start),
        )
        check_rate(it, found.after - start, found.until - found.at, what)
    arguments: dict[str, str | float] = {
        "point": it.register.point,
        "at": found.at,
        "final": final,
        "start": start,
    }
    return _command(REPLACE, asked, arguments | ({"serial": serial} if serial else {}))


def first_reading(site: Site, command: Command) -> Reading | None:
    """What somebody read of the new meter when it was put in; None where the monitor reads it itself."""
    said = replacement(command)
    if not site.devices[command.target].by_hand:
        return None
    at = said.at + _SECOND
    return _manual(command.target, str(command.arguments["point"]), said.start, at, arrived=max(command.time, at))


def _final(it: Meant, found: Between, final: float) -> float:
    if found.before is None or final >= found.before:
        return final
    if found.before - final < _ROUNDED * max(1.0, it.device.ratio):
        return found.before
    raise RequestRefused(
        Sentence(
            "the final register {amount} is lower than what `{device}` showed last: {last} at "
            "{time}. Read the old meter again",
            amount=it.shown(final),
            device=it.device.id,
            last=it.shown(found.before),
            time=it.clock(found.since),
        )
    )


def _start(it: Meant, found: Between, start: float) -> float:
    if found.after is None or start <= found.after:
        return start
    if start - found.after < _ROUNDED * max(1.0, it.device.ratio):
        return found.after
    raise RequestRefused(
        Sentence(
            "the first register {amount} is higher than what the new meter was read with first: "
            "{last}. Say what it showed when it was put in",
            amount=it.shown(start),
            last=it.shown(found.after),
        )
    )


async def correct(  # noqa: PLR0913 - a span, and what was used in it
    book: UsageBook, site: Site, asked: Asked, *, start: int, end: int, amount: float
) -> Command:
    """Make the command that says what was really used in [start, end) (UTC ms, whole quarters of an hour).

    It keeps what was booked before, as `was`. Raises RequestRefused.
    """
    it = meant(book, site, asked)
    if not asked.reason.strip():
        raise RequestRefused(Sentence("say the reason: somebody may ask about this bill in years"))
    if not isfinite(amount) or amount < 0:
        raise RequestRefused(
            Sentence(
                "the amount is {amount}: what was used is a number that is never negative",
                amount=format(amount, "g"),
            )
        )
    if uneven := [time for time in (start, end) if time % QUARTER]:
        raise RequestRefused(
            Sentence(
                "{time} is no whole quarter of an hour: let the minutes be 00, 15, 30 or 45",
                time=it.clock(uneven[0]),
            )
        )
    if end <= start:
        raise RequestRefused(
            Sentence(
                "{end} is not after {start}: the earlier time comes first",
                end=it.clock(end),
                start=it.clock(start),
            )
        )
    if end > asked.now:
        raise RequestRefused(
            Sentence("{end} is not over yet: it is {now} now", end=it.clock(end), now=it.clock(asked.now))
        )
    check_time(it, start)
    hours = f"{(end - start) / HOUR:g}"
    what = Sentence("{amount} is too much for {hours} h", amount=it.shown(amount), hours=hours)
    check_rate(it, amount, end - start, what)
    rows = await book.consumption([it.device.id], start, end, points=[it.register.point])
    known = rows[0].known if rows and rows[0].amount is not None else 0.0
    if known < _WHOLE:
        raise RequestRefused(
            Sentence(
                "of {start} to {end} only {share} % is known yet: what was used there comes from the "
                "meter itself when it is read again. Correct a span that is known from end to end",
                start=it.clock(start),
                end=it.clock(end),
                share=format(100 * known, ".0f"),
            )
        )
    was = rows[0].amount or 0.0
    arguments: dict[str, str | float] = {"point": it.register.point, "from": start, "to": end}
    return _command(CORRECT, asked, arguments | {"amount": amount, "was": was})


async def enter(
    book: UsageBook, site: Site, asked: Asked, *, register: float, at: int | None = None
) -> tuple[Command, Reading]:
    """Make the command and the reading of a meter that nobody can wire; both are to be kept in one batch.

    `at`: UTC ms; without it: now. Raises RequestRefused.
    """
    return entered(meant(book, site, asked), register, asked.now if at is None else at)


def entered(it: Meant, register: float, at: int) -> tuple[Command, Reading]:
    """Hold a register that somebody read at a moment (UTC ms) against the last one, and make both entries."""
    if not it.device.by_hand:
        raise RequestRefused(
            Sentence(
                "the monitor reads `{device}` itself; where it read wrongly, say so with "
                "`facility-monitor meter correct`",
                device=it.device.id,
            )
        )
    check_number(it, Sentence("the register"), register)
    check_time(it, at)
    check_growth(it, register, at)
    asked, point = it.asked, it.register.point
    reading = _manual(it.device.id, point, register, at, arrived=asked.now)
    return _command(ENTER, asked, {"point": point, "register": register, "at": at}), reading


def _manual(device: str, point: str, register: float, at: int, *, arrived: int) -> Reading:
    return Reading(
        device=device,
        time=at,
        arrived=arrived,
        values={point: register},
        quality=Quality.MANUAL,
        origin=Origin.MANUAL,
        late=arrived - at > _LATE,
    )


def _command(kind: str, asked: Asked, arguments: dict[str, str | float]) -> Command:
    return Command(
        id=str(uuid4()),
        time=asked.now,
        by=asked.by,
        kind=kind,
        target=asked.device,
        arguments=arguments,
        reason=asked.reason.strip(),
    )


def replacement(command: Command) -> Replacement:
    """What a command of the kind `meter_replace` says; ValueError when it is malformed."""
    _check(command, REPLACE)
    return Replacement(
        at=_time(command, "at"),
        final=_number(command, "final"),
        start=_number(command, "start"),
        by=command.by,
        reason=command.reason,
        command=command.id,
    )


def correction(command: Command) -> Correction:
    """What a command of the kind `meter_correct` says; ValueError when it is malformed."""
    point = _check(command, CORRECT)
    start, end = _time(command, "from"), _time(command, "to")
    if start % QUARTER or end % QUARTER or end <= start:
        raise ValueError(f"command {command.id}: {start} to {end} are no whole quarters of an hour")
    return Correction(
        point=point,
        start=start,
        end=end,
        amount=_number(command, "amount"),
        by=command.by,
        reason=command.reason,
        command=command.id,
    )


def _check(command: Command, kind: str) -> str:
    """The point that a command is about."""
    point = command.arguments.get("point")
    if command.kind != kind or not isinstance(point, str) or not point or not command.target:
        raise ValueError(f"command {command.id} is no {kind} of a counter")
    return point


def _number(command: Command, name: str) -> float:
    value = command.arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise ValueError(f"command {command.id}: `{name}` is no number of a counter")
    return float(value)


def _time(command: Command, name: str) -> int:
    value = _number(command, name)
    if value != int(value):
        raise ValueError(f"command {command.id}: `{name}` is no time")
    return int(value)
