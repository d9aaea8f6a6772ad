"""The counter engine: what one counter used, from one register to the next, whatever its registers do.

Pure: no clock, no files; times are those of the readings (UTC ms), amounts and registers in the unit of the point.
What it books is never negative and never a lifetime total, and each step begins where the one before ended (unless
the clock was set back in between). A register that does not follow is held, and nothing booked, until
three in a row say the same.

What nobody can tell apart, it cannot either: a wrong value that lies where the counter could have counted to is
believed; a counter that restarts and counts past its old register unseen has counted on; one that is disturbed
and shows zero for long, while it stands near its modulus or has counted less than is possible between two
readings, has gone past it or restarted. `rating` and `modulus` in the settings make all this rare.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from monitor.metering.answer import Answer, Words
from monitor.metering.judgement import CONFIRMATIONS, Limits, Sample, Verdict
from monitor.metering.memory import Break, Former, Memory, Odd
from monitor.metering.step import Cause, Replacement, Step, Taken
from monitor.periods import DAY
from monitor.site import Counter

__all__ = ["Track"]

_AHEAD: Final = 300_000
"""A register that is so many ms later than its arrival was read when the clock was wrong."""

_FORMERS: Final = 4
"""So many breaks of a day are remembered, in case the counter comes back."""


class Track:
    """One counter of one device."""

    __slots__ = (
        "_floor",
        "_kept",
        "_limits",
        "_moved",
        "_per_ms",
        "_plain",
        "_register",
        "_time",
        "_words",
        "first",
        "point",
        "unit",
    )

    first: int | None
    """The time of the first register (UTC ms); None before it."""

    def __init__(self, point: str, unit: str, counter: Counter, *, device_class: str) -> None:
        self.point = point
        self.unit = unit
        self._limits = Limits(counter, device_class)
        self._words = Words(point, unit, self._limits)
        self._per_ms = self._limits.per_ms
        self._floor = self._limits.floor
        self._time = 0
        self._register = math.nan
        self._moved: int | None = None
        self._kept = Memory()
        self._plain = True
        self.first = None

    @property
    def head(self) -> Sample | None:
        """Time and register of the last one that counts; None before the first."""
        return None if self.first is None else (self._time, self._register)

    @property
    def pending(self) -> tuple[float, ...]:
        """The values that are held because they do not fit, newest last."""
        if self._kept.held:
            return tuple(register for _, register in self._kept.held)
        return () if self._kept.low is None else (self._kept.low.shown,)

    @property
    def doubt(self) -> str:
        """Why they are held, in words for a technician; empty when none are."""
        kept = self._kept
        head = (self._time, self._register)
        if kept.held:
            return self._words.held(head, kept.held[-1])
        return "" if kept.low is None else self._words.low(head, (kept.low.last, kept.low.shown))

    @property
    def serial_number(self) -> str:
        """What the device last said; empty when it never did."""
        return self._kept.serial

    def take(self, time: int, register: float, *, arrived: int, by_hand: bool = False) -> Taken:
        """Take the register of a reading; what came of it.

        Raises:
            ValueError: It was read by hand and does not follow; what to do about it.
        """
        span = time - self._time
        if self._plain and span > 0 and type(register) is float:
            rise = register - self._register
            if 0.0 <= rise <= span * self._per_ms + self._floor:
                step = Step(
                    start=self._time, end=time, start_register=self._register, end_register=register, amount=rise
                )
                if rise:
                    self._moved = time
                self._time = time
                self._register = register
                return Taken(steps=(step,))
        if isinstance(register, bool) or not math.isfinite(register) or register < 0.0:
            return Taken()
        return self._take((time, float(register)), arrived, by_hand=by_hand)

    def serial(self, serial: str, time: int) -> Taken:
        """Take the serial number that the device says it has; another one than before is another meter."""
        kept = self._kept
        if not serial or time < kept.serial_time:
            return Taken()
        old, kept.serial, kept.serial_time = kept.serial, serial, time
        broken, kept.broken = kept.broken, None
        if serial == old or not old:
            return Taken()
        answer = Answer()
        if kept.swap is not None and kept.swap[0] == serial:
            kept.swap = None
        elif self.first is None:
            answer.told.append(self._words.swapped(time, (old, serial), None, None))
        elif kept.word is not None:
            kept.swap = (old, serial)
        elif kept.later(self._time):
            kept.swap = (old, serial)
            self._replaced(answer, kept.later(self._time))
        elif broken is None:
            kept.swap = (old, serial)
        elif not broken.told:
            kept.formers.clear()
            answer.told.append(self._words.swapped(time, (old, serial), broken.before, broken.after))
        self._settle()
        return answer.taken()

    def replace(self, replacement: Replacement) -> Taken:
        """Take a person's word about a replacement at the head or after it.

        It is booked with the first register after it: at once when that is held already.

        Raises:
            ValueError: It contradicts what was read.
        """
        why = self._words.contradiction(replacement, self.head)
        if why:
            raise ValueError(why)
        later = self._kept.later(replacement.at)
        answer = Answer()
        if later:
            why = self._words.unfit(replacement, later[0])
            if why:
                raise ValueError(why)
            self._replaced_as_told(answer, replacement, later)
        else:
            self._kept.word = replacement
        self._settle()
        return answer.taken()

    def rescale(self, factor: float) -> None:
        """Keep counting on after a change of the transformers' ratio: registers are `factor` times larger now.

        Raises:
            ValueError: The factor is not a positive number.
        """
        if not math.isfinite(factor) or factor <= 0.0:
            raise ValueError(f"A ratio cannot change by the factor {factor!r}; give a positive number.")
        self._register *= factor
        self._kept.rescale(factor)

    def follow_clock(self, time: int) -> None:
        """Count on from `time`, which the clock was set back to, if the head lies later; the register is kept."""
        if self.first is not None:
            self._turn_back(time)
            self._settle()

    def dump(self) -> dict[str, Any]:
        """What `load` makes the same track of; it can be written as JSON."""
        head = None if self.first is None else [self._time, self._register]
        return {"head": head, "first": self.first, "moved": self._moved, **self._kept.dump()}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Go on from what `dump` has kept; what is absent is as in the beginning."""
        head, first = kept.get("head"), kept.get("first")
        self._time = 0 if head is None else int(head[0])
        self._register = math.nan if head is None else float(head[1])
        self.first = None if head is None else self._time if first is None else int(first)
        self._moved = kept.get("moved")
        self._kept = Memory.load(kept)
        self._settle()

    def _settle(self) -> None:
        """Note whether there is anything but the head to be heeded: `take` is short when there is not."""
        self._plain = self._kept.is_plain

    def _take(self, seen: Sample, arrived: int, *, by_hand: bool) -> Taken:
        if self.first is None:
            self.first, self._kept.swap = seen[0], None
            self._time, self._register = seen
            self._settle()
            return Taken()
        self._mend_clock(seen[0], arrived)
        if seen[0] <= self._time:
            return Taken(is_late=True)
        answer = Answer()
        if not self._take_expected(answer, seen, by_hand=by_hand):
            self._take_seen(answer, seen, by_hand=by_hand)
        while self._kept.formers and self._time > self._kept.formers[0].until:
            del self._kept.formers[0]
        self._settle()
        return answer.taken()

    def _mend_clock(self, time: int, arrived: int) -> None:
        """Take back what was read while the clock was ahead, or the counter would stand still until then."""
        latest = arrived + _AHEAD
        if self._time > latest and self._time >= time:
            self._turn_back(time - 1)
        if self._kept.newest > latest:
            self._kept.drop_later(time - 1)

    def _turn_back(self, time: int) -> None:
        """Nothing was read later than `time`."""
        self._time = min(self._time, time)
        self._moved = None if self._moved is None else min(self._moved, time)
        self.first = self._time if self.first is None else min(self.first, time)
        self._kept.turn_back(time)

    def _take_expected(self, answer: Answer, seen: Sample, *, by_hand: bool) -> bool:
        """Book the replacement that was announced; whether there was one."""
        kept = self._kept
        word = kept.word
        if word is not None and seen[0] > word.at:
            why = self._words.contradiction(word, self.head) or self._words.unfit(word, seen)
            if not why:
                self._replaced_as_told(answer, word, [seen])
                return True
            if by_hand:
                raise ValueError(why)
            kept.word = None
            answer.told.append(self._words.forgotten(seen, word, why))
        if kept.swap is not None and kept.word is None:
            self._replaced(answer, [seen])
            return True
        return False

    def _take_seen(self, answer: Answer, seen: Sample, *, by_hand: bool) -> None:
        kept = self._kept
        head = (self._time, self._register)
        if self._limits.follows(head, seen) and (by_hand or not kept.comes_back(head, seen, self._limits)):
            self._count_on(answer, seen)
        elif by_hand:
            raise ValueError(self._words.by_hand(head, seen))
        elif seen[0] <= kept.newest:
            return
        elif self._limits.is_backflow(self._register, self._register - seen[1]):
            self._stand_low(answer, seen)
        else:
            self._hold(answer, seen)

    def _count_on(self, answer: Answer, seen: Sample) -> None:
        """Book what was counted; what was held before was wrong, unless it only came too fast."""
        kept = self._kept
        if kept.held and seen[0] <= kept.held[-1][0]:
            if seen[0] < kept.held[0][0]:
                self._book(answer, seen, seen[1] - self._register)
            return
        head = (self._time, self._register)
        held = kept.held
        too_fast = held and held[0][1] > self._register and self._limits.follows(held[-1], seen)
        if kept.odd is not None and not too_fast:
            answer.told.append(self._words.glitch(head, kept.odd.first, kept.odd.count, seen, kept.odd.since))
        elif kept.low is not None and self._is_worth_telling(kept.low, seen[0]):
            low, kept.low_told = kept.low, seen[0]
            answer.told.append(self._words.backflow(head, low.lowest, low.count, seen, low.since))
        kept.forget_odd()
        self._book(answer, seen, seen[1] - self._register)

    def _is_worth_telling(self, low: Odd, time: int) -> bool:
        """Whether a backflow is told: the last digit wavers often, and water flows back every night."""
        told = self._kept.low_told
        is_recent = told is not None and time - told <= DAY
        return not is_recent and not self._limits.is_jitter(self._register, self._register - low.lowest)

    def _stand_low(self, answer: Answer, seen: Sample) -> None:
        """Wait until the register passes the head again; for a day at most."""
        kept = self._kept
        kept.held.clear()
        if kept.low is None:
            kept.low = Odd(since=seen[0], first=seen[1])
        kept.low.add(seen)
        if kept.low.count < CONFIRMATIONS or seen[0] - kept.low.since <= DAY:
            return
        self._break_off(answer, [seen], Verdict(cause=Cause.JUMP), kept.low.count)

    def _hold(self, answer: Answer, seen: Sample) -> None:
        kept = self._kept
        if kept.odd is None:
            kept.odd = Odd(since=seen[0], first=seen[1])
        kept.odd.add(seen)
        kept.hold(seen, self._limits)
        if len(kept.held) < CONFIRMATIONS:
            return
        chain = kept.held
        stood = 0 if self._moved is None else self._time - self._moved
        begin, verdict = self._limits.judge((self._time, self._register), chain, stood)
        if verdict.cause is Cause.COUNTED and not kept.comes_back(
            (self._time, self._register), chain[0], self._limits
        ):
            kept.forget_odd()
            self._follow(answer, chain)
        elif not self._come_back(answer, chain):
            self._break_off(answer, chain[begin:], verdict, kept.odd.count)

    def _come_back(self, answer: Answer, chain: list[Sample]) -> bool:
        """Make good a break that was a long glitch: it goes on where it stood before; whether it does."""
        kept = self._kept
        for index in range(len(kept.formers) - 1, -1, -1):
            former = kept.formers[index]
            left = (former.time, former.register)
            if chain[-1][0] > former.until or not self._limits.follows(left, chain[0]):
                continue
            missing = chain[0][1] - former.register - former.booked
            if missing >= 0.0:  # else more was booked than was used, and what was a guess stays one
                answer.resolved.extend(broken.end for broken in kept.formers[index:] if broken.lost)
            amount = max(0.0, missing)
            answer.told.append(self._words.long_glitch(left, self._register, chain[0], amount))
            del kept.formers[index:]
            kept.broken = None
            kept.forget_odd()
            self._book(answer, chain[0], amount)
            self._follow(answer, chain[1:])
            return True
        return False

    def _break_off(self, answer: Answer, chain: list[Sample], verdict: Verdict, values: int) -> None:
        """Count on from `chain`, which does not follow the head."""
        kept = self._kept
        head = (self._time, self._register)
        answer.told.append(self._words.broken(head, chain, verdict, values))
        if verdict.lost:
            kept.broken = Break(before=head[1], after=chain[0][1])
        former = Former(
            time=head[0], register=head[1], end=chain[0][0], lost=verdict.lost, until=chain[-1][0] + DAY
        )
        kept.formers.append(former)
        del kept.formers[:-_FORMERS]
        kept.forget_odd()
        self._book(answer, chain[0], verdict.amount, verdict.cause, lost=verdict.lost)
        self._follow(answer, chain[1:])

    def _replaced(self, answer: Answer, chain: list[Sample]) -> None:
        """Another meter by its serial number: what both counted since the head nobody knows."""
        assert self._kept.swap is not None
        answer.told.append(self._words.swapped(chain[-1][0], self._kept.swap, self._register, chain[0][1]))
        self._kept.forget_meter()
        self._book(answer, chain[0], 0.0, Cause.REPLACED, lost=True)
        self._follow(answer, chain[1:])

    def _replaced_as_told(self, answer: Answer, word: Replacement, chain: list[Sample]) -> None:
        answer.told.append(self._words.replaced(chain[0], word, self._register, self._kept.swap))
        self._kept.forget_meter()
        self._kept.broken = Break(before=self._register, after=chain[0][1], told=True)
        amount = chain[0][1] - word.start
        if word.at > self._time:
            self._book(answer, (word.at, word.final), word.final - self._register)
            self._register = word.start
        else:
            amount += word.final - self._register
        self._book(answer, chain[0], amount, Cause.REPLACED, word=word)
        self._follow(answer, chain[1:])

    def _follow(self, answer: Answer, chain: list[Sample]) -> None:
        for seen in chain:
            self._book(answer, seen, seen[1] - self._register)

    def _book(  # noqa: PLR0913 - a step
        self,
        answer: Answer,
        seen: Sample,
        amount: float,
        cause: Cause = Cause.COUNTED,
        *,
        lost: bool = False,
        word: Replacement | None = None,
    ) -> None:
        """Book one step from the head to `seen`, which is the head from now on."""
        answer.book((self._time, self._register), seen, amount, cause, lost=lost, word=word)
        if cause is not Cause.COUNTED:
            self._moved = None
        elif amount > 0.0:
            self._moved = seen[0]
        self._time, self._register = seen
        for former in self._kept.formers:
            former.booked += amount
