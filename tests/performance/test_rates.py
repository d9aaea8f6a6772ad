"""Rates of alarms: bins, floods and chattering, beside what a slow and simple count says."""

import random

import pytest

from monitor.performance.rates import BIN, Flood, banded, bins, chattering, floods, window
from monitor.performance.record import Episode

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000


def raised(time: float, rule: str = "low", source: str = "main") -> Episode:
    return Episode(
        occurrence=f"{rule}-{source}-{time}", rule=rule, source_key=source, severity="low", raised=round(time)
    )


def test_every_ten_minutes_count_also_those_without_alarms() -> None:
    counted = bins([0, BIN - 1, BIN, 5 * BIN, -1, 6 * BIN], 0, 6 * BIN)

    assert list(counted.values()) == [2, 1, 0, 0, 0, 1]
    assert banded([0, 1, 1, 2, 4, 5, 6, 10, 11, 400]) == {"0": 1, "1": 2, "2": 1, "3-5": 2, "6-10": 2, ">10": 2}


def test_bins_begin_where_the_period_does() -> None:
    begin = 5 * MINUTE  # a zone whose midnight is no multiple of ten minutes

    assert bins([begin, begin + BIN - 1, begin + BIN], begin, begin + 2 * BIN) == {begin: 2, begin + BIN: 1}


def test_a_flood_begins_with_the_eleventh_alarm_and_ends_when_fewer_than_five_are_left() -> None:
    times = [number * SECOND for number in range(11)]

    (flood,) = floods(times, HOUR)

    assert flood == Flood(10 * SECOND, BIN + 6 * SECOND, 11), "the seventh of them is ten minutes old then"
    assert floods(times[:10], HOUR) == []
    assert floods(times, BIN) == [Flood(10 * SECOND, None, 11)], "it goes on"


@pytest.mark.parametrize("seed", range(6))
def test_floods_are_those_that_a_look_at_each_second_finds(seed: int) -> None:
    chance = random.Random(seed)
    times = sorted({chance.randrange(7200) for _ in range(chance.choice([60, 120, 200]))})
    burst = chance.randrange(6000)
    times = sorted({*times, *(burst + number * 3 for number in range(20))})
    spans: list[tuple[int, int | None]] = []
    began = None
    for second in range(7200):
        count = sum(second - 600 < time <= second for time in times)
        if began is None and count > 10:
            began = second
        elif began is not None and count < 5:
            spans.append((began, second))
            began = None
    if began is not None:
        spans.append((began, None))

    found = floods([time * SECOND for time in times], 7200 * SECOND)

    assert spans
    assert [(one.start // SECOND, None if one.end is None else one.end // SECOND) for one in found] == spans


def test_the_last_ten_minutes() -> None:
    assert window([0, 1, BIN, BIN + 1], BIN) == 2


def test_three_raises_within_a_minute_are_chattering_and_of_different_sources_are_not() -> None:
    burst = [raised(time * SECOND) for time in (0, 20, 60, 75, 300, 360, 420.5)]
    later = [raised(HOUR + time * SECOND) for time in (0, 1, 2)]
    others = [raised(time * SECOND, source=f"sub-{time}") for time in range(9)]

    (found,) = chattering([*burst, *later, *others])

    assert (found.source_key, found.bursts, found.alarms) == ("main", 2, 7)
