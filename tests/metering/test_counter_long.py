"""The counter engine over time: long dips, clocks that are set, registers that people read, restarts."""

import json
import math

import pytest

from monitor.metering.step import Cause, Taken
from monitor.schema import EVENT_KINDS
from tests.metering.meter import HOUR, MINUTE, START, Meter, amounts, word


class TestLongDips:
    def test_a_dip_of_ten_values_is_made_good(self) -> None:
        meter = Meter()
        meter.show(10423.0, *[0.0] * 10)
        assert meter.causes == [Cause.RESET]
        end = meter.lost[0].end

        meter.show(10424.0, 10424.1, 10424.2)

        assert round(meter.booked, 6) == 1.2
        assert meter.resolved == [end]
        assert meter.kinds == ["counter_reset", "counter_glitch"]
        assert meter.track.head == (meter.now, 10424.2)

    def test_what_was_booked_in_the_dip_is_not_booked_again(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.5, 0.6, 0.7, 0.7, 10424.0, 10424.0, 10424.0)

        assert round(meter.booked, 6) == 1.0

    def test_no_amount_is_negative_when_more_was_booked_in_the_dip(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.5, 1.0, 1.5, 2.0, 10424.0, 10424.0, 10424.0)

        assert all(step.amount >= 0 for step in meter.steps)
        assert round(meter.booked, 6) == 2.0

    def test_a_long_peak_is_made_good_likewise(self) -> None:
        meter = Meter()
        meter.show(5.0, *[99999.0] * 5, 5.2, 5.3, 5.4)

        assert round(meter.booked, 6) == 0.4
        assert len(meter.resolved) == 1

    def test_a_dip_in_two_parts_is_made_good_at_once(self) -> None:
        meter = Meter()
        meter.show(10423.0, *[0.0] * 5, *[700.0] * 5, 10424.0, 10424.1, 10424.2)

        assert round(meter.booked, 6) == 1.2
        assert meter.resolved == [step.end for step in meter.lost]
        assert len(meter.resolved) == 2

    def test_a_true_reset_and_a_peak_later_resolves_only_the_peak(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.0, 0.1, 0.2, *[99999.0] * 4, 0.5, 0.6, 0.7)

        assert round(meter.booked, 6) == 0.7
        assert meter.resolved == [meter.lost[1].end]

    def test_after_a_day_it_is_another_meter(self) -> None:
        meter = Meter()
        meter.show(10423.0, 0.0, 0.0, 0.0)
        meter.show(*[1.0] * 30, every=HOUR)
        meter.show(10600.0, 10600.0, 10600.0)

        assert meter.causes == [Cause.RESET, Cause.JUMP]
        assert meter.resolved == []
        assert meter.booked == 1.0


class TestTime:
    def test_what_is_late_changes_nothing(self) -> None:
        meter = Meter()
        meter.show(100.0, 101.0)
        before = meter.track.dump()

        for time in (meter.now, meter.now - 1, meter.now - HOUR):
            assert meter.track.take(time, 100.5, arrived=meter.now) == Taken(is_late=True)
        assert meter.track.dump() == before

    def test_a_head_from_the_future_is_taken_back(self) -> None:
        meter = Meter()
        meter.keep(meter.track.take(START + 24 * HOUR, 100.0, arrived=START + 24 * HOUR))
        meter.show(100.5, 101.0)

        assert [(step.start, step.end) for step in meter.steps] == [
            (START + MINUTE - 1, START + MINUTE),
            (START + MINUTE, START + 2 * MINUTE),
        ]
        assert meter.booked == 1.0
        assert meter.track.first == START + MINUTE - 1

    def test_a_little_ahead_is_only_late(self) -> None:
        meter = Meter()
        meter.track.take(START + 5 * MINUTE, 100.0, arrived=START)

        assert meter.track.take(START, 100.0, arrived=START).is_late

    def test_held_values_from_the_future_do_not_stay(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.take(START + 24 * HOUR, 0.0, arrived=START)
        meter.show(0.1, 0.2, 0.3)

        assert meter.causes == [Cause.RESET]
        assert [step.end for step in meter.steps] == [START + n * MINUTE for n in (2, 3, 4)]

    def test_a_low_value_from_the_future_does_not_stay(self) -> None:
        meter = Meter()
        meter.show(1000.0)
        meter.track.take(START + 24 * HOUR, 999.0, arrived=START)
        meter.show(999.1)
        meter.show(*[999.1] * 25, every=HOUR)

        assert meter.causes == [Cause.JUMP]

    def test_the_clock_set_back_moves_the_head(self) -> None:
        meter = Meter()
        meter.show(100.0, 101.0)
        meter.show(0.0)
        meter.now -= HOUR
        meter.track.follow_clock(meter.now)
        assert meter.track.head == (meter.now, 101.0)
        assert meter.track.first == meter.now
        meter.show(101.5)

        assert amounts(meter.steps) == [1.0, 0.5]

    def test_the_clock_set_forward_changes_nothing(self) -> None:
        meter = Meter()
        meter.track.follow_clock(START)
        meter.show(100.0)
        before = meter.track.dump()
        meter.track.follow_clock(meter.now + HOUR)

        assert meter.track.dump() == before

    def test_a_word_waits_no_longer_than_before_the_clock_was_set_back(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.replace(word(meter.now + 1, 100.5, 0.0))
        meter.now -= HOUR
        meter.track.follow_clock(meter.now)
        meter.show(0.25)

        assert meter.booked == 0.75


class TestByHand:
    def test_a_plausible_rise_counts(self) -> None:
        meter = Meter()
        meter.track.take(START, 100.0, arrived=START, by_hand=True)
        taken = meter.track.take(START + HOUR, 150.0, arrived=START + HOUR, by_hand=True)

        assert amounts(taken.steps) == [50.0]

    @pytest.mark.parametrize("register", [0.0, 99.9, 500.0])
    def test_anything_else_is_refused_at_once(self, register: float) -> None:
        track = Meter().track
        track.take(START, 100.0, arrived=START, by_hand=True)
        before = track.dump()

        with pytest.raises(ValueError, match=r"does not follow the last reading.*Read it again"):
            track.take(START + HOUR, register, arrived=START + HOUR, by_hand=True)

        assert track.dump() == before

    def test_a_replacement_counts(self) -> None:
        track = Meter().track
        track.take(START, 100.0, arrived=START, by_hand=True)
        track.replace(word(START + HOUR, 120.0, 3.0))

        with pytest.raises(ValueError, match="cannot have begun at 3 kWh"):
            track.take(START + 2 * HOUR, 2.0, arrived=START, by_hand=True)

        taken = track.take(START + 2 * HOUR, 13.0, arrived=START, by_hand=True)
        assert amounts(taken.steps) == [20.0, 10.0]


class TestRescaling:
    def test_it_counts_on_in_the_new_ratio(self) -> None:
        meter = Meter()
        meter.show(100.0, 0.0)
        meter.track.rescale(1.5)
        assert meter.track.head == (meter.now - MINUTE, 150.0)
        meter.show(150.5)

        assert amounts(meter.steps) == [0.5]

    def test_what_is_remembered_is_rescaled_too(self) -> None:
        meter = Meter()
        meter.show(10000.0, *[0.0] * 4)
        meter.track.rescale(2.0)
        meter.show(20000.5, 20000.5, 20000.5)

        assert meter.booked == 0.5
        assert len(meter.resolved) == 1

    def test_what_a_person_told_is_rescaled_too(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.replace(word(meter.now, 100.5, 1.0))
        meter.track.rescale(2.0)
        meter.show(2.5)

        assert meter.booked == 1.5

    @pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
    def test_no_ratio_is_refused(self, factor: float) -> None:
        with pytest.raises(ValueError, match="positive number"):
            Meter().track.rescale(factor)


class TestKeeping:
    def test_what_is_absent_is_as_in_the_beginning(self) -> None:
        meter = Meter()
        meter.track.serial("A1", START)
        meter.show(100.0, 0.0)
        meter.track.load({})

        assert meter.track.dump() == Meter().track.dump()

        meter.track.load({"head": [START, 5.0], "unknown": 1})
        assert meter.track.head == (START, 5.0)
        assert meter.track.first == START

    def test_it_is_kept_exactly_in_the_midst_of_everything(self) -> None:
        meter = Meter()
        meter.track.serial("A1", START)
        meter.show(10423.0, 0.0, 0.0, 0.0, 10423 + 1 / 3, 10423 + 1 / 3, 10423 + 1 / 3, 10423.0, 0.1)
        meter.track.serial("B2", meter.now)
        meter.track.replace(word(meter.now + 1, 0.5, 0.0))
        kept = json.loads(json.dumps(meter.track.dump()))
        other = Meter()
        other.track.load(kept)

        assert json.loads(json.dumps(other.track.dump())) == kept
        assert other.track.serial_number == "B2"

    def test_events_are_known_and_bounded(self) -> None:
        meter = Meter()
        meter.track.serial("A" * 10_000, START)
        meter.show(10423.0, 0.0, 10423.1, 0.0, 0.0, 0.0)
        meter.keep(meter.track.serial("B" * 10_000, meter.now))
        meter.track.replace(word(meter.now, 0.5, 999.0))
        meter.show(0.2, 999999.0, 999999.5, 999999.9, 0.0, 0.1, 0.3)

        assert {told.kind for told in meter.told} == {
            "counter_glitch",
            "counter_reset",
            "counter_rollover",
            "meter_replaced",
        }
        for told in meter.told:
            assert told.kind in EVENT_KINDS
            assert told.attributes["point"] == "energy_import_kwh"
            assert len(json.dumps(dict(told.attributes))) < 1000
