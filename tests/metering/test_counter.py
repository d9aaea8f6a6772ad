"""The counter engine: what is booked for what a register shows."""

import math
from dataclasses import asdict

import pytest

from monitor.metering.memory import Break, Former, Memory, Odd
from monitor.metering.step import Cause, Step, Taken
from monitor.site import Counter
from tests.metering.meter import HOUR, MINUTE, Meter, amounts


class TestCountingOn:
    def test_the_first_register_books_nothing(self) -> None:
        meter = Meter()

        taken = meter.show(10423.0)

        assert taken == Taken()
        assert meter.track.head == (meter.now, 10423.0)
        assert meter.track.first == meter.now

    def test_a_rise_is_one_step_from_the_head(self) -> None:
        meter = Meter()
        meter.show(100.0)

        taken = meter.show(100.5)

        assert taken.steps == (
            Step(
                start=meter.now - MINUTE,
                end=meter.now,
                start_register=100.0,
                end_register=100.5,
                amount=0.5,
            ),
        )
        assert not taken.told
        assert meter.track.head == (meter.now, 100.5)
        assert meter.track.first == meter.now - MINUTE

    def test_an_equal_register_books_nothing_used(self) -> None:
        meter = Meter()
        meter.show(100.0, 100.0, 100.2)

        assert amounts(meter.steps) == [0.0, 0.2]

    def test_a_whole_number_counts_as_well(self) -> None:
        meter = Meter()
        meter.show(100, 101)

        assert meter.track.dump()["head"] == [meter.now, 101.0]
        assert amounts(meter.steps) == [1.0]

    def test_after_a_long_silence_as_much_counts_as_the_rating_allows(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.show(100.0 + 10 * 60 * 1.2, every=10 * HOUR)

        assert amounts(meter.steps) == [720.0]

    @pytest.mark.parametrize(
        ("counter", "rise", "is_held"),
        [
            (Counter(rating=60.0), 2.2, False),
            (Counter(rating=60.0), 2.21, True),
            (Counter(rating=60.0, step=10.0), 21.2, False),
            (Counter(rating=60.0, step=10.0), 21.21, True),
            (Counter(), 101.0, False),
            (Counter(), 101.1, True),
        ],
    )
    def test_a_coarse_or_quick_register_is_plausible(
        self, counter: Counter, rise: float, *, is_held: bool
    ) -> None:
        meter = Meter(counter)
        meter.show(0.0, rise)

        assert bool(meter.track.pending) is is_held

    @pytest.mark.parametrize(
        ("device_class", "rating"),
        [("electricity", 5000), ("heat", 5000), ("water", 500), ("gas", 1000), ("door", 5000)],
    )
    def test_a_meter_without_a_rating_gets_that_of_its_class(self, device_class: str, rating: float) -> None:
        most = rating * 1.2 + 1
        meters = [Meter(Counter(), device_class=device_class) for _ in range(2)]
        meters[0].show(0.0, most, every=HOUR)
        meters[1].show(0.0, most + 0.1, every=HOUR)

        assert amounts(meters[0].steps) == [most]
        assert not meters[1].steps

    @pytest.mark.parametrize("register", [math.nan, math.inf, -math.inf, -0.1, True, False])
    def test_what_is_no_register_is_ignored(self, register: float) -> None:
        meter = Meter()
        assert meter.show(register) == Taken()
        assert meter.track.head is None
        meter.show(0.5)

        assert meter.show(register) == Taken()
        assert meter.track.pending == ()
        assert meter.track.head == (meter.now - MINUTE, 0.5)


class TestGlitches:
    def test_zero_for_one_poll_books_nothing(self) -> None:
        meter = Meter()
        meter.show(10423.0, 10423.1, 0.0)
        assert meter.track.pending == (0.0,)
        assert "fell from 10423.1 kWh to 0 kWh" in meter.track.doubt

        meter.show(10423.4)

        assert amounts(meter.steps) == [0.1, 0.3]
        assert not meter.lost
        assert meter.track.pending == ()
        assert meter.track.doubt == ""
        [told] = meter.told
        assert told.kind == "counter_glitch"
        assert told.attributes["from_register"] == 10423.1
        assert told.attributes["to_register"] == 0.0
        assert told.attributes["values"] == 1
        assert told.attributes["seconds"] == 60.0
        assert told.attributes["point"] == "energy_import_kwh"

    def test_down_and_back_is_one_event_however_odd_the_values(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.0, 0.0, 77777.0, 5.0, 10423.2)

        assert amounts(meter.steps) == [0.2]
        assert meter.kinds == ["counter_glitch"]
        assert meter.told[0].attributes["values"] == 4

    def test_a_value_far_above_books_nothing(self) -> None:
        meter = Meter()
        meter.show(10423.0, 99999.0, 99999.0)
        assert "at a rating of 60 kW no more than" in meter.track.doubt
        meter.show(10423.2)

        assert amounts(meter.steps) == [0.2]
        assert meter.kinds == ["counter_glitch"]

    def test_a_glitch_to_exactly_the_modulus_books_nothing(self) -> None:
        meter = Meter()
        meter.show(10423.0, 1e6, 10423.2)

        assert amounts(meter.steps) == [0.2]

    def test_a_first_value_that_is_a_glitch_books_no_lifetime_total(self) -> None:
        meter = Meter()
        meter.show(0.0, 10423.0, 10423.1, 10423.2, 10423.3)

        assert round(meter.booked, 6) == 0.3
        assert meter.causes == [Cause.JUMP]
        assert meter.lost[0].amount == 0.0

    def test_a_first_value_far_above_books_nothing(self) -> None:
        meter = Meter()
        meter.show(99999.0, 10423.0, 10423.1, 10423.2, 10423.3)

        assert round(meter.booked, 6) == 0.3
        assert meter.causes == [Cause.JUMP]

    def test_values_that_do_not_fit_each_other_are_never_believed(self) -> None:
        meter = Meter()
        meter.show(10423.0, *([5000.0, 0.0] * 50))

        assert not meter.steps
        assert len(meter.track.pending) == 1

    def test_the_same_message_again_confirms_nothing(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.0)
        for _ in range(5):
            meter.keep(meter.track.take(meter.now, 0.0, arrived=meter.now))

        assert meter.track.pending == (0.0,)
        assert not meter.steps

    def test_a_late_value_between_the_head_and_the_held_ones_is_booked(self) -> None:
        meter = Meter()
        meter.show(10423.0)
        meter.show(0.0, every=10 * MINUTE)
        taken = meter.track.take(meter.now - MINUTE, 10423.5, arrived=meter.now)

        assert amounts(taken.steps) == [0.5]
        assert meter.track.pending == (0.0,)

    def test_a_fall_that_a_small_register_comes_back_from_is_a_glitch(self) -> None:
        meter = Meter()
        meter.show(1.0, 0.0, 1.5)

        assert amounts(meter.steps) == [0.5]
        assert meter.kinds == ["counter_glitch"]

    def test_a_rise_that_came_too_fast_for_its_poll_is_no_glitch(self) -> None:
        meter = Meter()
        meter.show(100.0, 104.0, 104.0, 104.1)

        assert amounts(meter.steps) == [4.1]
        assert not meter.told

    @pytest.mark.parametrize(("rise", "is_counted"), [(30.0, True), (75.0, False)])
    def test_a_register_that_is_refreshed_seldom_may_rise_by_all_of_it_at_once(
        self, rise: float, *, is_counted: bool
    ) -> None:
        meter = Meter()
        meter.show(100.0, 100.5, *[100.5] * 90, *[100.5 + rise] * 3)

        assert (meter.causes == []) is is_counted
        assert meter.booked == pytest.approx(0.5 + rise * is_counted)
        assert bool(meter.told) is not is_counted
        assert bool(meter.track.dump()["formers"]) is not is_counted

    @pytest.mark.parametrize("counter", [Counter(), Counter(rating=5000.0)])
    def test_a_register_that_never_moved_may_not(self, counter: Counter) -> None:
        meter = Meter(counter)
        meter.show(*[0.0] * 90, *[1000.0] * 3)

        assert meter.causes == [Cause.JUMP]
        assert meter.booked == 0.0

    def test_a_register_without_a_declared_rating_may_not(self) -> None:
        meter = Meter(Counter())
        meter.show(0.0, 1.0, *[1.0] * 90, *[1000.0] * 3)

        assert meter.causes == [Cause.JUMP]


class TestResets:
    def test_a_true_reset_books_what_was_used_since(self) -> None:
        meter = Meter()
        taken = meter.show(10423.0, 10423.1, 0.2, 0.3, 0.4)

        assert [(step.cause, round(step.amount, 6), step.lost) for step in taken.steps] == [
            (Cause.RESET, 0.2, True),
            (Cause.COUNTED, 0.1, False),
            (Cause.COUNTED, 0.1, False),
        ]
        assert meter.kinds == ["counter_reset"]
        assert meter.told[0].attributes["amount"] == 0.2
        assert meter.track.head == (meter.now, 0.4)

    def test_two_values_are_not_enough(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.0, 0.0)

        assert not meter.steps

    def test_the_last_digit_may_waver_while_it_is_confirmed(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.3, 0.2, 0.3, 0.5)

        assert meter.causes == [Cause.RESET]
        assert round(meter.booked, 6) == 0.5

    def test_a_reset_followed_by_a_glitch(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.1, 0.2, 0.3, 7777.0, 0.5)

        assert round(meter.booked, 6) == 0.5
        assert meter.kinds == ["counter_reset", "counter_glitch"]

    def test_a_glitch_followed_by_a_reset(self) -> None:
        meter = Meter()
        meter.show(10423.0, 7777.0, 0.1, 0.2, 0.3)

        assert round(meter.booked, 6) == 0.3
        assert meter.kinds == ["counter_reset"]
        assert meter.told[0].attributes["values"] == 4

    def test_a_fall_to_what_cannot_have_been_counted_books_nothing(self) -> None:
        meter = Meter()
        meter.show(10423.0, 523.0, 523.1, 523.2)

        assert meter.causes == [Cause.JUMP]
        assert amounts(meter.steps) == [0.0, 0.1, 0.1]
        assert meter.kinds == ["counter_reset"]
        assert "another meter? then tell it with `facility-monitor meter replace`" in str(
            meter.told[0].attributes["why"]
        )

    def test_a_rise_to_what_cannot_have_been_counted_books_nothing(self) -> None:
        meter = Meter()
        meter.show(523.0, 10423.0, 10423.1, 10423.2)

        assert meter.causes == [Cause.JUMP]
        assert amounts(meter.steps) == [0.0, 0.1, 0.1]
        assert meter.lost[0].lost
        assert "larger `rating`" in str(meter.told[0].attributes["why"])


class TestRollover:
    def test_rollover_at_999999_9_is_exact(self) -> None:
        meter = Meter()
        taken = meter.show(999999.5, 999999.9, 0.1, 0.2, 0.4)

        assert [(step.cause, round(step.amount, 6), step.lost) for step in taken.steps] == [
            (Cause.ROLLOVER, 0.2, False),
            (Cause.COUNTED, 0.1, False),
            (Cause.COUNTED, 0.2, False),
        ]
        assert meter.kinds == ["counter_rollover"]
        assert meter.told[0].attributes["modulus"] == 1e6

    def test_a_glitch_while_it_is_confirmed_changes_nothing(self) -> None:
        meter = Meter()
        meter.show(999999.5, 0.1, 0.2, 5000.0, 0.3, 0.4, 0.6)

        assert round(meter.booked, 6) == 1.1
        assert meter.causes == [Cause.ROLLOVER]
        assert not meter.lost

    def test_a_glitch_to_zero_near_the_modulus_is_no_rollover(self) -> None:
        meter = Meter()
        meter.show(999999.5, 0.0, 999999.7)

        assert amounts(meter.steps) == [0.2]

    def test_a_rollover_that_was_a_long_glitch_is_made_good_as_far_as_it_can_be(self) -> None:
        meter = Meter()
        meter.show(999999.0, 0.0, 0.0, 0.0, 999999.2, 999999.3, 999999.4, 0.2, 0.3, 0.4)

        assert round(meter.booked, 6) == 2.2  # 1.4, and 0.8 too many when it seemed to roll over
        assert meter.resolved == []

    def test_it_rolls_over_again_and_again(self) -> None:
        meter = Meter(Counter(modulus=10.0, rating=60.0, step=0.1))
        meter.show(*[round(9.0 + n * 0.5, 1) % 10 for n in range(100)])

        assert round(meter.booked, 6) == 49.5
        assert set(meter.kinds) == {"counter_rollover"}

    def test_across_a_gap(self) -> None:
        meter = Meter()
        meter.show(999990.0)
        meter.show(20.0, every=HOUR)
        meter.show(20.1, 20.2)

        assert amounts(meter.steps) == [30.0, 0.1, 0.1]

    @pytest.mark.parametrize(
        ("last", "step", "modulus"),
        [
            (999999.9, 0.0, 1e6),
            (99999.97, 0.0, 1e5),
            (429496729.5, 0.1, 2**32 * 0.1),
            (2147483.6, 0.001, 2**31 * 0.001),
            (65535.0, 1.0, 2**16),
        ],
    )
    def test_a_modulus_that_nobody_declared_is_inferred(self, last: float, step: float, modulus: float) -> None:
        meter = Meter(Counter(rating=60.0, step=step))
        meter.show(last, 0.0, 0.5, 1.0)

        assert meter.causes == [Cause.ROLLOVER]
        assert meter.steps[0].amount == pytest.approx(modulus - last, abs=1e-6)
        assert not meter.lost
        assert "inferred" in str(meter.told[0].attributes["why"])

    @pytest.mark.parametrize("last", [989_000.0, 500.0, 99.99])
    def test_no_modulus_is_inferred_for_a_register_that_was_not_full(self, last: float) -> None:
        meter = Meter(Counter(rating=60.0, step=0.1))
        meter.show(last, 0.0, 0.5, 1.0)

        assert meter.causes == [Cause.RESET]

    def test_a_declared_modulus_is_the_only_one(self) -> None:
        meter = Meter(Counter(modulus=1e8, rating=60.0))
        meter.show(999999.9, 0.0, 0.5, 1.0)

        assert meter.causes == [Cause.RESET]

    def test_two_hundred_times_the_modulus_is_never_booked(self) -> None:
        meter = Meter(Counter(modulus=1e6, rating=5000.0))
        meter.show(0.0, 999_000.0, 999_000.1, 999_000.2)

        assert meter.causes == [Cause.JUMP]
        assert round(meter.booked, 6) == 0.2


class TestBackflow:
    def test_nothing_is_booked_until_it_passes_the_highest_register(self) -> None:
        meter = Meter()
        meter.show(1000.0, 996.0, 996.5, 997.0, 997.5)
        assert meter.track.pending == (997.5,)
        assert "fell a little, from 1000 kWh to 997.5 kWh" in meter.track.doubt
        assert not meter.steps

        meter.show(1000.3)

        assert amounts(meter.steps) == [0.3]
        assert not meter.lost
        assert meter.kinds == ["counter_glitch"]
        assert meter.told[0].attributes["to_register"] == 996.0

    def test_the_last_digit_that_wavers_makes_no_event(self) -> None:
        meter = Meter()
        meter.show(*([1000.1, 1000.0] * 20), 1000.3)

        assert round(meter.booked, 6) == 0.2
        assert not meter.told

    def test_a_pulse_more_or_less_on_a_small_register_is_no_reset(self) -> None:
        meter = Meter(Counter(rating=60.0, step=1.0))
        meter.show(5.0, 4.0, 4.0, 4.0, 4.0, 6.0)

        assert amounts(meter.steps) == [1.0]
        assert not meter.told

    def test_a_backflow_every_hour_makes_one_event_a_day(self) -> None:
        meter = Meter(Counter(rating=60.0))
        for hour in range(49):
            meter.show(1000.0 + hour, 999.0 + hour, every=30 * MINUTE)

        assert meter.kinds == ["counter_glitch"] * 2
        assert round(meter.booked, 6) == 48.0

    def test_a_day_below_ends_it(self) -> None:
        meter = Meter()
        meter.show(1000.0)
        meter.show(*[997.0] * 25, every=HOUR)
        assert not meter.steps

        meter.show(997.0, 997.5, every=HOUR)

        assert amounts(meter.steps) == [0.0, 0.5]
        assert meter.causes == [Cause.JUMP]
        assert meter.steps[0].lost
        assert meter.kinds == ["counter_reset"]
        assert meter.track.pending == ()

    def test_one_value_after_a_silence_of_days_does_not_end_it(self) -> None:
        meter = Meter()
        meter.show(1000.0, 997.0)
        meter.show(997.0, every=48 * HOUR)

        assert not meter.steps

    def test_a_fall_above_the_rating_is_no_backflow(self) -> None:
        meter = Meter()
        meter.show(900000.0, 899930.0, 899930.0, 899930.0)

        assert meter.causes == [Cause.JUMP]

    def test_a_glitch_during_a_backflow(self) -> None:
        meter = Meter()
        meter.show(1000.0, 997.0, 0.0, 0.0, 997.2, 1000.1)

        assert amounts(meter.steps) == [0.1]
        assert meter.kinds == ["counter_glitch"]


def test_all_that_a_counter_remembers_is_kept() -> None:
    memory = Memory(
        held=[(1, 2.0)],
        odd=Odd(since=1, first=1.0, lowest=0.5, last=2, shown=1.0),
        formers=[Former(time=1, register=2.0, end=3, lost=True, until=4)],
        broken=Break(before=1.0, after=2.0),
        serial="A",
        serial_time=3,
        swap=("A", "B"),
    )

    assert memory.dump() == asdict(memory)
    assert Memory.load(memory.dump()) == memory
    assert Memory().dump() == asdict(Memory())
