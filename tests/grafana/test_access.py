"""The dashboard of doors over three weeks of openings and cards, on a real InfluxDB, against counts of its own."""

import json
from collections import Counter
from itertools import pairwise
from statistics import median

import pytest

from monitor.grafana.access import DOORS
from tests.grafana.shipped import DASHBOARDS, queries_of
from tests.grafana.weekly import Weeks
from tests.grafana.weeks import NOW, OPENINGS, READERS, at, cards, day_of

_DAY = 86_400_000
_WEEK = NOW - 7 * _DAY
_NEW = [each for each in OPENINGS if each.time >= _WEEK]


@pytest.fixture
def board(weeks: Weeks) -> Weeks:
    return weeks.on("access")


def test_no_query_asks_who_it_was():
    for place, query in queries_of(DASHBOARDS["access"]):
        assert "credential" not in query, place
    assert "pseudonym" not in json.dumps(DOORS.json()).replace("not even as a pseudonym", "")


def test_the_data_have_pseudonyms_that_nobody_sees(board: Weeks):
    rows = board.rows("SELECT credential FROM access WHERE event = 'card'", "facility-access")

    assert {row["credential"] for row in rows} == {"pseudonym"}
    for panel in board.answers.panels():
        assert "pseudonym" not in str(board.answers.answer(panel).raw), panel["title"]


def test_today_counts_since_local_midnight(board: Weeks):
    today = [each for each in OPENINGS if day_of(each.time) == day_of(NOW)]

    counted = board.stats("Since midnight")
    assert counted.get("passages", 0) == sum(each.cause == "card" for each in today)
    assert counted.get("held open", 0) == sum(each.stood > 30 for each in today)
    assert counted.get("forced", 0) == sum(each.cause == "none" for each in today)
    assert board.stats("Open now") == {"open": 0}


def test_incidents_are_told_the_newest_first(board: Weeks):
    rows = board.table("Forced, held open, out of hours")
    expected = [(each.time // 1000, "forced open", each.door) for each in OPENINGS if each.cause == "none"]
    expected += [(each.time // 1000 + 30, "held open", each.door) for each in OPENINGS if each.stood > 30]
    expected += [(at(ago, 3) // 1000, "out of hours", "cellar-reader") for ago in (12, 6, 1)]

    shown = [(row["When"].number // 1000, str(row["What"]), str(row["Device"])) for row in rows]
    assert shown == sorted(expected, reverse=True)


def test_incidents_per_day_stand_on_local_days(board: Weeks):
    held = {
        day_of(time): value for time, value in board.series("Forced, held open, out of hours per day")["held open"]
    }
    expected = Counter(day_of(each.time) for each in OPENINGS if each.stood > 30)

    assert {day: count for day, count in held.items() if count} == expected
    assert len(held) in (30, 31), "a day without is a zero"


def test_cards_are_counted_by_hour_and_by_reason(board: Weeks):
    new = [each for each in cards() if each[0] >= _WEEK]
    shown = board.series("Cards per hour")

    for result in ("granted", "denied"):
        hours = Counter(time // 3_600_000 * 3_600_000 for time, _, found, _ in new if found == result)
        assert {time: value for time, value in shown[result] if value} == hours
    reasons = Counter(reason for _, _, result, reason in cards() if result == "denied")
    assert board.stats("Denied, by reason") == reasons
    assert list(board.stats("Denied, by reason")) == [reason for reason, _ in reasons.most_common()]


def test_doors_and_readers_are_ordered_by_traffic(board: Weeks):
    opened = Counter(each.door for each in _NEW)
    used = Counter(READERS[each.door] for each in _NEW if each.cause == "card")

    assert list(board.stats("Busiest doors").items()) == opened.most_common()
    assert list(board.stats("Passages by reader").items()) == used.most_common()
    assert board.stats("Told late") == {"cellar-reader": sum(at(ago, 3) >= _WEEK for ago in (12, 6, 1))}


def test_each_door_says_how_long_it_stands_open(board: Weeks):
    for row in board.table("Each door"):
        mine = [each for each in OPENINGS if each.door == str(row["Door"])]
        assert row["Opened"].number == len(mine)
        assert str(row["Forced"]) == str(sum(each.cause == "none" for each in mine))
        assert str(row["Held open"]) == str(sum(each.stood > 30 for each in mine))
        assert row["Usually open for"].number == pytest.approx(median(each.stood for each in mine))
        assert row["Longest"].number == max(each.stood for each in mine)


def test_a_closer_that_wears_out_shows_as_a_rising_line(board: Weeks):
    line = [value for _, value in board.series("How long doors stand open")["front-door"]]

    assert len(line) in (21, 22)
    assert line[-1] - line[0] > 9
    assert all(later > earlier for earlier, later in pairwise(line))


def test_causes_add_up_to_the_openings(board: Weeks):
    shown = board.series("Why doors were opened")
    causes = {"card": "a card", "rex": "exit button", "none": "nothing: forced"}

    for cause, name in causes.items():
        assert sum(value for _, value in shown[name]) == sum(each.cause == cause for each in OPENINGS)


def test_doors_are_shown_as_they_were(board: Weeks):
    states = [value for _, value in board.series("Doors, the last day")["cellar-door"]]

    assert set(states) <= {"open", "held", "closed", "forced"}
    assert states[-1] == "closed"


def test_people_inside_are_the_zones_newest(board: Weeks):
    shown = board.series("People inside, by zone")

    assert shown.keys() == {"house", "house, with a card"}
    assert max(value for _, value in shown["house"] if value is not None) == 12
    assert max(value for _, value in shown["house, with a card"] if value is not None) == 6


def test_what_can_be_chosen_narrows_doors(board: Weeks):
    assert board.options("device") == [
        "cellar-door", "cellar-reader", "front-button", "front-door", "front-reader",
    ]  # fmt: skip
    assert board.choose(zone="basement").stats("Busiest doors").keys() == {"cellar-door"}
    assert board.choose(building="B").table("Each door") == []
