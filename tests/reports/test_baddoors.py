"""What is found at doors, at the limits and just below them."""

from datetime import date
from pathlib import Path

import pytest

from monitor.accessbook import DoorDay
from monitor.reports import baddoors, chinese, english
from monitor.reports.baddoors import FINDINGS, Finding, findings, summed
from monitor.reports.equipment import UNEVEN, UNEVEN_HOURS
from monitor.reports.upkeep import BATTERY_SOON

DAY = date(2026, 10, 1)


def found(unlocked=(), other=None, **facts) -> list[tuple[str, int | None, int | None, float | None]]:
    doors = {"front": DoorDay(door="front", day=DAY, **facts)}
    if other is not None:
        doors["other"] = DoorDay(door="other", day=DAY, **other)
    return [(each.kind, each.times, each.whole, each.seconds) for each in findings(doors, unlocked)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"opened": {"card": 90, "none": 6}, "forced": 6, "forced_short": 3}, [("shakes", 3, 6, None)]),
        ({"opened": {"card": 90, "none": 6}, "forced": 6, "forced_short": 2}, []),
        ({"opened": {"card": 90, "none": 4}, "forced": 4, "forced_short": 4}, []),
        ({"opened": {"card": 90, "none": 10}, "forced": 10, "forced_late": 3}, [("late", 3, 10, None)]),
        ({"opened": {"card": 90, "none": 10}, "forced": 10, "forced_late": 2}, []),
        ({"opened": {"card": 10, "none": 10}, "forced": 10}, [("unwired", 10, 20, None)]),
        ({"opened": {"card": 11, "none": 10}, "forced": 10}, []),
        ({"opened": {"none": 9}, "forced": 9}, []),
        ({"stuck_s": 600.0}, [("sticks", None, None, 600.0)]),
        ({"stuck_s": 599.0}, []),
        ({"longest_s": 8 * 3600.0}, [("stands_open", None, None, 28_800.0)]),
        ({"longest_s": 8 * 3600.0 - 1}, []),
        ({"opened": {"card": 100}, "bounces": 20}, [("bounces", 20, 100, None)]),
        ({"opened": {"card": 101}, "bounces": 20}, []),
        ({"opened": {"card": 5}, "bounces": 19}, []),
        ({}, []),
    ],
)
def test_a_door_is_found_at_the_limit_and_not_below_it(facts, expected):
    assert found(**facts) == expected


def test_openings_that_shaking_or_a_late_button_explains_are_not_said_to_be_unwired():
    facts = {"opened": {"none": 30}, "forced": 30, "forced_short": 16}

    assert [kind for kind, *_ in found(**facts)] == ["shakes"]
    assert [kind for kind, *_ in found(**facts | {"forced_short": 15})] == ["shakes", "unwired"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"granted": 20, "unused": 4}, ["unused"]),
        ({"granted": 20, "unused": 5}, []),
        ({"granted": 19}, []),
        (None, []),
    ],
)
def test_unused_cards_point_at_a_door_only_where_others_are_used(other, expected):
    assert [kind for kind, *_ in found(other=other, granted=20, unused=10)] == expected
    assert found(other=other, granted=20, unused=9) == []


def test_a_door_with_open_hours_may_stand_open():
    assert found(unlocked=["front"], longest_s=40_000.0) == []


def test_days_are_added_and_the_longest_is_the_longest():
    days = [
        DoorDay(door="front", day=DAY, opened={"card": 2, "none": 1}, forced=1, longest_s=5.0, open_s=7.0, held=1),
        DoorDay(door="front", day=DAY, opened={"card": 3, "rex": 4}, longest_s=9.0, open_s=10.5, unused=2),
    ]

    assert summed("front", DAY, days) == DoorDay(
        door="front",
        day=DAY,
        opened={"card": 5, "none": 1, "rex": 4},
        forced=1,
        held=1,
        unused=2,
        longest_s=9.0,
        open_s=17.5,
    )
    assert summed("front", DAY, []) == DoorDay(door="front", day=DAY)


def test_the_limits_stand_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    told = text.partition("**Doors to look at.**")[2].partition("### Equipment")[0]

    assert f"| {baddoors.FEW} forced openings in the period, half of them so |" in told
    assert baddoors.SHAKES == baddoors.UNWIRED == baddoors.UNUSED == 0.5
    assert f"| {baddoors.FEW} forced openings, {baddoors.LATE:.0%}".replace("%", " %") in told
    assert f"| {baddoors.UNWIRED_LEAST} openings that neither of the two explains, and half of all" in told
    assert f"| {baddoors.STUCK / 60:.0f} minutes together |" in told
    least, elsewhere = baddoors.GRANTED_LEAST, f"{100 * baddoors.UNUSED_ELSEWHERE:.0f} %"
    assert f"| {least} granted cards, half of them unused, while at the other doors together no more than" in told
    assert f"no more than {elsewhere} of at least {least} are |" in told
    assert f"| {baddoors.STANDS_OPEN / 3600:.0f} hours, at a door without hours `unlocked` |" in told
    assert f"| {baddoors.BOUNCES_LEAST} bounces, and one for each five openings |" in told
    assert pytest.approx(1 / 5) == baddoors.BOUNCES
    assert f"From {UNEVEN_HOURS:.0f} running hours on, a member that ran for less than half" in text
    assert UNEVEN == 0.5
    assert f"will be at 10 % within {BATTERY_SOON.days} days" in text


def test_every_finding_has_words_in_both_languages_and_says_what_to_look_at():
    for words in (english.WORDS, chinese.WORDS):
        assert [kind for kind in FINDINGS if not (words[f"finding_{kind}"] and words[f"look_{kind}"])] == []
    assert {Finding(door="a", kind=kind).kind for kind in FINDINGS} == set(FINDINGS)
    assert 0 < baddoors.UNUSED_ELSEWHERE < baddoors.UNUSED
