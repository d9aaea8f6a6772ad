"""Who leaves the simulated house and comes back, day by day."""

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from monitor.simulation.comings import Passing, comings

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY, SUNDAY, CHANGED = date(2026, 11, 23), date(2026, 11, 22), date(2026, 10, 25)


def hours(passings: list[Passing], *, comes: bool) -> list[int]:
    """The local hours in which people pass one way."""
    return [datetime.fromtimestamp(each.at / 1000, BERLIN).hour for each in passings if each.comes is comes]


@pytest.mark.parametrize("day", [MONDAY, SUNDAY, CHANGED])
def test_all_who_leave_come_back_on_the_same_day_one_after_the_other(day: date) -> None:
    passings = comings(day, BERLIN, 50, 1.0)
    inside = set(range(50))
    for each in passings:
        assert (each.resident in inside) is not each.comes
        (inside.add if each.comes else inside.discard)(each.resident)

    assert len(inside) == 50
    assert all(later.at - each.at >= 6_000 for each, later in pairwise(passings))
    assert {datetime.fromtimestamp(each.at / 1000, BERLIN).date() for each in passings} == {day}


def test_a_working_day_has_its_rush_and_a_sunday_begins_late() -> None:
    monday, sunday = (hours(comings(day, BERLIN, 50, 1.0), comes=False) for day in (MONDAY, SUNDAY))

    assert sum(6 <= hour < 9 for hour in monday) > 25
    assert sum(hour < 9 for hour in sunday) < 8
    assert sum(15 <= hour < 20 for hour in hours(comings(MONDAY, BERLIN, 50, 1.0), comes=True)) > 25


def test_who_is_away_does_not_pass_and_the_same_day_is_the_same() -> None:
    everybody, half = (comings(MONDAY, BERLIN, 50, presence) for presence in (1.0, 0.5))

    assert everybody == comings(MONDAY, BERLIN, 50, 1.0)
    assert {each.resident for each in half} < {each.resident for each in everybody}
    assert 0.3 < len(half) / len(everybody) < 0.7
