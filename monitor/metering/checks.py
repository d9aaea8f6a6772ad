"""What a person says of a meter is held against what is known; RequestRefused says what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Final

from monitor.errors import RequestRefused
from monitor.figures import Break, Register, UsageBook
from monitor.metering.judgement import Limits
from monitor.metering.step import Cause
from monitor.metering.written import clock, shown
from monitor.meters import billed_counter, counters_of
from monitor.periods import DAY, HOUR, QUARTER
from monitor.schema import point_unit
from monitor.site import Counter, Device, Site
from monitor.wording import Sentence

__all__ = [
    "Asked",
    "Between",
    "Meant",
    "check_growth",
    "check_number",
    "check_rate",
    "check_time",
    "meant",
    "meter",
    "when_replaced",
]

_LONGEST: Final = 500
_AHEAD: Final = 300_000
"""A person's clock may be so many ms ahead of the monitor's."""
_SECOND: Final = 1000
_MONTH: Final = 30 * DAY
_BROKEN: Final = frozenset({Cause.RESET, Cause.REPLACED, Cause.JUMP})
_RATES: Final = {"kWh": "kW", "kvarh": "kvar", "kVAh": "kVA"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who says something about which counter, why, and when (UTC ms). Without `point`: the one it is billed by."""

    device: str
    point: str = ""
    by: str
    reason: str = ""
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The counter that is meant, as it stands."""

    site: Site
    asked: Asked
    device: Device
    register: Register

    @property
    def counter(self) -> Counter:
        """How it counts."""
        return self.device.points[self.register.point].counter or Counter()

    def clock(self, time: int) -> str:
        """A moment as people of the site write it."""
        return clock(time, self.site.timezone)

    def shown(self, value: float) -> str:
        """An amount in the unit of the counter."""
        return shown(value, self.register.unit)


def meter(site: Site, device: str) -> Device:
    """The meter of that id; RequestRefused lists those there are."""
    meters = {each.id: each for each in site.devices.values() if each.virtual or counters_of(each)}
    if device in meters:
        return meters[device]
    told = (
        Sentence("`{device}` is no meter", device=device[:60])
        if device in site.devices
        else Sentence("`{device}` is no device", device=device[:60])
    )
    if not meters:
        raise RequestRefused(Sentence("{told}; the site file has no meter", told=told))
    raise RequestRefused(Sentence("{told}; meters are {known}", told=told, known=", ".join(sorted(meters))))


def meant(book: UsageBook, site: Site, asked: Asked) -> Meant:
    """The counter that somebody means; RequestRefused when there is none, or nothing can be said of it."""
    device = meter(site, asked.device)
    if len(asked.reason) > _LONGEST:
        raise RequestRefused(Sentence("a reason has at most {count} characters", count=_LONGEST))
    if device.virtual is not None:
        others = ", ".join((*device.virtual.sum, *device.virtual.minus))
        raise RequestRefused(
            Sentence(
                "`{device}` is reckoned from others ({others}): say it of the one that is meant",
                device=device.id,
                others=others,
            )
        )
    names = counters_of(device)
    known = {each.point: each for each in book.registers(device.id)}
    point = asked.point or billed_counter(device) or ""
    if point not in names:
        raise RequestRefused(
            Sentence(
                "`{device}` has no counter `{point}`; it has {known}",
                device=device.id,
                point=point[:60],
                known=", ".join(names),
            )
        )
    never = Register(device=device.id, point=point, unit=point_unit(point) or "", is_billed=not asked.point)
    return Meant(site=site, asked=asked, device=device, register=known.get(point, never))


def check_number(it: Meant, name: Sentence, value: float) -> None:
    """A register is a number that the counter can show, or the one at which it begins anew."""
    if not isfinite(value) or value < 0:
        raise RequestRefused(
            Sentence(
                "{name} is {value}: a counter shows a number that is never negative",
                name=name,
                value=format(value, "g"),
            )
        )
    if it.counter.modulus is not None and value > it.counter.modulus:
        raise RequestRefused(
            Sentence(
                "{name} is {amount}, and this counter begins anew at {modulus}: is there a digit too "
                "much, or a missing dot?",
                name=name,
                amount=it.shown(value),
                modulus=it.shown(it.counter.modulus),
            )
        )


def check_time(it: Meant, at: int) -> None:
    """Something happened when the meter was read, and not in the future."""
    if at > it.asked.now + _AHEAD:
        raise RequestRefused(
            Sentence("{time} is in the future: it is {now} now", time=it.clock(at), now=it.clock(it.asked.now))
        )
    if it.register.first is not None and at + _SECOND <= it.register.first:  # a time is written to the second
        since = it.clock(it.register.first)
        raise RequestRefused(
            Sentence(
                "at {time} `{device}` was not read yet: it is metered since {since}",
                time=it.clock(at),
                device=it.device.id,
                since=since,
            )
        )


def check_rate(it: Meant, used: float, span: int, what: Sentence) -> None:
    """A meter cannot count more in `span` ms than its rating allows: the engine would not believe it."""
    limits = Limits(it.counter, it.device.device_class)
    if used > limits.possible(span):
        raise RequestRefused(
            Sentence(
                "{what}, and `{device}` can count {most} at most in that time (its `rating`: "
                "{rating} {unit}): is there a digit too much, or a missing dot?",
                what=what,
                device=it.device.id,
                most=it.shown(round(limits.possible(span), 3)),
                rating=format(limits.rating, "g"),
                unit=_RATES.get(it.register.unit, "m3/h"),
            )
        )


def check_growth(it: Meant, value: float, at: int) -> None:
    """A register that somebody reads comes after the last one, and is not lower."""
    last, when = it.register.register, it.register.time
    if last is None or when is None:
        return
    if at <= when:
        raise RequestRefused(
            Sentence(
                "`{device}` was read at {time} already ({last}), which is not before {other}. What "
                "was used before that is mended with `facility-monitor meter correct`",
                device=it.device.id,
                time=it.clock(when),
                last=it.shown(last),
                other=it.clock(at),
            )
        )
    used = value - last
    if used < 0:
        raise RequestRefused(
            Sentence(
                "{amount} is lower than what `{device}` showed at {time}: {last}. Read it again; if "
                "another meter hangs there, or it went past its last digit, say so with "
                "`facility-monitor meter replace`",
                amount=it.shown(value),
                device=it.device.id,
                time=it.clock(when),
                last=it.shown(last),
            )
        )
    what = Sentence(
        "{amount} is {more} more than at {time}",
        amount=it.shown(value),
        more=it.shown(used),
        time=it.clock(when),
    )
    check_rate(it, used, at - when, what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Where a meter was replaced: `at`, after the old one showed `before` at `since`, before the new `after`.

    `until`: when that was, where no break was seen.
    """

    at: int
    since: int
    before: float | None
    after: float | None = None
    until: int | None = None


async def when_replaced(book: UsageBook, it: Meant, at: int | None) -> Between:
    """Find the samples around a replacement (UTC ms; None: when the monitor saw it, else now).

    A time that misses what the monitor saw by less than an hour is taken as that: watches differ.
    """
    last, seen_at = it.register.register, it.register.time
    if last is None or seen_at is None:
        raise RequestRefused(
            Sentence(
                "`{device}` has not been read yet: the meter that hangs there is taken as it is, and "
                "nothing need be said of the one before",
                device=it.device.id,
            )
        )
    if at is not None:
        check_time(it, at)
    breaks = await _breaks(book, it, at)
    lost = _lost(breaks)
    if at is None:
        at = lost[-1].end if lost and not it.register.pending else it.asked.now
    if at < seen_at and lost:
        near = min(lost, key=partial(_distance, at))
        if _distance(at, near) <= HOUR:
            at = min(max(at, near.start), near.end)
    for each in (*lost, *breaks):
        if each.start <= at <= each.end:
            if each.command and not each.lost:
                raise RequestRefused(
                    Sentence(
                        "the replacement of `{device}` around {time} was said already; what was used then is "
                        "put right with `facility-monitor meter correct`",
                        device=it.device.id,
                        time=it.clock(at),
                    )
                )
            return Between(at=at, since=each.start, before=each.start_register, after=each.end_register)
    if at >= seen_at:
        return Between(at=at, since=seen_at, before=last)
    _check_unbroken(it, at, lost)
    return await _quarter_before(book, it, at)


def _distance(at: int, one: Break) -> int:
    return max(one.start - at, at - one.end, 0)


def _lost(breaks: Sequence[Break]) -> list[Break]:
    return [each for each in breaks if each.lost and each.cause in _BROKEN]


async def _breaks(book: UsageBook, it: Meant, at: int | None) -> Sequence[Break]:
    """Where the counter did not simply count on: a day around a moment; without one, the last month."""
    now = it.asked.now
    start = (now - _MONTH if at is None else at - DAY) // QUARTER * QUARTER
    end = (now if at is None else min(now, at + DAY)) // QUARTER * QUARTER + QUARTER
    if end <= start:
        return []
    rows = await book.consumption([it.device.id], start, end, points=[it.register.point])
    found = [each for row in rows for each in row.breaks if each.cause != Cause.CORRECTED]
    return sorted(found, key=lambda each: each.end)


def _check_unbroken(it: Meant, at: int, lost: Sequence[Break]) -> None:
    """A meter is not replaced in the middle of what was read of it."""
    if lost:
        near = min(lost, key=partial(_distance, at))
        raise RequestRefused(
            Sentence(
                "at {time} `{device}` was read as ever; it changed between {start} and {end}: say "
                "that it was replaced at {end}",
                time=it.clock(at),
                device=it.device.id,
                start=it.clock(near.start),
                end=it.clock(near.end),
            )
        )
    if it.register.pending:
        raise RequestRefused(
            Sentence(
                "the old meter was still read at {time} ({amount}): say a time after that, or none",
                time=it.clock(it.register.time or 0),
                amount=it.shown(it.register.register or 0.0),
            )
        )


async def _quarter_before(book: UsageBook, it: Meant, at: int) -> Between:
    """What the register showed at the edges of the quarter of an hour around a moment."""
    start = at // QUARTER * QUARTER
    points = [it.register.point]
    rows = await book.consumption([it.device.id], start - QUARTER, start + QUARTER, per="quarter", points=points)
    shown = {row.start: row.end_register for row in rows}
    before, after = shown.get(start - QUARTER), shown.get(start)
    return Between(at=at, since=start, before=before, after=after, until=start + QUARTER)
