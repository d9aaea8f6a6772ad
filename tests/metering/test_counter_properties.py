"""What the counter engine books is what was used, whatever the register does in between.

A meter is simulated that counts in whole ticks, so that what it truly counted is known exactly; what it shows is
disturbed. The disturbances keep to what can be told apart at all. Nobody could tell, and so it is not tried:

- a wrong value that the counter could have reached from what it showed before (it is believed), or three wrong
  values in a row that return to where the counter could have come to from them;
- a wrong plateau of three values or more near the modulus, or small enough to have been counted since zero (it is
  booked as such; zero itself is tried);
- another meter, without a word and without a serial number, whose first register the old one could have reached,
  directly, past its modulus or by a small backflow, or which could itself have been counted since zero;
- a rollover while more than one modulus could have been counted, or to where the counter stood before a break.
"""

import json
import math
import re
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from monitor.metering.counter import Track
from monitor.metering.step import Cause, Replacement, Step, Taken, Told
from monitor.site import Counter

HOUR = 3_600_000
START = 1_760_000_000_000

fraction = st.floats(0.0, 1.0)
operations = st.one_of(
    st.tuples(st.just("poll"), fraction, fraction),
    st.tuples(st.just("gap"), fraction, fraction),
    st.tuples(st.just("glitch"), st.integers(1, 2), fraction),
    st.tuples(st.just("peak"), st.integers(1, 2), fraction),
    st.tuples(st.just("dip"), st.integers(3, 9), fraction),
    st.tuples(st.just("plateau"), st.integers(3, 9), fraction),
    st.tuples(st.just("backflow"), st.integers(1, 20), fraction),
    st.tuples(st.just("still"), st.integers(1, 20), fraction),
    st.tuples(st.just("again"), st.just(0), fraction),
    st.tuples(st.just("reset"), st.just(0), fraction),
    st.tuples(st.just("swap"), st.integers(0, 3), fraction),
    st.tuples(st.just("swap with serial"), st.integers(0, 4), fraction),
    st.tuples(st.just("swap with word"), st.integers(0, 2), fraction),
    st.tuples(st.just("kill"), st.just(0), fraction),
)
counters = st.builds(
    Counter,
    modulus=st.sampled_from([None, 1e4, 1e5, 1e6]),
    rating=st.sampled_from([5.0, 60.0, 200.0]),
    step=st.sampled_from([0.01, 0.1, 1.0]),
)


class World:
    """A meter that counts, and the track that watches it, beside one that is killed now and then."""

    def __init__(self, counter: Counter, begin: float) -> None:
        assert counter.rating is not None
        self.counter = counter
        self.rating = counter.rating
        self.step = counter.step
        self.modulus = round((counter.modulus or 1e9) / self.step)
        self.ticks = min(round(begin * (counter.modulus or 1e6) / self.step), self.modulus - 1)
        self.part = 0.0
        self.now = START
        self.every = 60_000
        self.load = 0.5
        self.used = 0
        """Ticks since the first register, of all meters."""
        self.unknown = 0
        """Those of them that nobody can know."""
        self.breaks: list[int] = []
        """Times of breaks whose use nobody can know."""
        self.seen: list[tuple[int, float]] = []
        self.left: list[tuple[int, float]] = []
        self.is_ambiguous = False
        """It went past its modulus to where it, or another meter, may have stood before a break."""
        self.most = 0.0
        self.steps: list[Step] = []
        self.told: list[Told] = []
        self.resolved: list[int] = []
        self.serials = 0
        self.track = self.make()
        self.killed = self.make()
        self.say_serial()
        self.poll()
        self.used = 0

    def make(self) -> Track:
        return Track("energy_import_kwh", "kWh", self.counter, device_class="electricity")

    def kill(self) -> None:
        kept = json.dumps(self.killed.dump())
        self.killed = self.make()
        self.killed.load(json.loads(kept))

    @property
    def register(self) -> float:
        return round(self.ticks * self.step, 6)

    def possible(self, span: int) -> float:
        return self.rating * 1.2 * span / HOUR + max(1.0, 2 * self.step)

    def is_telling(self, value: float, *, span: int, moving: float = 0.0) -> bool:
        """Whether a register, or one up to `moving` above it, cannot be meant until `span` from now."""
        if self.track.pending and self.register < self.seen[-1][1]:
            return False
        head = self.track.head
        assert head is not None
        known = [(self.now, self.register), head, *self.seen[-4:], *self.left]
        for time, register in known:
            low = max(0.006 * register, 3 * self.step)
            if register - low - moving <= value <= register + self.possible(self.now + span - time):
                return False
        return value >= 0.0

    def is_far_from_modulus(self, span: int) -> bool:
        declared = self.counter.modulus
        inferred = [*(10.0**power for power in range(3, 11)), *(2.0**bits * self.step for bits in (16, 31, 32))]
        moduli = [declared] if declared else inferred
        return all(not -0.02 * modulus <= self.register - modulus <= 0 for modulus in moduli) and all(
            abs(modulus - self.register) > 2 * self.possible(span) for modulus in moduli if declared
        )

    def keep(self, taken: Taken, other: Taken) -> Taken:
        assert taken == other
        self.steps += taken.steps
        self.told += taken.told
        self.resolved += taken.resolved
        return taken

    def pass_time(self, span: int, load: float) -> None:
        """The meter counts."""
        self.now += span
        self.most += self.possible(span)
        self.part += self.rating * load * span / HOUR / self.step
        whole = math.floor(self.part)
        self.part -= whole
        is_full = self.ticks + whole >= self.modulus
        self.ticks = (self.ticks + whole) % self.modulus
        if is_full and any(register <= self.register + self.possible(HOUR) for _, register in self.left):
            self.is_ambiguous = True
        if is_full:
            self.left += self.seen[-1:]
        self.used += whole

    def show(self, value: float | None = None) -> Taken:
        value = self.register if value is None else round(round(value / self.step) * self.step, 6)
        self.seen.append((self.now, value))
        return self.keep(
            self.track.take(self.now, value, arrived=self.now), self.killed.take(self.now, value, arrived=self.now)
        )

    def poll(self, times: int = 1) -> None:
        for _ in range(times):
            self.pass_time(self.every, self.load)
            self.show()

    def say_serial(self) -> None:
        serial = f"N{self.serials}"
        self.keep(self.track.serial(serial, self.now), self.killed.serial(serial, self.now))

    def wrong(self, *places: float) -> None:
        """The register shows what is wrong, and then what is right."""
        for place in places:
            self.pass_time(self.every, self.load)
            self.show(place)
        self.poll()

    def disturb(self, values: int, value: float) -> None:
        span = (values + 4) * self.every
        places = (value, value * 0.5 if value < self.register else value + 5000)[:values]
        if all(self.is_telling(place, span=span) for place in places):
            self.wrong(*places)

    def dip(self, values: int, value: float) -> None:
        """A plateau that is held for true, and then it goes on as before."""
        span = (values + 8) * self.every
        away = abs(value - self.register)
        if self.track.pending or not self.is_far_from_modulus(span) or not self.is_telling(value, span=span):
            return
        if away < 4 * self.possible(span) or 0 < value < 2 * self.possible(span):
            return
        self.left += self.seen[-1:]
        self.wrong(*[value] * values)
        self.poll(3)

    def backflow(self, values: int, share: float) -> None:
        if self.track.pending:
            return
        register = self.register
        fall = share * min(self.rating, 0.005 * register)
        for _ in range(values):
            self.pass_time(self.every, self.load * 0.1)
            if not 0 <= self.register - register < 0.5:
                break
            self.show(max(0.0, math.ceil((register - fall) / self.step) * self.step))
        self.poll()

    def stand_still(self, values: int) -> None:
        """A gateway goes on showing an old register, and then the new one."""
        used = self.used
        self.poll()
        if self.track.pending or self.used == used:
            return
        register, used = self.register, self.used
        for _ in range(values):
            self.pass_time(self.every, self.load)
            if (self.used - used) * self.step > 0.4 * self.rating or self.register < register:
                break
            self.show(register)
        self.poll()

    def change_meter(self, start: float) -> tuple[float, int]:
        """Another one hangs there; what the old one showed last, and when."""
        self.pass_time(self.every // 2, self.load)
        final, self.part = self.register, 0.0
        self.ticks = round(start / self.step) % self.modulus
        return final, self.now

    def lose(self, begun: int) -> None:
        """What was used about a break cannot be known."""
        self.breaks.append(self.now)
        self.left += self.seen[-1:]
        self.unknown += begun

    def reset(self) -> None:
        if (
            self.track.pending
            or not self.is_far_from_modulus(HOUR)
            or not self.is_telling(0.0, span=HOUR, moving=self.possible(HOUR))
        ):
            return
        used = self.used
        self.pass_time(self.every // 2, self.load)
        self.lose(self.used - used)
        self.ticks, self.part = 0, 0.0
        self.poll(3)
        self.say_serial()

    def swap(self, heard: int, start: float, *, serial: bool) -> None:
        """Another meter; its number is heard after so many registers, or never."""
        certain = serial and heard == 0
        is_odd = self.is_telling(start, span=HOUR, moving=self.possible(HOUR)) and self.is_far_from_modulus(HOUR)
        if self.track.pending or (not certain and (not is_odd or 0 < start < 2 * self.possible(HOUR))):
            return
        used = self.used
        self.change_meter(start)
        self.serials += serial
        self.lose(0)
        for number in range(4):
            if serial and heard == number:
                self.say_serial()
            self.poll()
            if number == 0:
                self.unknown += self.used - used
        if not serial or heard == 4:
            self.say_serial()

    def swap_with_word(self, heard: int, start: float) -> None:
        """Another meter; a person says so before its first register, or while some are held."""
        is_odd = self.is_telling(start, span=HOUR, moving=self.possible(HOUR)) and self.is_far_from_modulus(HOUR)
        if self.track.pending or (heard and not is_odd) or not self.is_far_from_modulus(HOUR):
            return
        final, at = self.change_meter(start)
        self.serials += 1
        start = self.register
        word = Replacement(at=at, final=final, start=start, by="anna")
        self.poll(heard)
        self.keep(self.track.replace(word), self.killed.replace(word))
        self.left.clear()
        self.poll()
        self.say_serial()

    def do(self, what: str, number: float, share: float) -> None:  # noqa: C901, PLR0912
        high = min(self.register * 2 + 3000 + share * 1e5, self.modulus * self.step - 2 * self.possible(HOUR))
        match what:
            case "poll":
                self.every, self.load = 10_000 + 10_000 * round(89 * number), share
                self.poll()
            case "gap":
                self.pass_time(round(number * 10 * HOUR), share)
                self.poll()
            case "glitch":
                self.disturb(int(number), self.register * share * 0.9)
            case "peak":
                self.disturb(int(number), high)
            case "dip":
                self.dip(int(number), 0.0 if share < 0.5 else self.register * share * 0.9)
            case "plateau":
                self.dip(int(number), high)
            case "backflow":
                self.backflow(int(number), share)
            case "still":
                self.stand_still(int(number))
            case "again":
                time, value = self.seen[-1]
                self.keep(
                    self.track.take(time, value, arrived=self.now), self.killed.take(time, value, arrived=self.now)
                )
            case "reset":
                self.reset()
            case "swap":
                self.swap(0, [0.0, self.register * share, high, 5000.0][int(number)], serial=False)
            case "swap with serial":
                self.swap(int(number), self.register * share * 1.5, serial=True)
            case "swap with word":
                self.swap_with_word(int(number), self.register * share * 1.5)
            case _:
                self.kill()

    def finish(self) -> None:
        """Count on until nothing is held."""
        self.load = 0.5
        self.poll()
        for _ in range(8):
            if self.track.pending:
                self.poll()


def check_steps(world: World) -> None:
    end = world.track.first
    for step in world.steps:
        assert step.start == end
        assert step.start < step.end
        assert math.isfinite(step.amount)
        assert step.amount >= 0.0
        end = step.end
    head = world.track.head
    assert head is not None
    assert end == head[0]


def check_amounts(world: World) -> None:
    booked = sum(step.amount for step in world.steps)
    resolution = world.step + 1e-6 * len(world.steps)
    assert booked <= world.used * world.step + resolution
    assert booked >= (world.used - world.unknown) * world.step - resolution
    assert booked <= world.most
    if not world.resolved:
        assert all(
            step.amount <= world.possible(step.end - step.start + HOUR) + 1e-6
            for step in world.steps
            if step.cause is not Cause.REPLACED
        )


def check_losses(world: World) -> None:
    lost = [step for step in world.steps if step.lost and step.end not in world.resolved]
    for time in world.breaks:
        assert any(step.start <= time < step.end for step in lost)
    for step in lost:
        assert any(step.start <= time < step.end for time in world.breaks)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(counter=counters, begin=fraction, script=st.lists(operations, max_size=40))
def test_what_is_booked_is_what_was_used(
    counter: Counter, begin: float, script: Sequence[tuple[str, float, float]]
) -> None:
    world = World(counter, begin)
    for what, number, share in script:
        world.do(what, number, share)
    world.finish()
    assume(not world.is_ambiguous)

    assert world.track.head == (world.now, world.register)
    assert world.track.pending == ()
    check_steps(world)
    check_amounts(world)
    check_losses(world)


values = st.one_of(
    st.floats(0.0, 1e7), st.sampled_from([0.0, 1.0, 999999.9, 1e6, math.nan, math.inf, -1.0]), st.floats(0.0, 3.0)
)
strangers = st.one_of(
    st.tuples(st.just("take"), st.integers(-HOUR, 10 * HOUR), values),
    st.tuples(st.just("more"), st.integers(1, HOUR), st.floats(0.0, 3.0)),
    st.tuples(st.just("serial"), st.integers(0, 3), values),
    st.tuples(st.just("replace"), st.integers(-HOUR, HOUR), values),
    st.tuples(st.just("clock"), st.integers(-30 * HOUR, HOUR), values),
    st.tuples(st.just("rescale"), st.integers(1, 3), values),
)


class Stranger:
    """A counter that may show anything at any time, and is killed after each."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.track = self.make()
        self.killed = self.make()
        self.now = START
        self.most = 0.0
        self.ratio = 1.0
        self.booked = 0.0
        self.end: int | None = None

    def make(self) -> Track:
        return Track("volume_m3", "m3", self.counter, device_class="water")

    @property
    def register(self) -> float:
        return self.track.head[1] if self.track.head else 0.0

    def do(self, track: Track, what: str, number: int, value: float) -> Taken:
        later = self.now + number
        match what:
            case "take":
                return track.take(later, value, arrived=max(self.now, later))
            case "more":
                return track.take(later, self.register + value, arrived=later)
            case "serial":
                return track.serial(f"N{number}", self.now)
            case "replace":
                return track.replace(Replacement(at=later, final=self.register + 0.5, start=value))
            case "clock":
                track.follow_clock(later)
            case _:
                track.rescale(float(number))
        return Taken()

    def both(self, what: str, number: int, value: float) -> Taken:
        try:
            taken = self.do(self.killed, what, number, value)
        except ValueError as error:
            with pytest.raises(ValueError, match=re.escape(str(error))):
                self.do(self.track, what, number, value)
            return Taken()
        assert self.do(self.track, what, number, value) == taken
        return taken

    def kill(self) -> None:
        kept = json.dumps(self.killed.dump())
        assert len(kept) < 2500
        self.killed = self.make()
        self.killed.load(json.loads(kept))
        assert json.dumps(self.killed.dump()) == kept

    def pass_time(self, what: str, number: int) -> None:
        rating = 500.0 if self.counter.rating is None else self.counter.rating
        self.most += rating * 1.2 * abs(number) / HOUR + 2 * max(1.0, 2 * self.counter.step)
        if what == "clock" and number < 0:
            self.now += number
            self.end = None
        elif what == "rescale":
            self.ratio *= number
        elif what in {"take", "more"}:
            self.now += max(number, 0)

    def check(self, taken: Taken) -> None:
        for step in taken.steps:
            assert step.start < step.end
            assert step.amount >= 0.0
            assert self.end is None or step.start == self.end
            self.end = step.end
            self.booked += step.amount
        assert self.booked <= self.most * self.ratio * (1 + 1e-9)
        assert len(self.track.pending) <= 3
        assert bool(self.track.doubt) == bool(self.track.pending)


@settings(max_examples=100, deadline=None)
@given(counter=st.one_of(st.builds(Counter), counters), script=st.lists(strangers, max_size=60))
def test_whatever_is_shown_no_more_is_booked_than_is_possible(
    counter: Counter, script: Sequence[tuple[str, int, float]]
) -> None:
    stranger = Stranger(counter)
    for what, number, value in script:
        taken = stranger.both(what, number, value)
        stranger.pass_time(what, number)
        stranger.check(taken)
        stranger.kill()
