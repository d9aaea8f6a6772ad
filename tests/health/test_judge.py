"""How devices do, judged from entries at given times."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.judge import Judge
from monitor.model import Entry, Event, Missing, Origin, Position, Reading, Recorded, Value
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device, Point

START = 1_795_378_560_000  # the beginning of a minute
SECOND = 1000
MINUTE = 60_000

METER = Device(
    id="meter",
    name="Meter",
    connection="bus",
    device_class="water",
    scan={"fast": 10.0},
    points={"volume_m3": Point(name="volume_m3", unit="m3")},
)
SENSOR = Device(id="sensor", name="Sensor", connection="broker", device_class="environment", expected_every=60.0)
READER = Device(id="reader", name="Reader", connection="broker", device_class="access")


def _judge() -> Judge:
    judge = Judge([METER, SENSOR, READER])
    judge.resume(START)
    return judge


def _said(at: int, device: str = "meter", origin: Origin = Origin.POLL, **values: Value) -> Recorded:
    missing = {} if values else {"volume_m3": Missing.TIMEOUT}
    time = START + at
    return _recorded(
        at, Reading(device=device, time=time, arrived=time, values=values, missing=missing, origin=origin)
    )


def _recorded(at: int, entry: Entry) -> Recorded:
    return Recorded(Position(at + 1), START + at, entry)


def _answers(*seconds: int) -> list[Recorded]:
    return [_said(second * SECOND, volume_m3=1.0) for second in seconds]


def _fails(*seconds: int) -> list[Recorded]:
    return [_said(second * SECOND) for second in seconds]


def _tens(start: int, end: int) -> range:
    return range(start, end, 10)


def _states(judge: Judge, device: str = "meter") -> Sequence[str]:
    return [change.state for change in judge.news()[0] if change.device == device]


def test_a_device_has_never_answered_until_it_does() -> None:
    judge = _judge()
    judge.judge(_fails(0, 10, 20, 30))
    before = judge.states()["meter"]
    judge.judge(_answers(40))

    assert before == "never_answered"
    assert _states(judge) == ["answering"]


@pytest.mark.fault(
    "device dead",
    part="rules and alarms",
    outcome="Its state is suspended, or never answered when it never has, until the first answer.",
)
def test_two_failed_polls_in_a_row_suspend_and_one_answer_ends_it() -> None:
    judge = _judge()
    judge.judge([*_answers(0), *_fails(10), *_answers(20), *_fails(30, 40), *_answers(50)])
    changes = [change for change in judge.news()[0] if change.device == "meter"]

    assert [(change.was, change.state, change.time - START) for change in changes] == [
        ("never_answered", "answering", 0),
        ("answering", "suspended", 40_000),
        ("suspended", "answering", 50_000),
    ]


@pytest.mark.fault(
    "device refuses or is busy",
    part="rules and alarms",
    outcome="It is not taken for a dead one.",
)
def test_a_device_that_refuses_has_answered() -> None:
    judge = _judge()
    refused = {"volume_m3": Missing.REFUSED}
    judge.judge([_recorded(0, Reading(device="meter", time=START, arrived=START, values={}, missing=refused))])

    assert judge.states()["meter"] == "answering"


def test_three_edges_within_an_hour_are_flapping_until_they_are_older() -> None:
    judge = _judge()
    judge.judge([*_answers(0), *_fails(10, 20), *_answers(30), *_fails(40, 50), *_answers(60, 70)])
    told = _states(judge)
    judge.judge(_answers(*range(80, 3700, 10)))
    later = [change for change in judge.news()[0] if change.device == "meter"]

    assert told == ["answering", "suspended", "answering", "flapping"]
    assert [change.was for change in later] == ["flapping"]
    assert later[0].time - START == 61 * MINUTE


def test_more_than_a_fifth_lost_in_an_hour_is_degraded_until_it_is_less_than_15_percent() -> None:
    judge = _judge()
    judge.judge(
        [entry for at in range(0, 3600, 50) for entry in (*_fails(at), *_answers(*_tens(at + 10, at + 50)))]
    )
    exactly_a_fifth = judge.states()["meter"]
    judge.judge([entry for at in range(3600, 5400, 20) for entry in (*_fails(at), *_answers(at + 10))])
    told = _states(judge)
    judge.judge(_answers(*_tens(5400, 9100)))

    assert exactly_a_fifth == "answering"
    assert told == ["answering", "degraded"]
    assert _states(judge) == ["answering"]


def test_polls_left_out_while_it_is_suspended_count_as_lost() -> None:
    judge = _judge()
    judge.judge([*_answers(*range(0, 1800, 10)), *_fails(1800, 1810), *_answers(3000)])
    judge.judge(_answers(3010, 3061))

    assert judge.states()["meter"] == "degraded"


def test_a_device_that_sends_by_itself_is_suspended_after_three_of_its_intervals() -> None:
    judge = _judge()
    judge.judge([_said(0, "sensor", Origin.PUSH, temperature_c=20.0)])
    judge.tick(START + 3 * MINUTE)
    before = judge.states()["sensor"]
    judge.tick(START + 4 * MINUTE)
    after = judge.states()["sensor"]
    judge.judge([_said(4 * MINUTE + 1, "sensor", Origin.PUSH, temperature_c=20.0)])

    assert (before, after, judge.states()["sensor"]) == ("answering", "suspended", "answering")


def test_a_device_without_an_interval_is_never_suspended_for_silence() -> None:
    judge = _judge()
    card = Event(device="reader", kind="card", time=START, arrived=START, id="1")
    judge.judge([_recorded(0, card)])
    judge.tick(START + 40 * MINUTE)

    assert judge.states()["reader"] == "answering"


def test_a_last_will_suspends_at_once() -> None:
    judge = _judge()
    for number, kind in enumerate(("card", "reader_offline")):
        event = Event(device="reader", kind=kind, time=START, arrived=START, id=kind)
        judge.judge([_recorded(number, event)])

    assert judge.states()["reader"] == "suspended"


def test_what_a_broker_has_kept_is_no_sign_of_life() -> None:
    judge = _judge()
    judge.judge([_said(0, "sensor", Origin.RETAINED, temperature_c=20.0)])

    assert judge.states()["sensor"] == "never_answered"


def test_each_minute_says_how_it_was() -> None:
    judge = _judge()
    judge.judge([*_answers(0, 10), *_fails(20), *_answers(30, 40, 50, 60)])
    minutes = [minute for minute in judge.news()[1] if minute.device == "meter"]

    assert [(each.time - START, each.up, each.state, each.polls, each.errors) for each in minutes] == [
        (MINUTE, True, "answering", 6, 1)
    ]


@pytest.mark.fault(
    "monitor off",
    part="whole monitor",
    outcome="No device is suspended or counted as lost for the time without a monitor.",
)
def test_time_that_the_monitor_did_not_run_is_held_against_nobody() -> None:
    judge = _judge()
    judge.judge([_said(0, "sensor", Origin.PUSH, temperature_c=20.0), *_answers(0, 10)])
    judge.news()
    day = 24 * 60 * MINUTE
    judge.resume(START + day)
    judge.tick(START + day + MINUTE)

    assert judge.states() == {"meter": "answering", "sensor": "answering", "reader": "never_answered"}
    assert {minute.time for minute in judge.news()[1]} == {START + day + MINUTE}


@pytest.mark.fault(
    "clock stepped forward",
    part="whole monitor",
    outcome="No device counts as silent for it.",
)
def test_a_step_of_the_clock_suspends_nobody_and_ends_no_thousand_minutes() -> None:
    judge = _judge()
    judge.judge([_said(0, "sensor", Origin.PUSH, temperature_c=20.0), *_answers(0, 10, 20)])
    judge.news()
    day = 24 * 60 * MINUTE
    before, after = START + 25_000, START + 25_000 + day
    step = Event(
        device=MONITOR_DEVICE,
        kind="clock_stepped",
        time=after,
        arrived=after,
        id="step",
        attributes={"from": before, "to": after},
    )
    judge.judge([_said(day + 25_000, volume_m3=1.0), _recorded(day + 25_000, step)])
    judge.judge([_said(day + 65_000, volume_m3=1.0)])
    changes, minutes = judge.news()

    assert changes == []
    assert {minute.time - START for minute in minutes} == {day + MINUTE}


@pytest.mark.parametrize("how", ["live", "in a replay"])
def test_a_power_cut_without_a_battery_is_nobodys_minute(how: str) -> None:
    judge = _judge()
    judge.judge(_answers(*_tens(0, 90)))
    judge.news()
    hour, booted = 60 * MINUTE, 20_000 - START
    # The box comes back in 1970, and the writer's stamps stand still until the network tells the time.
    if how == "live":
        judge.resume(20_050)
    start = Event(device=MONITOR_DEVICE, kind="monitor_started", time=20_000, arrived=20_000, id="start")
    polls = [_said(booted + at * SECOND, volume_m3=1.0) for at in _tens(10, 100)]
    judge.judge([replace(each, recorded=START + 80_000) for each in [_recorded(0, start), *polls]])
    step = Event(
        device=MONITOR_DEVICE,
        kind="clock_stepped",
        time=START + hour,
        arrived=START + hour,
        id="step",
        attributes={"from": 20_000 + 100_000, "to": START + hour},
    )
    judge.judge([_recorded(hour, step), *(_said(hour + at * SECOND, volume_m3=1.0) for at in _tens(0, 90))])
    changes, minutes = judge.news()

    assert changes == []
    assert len([minute for minute in minutes if minute.device == "meter"]) == 3
    assert {minute.errors for minute in minutes} == {0}


_STEPS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["answer", "fail", "push", "card"])), max_size=60)


@given(_STEPS, st.integers(0, 60))
def test_what_is_kept_is_enough_to_go_on(steps: list[tuple[int, str]], cut: int) -> None:
    entries, at = [], 0
    for number, (gap, what) in enumerate(steps):
        at += gap * SECOND
        made = {
            "answer": _said(at, volume_m3=1.0),
            "fail": _said(at),
            "push": _said(at, "sensor", Origin.PUSH, c=1.0),
        }
        card = Event(device="reader", kind="card", time=START + at, arrived=START + at, id=str(number))
        entries.append(made.get(what) or _recorded(at, card))
    whole, first, second = _judge(), _judge(), Judge([METER, SENSOR, READER])
    whole.judge(entries)
    first.judge(entries[:cut])
    kept = {key: orjson.dumps(body) for key, body in first.dump_changed().items()}
    second.load((key, orjson.loads(body)) for key, body in kept.items())
    second.judge(entries[cut:])
    told, more = first.news(), second.news()

    assert (told[0] + more[0], told[1] + more[1]) == whole.news()
    assert second.states() == whole.states()


def test_a_device_that_speaks_in_another_rhythm_since_a_start_begins_its_hour_anew() -> None:
    seldom = Judge([replace(SENSOR, expected_every=300.0)])
    seldom.resume(START)
    seldom.judge([_said(at * 5 * MINUTE, "sensor", Origin.PUSH, t=1.0) for at in range(30)])

    judge = Judge([replace(SENSOR, expected_every=5.0)])
    judge.load(orjson.loads(orjson.dumps(seldom.dump_changed())).items())
    judge.resume(START + 146 * MINUTE)
    began = 146 * MINUTE // SECOND
    judge.judge([_said(at * SECOND, "sensor", Origin.PUSH, t=1.0) for at in range(began, began + 300, 5)])

    assert _states(judge, "sensor") == []
    assert judge.states()["sensor"] == "answering"
    assert judge.losses()["sensor"] < 0.05


def test_a_minute_may_be_longer_and_says_the_same_of_an_hour() -> None:
    judge = Judge([replace(METER, scan={"fast": 300.0})], 300.0)
    judge.resume(START)
    judge.judge(_answers(*range(0, 5400, 300)))
    before = judge.news()[1]
    judge.judge(_fails(5400))
    judge.judge(_answers(*range(5700, 7500, 300)))
    judge.judge(_fails(7500, 8100, 8700))
    judge.judge(_answers(9000))

    assert {later.time - minute.time for minute, later in pairwise(before)} == {5 * MINUTE}
    assert {minute.polls for minute in before[1:]} == {1}
    assert judge.losses()["meter"] == pytest.approx(4 / 12, abs=0.1)


def test_a_device_that_is_first_heard_late_in_a_minute_has_lost_nothing_in_it() -> None:
    often = Device(id="often", name="Often", connection="broker", device_class="environment", expected_every=5.0)
    judge = Judge([often])
    judge.resume(START)
    minutes = [_said(second * SECOND, "often", Origin.PUSH, temperature_c=20.0) for second in range(50, 180, 5)]
    judge.judge(minutes)
    judge.tick(START + 3 * MINUTE)

    assert _states(judge, "often") == ["answering"]

    judge.judge(
        [_said(second * SECOND, "often", Origin.PUSH, temperature_c=20.0) for second in range(180, 420, 10)]
    )
    judge.tick(START + 7 * MINUTE)
    assert judge.states()["often"] == "degraded"
