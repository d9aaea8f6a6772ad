"""Why a message waits and until when, and what goes out together: tables over pure functions."""

from dataclasses import replace
from datetime import datetime

import pytest

from monitor.calendars import Hours, Schedule
from monitor.notify.budget import exhausted_until, night_began
from monitor.notify.decision import Action, decide
from monitor.notify.holding import Flood, GroupTold, Hold, Lane, Waiting, goes_along, hold, why
from monitor.notify.quiet import held_until, next_morning
from monitor.notify.reminders import next_reminder
from monitor.staff import NIGHT, REMINDERS, Budget, Grouping, Quiet
from tests.notify.test_decision import STANDING, past
from tests.notify.virtual import ANA, ZONE, quiet

WEEKEND = Schedule(hours=(Hours(days=frozenset({6, 7})), Hours(spans=((22 * 60, 30 * 60),))))


def at(text: str) -> int:
    """UTC ms of a local time; 2026-11-27 is a Friday."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


NOON = at("2026-11-27 12:00")
RAISE = Waiting(kind="raise", severity="medium", created=NOON, next_at=NOON, group="g")
LANE = Lane(person=ANA)
MINUTE = 60_000
USUAL = Grouping()


def held(row: Waiting = RAISE, lane: Lane = LANE, grouping: Grouping = USUAL, now: int = NOON) -> Hold | None:
    return hold(row, lane, grouping, now, ZONE)


@pytest.mark.parametrize(
    ("changes", "lane", "expected"),
    [
        ({}, {}, Hold("group", NOON + 30_000)),
        ({"held": "group"}, {}, None),
        ({"held": "order"}, {}, Hold("group", NOON + 30_000)),
        ({"next_at": NOON - 29_000}, {}, Hold("group", NOON + 1000)),
        ({"next_at": NOON - 30_000}, {}, None),
        ({"severity": "critical"}, {"paced_until": NOON + 9}, None),
        ({"step": 1}, {}, None),
        ({"is_late": True}, {}, None),
        ({"attempts": 1}, {}, None),
        ({"gather": "flood:1", "held": "flood"}, {}, None),
        ({"kind": "severity"}, {}, None),
        ({"kind": "clear"}, {"paced_until": NOON + 9}, Hold("pace", NOON + 9)),
        ({"kind": "clear"}, {"paced_until": NOON}, None),
        ({"kind": "report"}, {"paced_until": NOON + 9}, None),
        ({"kind": "self_test"}, {"paced_until": NOON + 9, "over_budget": NOON + 9}, None),
        ({"held": "group"}, {"groups": {"g": GroupTold(NOON - 1000, 2)}}, Hold("group", NOON + 299_000)),
        ({"held": "group"}, {"groups": {"h": GroupTold(NOON - 1000, 2)}}, None),
        ({"held": "group", "severity": "high"}, {"groups": {"g": GroupTold(NOON - 1000, 2)}}, None),
        ({"severity": "high"}, {"groups": {"g": GroupTold(NOON - 1000, 2)}}, Hold("group", NOON + 30_000)),
        ({}, {"over_budget": NOON + 9}, Hold("budget", NOON + 9)),
        ({"severity": "high", "held": "group"}, {"over_budget": NOON + 9}, None),
        ({"held": "budget"}, {"over_budget": NOON + 9}, None),
        ({"held": "quiet"}, {"over_budget": NOON + 9, "paced_until": NOON + 5}, Hold("pace", NOON + 5)),
        ({"attempts": 1}, {"over_budget": NOON + 9, "paced_until": NOON + 5}, Hold("pace", NOON + 5)),
        ({}, {"flood": Flood(NOON + 9000, "flood:7", NOON)}, Hold("flood", NOON + 9000, "flood:7")),
        ({"held": "pace"}, {"flood": Flood(NOON + 9000, "flood:7", NOON - 1)}, None),
        ({"held": "pace"}, {"flood": Flood(NOON + 300_001, "flood:7", NOON)}, None),
    ],
)
def test_what_a_row_waits_for(changes: dict[str, object], lane: dict[str, object], expected: Hold | None) -> None:
    assert held(replace(RAISE, **changes), replace(LANE, **lane)) == expected  # type: ignore[arg-type]


def test_without_a_wait_and_a_pace_nothing_is_held() -> None:
    told = replace(LANE, groups={"g": GroupTold(NOON - 1000, 4)})

    assert held(lane=told, grouping=Grouping(wait=0, pace=0)) is None


@pytest.mark.parametrize(
    ("severity", "below", "time", "expected"),
    [
        ("medium", "high", "2026-11-27 21:59", None),
        ("medium", "high", "2026-11-27 22:00", "2026-11-28 07:00"),
        ("medium", "high", "2026-11-28 06:59", "2026-11-28 07:00"),
        ("medium", "high", "2026-11-28 07:00", None),
        ("high", "high", "2026-11-28 03:00", None),
        ("high", "critical", "2026-11-28 03:00", "2026-11-28 07:00"),
        ("critical", "critical", "2026-11-28 03:00", None),
        ("low", "high", "2026-03-29 01:30", "2026-03-29 07:00"),  # the night in which the clock goes forward
        ("low", "medium", "2026-10-25 02:30", "2026-10-25 07:00"),
    ],
)
def test_quiet_hours_hold_what_is_less_severe(severity: str, below: str, time: str, expected: str | None) -> None:
    found = held_until(quiet(ANA, below), severity, at(time), ZONE)

    assert found == (None if expected is None else (at(expected), f"quiet hours: below {below}"))


def test_hours_without_an_end_hold_nothing() -> None:
    always = replace(ANA, quiet=Quiet(hours=Schedule(hours=(Hours(),))))

    assert held_until(always, "low", NOON, ZONE) is None


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        (None, "2026-11-27 06:59", "2026-11-27 07:00"),
        (None, "2026-11-27 07:00", "2026-11-28 07:00"),
        (NIGHT, "2026-11-27 12:00", "2026-11-28 07:00"),
        (WEEKEND, "2026-11-27 23:00", "2026-11-30 06:00"),
        (WEEKEND, "2026-11-26 12:00", "2026-11-27 06:00"),
        (WEEKEND, "2026-11-28 12:00", "2026-11-30 06:00"),
    ],
)
def test_the_next_morning(hours: Schedule | None, now: str, expected: str) -> None:
    person = ANA if hours is None else replace(ANA, quiet=Quiet(hours=hours))

    assert next_morning(person, at(now), ZONE) == at(expected)


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-27 12:00", None),
        ("2026-11-27 22:00", "2026-11-27 22:00"),
        ("2026-11-28 06:59", "2026-11-27 22:00"),
        ("2026-11-28 07:00", None),
    ],
)
def test_when_the_night_began(now: str, began: str | None) -> None:
    assert night_began(NIGHT, at(now), ZONE) == (None if began is None else at(began))


@pytest.mark.parametrize(
    ("budget", "had", "now", "expected"),
    [
        (Budget(), 99, "2026-11-27 12:00", None),
        (Budget(day=3), 2, "2026-11-27 12:00", None),
        (Budget(day=3), 3, "2026-11-27 12:00", "2026-11-28 07:00"),
        (Budget(night=2), 9, "2026-11-27 12:00", None),
        (Budget(night=2), 2, "2026-11-27 23:00", "2026-11-28 07:00"),
        (Budget(night=2), 1, "2026-11-28 02:00", None),
        (Budget(night=0), 0, "2026-11-28 02:00", "2026-11-28 07:00"),
    ],
)
def test_until_when_a_budget_is_used_up(budget: Budget, had: int, now: str, expected: str | None) -> None:
    found = exhausted_until(replace(ANA, budget=budget), lambda _since: had, at(now), ZONE)

    assert (None if found is None else found[0]) == (None if expected is None else at(expected))


def test_the_night_and_the_day_are_those_of_the_person() -> None:
    asked: list[int] = []
    person = replace(quiet(ANA), budget=Budget(day=9, night=9))

    exhausted_until(person, lambda since: asked.append(since) or 0, at("2026-11-28 03:00"), ZONE)  # type: ignore[func-returns-value]

    assert asked == [at("2026-11-27 22:00"), at("2026-11-28 00:00")]


@pytest.mark.parametrize(
    ("first", "other", "grouping", "expected"),
    [
        ({}, {"group": "h"}, Grouping(), True),
        ({}, {"kind": "clear"}, Grouping(), True),
        ({}, {"severity": "critical"}, Grouping(), False),
        ({"severity": "critical"}, {}, Grouping(), False),
        ({}, {"kind": "self_test"}, Grouping(), False),
        ({}, {"group": "h"}, Grouping(pace=0), False),
        ({}, {}, Grouping(pace=0), True),
        ({}, {}, Grouping(wait=0, pace=0), False),
        ({}, {"kind": "clear"}, Grouping(pace=0), False),
        ({"held": "quiet"}, {"held": "budget", "kind": "clear"}, Grouping(wait=0, pace=0), True),
        ({"held": "quiet"}, {}, Grouping(wait=0, pace=0), False),
        ({"gather": "maintenance:1"}, {"gather": "maintenance:1", "severity": "critical"}, Grouping(), True),
        ({"gather": "maintenance:1"}, {"gather": "flood:1"}, Grouping(wait=0, pace=0), False),
    ],
)
def test_what_goes_out_together(
    first: dict[str, object], other: dict[str, object], grouping: Grouping, *, expected: bool
) -> None:
    assert goes_along(replace(RAISE, **first), replace(RAISE, **other), grouping) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"held": "group"}, {}], "group"),
        ([{"held": "group"}, {"group": "h"}], "pace"),
        ([{"held": "group"}, {"kind": "acknowledged"}], "pace"),
        ([{}, {}], "pace"),
        ([{"held": "quiet"}, {"held": "group"}, {"held": "pace"}], "quiet"),
        ([{"held": "budget"}, {"held": "flood", "gather": "flood:1"}], "budget"),
        ([{"gather": "maintenance:5"}, {"held": "pace"}], "maintenance"),
    ],
)
def test_why_rows_go_out_together(rows: list[dict[str, object]], expected: str) -> None:
    assert why([replace(RAISE, **row) for row in rows]) == expected  # type: ignore[arg-type]


def test_reminders_come_at_growing_intervals_and_the_last_again_and_again() -> None:
    minutes, now, before = [], 0, {}
    for _ in range(5):
        found = next_reminder("remind" if before else "raise", "critical", before, now, REMINDERS)
        assert found is not None
        now, before = found[0], dict(found[1])
        minutes.append(now // MINUTE)

    assert minutes == [5, 15, 30, 45, 60]
    assert next_reminder("remind", "critical", {"number": 99, "first": now - 86_400_000}, now, REMINDERS) is None


@pytest.mark.parametrize(
    ("kind", "severity"), [("clear", "high"), ("acknowledged", "high"), ("chatter", "high"), ("raise", "low")]
)
def test_nobody_is_reminded_of_these(kind: str, severity: str) -> None:
    assert next_reminder(kind, severity, {}, 0, REMINDERS) is None


def test_what_is_over_has_a_line_in_a_digest_however_little_severe() -> None:
    clear = past(2, "clear")
    row = past(1, "raise", severity="low")

    assert decide(row, [clear], STANDING, 0).action is Action.DROP
    assert decide(replace(row, digest=True), [clear], STANDING, 0).action is Action.COMBINE
