"""What a counter keeps in mind besides its head: what is held, what was broken, and what it waits for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from monitor.metering.judgement import Limits, Sample
from monitor.metering.step import Replacement
from monitor.periods import DAY

__all__ = ["Break", "Former", "Memory", "Odd"]

_FAR_MORE: Final = 10.0


@dataclass(slots=True, kw_only=True)
class Former:
    """A head that was left at a break, remembered until `until` (UTC ms).

    `end`: where the break's step ended; `lost`: whether it was booked as lost; `booked`: the amount since then.
    """

    time: int
    register: float
    end: int
    lost: bool
    until: int
    booked: float = 0.0


@dataclass(slots=True, kw_only=True)
class Odd:
    """An episode of values that did not fit: the first, the lowest and the last of them, and how many."""

    since: int
    first: float
    lowest: float = math.inf
    last: int = 0
    shown: float = 0.0
    count: int = 0

    def add(self, seen: Sample) -> None:
        """One value more."""
        self.count += 1
        self.lowest = min(self.lowest, seen[1])
        self.last, self.shown = seen


@dataclass(slots=True, kw_only=True)
class Break:
    """A break since the serial number was last heard, which another number explains; `told`: a person did."""

    before: float
    after: float
    told: bool = False


@dataclass(slots=True, kw_only=True)
class Memory:
    """What one counter keeps in mind.

    `held` count on among themselves and wait for confirmation; `odd` is the whole episode, with what was held
    before. `low`: it stands a little below the head. `swap`: the old and the new serial number of a meter whose
    first register is awaited; `word`: a replacement that a person has told of, likewise.
    """

    held: list[Sample] = field(default_factory=list)
    odd: Odd | None = None
    low: Odd | None = None
    low_told: int | None = None
    formers: list[Former] = field(default_factory=list)
    serial: str = ""
    serial_time: int = 0
    swap: tuple[str, str] | None = None
    broken: Break | None = None
    word: Replacement | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the head is to be heeded."""
        return not (self.held or self.odd or self.low or self.formers or self.swap or self.word)

    @property
    def newest(self) -> int:
        """The time of the newest value that is held."""
        return max(self.held[-1][0] if self.held else 0, self.low.last if self.low else 0)

    def later(self, time: int) -> list[Sample]:
        """The held values after `time`."""
        held = self.held
        if not held and self.low is not None:
            held = [(self.low.last, self.low.shown)]
        return [sample for sample in held if sample[0] > time]

    def comes_back(self, head: Sample, seen: Sample, limits: Limits) -> bool:
        """Whether a register that could just have been counted to is the one from before a break, which goes on.

        A meter without a declared rating, or one that is read seldom, can count so much that the end of a long
        glitch looks possible. It is far more than what is missing since before the glitch.
        """
        rise = seen[1] - head[1]
        return rise > limits.floor and any(
            seen[0] <= former.until
            and limits.follows((former.time, former.register), seen)
            and rise > _FAR_MORE * (seen[1] - former.register)
            for former in self.formers
        )

    def hold(self, seen: Sample, limits: Limits) -> None:
        """Hold a value: with those that it goes on from, or anew."""
        if self.held and limits.follows(self.held[-1], seen):
            self.held.append(seen)
        elif self.held and limits.is_jitter(self.held[-1][1], self.held[-1][1] - seen[1]):
            self.held.append((seen[0], self.held[-1][1]))
        else:
            self.held = [seen]

    def forget_odd(self) -> None:
        """Hold nothing any longer."""
        self.held = []
        self.odd = self.low = None

    def forget_meter(self) -> None:
        """Forget what belongs to a meter that is gone."""
        self.swap = self.word = None
        self.formers.clear()
        self.forget_odd()

    def turn_back(self, time: int) -> None:
        """Nothing happened later than `time`: the clock was set back to it."""
        self.drop_later(time)
        for former in self.formers:
            former.time = min(former.time, time)
            former.until = min(former.until, time + DAY)
        self.serial_time = min(self.serial_time, time)
        if self.low_told is not None:
            self.low_told = min(self.low_told, time)
        if self.word is not None and self.word.at > time:
            self.word = replace(self.word, at=time)

    def drop_later(self, time: int) -> None:
        """Nothing that is held was seen later than `time`."""
        self.held = [sample for sample in self.held if sample[0] <= time]
        for odd in (self.odd, self.low):
            if odd is not None:
                odd.since, odd.last = min(odd.since, time), min(odd.last, time)

    def rescale(self, factor: float) -> None:
        """Registers are `factor` times larger from now on."""
        self.held = [(time, register * factor) for time, register in self.held]
        for odd in (self.odd, self.low):
            if odd is not None:
                odd.first, odd.lowest, odd.shown = odd.first * factor, odd.lowest * factor, odd.shown * factor
        for former in self.formers:
            former.register *= factor
            former.booked *= factor
        if self.broken is not None:
            self.broken.before *= factor
            self.broken.after *= factor
        if self.word is not None:
            self.word = replace(self.word, final=self.word.final * factor, start=self.word.start * factor)

    def dump(self) -> dict[str, Any]:
        """What `load` makes the same of; it can be written as JSON. Made for each counter at each commit."""
        return {
            "held": list(self.held),
            "odd": None if self.odd is None else asdict(self.odd),
            "low": None if self.low is None else asdict(self.low),
            "low_told": self.low_told,
            "formers": [asdict(former) for former in self.formers],
            "serial": self.serial,
            "serial_time": self.serial_time,
            "swap": self.swap,
            "broken": None if self.broken is None else asdict(self.broken),
            "word": None if self.word is None else asdict(self.word),
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "Memory":
        """Make it of what was kept; what is absent is as in the beginning."""
        odd, low, swap = kept.get("odd"), kept.get("low"), kept.get("swap")
        broken, word = kept.get("broken"), kept.get("word")
        return cls(
            held=[(int(time), float(register)) for time, register in kept.get("held") or ()],
            odd=None if odd is None else Odd(**odd),
            low=None if low is None else Odd(**low),
            low_told=kept.get("low_told"),
            formers=[Former(**former) for former in kept.get("formers") or ()],
            serial=str(kept.get("serial") or ""),
            serial_time=int(kept.get("serial_time") or 0),
            swap=None if swap is None else (str(swap[0]), str(swap[1])),
            broken=None if broken is None else Break(**broken),
            word=None if word is None else Replacement(**word),
        )
