"""What the house's people are told in its month: each story once or twice, and next to nothing without a reason.

A message is told when an alarm is raised, rises, comes again or chatters, unless it is held back. A message has a
reason when a story of the simulated house went on then, or had ended not long before; else it is a nuisance.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from monitor.model import SEVERITY_RANK
from monitor.simulation.stories import Story
from tests.grafana.house import house
from tests.grafana.month import BEGIN, END, ZONE, stories

_HOUR = 3_600_000
_WEEK = 7 * 24 * _HOUR
_AFTERWARDS = 12 * _HOUR
"""So long after its end a story may still be the reason of a message: what was seen to clears in the morning."""
_TELLS = frozenset(
    {"raised", "severity", "re_alarm", "unshelved", "unsuppressed", "returned", "chattering", "quiet"}
)
_CALM = 30 * 60_000
_AT_ONCE = range(3)
"""Ms by which steps of one moment may stand beside each other in the database."""
_MOST_OF_A_DOOR = 8


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of an alarm that concerns people."""

    time: int
    rule: str
    device: str
    cause: str
    severity: str
    is_held_back: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """The steps of all alarms of the month, and which of them were messages."""

    steps: Sequence[_Step]

    def messages(self, *rules: str) -> list[_Step]:
        """All that people were told, of some rules or of all."""
        return [each for each in self._messages() if not rules or each.rule in rules]

    def _messages(self) -> Iterator[_Step]:
        chatters: dict[tuple[str, str], int] = {}
        begun = {(each.rule, each.device, each.time) for each in self.steps if each.cause == "chattering"}
        for step in self.steps:
            key = step.rule, step.device
            if step.cause in {"raised", "cleared"} and step.time - chatters.get(key, 0) < _CALM:
                chatters[key] = step.time
                continue
            if step.cause == "chattering":
                chatters[key] = step.time
            if step.cause == "raised" and any((*key, step.time + late) in begun for late in _AT_ONCE):
                continue  # the raise that is one too many is told as chattering
            if step.cause in _TELLS and not step.is_held_back:
                yield step


def _story(ident: str) -> Story:
    found = stories().story(ident)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> _Told:
    with house(tmp_path_factory) as looked:
        rows = looked.server.query('SELECT * FROM "alarms"', "facility")
    steps = [
        _Step(row["time"], row["rule"], row["device"], row["cause"], row["severity"], bool(row["suppression"]))
        for row in rows
        if BEGIN <= row["time"] < END
    ]
    return _Told(sorted(steps, key=lambda each: each.time))


def _during(story: Story) -> Callable[[_Step], bool]:
    return lambda step: story.begin <= step.time < story.end


def test_at_most_two_messages_a_week_have_no_reason(told: _Told) -> None:
    known = [each for each in stories().stories if each.id not in {"battery", "holidays"}]
    battery = {"battery-soon", "door-battery"}

    def has_reason(step: _Step) -> bool:
        return step.rule in battery or any(one.begin <= step.time < one.end + _AFTERWARDS for one in known)

    nuisances = [each for each in told.messages() if not has_reason(each)]

    assert len(told.messages()) > 20
    for begin in range(BEGIN, END, _WEEK):
        assert len([each for each in nuisances if begin <= each.time < begin + _WEEK]) <= 2, nuisances


def test_the_leak_is_told_in_its_first_night(told: _Told) -> None:
    story = _story("leak")
    morning = datetime.fromtimestamp(story.begin / 1000, ZONE).replace(hour=0, minute=0) + timedelta(
        days=1, hours=8
    )
    found = [each for each in told.messages("water-leak") if each.cause == "raised"]

    assert {each.device for each in found} >= {"flats-water"}
    assert all(story.begin < each.time < morning.timestamp() * 1000 for each in found)
    assert [each.device for each in told.messages("water-at-night") if each.cause == "raised"] == ["main-water"]
    assert len(told.messages("water-leak", "water-at-night")) <= 10, "a week of it"


def test_the_demand_is_told_before_the_contract_is_exceeded(told: _Told) -> None:
    found = told.messages("demand")

    assert [(each.cause, each.severity) for each in found] == [("raised", "medium"), ("severity", "high")]
    assert all(map(_during(_story("peak")), found))
    assert found[1].time - found[0].time >= 15 * 60_000


def test_the_unbalance_is_told_once(told: _Told) -> None:
    assert [_during(_story("unbalance"))(each) for each in told.messages("current-unbalance")] == [True]


def test_the_forced_door_is_told_once(told: _Told) -> None:
    [found] = told.messages("door-forced")

    assert abs(found.time - _story("forced-door").begin) < 60_000


def test_a_door_that_sticks_for_two_weeks_is_a_handful_of_messages(told: _Told) -> None:
    held = [each for each in told.steps if (each.rule, each.cause) == ("door-held-open", "raised")]
    found = told.messages("door-held-open", "door-held-often")

    assert len(held) > 50, "each is kept"
    assert [each.cause for each in found if each.rule == "door-held-often"][:1] == ["raised"]
    assert 1 < len(found) <= _MOST_OF_A_DOOR
    assert all(map(_during(_story("sticking-door")), found))


def test_a_contact_that_rattles_is_quietened_with_one_message(told: _Told) -> None:
    closed = [each for each in told.steps if (each.rule, each.cause) == ("detector-tampered", "raised")]
    found = [each.cause for each in told.messages("detector-tampered")]

    assert len(closed) == 40
    assert found.count("chattering") == 1
    assert found.count("raised") == 2, "before it was known to rattle"


def test_a_gateway_that_dies_is_one_message_and_its_meters_are_none(told: _Told) -> None:
    story = _story("gateway-off")
    found = [each for each in told.messages() if _during(story)(each)]
    meters = {each.device for each in told.steps if each.rule == "device-offline" and _during(story)(each)}

    assert [(each.rule, each.cause) for each in found] == [("connection-dead", "raised")]
    assert len(meters) == 5
    assert not told.messages("device-offline", "device-stale")


def test_messages_do_not_come_by_the_dozen(told: _Told) -> None:
    times = [each.time for each in told.messages() if SEVERITY_RANK[each.severity] < SEVERITY_RANK["critical"]]

    assert not [first for first, last in pairwise(times[::10]) if last - first < _HOUR]
