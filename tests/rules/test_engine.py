"""What no tape can say: clocks without a battery, replays, floods of events, failing judges."""

import pytest

from monitor.model import Command, Event, Value
from monitor.schema import MONITOR_DEVICE
from rules.effects import Row
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.rules.build import START, device, event, reading, recorded, rule

DEVICES = {"meter": device(), "door": device("door", points=[])}
LOW = {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V", "on_delay": "60 s"}
HOUR = 3_600_000


def of_itself(at: int, kind: str, **attributes: Value) -> Event:
    return event(at, kind, id=MONITOR_DEVICE, **attributes)


def engine(*settings: dict[str, object]) -> Engine:
    return Engine([rule(one, DEVICES) for one in settings], Surroundings(devices=DEVICES))


@pytest.mark.fault(
    "clock years wrong at boot",
    part="rules and alarms",
    outcome="A start with a clock behind the journal's stamps: delays go on by what arrives.",
)
def test_a_clock_that_starts_behind_the_stamps_holds_nothing_up() -> None:
    made = engine(LOW)
    made.judge([recorded(reading(0, 200.0), 0)])
    made.resume(START - HOUR)

    # The writer's stamps stand still until the clock has caught up; arrivals go on.
    steps = []
    for late in range(0, 80_000, 10_000):
        steps += made.judge([recorded(reading(late - HOUR, 200.0), 0)]).transitions

    assert [(step.cause, step.time) for step in steps] == [("raised", START - HOUR + 60_000)]


@pytest.mark.parametrize("boots", [1, 2], ids=["one power cut", "two power cuts"])
@pytest.mark.parametrize("ran", [2000, 600_000], ids=["ran for seconds", "ran for minutes"])
@pytest.mark.parametrize("how", ["live", "in a replay"])
def test_time_without_a_battery_and_without_power_makes_nothing_stale(how: str, ran: int, boots: int) -> None:
    rules = ({"id": "silent", "kind": "stale", "max_age": "5 min"}, {"id": "dead", "kind": "offline"})
    made, kept, steps = engine(*rules), dict[tuple[str, str], Row](), []
    steps += made.judge([recorded(of_itself(0, "monitor_started"), 0)]).transitions
    steps += made.judge([recorded(reading(at, 230.0), at) for at in range(0, ran + 1, 1000)]).transitions

    # The box comes back in 1970: stamps stand still. Live, the shell resumes by itself; the event comes behind it.
    booted = 20_000 - START
    for _ in range(boots):
        if how == "live":
            kept |= {(row.area, row.key): row for row in made.dump_changed()}
            made = engine(*rules)
            made.load(kept.values(), START + booted)
            steps += made.resume(START + booted + 50).transitions
        steps += made.judge([recorded(of_itself(booted, "monitor_started"), ran)]).transitions
        polls = [reading(booted + at, 230.0) for at in range(100, 90_000, 1000)]
        steps += made.judge([recorded(each, ran) for each in polls]).transitions
    right = ran + HOUR
    step = of_itself(right, "clock_stepped", **{"from": START + booted + 90_000, "to": START + right})
    steps += made.judge([recorded(step, right)]).transitions
    polls = [reading(right + at, 230.0) for at in range(100, 60_000, 1000)]
    steps += made.judge([recorded(each, each.arrived - START) for each in polls]).transitions
    fine = list(steps)
    steps += made.judge([recorded(reading(right + 60_000 + 400_000, 230.0), right + 60_000 + 400_000)]).transitions

    assert fine == []
    assert [(one.cause, one.time) for one in steps] == [
        ("raised", START + right + 59_100 + 300_000),
        ("cleared", START + right + 60_000 + 400_000),
    ]


def test_a_replay_takes_restarts_from_the_journal() -> None:
    started = of_itself(HOUR, "monitor_started")
    made = engine(LOW)
    made.judge([recorded(reading(0, 200.0), 0), recorded(reading(20_000, 200.0), 20_000)])
    before = made.judge([recorded(started, HOUR), recorded(reading(HOUR, 200.0), HOUR)])
    after = made.judge([recorded(reading(HOUR + at, 200.0), HOUR + at) for at in (30_000, 40_000)])

    assert before.transitions == []
    assert [step.time for step in after.transitions] == [START + HOUR + 40_000]


@pytest.mark.fault(
    "many alarms at once",
    part="rules and alarms",
    outcome="Of a flood of events of one rule the newest hundred wait; older ones are closed and say so.",
)
def test_of_a_flood_of_events_a_hundred_wait() -> None:
    made = engine({"id": "forced", "kind": "event", "event": "forced"})
    effects = made.judge([recorded(event(at, "forced"), at) for at in range(105)])

    closed = [step for step in effects.transitions if step.cause == "closed"]
    waiting = [row for row in made.dump_changed() if row.area == "event" and row.body is not None]
    assert len(closed) == 5
    assert {step.reason for step in closed} == {"more than 100 wait"}
    assert len(waiting) == 100


def test_two_events_in_one_millisecond_are_two_alarms_at_two_times() -> None:
    made = engine({"id": "forced", "kind": "event", "event": "forced"})
    one = event(0, "forced")
    other = Event(device="door", kind="forced", time=one.time, arrived=one.arrived, id="another")

    steps = made.judge([recorded(one, 0), recorded(other, 0)]).transitions

    assert [step.time for step in steps] == [START, START + 1]
    assert len({step.occurrence for step in steps}) == 2


def test_a_disabled_rule_hears_nothing() -> None:
    made = engine({**LOW, "on_delay": "0 s", "enabled": False})

    assert made.judge([recorded(reading(0, 100.0), 0)]).transitions == []


def test_entries_without_rules_leave_nothing_to_keep_but_the_time() -> None:
    made = engine()
    made.judge([recorded(reading(0, 100.0), 0)])

    assert [row.area for row in made.dump_changed()] == ["engine"]


def test_levels_that_a_rule_lost_fall_to_its_highest() -> None:
    levels = [{"below": "207 V", "severity": "low"}, {"below": "190 V", "severity": "critical"}]
    made = engine({"id": "low", "kind": "threshold", "point": "voltage_v", "levels": levels})
    made.judge([recorded(reading(0, 180.0), 0)])
    rows = made.dump_changed()

    edited = engine({**LOW, "on_delay": "0 s"})
    assert edited.load(rows, START).transitions == []
    steps = edited.judge([recorded(reading(10_000, 230.0), 10_000)]).transitions

    assert [step.cause for step in steps] == ["cleared"]


def test_what_is_acknowledged_in_the_batch_in_which_it_was_raised_is_acknowledged() -> None:
    low = {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V"}
    alone, together = engine(low), engine(low)
    raising = recorded(reading(0, 200.0), 0)
    (raised,) = alone.judge([raising]).transitions
    acknowledging = recorded(
        Command(id="1", time=START + 1, by="ana", kind="acknowledge", target=raised.occurrence), 1
    )

    effects = together.judge([raising, acknowledging])

    assert effects.refused == []
    assert [one.cause for one in effects.transitions] == ["raised", "acknowledged"]
