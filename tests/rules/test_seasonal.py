"""What a baseline remembers, and which hours it compares."""

from random import Random

from rules.seasonal import SLOTS, Seasonal, slot_of

MONDAY = slot_of(1, 9, is_holiday=False)
SUNDAY = slot_of(7, 9, is_holiday=False)
DAY = 24


def filled(slot: int, amounts: list[float], *, step: int = 7 * DAY) -> Seasonal:
    known = Seasonal()
    for number, amount in enumerate(amounts):
        known.put(slot, number * step, number, amount)
    return known


def test_a_holiday_is_a_sunday() -> None:
    assert slot_of(3, 9, is_holiday=True) == SUNDAY
    assert [slot_of(1, 0, is_holiday=False), slot_of(7, 23, is_holiday=False)] == [0, SLOTS - 1]


def test_the_last_eight_of_an_hour_count_and_the_hour_itself_does_not() -> None:
    known = filled(MONDAY, [100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])

    assert known.expected(MONDAY, 9 * 7 * DAY) == (4.5, 2.0)
    assert known.expected(MONDAY, 8 * 7 * DAY) == (4.0, 2.0)


def test_a_weekday_with_too_few_takes_all_working_days_and_a_sunday_does_not() -> None:
    known = Seasonal()
    for number, weekday in enumerate((1, 2, 3)):
        known.put(slot_of(weekday, 9, is_holiday=False), number * DAY, number, 1.0 + number)
    known.put(SUNDAY, 6 * DAY, 6, 50.0)

    assert known.expected(slot_of(5, 9, is_holiday=False), 4 * DAY) == (2.0, 1.0)
    assert known.expected(SUNDAY, 13 * DAY) is None


def test_what_is_older_than_twelve_weeks_says_nothing() -> None:
    known = filled(MONDAY, [1.0, 1.0, 1.0, 1.0])

    assert known.expected(MONDAY, 12 * 7 * DAY) == (1.0, 0.0)
    assert known.expected(MONDAY, 30 * 7 * DAY) is None


def test_an_hour_that_is_told_again_takes_its_own_place() -> None:
    known = filled(MONDAY, [1.0, 1.0, 1.0, 9.0])
    known.put(MONDAY, 3 * 7 * DAY, 3, 1.0)

    assert known.expected(MONDAY, 5 * 7 * DAY) == (1.0, 0.0)


def test_its_memory_is_bounded_whatever_is_told() -> None:
    known, random = Seasonal(), Random(1)
    for hour in range(24 * 400):
        weekday, of_day = hour // 24 % 7 + 1, hour % 24
        known.put(slot_of(weekday, of_day, is_holiday=False), hour, hour // 24, random.random())
    kept = known.dump()

    assert sum(len(pairs) for pairs in kept["slots"].values()) == 168 * 8 * 2
    assert len(kept["counts"]) == 8
    assert known.days == 400
