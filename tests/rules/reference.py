"""A slow and obvious reference of what an alarm does, as docs/alarms.md has it.

Whole seconds, one after the other; what was in each of them is kept in a list, and delays are counted by going
back through that list. No accumulators, no heap, no due times. What the engine does has to be the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Happening", "Spec", "Told", "World", "reference"]

RANK: Final = {"low": 1, "medium": 2, "high": 3, "critical": 4}
ON: Final = ("active", "recovering")
LONGEST_SHELF: Final = {"critical": 3600, "high": 8 * 3600, "medium": 7 * 86_400, "low": 7 * 86_400}
RE_ALARM: Final = {"critical": 4 * 3600, "high": 8 * 3600, "medium": 86_400, "low": 0}
QUIET: Final = 1800

Word = float | bool
"""What a device says of a point."""


@dataclass(frozen=True)
class Spec:
    """A rule about one point; times in seconds. `limits`: (below what, severity), the lowest severity first.

    Without limits it is true when the point is true. `stale` None: the device speaks when something changes.
    """

    id: str
    point: str
    on: int = 0
    off: int = 0
    limits: tuple[tuple[float, str], ...] = ()
    severity: str = "medium"
    deadband: float = 0.0
    latched: bool = False
    ack: bool = True
    missing: str = "hold"
    gap: str = "hold"
    stale: int | None = 120
    counts_downtime: bool = False
    unknown_reset: int = 600
    re_alarm: int | None = None
    auto_ack: int | None = None
    parent: str = ""
    settle: int = 20

    @property
    def severities(self) -> tuple[str, ...]:
        return tuple(severity for _, severity in self.limits) or (self.severity,)


@dataclass(frozen=True)
class Happening:
    """What happened at a second. `what`: said, command, stopped, window, window_end."""

    at: int
    what: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """A step: when, why, and what people are told (if they are)."""

    at: int
    cause: str
    notice: str = ""


class World:
    """What all alarms share: which of them are there, and which windows are on, second by second."""

    def __init__(self) -> None:
        self.on: dict[str, list[bool]] = {}
        self.windows: list[tuple[int, int]] = []

    def holds(self, spec: Spec, second: int) -> bool:
        """Whether another alarm or maintenance explains it in a second."""
        if any(begin <= second < end for begin, end in self.windows):
            return True
        seen = self.on.get(spec.parent, [])
        return any(seen[max(0, second - spec.settle) : second + 1])

    def held(self, spec: Spec, second: int) -> bool:
        """The same at the first instant of a second, before anything happens in it."""
        if any(begin < second < end for begin, end in self.windows):
            return True
        seen = self.on.get(spec.parent, [])
        return any(seen[max(0, second - spec.settle) : second])


def reference(spec: Spec, story: Sequence[Happening], end: int, world: World) -> "Alarm":
    """Play a story from its beginning until a second; all parents have to be in the world already."""
    alarm = Alarm(spec, world)
    by_second: dict[int, list[Happening]] = {}
    for one in story:
        by_second.setdefault(one.at, []).append(one)
    off_until = -1
    for second in range(end + 1):
        alarm.now = second
        is_off = second < off_until
        if not is_off:
            alarm.let_time_pass()
        for one in by_second.get(second, ()):
            if one.what == "stopped":
                off_until = second + int(one.detail["down"])
                alarm.stops(off_until)
                is_off = second < off_until
            elif not is_off:
                alarm.hear(one)
        if not is_off:
            alarm.look_up()
        alarm.remember(is_off=is_off)
    return alarm


class Alarm:
    """One alarm. `steps`: what came of it.

    `seconds`: how it stood at the end of each: condition, response, severity, and what holds it back.
    """

    def __init__(self, spec: Spec, world: World) -> None:
        self.spec = spec
        self.world = world
        self.now = 0
        self.condition = "clear"
        self.response = "none"
        self.level = 0
        self.normal = False
        self.steps: list[Told] = []
        self.seconds: list[tuple[str, str, str, tuple[str, ...]]] = []
        self.on: list[bool] = []
        # What was known in each second: the level that holds (0: none), None: nothing.
        self.known: list[int | None] = []
        self.words: list[tuple[int, Word | None]] = []
        self.starts: list[tuple[int, int]] = []
        self.began = 0
        self.told = False
        self.ever_told = False
        self.shelf: dict[str, int] = {}
        self.out = False
        self.suppressed = False
        self.acked_at = self.over_at = 0
        self.changes: list[tuple[int, str]] = []
        self.raises: list[int] = []
        self.chatter_since: int | None = None
        self.chatter_was_told = False
        self._calm_at = -1
        self._clock = 0
        self._last = -1_000_000

    @property
    def is_on(self) -> bool:
        return self.condition in ON

    @property
    def severity(self) -> str:
        return self.spec.severities[self.level - 1]

    # What is known ------------------------------------------------------------------------------------

    def verdict(self) -> int | None:
        """The level that holds now; 0: none; None: nothing is known."""
        found = self._by_word()
        if found is not None or self.spec.missing == "hold" or not self.words:
            return found
        return max(1, self.level) if self.spec.missing == "raise" else 0

    def _by_word(self) -> int | None:
        if not self.words:
            return None
        at, word = self.words[-1]
        if word is None:
            return None
        if self.spec.stale is not None:
            started = self.starts[-1][1] if self.starts else 0
            minds = self.spec.missing != "hold"
            if started > at and not minds:
                return None
            if self.now >= max(at, started if minds else at) + self.spec.stale:
                return None
        return self._level_of(word)

    def _level_of(self, word: Word) -> int:
        if not self.spec.limits:
            return int(word is True)
        # The deadband is for what has been raised, and is over only when that was over.
        engaged = self.engaged() if self.condition == "active" and not self.normal else 0
        found = 0
        for number, (limit, _) in enumerate(self.spec.limits, 1):
            if word < limit + (self.spec.deadband if number <= engaged else 0):
                found = number
        return found

    def engaged(self) -> int:
        """The level that held when something was known last."""
        return next((one for one in reversed(self.known) if one is not None), 0)

    # Delays -------------------------------------------------------------------------------------------

    def proven(self, *, holds: bool) -> int:
        """In how many seconds the condition was known to hold (or not to), since it began to be awaited."""
        seconds = self.known[self.began : self.now]
        return sum(one is not None and (one > 0) == holds for one in seconds)

    def below(self) -> int:
        """For how many seconds only a lower level than the alarm's has been known to hold."""
        count = 0
        for second in range(self.now - 1, self.began - 1, -1):
            one = self.known[second]
            if one is None:
                continue
            if not 0 < one < self.level:
                break
            count += 1
        return count

    def unknown_for(self) -> int:
        """For how many seconds on end nothing has been known."""
        started = self.starts[-1][1] if self.starts else 0
        count = 0
        while self.now - count - 1 >= started and self.known[self.now - count - 1] is None:
            count += 1
        return count

    # What happens -------------------------------------------------------------------------------------

    def let_time_pass(self) -> None:
        """Do what is due now, by what was known until now."""
        if self.now:
            self._follow_silence()
            self._ripen()
        self._watch_people()

    def _follow_silence(self) -> None:
        """A rule may say that silence is a value: it begins when the last value ends."""
        if self.spec.missing != "hold" and self._by_word() is None and self.known[-1] is not None:
            level = self.verdict()
            if level is not None and self.words:
                self._ripen()
                self._judge(level)

    def _ripen(self) -> None:
        if self.condition == "pending":
            if self.proven(holds=True) >= self.spec.on:
                self._at_its_time(self._raise, self.spec.on, holds=True)
            elif self.unknown_for() >= self.spec.unknown_reset:
                self.condition = "clear"
        elif self.condition == "recovering" and self.proven(holds=False) >= self.spec.off:
            self._at_its_time(self._recover, self.spec.off, holds=False)
        elif self.condition == "active" and not self.normal and self.below() >= max(1, self.spec.off):
            self._sink()

    def _at_its_time(self, step: Callable[[], None], delay: int, *, holds: bool) -> None:
        """A delay that is found to have ended while the monitor did not run ended then, and not at the start."""
        now = self.now
        while self.now > self.began and self.proven(holds=holds) >= delay:
            self.now -= 1
        self.now += 1
        step()
        self.now = now

    def hear(self, one: Happening) -> None:
        """Take what happened."""
        if one.what == "said":
            if self.spec.point in one.detail:
                self._hear_word(one.detail[self.spec.point])
        elif one.what == "clock":
            self._clock += int(one.detail["by"])
            self._watch_people()
        elif one.what == "command" and one.detail["target"] == self.spec.id:
            self._obey(one.detail)

    def _hear_word(self, word: Word | None) -> None:
        before = self.words[-1] if self.words else None
        self.words.append((self.now, word))
        if word is not None:
            self._heed_gap(word, before)
        level = self.verdict()
        if level is not None:
            self._judge(level)

    def _heed_gap(self, word: Word, before: tuple[int, Word | None] | None) -> None:
        """The first value after a time without: the time off may count, a long gap may undo what was proven."""
        values = [(at, said) for at, said in self.words[:-1] if said is not None]
        if before is None or not values or self.condition not in ("pending", "recovering"):
            return
        agrees = (self._level_of(word) > 0) == (self.condition == "pending")
        stopped = next((stop for stop, _ in self.starts if stop >= values[-1][0]), 0)
        if self.spec.counts_downtime and agrees and stopped and self.known[stopped - 1] is not None:
            self.known[stopped:] = [int(self.condition == "pending")] * (len(self.known) - stopped)
        elif self.spec.gap == "restart" and agrees and self.known[-1] is None and self.condition == "pending":
            self.began = self.now if self.now - values[-1][0] > (self.spec.stale or 120) else self.began

    def _judge(self, level: int) -> None:
        if level:
            self._true(level)
        else:
            self._false()

    def _true(self, level: int) -> None:
        if self.condition == "clear":
            self.condition, self.began = "pending", self.now
        if self.condition == "pending":
            self.level = level
            if not self.spec.on or self.proven(holds=True) >= self.spec.on:
                self._raise(by_value=True)
            return
        if self.condition == "recovering" or self.normal:
            again = self.normal and self.response == "acked"
            self.condition, self.normal = "active", False
            if again:
                self.response = "unacked"
            self._step("reopened", "raise" if again else "")
        if RANK[self.spec.severities[level - 1]] > RANK[self.severity]:
            self.level = level
            self.response = "unacked"
            self._cut_shelf()
            self._step("severity", "severity")
        elif level < self.level and not self.spec.off:
            self.level = level
            self._step("severity")

    def _sink(self) -> None:
        self.level = self.engaged()
        self._step("severity")

    def _false(self) -> None:
        if self.condition == "pending":
            self.condition = "clear"
        elif self.condition == "active" and not self.normal:
            self.condition, self.began = "recovering", self.now
            if self.spec.off:
                self._step("recovering")
            else:
                self._recover()

    # Steps --------------------------------------------------------------------------------------------

    def _raise(self, *, by_value: bool = False) -> None:
        if self.response != "none" or self.shelf or self.out:
            self._step("closed")
        self.condition, self.response = "active", "unacked"
        self.told = self.ever_told = False
        self.suppressed = (self.world.holds if by_value else self.world.held)(self.spec, self.now)
        self._cut_shelf()
        held = bool(self.holds())
        if not held:
            self.raises.append(self.now)
        if self.chatter_since is not None:
            self.chatter_since = self.now
            self._step("raised")
            return
        self._step("raised", "raise" if not self._is_too_often() else "")
        if not held and self._is_too_often():
            self.chatter_since = self.now
            self.chatter_was_told = True
            self._step("chattering", "chatter")
            self.told = False

    def _is_too_often(self) -> bool:
        since = [at for at in self.raises if at > self._calm_at]
        minute = [at for at in since if at > self.now - 60]
        hour = [at for at in since if at > self.now - 3600]
        return len(minute) >= 3 or len(hour) >= 10

    def _recover(self) -> None:
        if self.spec.latched:
            self.condition, self.normal = "active", True
            self._step("normal")
        else:
            self._clear("cleared")

    def _clear(self, cause: str) -> None:
        self.condition, self.normal = "clear", False
        if not (self.response == "unacked" and self.spec.ack and cause == "cleared"):
            self.response = "none"
        self.over_at = self.now
        is_quiet = self.chatter_since is not None and not self.told
        if self.chatter_since is not None:
            self.chatter_since = self.now
        if self.response == "none":
            self.suppressed = False
        self._step(cause, "" if is_quiet else "clear")
        if self.told:
            self.chatter_was_told = False
        if self.shelf.get("oneshot"):
            self.shelf = {}
            self._free("unshelved")

    def _calm(self) -> None:
        """It has been as it is for half an hour."""
        self.chatter_since = None
        self._calm_at = self.now
        if self.is_on:
            self.response = "unacked"
            self._step("quiet", "raise")
        elif self.chatter_was_told:
            self._step("quiet", "clear")
        self.chatter_was_told = False

    def holds(self) -> tuple[str, ...]:
        """What keeps it from being told."""
        held = (("shelved", self.shelf), ("suppressed", self.suppressed), ("out_of_service", self.out))
        return tuple(name for name, what in held if what)

    def _step(self, cause: str, notice: str = "") -> None:
        if self.response == "none" and not self.is_on:
            self.suppressed = False
        if notice in ("raise", "severity", "chatter"):
            if self.holds():
                notice = ""
            else:
                self.told = self.ever_told = True
        if notice in ("clear", "acknowledged", "shelf_expiring") and not (self.ever_told or cause == "quiet"):
            notice = ""
        wall = self.now + self._clock
        if cause == "raised" and wall + 1 < self._last:
            self._last = -1_000_000
        self._last = max(self._last, wall)
        self.steps.append(Told(self._last, cause, notice))

    def _free(self, cause: str) -> None:
        self._step(cause, "raise" if self.is_on and self.response == "unacked" else "")

    # People -------------------------------------------------------------------------------------------

    def _obey(self, wish: Mapping[str, Any]) -> None:
        kind = wish["kind"]
        if kind == "acknowledge":
            self._acknowledge()
        elif kind == "shelve":
            severity = self.severity if self.is_on or self.response != "none" else self.spec.severities[-1]
            if wish["for"] <= LONGEST_SHELF[severity]:
                self._shelve(wish["for"], oneshot=wish["oneshot"])
        elif kind == "unshelve" and self.shelf:
            self.shelf = {}
            self._free("unshelved")
        elif kind == "out_of_service":
            self._list()
            self.out = True
            self._step("out_of_service")
        elif kind == "return_to_service" and self.out:
            self.out = False
            self._free("returned")

    def _acknowledge(self) -> None:
        if self.normal:
            self._clear("reset")
        elif self.response == "unacked":
            self.response = "acked" if self.is_on else "none"
            self.acked_at = self.now
            self._step("acknowledged", "acknowledged" if self.is_on else "")

    def _list(self) -> None:
        if not (self.is_on or self.response != "none" or self.shelf or self.out):
            self.told = self.ever_told = False

    def _shelve(self, span: int, *, oneshot: bool) -> None:
        self._list()
        self.shelf = {
            "ends": self.now + span,
            "until": self.now + self._clock + span,
            "oneshot": oneshot,
            "remind": self.now + span - min(600, span // 10),
        }
        self._step("shelved")

    def _cut_shelf(self) -> None:
        longest = LONGEST_SHELF[self.severity]
        if self.shelf and self.shelf["ends"] > self.now + longest:
            self.shelf["ends"] = self.now + longest
            self.shelf["until"] = min(self.shelf["until"], self.now + self._clock + longest)
            if self.shelf["remind"]:
                self.shelf["remind"] = self.shelf["ends"] - min(600, longest // 10)

    def _watch_people(self) -> None:
        shelf = self.shelf
        if shelf and (self.now >= shelf["ends"] or self.now + self._clock >= shelf["until"]):
            self.shelf = {}
            self._free("unshelved")
        elif shelf and shelf["remind"] and self.now >= shelf["remind"]:
            shelf["remind"] = 0
            if self.is_on:
                self._step("shelf_expiring", "shelf_expiring")
        if self.suppressed and not self.world.held(self.spec, self.now):
            self.suppressed = False
            self._free("unsuppressed")
        again, alone = self.spec.re_alarm, self.spec.auto_ack
        if again and self.response == "acked" and self.is_on and self.now >= self.acked_at + again:
            self.response = "unacked"
            self._step("re_alarm", "raise")
        if alone and self.response == "unacked" and not self.is_on and self.now >= self.over_at + alone:
            self.response = "none"
            self._step("closed")
        if self.chatter_since is not None and self.now >= self.chatter_since + QUIET:
            self._calm()

    def look_up(self) -> None:
        """See what is above it, now that all has happened."""
        if not self.is_on and self.response == "none":
            self.suppressed = False
            return
        holds = self.world.holds(self.spec, self.now)
        if holds and not self.suppressed:
            self.suppressed = True
            self._step("suppressed")
        elif self.suppressed and not holds:
            self.suppressed = False
            self._free("unsuppressed")

    # Time that passes ---------------------------------------------------------------------------------

    def stops(self, until: int) -> None:
        """The monitor does not run from now until then."""
        if self.words and self.spec.missing != "hold" and self._by_word() is None:
            self.words.append((self.now, None))  # the silence of before goes on
        self.starts.append((self.now, until))

    def remember(self, *, is_off: bool) -> None:
        """Write down how it stands at the end of a second."""
        keeps_word = self.spec.stale is None or self.spec.missing != "hold"
        if not is_off:
            self.known.append(self.verdict())
        else:
            self.known.append(self.known[-1] if self.spec.counts_downtime and keeps_word and self.known else None)
        self.on.append(self.is_on)
        self.seconds.append((self.condition, self.response, self.severity if self.is_on else "", self.holds()))
