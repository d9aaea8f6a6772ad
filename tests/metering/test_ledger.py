"""The ledger's tables: what late values and people's words change."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.metering import ledger
from monitor.metering.step import Cause, Replacement, Step
from monitor.periods import QUARTER
from tests.metering.ledgers import amounts, book, counted, ms, new

NOON = ms("2026-11-27 12:00")
HOUR = 4 * QUARTER
POINT = "energy_import_kwh"


def break_at(start: int, end: int, registers: tuple[float, float], amount: float, cause: Cause) -> Step:
    before, after = registers
    return Step(
        start=start, end=end, start_register=before, end_register=after, amount=amount, cause=cause, lost=True
    )


def test_registers_at_the_quarters_edges_are_drawn_between_samples() -> None:
    db = new()
    book(db, "main", POINT, counted([NOON, NOON + 2 * QUARTER], [100.0, 104.0]))

    rows = db.execute("SELECT amount, register FROM quarter ORDER BY quarter").fetchall()

    assert [tuple(row) for row in rows] == [(2.0, 102.0), (2.0, 104.0)]


def test_a_late_value_says_how_a_gap_was_filled() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 104.0]))

    changed = ledger.fill_gaps(db, number, [(NOON + 2 * QUARTER, 103.0)], 10 * 60_000)

    assert amounts(db, number, NOON, NOON + HOUR) == [1.5, 1.5, 0.5, 0.5]
    assert changed == {NOON // QUARTER + each for each in range(4)}
    assert [step.cause for _, step in ledger.steps_between(db, number, NOON, NOON + HOUR)] == [Cause.GAP] * 2


def test_a_gap_that_is_filled_wholly_is_none_any_more() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 104.0]))
    late = [(NOON + minute * 60_000, 100.0 + minute / 15) for minute in range(5, 60, 5)]

    ledger.fill_gaps(db, number, late, 10 * 60_000)

    assert ledger.steps_between(db, number, NOON, NOON + HOUR) == []


def test_a_late_value_that_does_not_fit_changes_nothing() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 104.0]))
    late = [(NOON + QUARTER, 99.0), (NOON + 2 * QUARTER, 104.5), (NOON - 1, 101.0), (NOON + HOUR, 104.0)]

    assert ledger.fill_gaps(db, number, late, 10 * 60_000) == set()
    assert amounts(db, number, NOON, NOON + HOUR) == [1.0] * 4


@given(
    data=st.lists(st.tuples(st.integers(1, HOUR * 5 - 1), st.floats(100, 200)), max_size=12),
    end=st.floats(100, 200),
    batches=st.integers(1, 4),
)
def test_late_values_never_change_the_sum(data: list[tuple[int, float]], end: float, batches: int) -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + 5 * HOUR], [100.0, end]))
    for part in range(batches):
        late = [(NOON + at, register) for at, register in data[part::batches]]
        ledger.fill_gaps(db, number, late, 10 * 60_000)

    found = amounts(db, number, NOON, NOON + 5 * HOUR)
    assert sum(found) == pytest.approx(end - 100.0, abs=1e-6)
    assert all(amount >= 0 for amount in found)
    steps = [step for _, step in ledger.steps_between(db, number, NOON, NOON + 5 * HOUR)]
    assert all(one.end <= two.start for one, two in pairwise(steps))


def test_a_replacement_is_booked_exactly_where_a_break_was_seen() -> None:
    db = new()
    seen = break_at(NOON + QUARTER, NOON + 2 * QUARTER, (110.0, 7.0), 0.0, Cause.JUMP)
    steps = [
        *counted([NOON, NOON + QUARTER], [108.0, 110.0], gap=HOUR),
        seen,
        *counted([NOON + 2 * QUARTER, NOON + HOUR], [7.0, 9.0], gap=HOUR),
    ]
    number = book(db, "main", POINT, steps)
    said = Replacement(
        at=NOON + QUARTER + 300_000, final=111.5, start=5.0, by="ana", reason="too old", command="c1"
    )

    step, changed = ledger.replace_meter(db, number, said)

    assert (step.amount, step.lost, step.by) == (3.5, False, "ana")
    assert amounts(db, number, NOON, NOON + HOUR) == [2.0, 3.5, 1.0, 1.0]
    assert NOON // QUARTER + 1 in changed
    ((_, kept),) = ledger.steps_between(db, number, NOON, NOON + HOUR)
    assert (kept.cause, kept.amount, kept.lost, kept.command) == (Cause.REPLACED, 3.5, False, "c1")


@pytest.mark.parametrize("at", [NOON, NOON + QUARTER, NOON + 2 * QUARTER, NOON + HOUR])
def test_a_replacement_at_the_edge_of_a_break_is_booked_in_full(at: int) -> None:
    db = new()
    seen = break_at(NOON + QUARTER, NOON + 2 * QUARTER, (110.0, 7.0), 0.0, Cause.JUMP)
    number = book(db, "main", POINT, [*counted([NOON, NOON + QUARTER], [108.0, 110.0], gap=HOUR), seen])

    step, _ = ledger.replace_meter(db, number, Replacement(at=at, final=111.5, start=5.0))

    assert step.amount == 3.5
    assert amounts(db, number, NOON, NOON + 2 * QUARTER) == [2.0, 3.5]


def test_the_nearest_break_is_meant_although_the_time_was_said_loosely() -> None:
    db = new()
    seen = break_at(NOON, NOON + QUARTER, (110.0, 0.2), 0.0, Cause.REPLACED)
    number = book(db, "main", POINT, [seen, *counted([NOON + QUARTER, NOON + HOUR], [0.2, 1.0])])

    step, _ = ledger.replace_meter(db, number, Replacement(at=NOON - 2 * HOUR, final=110.3, start=0.1))

    assert step.amount == pytest.approx(0.3 + 0.1)


def test_a_replacement_that_nobody_saw_puts_the_difference_right() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + QUARTER, NOON + HOUR], [100.0, 101.0, 104.0], gap=HOUR))

    step, changed = ledger.replace_meter(db, number, Replacement(at=NOON + QUARTER + 5, final=101.5, start=101.2))

    assert step.amount == pytest.approx(0.3)
    assert changed == {NOON // QUARTER + 1}
    assert sum(amounts(db, number, NOON, NOON + HOUR)) == pytest.approx(4.3)


@pytest.mark.parametrize(
    ("final", "start", "word"),
    [(109.0, 5.0, "already: its last"), (111.0, 8.0, "already: its first")],
)
def test_registers_that_cannot_be_are_refused(final: float, start: float, word: str) -> None:
    db = new()
    number = book(db, "main", POINT, [break_at(NOON, NOON + QUARTER, (110.0, 7.0), 0.0, Cause.JUMP)])

    with pytest.raises(ledger.Refused, match=word):
        ledger.replace_meter(db, number, Replacement(at=NOON, final=final, start=start))
    assert amounts(db, number, NOON, NOON + HOUR) == [0.0]


def test_less_than_nothing_is_refused_where_no_break_was_seen() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 104.0]))

    with pytest.raises(ledger.Refused, match="101 already: its first"):
        ledger.replace_meter(db, number, Replacement(at=NOON, final=100.0, start=105.0))


def test_a_correction_is_shared_out_as_the_use_was() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + QUARTER, NOON + HOUR], [100.0, 103.0, 106.0], gap=HOUR))
    said = Step(
        start=NOON, end=NOON + HOUR, start_register=None, end_register=None, amount=12.0, by="ana", reason="bypass"
    )

    step, changed = ledger.correct(db, number, said)

    assert step.amount == 6.0
    assert amounts(db, number, NOON, NOON + HOUR) == [6.0, 2.0, 2.0, 2.0]
    assert len(changed) == 4
    ((_, kept),) = ledger.steps_between(db, number, NOON, NOON + HOUR)
    assert (kept.cause, kept.by, kept.reason) == (Cause.CORRECTED, "ana", "bypass")


def test_a_correction_of_nothing_used_is_shared_out_evenly() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 100.0]))
    said = Step(start=NOON, end=NOON + HOUR, start_register=None, end_register=None, amount=2.0)

    ledger.correct(db, number, said)

    assert amounts(db, number, NOON, NOON + HOUR) == [0.5] * 4


def test_a_correction_of_what_is_not_metered_is_refused() -> None:
    db = new()
    number = book(db, "main", POINT, counted([NOON, NOON + HOUR], [100.0, 104.0]))
    said = Step(start=NOON - QUARTER, end=NOON + HOUR, start_register=None, end_register=None, amount=2.0)

    with pytest.raises(ledger.Refused, match="not all of that time is metered"):
        ledger.correct(db, number, said)


def test_a_correction_settles_what_was_lost_within_it() -> None:
    db = new()
    lost = break_at(NOON, NOON + QUARTER, (110.0, 1.0), 1.0, Cause.RESET)
    number = book(db, "main", POINT, [lost])

    ledger.correct(
        db, number, Step(start=NOON, end=NOON + QUARTER, start_register=None, end_register=None, amount=5.0)
    )

    assert [step.lost for _, step in ledger.steps_between(db, number, NOON, NOON + QUARTER)] == [False, False]
