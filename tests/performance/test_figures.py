"""Performance figures of a period, of episodes whose figures are known beforehand."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.performance.figures import Performance, performance_of
from monitor.performance.record import Episode, Record, Sent
from monitor.periods import DAY, parse
from monitor.site import AlarmLimits

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


OCTOBER = parse("2026-10", BERLIN, at("2026-11-27T12:00"))
SPAN = (OCTOBER.start, OCTOBER.end)


def episode(raised: int, lasts: int | None = HOUR, **more: Any) -> Episode:
    told: dict[str, Any] = {"rule": "low", "source_key": "main", "severity": "low"} | more
    cleared = None if lasts is None else raised + lasts
    return Episode(
        occurrence=f"{told['rule']}-{told['source_key']}-{raised}", raised=raised, cleared=cleared, **told
    )


def figures(
    *episodes: Episode, messages: list[Sent] | None = None, span: tuple[int, int] = SPAN, **limits: int
) -> Performance:
    return performance_of(Record(episodes, messages or []), span, BERLIN, AlarmLimits(**limits))


def test_a_quiet_month_has_no_shares() -> None:
    found = figures()

    assert (found.raised, found.grade, found.peak, found.in_flood) == (0, "acceptable", 0, 0.0)
    assert (found.fleeting_share, found.top_share, found.split, found.people) == (None, None, {}, [])
    assert len(found.days) == 31
    assert sum(found.bands.values()) == found.bands["0"] == 31 * 144 + 6, "October has an hour more in Berlin"


def test_alarms_a_day_are_held_against_the_limits() -> None:
    many = [episode(OCTOBER.start + number * MINUTE) for number in range(62)]

    assert figures(*many).per_day == pytest.approx(62 / (31 + 1 / 24))
    assert figures(*many, acceptable=1, too_many=2).grade == "many"
    assert figures(*many, acceptable=1, too_many=1).grade == "too_many"
    assert figures(*many, acceptable=61).days_above == 1
    assert figures(*many, acceptable=62).days_above == 0


def test_the_worst_ten_minutes_of_each_day_are_averaged_and_a_flood_does_not_hide_in_the_mean() -> None:
    storm = [episode(at("2026-10-03T03:00") + number * SECOND, source_key=f"s{number}") for number in range(40)]
    calm = [episode(at("2026-10-05T12:00")), episode(at("2026-10-05T12:09"))]

    found = figures(*storm, *calm)

    assert found.per_day < 2
    assert found.peak == 40
    assert found.daily_peak == pytest.approx((40 + 2) / 31)
    assert found.above_one == pytest.approx(100 * 2 / (31 * 144 + 6))
    (flood,) = found.floods
    assert flood.alarms == found.flood_alarms == 40
    assert found.in_flood == pytest.approx(100 * (flood.end - flood.start) / (OCTOBER.end - OCTOBER.start))
    assert [one.day for one in found.days if one.most > 1] == [date(2026, 10, 3), date(2026, 10, 5)]


def test_what_clears_within_ten_seconds_is_fleeting_unless_somebody_responded() -> None:
    begin = at("2026-10-05T12:00")
    found = figures(
        episode(begin, 9_999),
        episode(begin + HOUR, 10_000),
        episode(begin + 2 * HOUR, 9_000, acknowledged=begin + 2 * HOUR + 5_000),
        episode(begin + 3 * HOUR, 9_000, acknowledged=begin + 4 * HOUR),
        episode(begin + 4 * HOUR, 0, momentary=True),
    )

    assert (found.fleeting, found.fleeting_share) == (2, 40.0)


def test_what_stands_for_more_than_a_day_also_from_before_the_period() -> None:
    before, over = episode(at("2026-09-20T00:00"), None), episode(at("2026-09-01T00:00"), 3 * DAY, rule="over")
    ended = episode(at("2026-10-10T00:00"), 36 * HOUR, source_key="sub")
    short = episode(at("2026-10-20T00:00"), 24 * HOUR, source_key="short")

    found = figures(before, over, ended, short)

    assert [(one.source_key, one.goes_on) for one in found.standing] == [("main", True), ("sub", False)]
    assert found.standing[0].stood == OCTOBER.end - before.raised
    assert found.raised == 2
    by_day = {one.day.day: one.standing for one in found.days}
    assert (by_day[1], by_day[10], by_day[11], by_day[12]) == (1, 1, 2, 1)


def test_the_worst_ten_sources_and_their_share() -> None:
    begin = at("2026-10-05T12:00")
    bad = [episode(begin + number * HOUR, source_key="bad") for number in range(30)]
    others = [episode(begin + number * HOUR, source_key=f"s{number:02}") for number in range(20)]

    found = figures(*bad, *others)

    assert (found.top[0].source_key, found.top[0].alarms, found.top[0].share) == ("bad", 30, 60.0)
    assert len(found.top) == 10
    assert found.top_share == pytest.approx(100 * 39 / 50)


def test_severities_are_split_in_three() -> None:
    names = ["low"] * 6 + ["medium"] * 2 + ["high", "critical"]
    found = figures(*(episode(OCTOBER.start + number, severity=name) for number, name in enumerate(names)))

    assert found.severities == {"critical": 1, "high": 1, "medium": 2, "low": 6}
    assert found.split == {"low": 60.0, "medium": 20.0, "high": 20.0}


def test_messages_are_counted_by_local_day_and_by_night() -> None:
    evening = [Sent("ana", at("2026-10-05T23:30") + number, "raise", "low", "main") for number in range(2)]
    small_hours = [Sent("ana", at("2026-10-06T05:59"), "clear", "low", "main")]
    day = [Sent("ana", at("2026-10-06T06:00") + number, "raise", "low", "main") for number in range(10)]
    ben = [
        Sent("ben", at("2026-10-06T12:00"), "raise", "low", "main"),
        Sent("ben", OCTOBER.end, "raise", "low", "main"),
    ]

    ana, other = figures(messages=[*evening, *small_hours, *day, *ben]).people

    assert (ana.person, ana.messages, ana.at_night, ana.most_a_night, ana.nights_above) == ("ana", 13, 3, 3, 1)
    assert (ana.most_a_day, ana.days_above) == (11, 1)
    assert (other.messages, other.at_night) == (1, 0)
    assert figures(messages=evening, night_messages=1).people[0].nights_above == 1
    assert datetime.fromtimestamp(evening[0].time / 1000, UTC).hour == 21
