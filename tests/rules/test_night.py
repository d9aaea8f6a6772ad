"""The least hour of a night, in the local time of a house."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rules.night import Night

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def fill(night: Night, start: int, amounts: list[float], *, step: int = 5) -> int:
    for amount in amounts:
        night.take(start, start + step * MINUTE, amount)
        start += step * MINUTE
    return start


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-28", 12), ("2026-03-29", 8), ("2026-10-25", 16)])
def test_a_window_is_as_long_as_the_clock_makes_it(day: str, quarters: int) -> None:
    night = Night((120, 300), BERLIN)

    fill(night, ms(f"{day} 01:00"), [0.01] * 12 * 6)

    assert len(night.dump()["amounts"]) == quarters
    assert night.least() == pytest.approx(0.12)


def test_the_least_of_the_hours_that_follow_each_other_counts() -> None:
    night = Night((120, 300), BERLIN)

    fill(night, ms("2026-03-10 02:00"), [0.1] * 9 + [0.0] * 12 + [0.1] * 15)

    assert night.least() == 0.0


def test_a_night_with_a_hole_or_that_came_twice_is_not_known() -> None:
    whole, hole, twice = (Night((120, 300), BERLIN) for _ in range(3))
    begin = ms("2026-03-10 02:00")

    fill(whole, begin, [0.01] * 36)
    fill(hole, fill(hole, fill(hole, begin, [0.01] * 10), [0.04], step=20), [0.01] * 22)
    fill(twice, fill(twice, begin, [0.01] * 36) - 60 * MINUTE, [0.01] * 12)

    assert whole.least() == pytest.approx(0.12)
    assert hole.least() is None
    assert twice.least() is None


def test_what_began_before_the_window_or_ends_after_it_counts_by_its_share() -> None:
    night = Night((120, 180), BERLIN)

    fill(night, ms("2026-03-10 01:55"), [0.1] * 7, step=10)

    assert night.least() == pytest.approx(0.6)
