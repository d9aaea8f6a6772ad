"""What is said of the past more than once, or after something else was said of it."""

import pytest

from monitor.metering import ledger
from monitor.metering.step import Cause, Replacement, Step
from tests.metering.ledgers import amounts, book, counted, new
from tests.metering.test_ledger import HOUR, NOON, POINT, QUARTER, break_at


def corrected(start: int, end: int, amount: float) -> Step:
    return Step(start=start, end=end, start_register=None, end_register=None, amount=amount)


def test_a_replacement_that_was_booked_as_told_is_not_booked_again() -> None:
    """The engine booked it: its step begins with the first register of the new meter, not the last of the old."""
    db = new()
    told = Step(
        start=NOON,
        end=NOON + QUARTER,
        start_register=2.0,
        end_register=3.0,
        amount=1.0,
        cause=Cause.REPLACED,
        command="c1",
    )
    number = book(db, "main", POINT, [told])

    with pytest.raises(ledger.Refused, match=r"said already.*meter correct"):
        ledger.replace_meter(db, number, Replacement(at=NOON, final=104.5, start=2.0, command="c2"))
    assert amounts(db, number, NOON, NOON + QUARTER) == [1.0]


def test_a_replacement_that_nobody_saw_is_not_put_right_twice() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + QUARTER, NOON + HOUR], [100.0, 101.0, 104.0], gap=HOUR))
    ledger.replace_meter(db, number, Replacement(at=NOON + QUARTER + 5, final=101.5, start=101.2, command="c1"))

    with pytest.raises(ledger.Refused, match="said already"):
        ledger.replace_meter(db, number, Replacement(at=NOON + HOUR, final=101.6, start=101.2, command="c2"))
    assert sum(amounts(db, number, NOON, NOON + HOUR)) == pytest.approx(4.3)


def test_two_replacements_on_one_day_are_both_booked() -> None:
    db = new()
    first = break_at(NOON, NOON + QUARTER, (110.0, 7.0), 0.0, Cause.JUMP)
    second = break_at(NOON + QUARTER, NOON + 2 * QUARTER, (7.0, 50.0), 0.0, Cause.JUMP)
    number = book(db, "main", POINT, [first, second])

    ledger.replace_meter(db, number, Replacement(at=NOON + 5, final=111.0, start=6.0, command="c1"))
    ledger.replace_meter(db, number, Replacement(at=NOON, final=7.5, start=50.0, command="c2"))

    assert amounts(db, number, NOON, NOON + 2 * QUARTER) == [2.0, 0.5]


def test_late_values_leave_alone_what_a_person_has_corrected() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 104.0]))
    ledger.correct(db, number, corrected(NOON, NOON + HOUR, 2.0))

    assert ledger.fill_gaps(db, number, [(NOON + QUARTER, 104.0)], 10 * 60_000) == set()
    assert sum(amounts(db, number, NOON, NOON + HOUR)) == pytest.approx(2.0)


def test_a_replacement_leaves_alone_what_a_person_has_corrected() -> None:
    db = new()
    seen = break_at(NOON, NOON + QUARTER, (110.0, 7.0), 0.0, Cause.JUMP)
    number = book(db, "main", POINT, [seen, *counted([NOON + QUARTER, NOON + HOUR], [7.0, 10.0])])
    ledger.correct(db, number, corrected(NOON, NOON + HOUR, 8.0))

    with pytest.raises(ledger.Refused, match="corrected"):
        ledger.replace_meter(db, number, Replacement(at=NOON, final=111.0, start=6.0))
    assert sum(amounts(db, number, NOON, NOON + HOUR)) == pytest.approx(8.0)


def test_what_a_replacement_that_nobody_saw_says_has_to_lie_around_the_registers() -> None:
    """New registers above the old: the new meter cannot have begun above what was read after it."""
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + QUARTER, NOON + HOUR], [100.0, 101.0, 104.0], gap=HOUR))

    for final, start in ((100.5, 100.2), (103.0, 102.5)):
        with pytest.raises(ledger.Refused, match="showed"):
            ledger.replace_meter(db, number, Replacement(at=NOON + QUARTER + 5, final=final, start=start))
    assert sum(amounts(db, number, NOON, NOON + HOUR)) == pytest.approx(4.0)
