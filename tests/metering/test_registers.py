"""What counters showed long ago: read registers as they were read, drawn ones only where no gap is."""

from monitor.metering.registers import past_registers, register_spans
from monitor.metering.retention import forget
from monitor.metering.step import Cause, Step
from monitor.periods import DAY, HOUR, QUARTER
from tests.metering.ledgers import book, counted, ms, new

NOON = ms("2026-11-27 12:00")
MINUTE = 60_000
POINT = "energy_import_kwh"
ALL = (NOON - DAY, NOON + DAY)


def test_within_a_gap_there_is_nothing_and_at_its_ends_what_was_read() -> None:
    db = new()
    times = [NOON, NOON + 7 * MINUTE, NOON + 18 * MINUTE, NOON + 95 * MINUTE, NOON + 120 * MINUTE]
    book(db, "main", POINT, counted(times, [10.0, 17.0, 28.0, 40.0, 45.0], gap=30 * MINUTE))

    found = past_registers(db, "main", [POINT], period=ALL, step=MINUTE).points[POINT]

    shown = {number - DAY // MINUTE: bucket.last for number, bucket in found.items()}
    assert shown == {15: 25.0, 18: 28.0, 95: 40.0, 105: 42.0, 120: 45.0}
    assert {bucket.count for bucket in found.values()} == {1}


def test_of_a_meter_that_people_read_only_their_readings_are_told() -> None:
    db = new()
    times = [NOON, NOON + 3 * DAY + MINUTE, NOON + 9 * DAY]
    book(db, "cellar", "volume_m3", counted(times, [1.0, 4.0, 5.5], gap=0))

    found = past_registers(db, "cellar", ["volume_m3"], period=(NOON, NOON + 10 * DAY), step=DAY).points[
        "volume_m3"
    ]

    assert {number: (bucket.last, bucket.count) for number, bucket in found.items()} == {
        0: (1.0, 1),
        3: (4.0, 1),
        9: (5.5, 1),
    }


def test_a_step_has_the_least_the_greatest_the_mean_and_the_last_of_its_quarters() -> None:
    db = new()
    fallen = Step(
        start=NOON + HOUR,
        end=NOON + HOUR + QUARTER,
        start_register=14.0,
        end_register=2.0,
        amount=2.0,
        cause=Cause.RESET,
        lost=True,
    )
    book(db, "main", POINT, [*counted([NOON, NOON + HOUR], [10.0, 14.0], gap=HOUR), fallen])

    found = past_registers(db, "main", [POINT, "volume_m3"], period=(NOON, NOON + 2 * HOUR), step=2 * HOUR)

    bucket = found.points[POINT][0]
    assert (bucket.least, bucket.greatest, bucket.last, bucket.count) == (2.0, 14.0, 2.0, 5)
    assert bucket.mean == (11 + 12 + 13 + 14 + 2) / 5
    assert found.points["volume_m3"] == {}
    assert found.is_whole


def test_what_was_forgotten_is_not_known() -> None:
    db = new()
    book(db, "main", POINT, counted([NOON, NOON + 4 * HOUR], [10.0, 14.0], gap=DAY))
    before = register_spans(db, "main", [POINT, "volume_m3"])
    forget(db, NOON + 2 * HOUR)

    assert before == {POINT: (NOON, NOON + 4 * HOUR)}
    assert register_spans(db, "main", [POINT]) == {POINT: (NOON + 2 * HOUR, NOON + 4 * HOUR)}
