"""The counter engine: another meter, by its serial number or by a person's word."""

import math

import pytest

from monitor.metering.step import Cause, Step, Taken
from tests.metering.meter import MINUTE, START, Meter, amounts, word


class TestSerialNumbers:
    def test_another_serial_number_is_another_meter_at_once(self) -> None:
        meter = Meter()
        meter.keep(meter.track.serial("A1", meter.now))
        meter.show(10423.0)
        meter.keep(meter.track.serial("B2", meter.now + 1))
        assert meter.track.serial_number == "B2"

        meter.show(3.0, 3.5)

        assert [(step.cause, step.amount, step.lost) for step in meter.steps] == [
            (Cause.REPLACED, 0.0, True),
            (Cause.COUNTED, 0.5, False),
        ]
        [told] = meter.told
        assert told.kind == "meter_replaced"
        assert told.attributes["serial_old"] == "A1"
        assert told.attributes["serial_new"] == "B2"
        assert told.attributes["from_register"] == 10423.0
        assert told.attributes["to_register"] == 3.0

    def test_even_when_the_new_one_happens_to_fit(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(10423.0)
        meter.track.serial("B2", meter.now)
        meter.show(10423.2)

        assert meter.causes == [Cause.REPLACED]
        assert meter.booked == 0.0

    def test_what_is_held_is_the_new_meter_s(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(10423.0, 523.0, 523.2)
        meter.keep(meter.track.serial("B2", meter.now))

        assert [(step.cause, round(step.amount, 6)) for step in meter.steps] == [
            (Cause.REPLACED, 0.0),
            (Cause.COUNTED, 0.2),
        ]
        assert meter.track.pending == ()
        assert meter.kinds == ["meter_replaced"]

    def test_a_lower_register_that_stands_below_is_the_new_meter_s_too(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(10423.0, 10400.0, 10400.1)
        meter.keep(meter.track.serial("B2", meter.now))
        meter.show(10400.3)

        assert meter.causes == [Cause.REPLACED]
        assert round(meter.booked, 6) == 0.2

    def test_a_break_that_was_decided_is_explained_and_not_booked_twice(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(10423.0, 523.0, 523.1, 523.2)
        meter.keep(meter.track.serial("B2", meter.now))
        meter.show(523.3)

        assert meter.causes == [Cause.JUMP]
        assert round(meter.booked, 6) == 0.3
        assert meter.kinds == ["counter_reset", "meter_replaced"]
        assert meter.told[1].attributes["from_register"] == 10423.0
        assert meter.told[1].attributes["to_register"] == 523.0

    def test_a_low_value_from_before_the_clock_was_set_back_is_not_the_new_meter_s(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(1000.0, 999.0)
        meter.now -= 10 * MINUTE
        meter.track.follow_clock(meter.now)
        assert not meter.track.serial("B2", meter.now).steps
        meter.show(7.0)

        assert [(step.cause, step.end - step.start) for step in meter.steps] == [(Cause.REPLACED, MINUTE)]

    def test_an_explained_break_is_never_made_good(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(10423.0, 523.0, 523.1, 523.2)
        meter.track.serial("B2", meter.now)
        meter.show(10423.5, 10423.6, 10423.7)

        assert meter.causes == [Cause.JUMP, Cause.JUMP]
        assert meter.resolved == []

    def test_the_same_number_after_a_reset_says_it_is_the_same_meter(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(10423.0, 0.0, 0.1, 0.2)
        meter.track.serial("A1", meter.now)
        meter.show(0.3)
        meter.keep(meter.track.serial("B2", meter.now))
        meter.show(0.4)

        assert meter.causes == [Cause.RESET, Cause.REPLACED]

    def test_the_first_number_and_the_same_again_change_nothing(self) -> None:
        meter = Meter()
        meter.show(1.0)
        for serial in ("", "A1", "A1", "", "A1"):
            assert meter.track.serial(serial, meter.now) == Taken()
        meter.show(1.5)

        assert amounts(meter.steps) == [0.5]

    def test_a_number_that_is_taken_back_before_a_register_came(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(1.0)
        meter.track.serial("?1", meter.now)
        meter.track.serial("A1", meter.now)
        meter.show(1.5)

        assert amounts(meter.steps) == [0.5]
        assert not meter.causes

    def test_an_old_message_with_the_old_number_changes_nothing(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(1.0)
        meter.track.serial("B2", meter.now)
        meter.show(2.0)
        assert meter.track.serial("A1", meter.now - 2 * MINUTE) == Taken()

        assert meter.track.serial_number == "B2"

    def test_before_any_register_it_is_told_and_nothing_is_booked(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.keep(meter.track.serial("B2", meter.now + 1))
        meter.show(1.0, 1.5)

        assert meter.kinds == ["meter_replaced"]
        assert amounts(meter.steps) == [0.5]


class TestAPersonsWord:
    def test_meter_swap_by_word_is_exact(self) -> None:
        meter = Meter()
        meter.show(10423.1)
        at = meter.now + MINUTE // 2
        assert meter.track.replace(word(at, 10423.4, 0.2)) == Taken()

        taken = meter.show(0.5)

        assert taken.steps == (
            Step(
                start=meter.now - MINUTE,
                end=at,
                start_register=10423.1,
                end_register=10423.4,
                amount=10423.4 - 10423.1,
            ),
            Step(
                start=at,
                end=meter.now,
                start_register=0.2,
                end_register=0.5,
                amount=0.5 - 0.2,
                cause=Cause.REPLACED,
                by="anna",
                reason="calibration",
                command="c-1",
            ),
        )
        [told] = taken.told
        assert told.kind == "meter_replaced"
        assert told.attributes["final"] == 10423.4
        assert told.attributes["start"] == 0.2
        assert told.attributes["by"] == "anna"

    def test_values_that_are_held_are_booked_at_once(self) -> None:
        meter = Meter()
        meter.show(10423.1)
        at = meter.now + 1
        meter.show(523.0, 523.4)
        taken = meter.keep(meter.track.replace(word(at, 10423.2, 522.9)))

        assert amounts(taken.steps) == [0.1, 0.1, 0.4]
        assert not meter.lost
        assert meter.track.pending == ()

    def test_values_that_were_held_before_it_are_not_the_new_meter_s(self) -> None:
        meter = Meter()
        meter.show(10423.1, 0.0)
        meter.track.replace(word(meter.now + 1, 10423.2, 500.0))
        meter.show(500.5)

        assert amounts(meter.steps) == [0.1, 0.5]

    def test_at_the_very_head_it_is_one_step(self) -> None:
        meter = Meter()
        meter.show(10423.0)
        meter.track.replace(word(meter.now, 10423.5, 1.0))
        taken = meter.show(1.25)

        assert [(step.cause, step.amount) for step in taken.steps] == [(Cause.REPLACED, 0.75)]

    def test_until_then_the_old_meter_counts_on(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.replace(word(meter.now + 90_000, 100.9, 7.0))
        meter.show(100.5, 7.1)

        assert amounts(meter.steps) == [0.5, 0.4, 0.1]
        assert meter.steps[1].end == meter.steps[0].end + 30_000

    def test_what_was_read_at_that_very_time_is_the_old_meter_s(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.replace(word(meter.now + MINUTE, 100.5, 7.0))
        meter.show(100.5, 7.25)

        assert amounts(meter.steps) == [0.5, 0.25]

    def test_the_second_word_counts(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.replace(word(meter.now, 100.9, 7.0))
        meter.track.replace(word(meter.now, 100.5, 7.0))
        meter.show(7.0)

        assert amounts(meter.steps) == [0.5]

    def test_the_serial_number_that_follows_is_not_another_replacement(self) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(100.0)
        meter.track.replace(word(meter.now, 100.0, 0.0))
        meter.show(0.0)
        meter.keep(meter.track.serial("B2", meter.now))
        meter.show(0.1)

        assert meter.kinds == ["meter_replaced"]
        assert round(meter.booked, 6) == 0.1
        assert not meter.lost

    @pytest.mark.parametrize("word_first", [True, False])
    def test_the_serial_number_before_the_register_is_told_with_it(self, *, word_first: bool) -> None:
        meter = Meter()
        meter.track.serial("A1", meter.now)
        meter.show(100.0)
        said = word(meter.now, 100.5, 0.0)
        if word_first:
            meter.track.replace(said)
        meter.track.serial("B2", meter.now)
        if not word_first:
            meter.track.replace(said)
        meter.show(0.25)

        assert meter.booked == 0.75
        assert not meter.lost
        assert meter.told[0].attributes["serial_new"] == "B2"
        assert len(meter.told) == 1

    @pytest.mark.parametrize(
        ("at", "final", "start", "why"),
        [
            (0, 10422.9, 0.0, r"cannot have ended at 10422.9 kWh: it showed 10423 kWh at 2025-10-09 08:54:20 UTC"),
            (0, 11000.0, 0.0, r"no more than 1 kWh can be counted"),
            (0, math.nan, 0.0, r"No meter can show nan kWh"),
            (0, 10423.0, math.inf, r"No meter can show inf kWh"),
            (0, 10423.0, -0.1, r"No meter can show -0.1 kWh"),
            (-1, 10423.0, 0.0, r"is before the last register that counts"),
        ],
    )
    def test_a_word_that_contradicts_the_old_meter_is_refused(
        self, at: int, final: float, start: float, why: str
    ) -> None:
        meter = Meter()
        meter.show(10423.0)

        with pytest.raises(ValueError, match=why):
            meter.track.replace(word(meter.now + at, final, start))

        meter.show(10423.5)
        assert amounts(meter.steps) == [0.5]

    def test_a_word_before_any_register_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Nothing has been read"):
            Meter().track.replace(word(START, 1.0, 0.0))

    @pytest.mark.parametrize(
        ("start", "why"), [(523.1, "cannot have begun at 523.1 kWh"), (0.0, "more than a rating")]
    )
    def test_a_word_that_contradicts_what_is_held_is_refused(self, start: float, why: str) -> None:
        meter = Meter()
        meter.show(10423.0, 523.0)

        with pytest.raises(ValueError, match=why):
            meter.track.replace(word(meter.now - 1, 10423.0, start))

        assert meter.track.pending == (523.0,)

    @pytest.mark.parametrize("start", [1.0, 600.0])
    def test_a_word_that_turns_out_not_to_fit_is_forgotten_and_told(self, start: float) -> None:
        meter = Meter()
        meter.show(10423.0)
        meter.track.replace(word(meter.now, 10423.0, start))
        meter.show(523.0)
        assert meter.track.pending == (523.0,)
        assert meter.kinds == ["counter_glitch"]
        assert "is not booked" in str(meter.told[0].attributes["why"])

        meter.show(10423.2)

        assert amounts(meter.steps) == [0.2]
        assert len(meter.told) == 2

    def test_a_word_that_the_old_meter_disproves_is_forgotten(self) -> None:
        meter = Meter()
        meter.show(100.0)
        meter.track.replace(word(meter.now + 90_000, 100.1, 7.0))
        meter.show(100.5, 7.1)

        assert amounts(meter.steps) == [0.5]
        assert meter.track.pending == (7.1,)
