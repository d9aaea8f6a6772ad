"""What is on the broker against what has to be: compared, never remembered as the truth."""

from typing import Any

import pytest

from monitor.sinks.mqtt.states import Board
from monitor.sinks.mqtt.topics import Topics
from tests.alarms.household import LEAK, LOW, site

SITE = site(LOW, LEAK)
TOPICS = Topics(SITE, "fm")
METER = TOPICS.alarm_topic("low", "meter/voltage_v")
CHANGED = {METER, TOPICS.alarms_topic("meter"), TOPICS.summary}


def _view(**more: Any) -> dict[str, Any]:
    return {
        "occurrence": "o-1", "rule": "low", "device": "meter", "source_key": "meter/voltage_v",
        "point": "voltage_v", "title": "Low", "state": "active", "response": "unacked", "suppression": (),
        "isa": "B", "active": True, "latched": False, "normal": False, "unknown": False, "momentary": False,
        "severity": "high",
        "value": 200.0, "limit": 207.0, "unit": "V", "since": 1, "raised_at": 2, "acknowledged_by": "",
    } | more  # fmt: skip


@pytest.fixture
def board() -> Board:
    board = Board(SITE, TOPICS)
    board.published(board.picture([]), 0.0)
    return board


def test_only_what_differs_from_the_broker_is_published(board: Board) -> None:
    raised = board.changes([_view()])
    board.published(raised, 10.0)
    again = board.changes([_view()])
    acked = board.changes([_view(response="acked", isa="C")])
    board.published(acked, 20.0)
    over = board.changes([])

    assert (set(raised), again, set(acked), set(over)) == (CHANGED, {}, CHANGED, CHANGED)
    assert b'"state":"clear"' in over[METER]


def test_nothing_that_the_broker_has_not_taken_counts_as_there(board: Board) -> None:
    assert board.changes([_view()]) == board.changes([_view()]) != {}
    assert board.waiting == {}


def test_a_picture_is_whole_whatever_was_published(board: Board) -> None:
    board.published(board.changes([_view()]), 10.0)
    picture = board.picture([_view(value=190.0)])

    assert picture.keys() == board.known
    assert b"190.0" in picture[METER]


def test_a_topic_waits_for_its_second_and_others_do_not_wait_for_it(board: Board) -> None:
    board.published({METER: b"x"}, 10.0)

    assert board.wait([METER], 10.25) == pytest.approx(0.75)
    assert board.wait([METER], 11.5) == 0.0
    assert board.wait([TOPICS.alarms_topic("sensor")], 10.25) == 0.0


def test_an_alarm_of_a_rule_that_is_gone_is_not_shown(board: Board) -> None:
    assert METER not in board.changes([_view(rule="gone", source_key="meter/voltage_v")])


@pytest.mark.parametrize(
    ("views", "isa", "waits"),
    [
        ([_view(momentary=True, state="clear", active=False)], "D", 1),
        ([_view(momentary=True, state="clear", active=False), _view(momentary=True, active=False)], "D", 2),
        (
            [
                _view(momentary=True, state="clear", active=False, suppression=("shelved",)),
                _view(state="clear", response="none", active=False, isa="A"),
            ],
            "D",
            1,
        ),
        (
            [
                _view(momentary=True, state="clear", active=False),
                _view(state="clear", response="none", active=False, isa="G", suppression=("shelved",)),
            ],
            "G",
            1,
        ),
    ],
)
def test_events_that_wait_are_counted_and_held_back_as_they_are_now(
    board: Board, views: list[dict[str, Any]], isa: str, waits: int
) -> None:
    payload = board.picture(views)[METER]

    assert f'"isa":"{isa}"'.encode() in payload
    assert f'"waiting":{waits}'.encode() in payload
