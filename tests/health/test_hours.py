"""Hours are the sums of their minutes, whatever happened, and however often the monitor was started anew."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.hours import Hour, Hours
from monitor.health.judge import Minute
from monitor.schema import HEALTH_WORSE

HOUR = 3_600_000
MINUTE = 60_000
START = 1_795_377_600_000
STATES = ("answering", "degraded", "flapping", "suspended", "never_answered")


def _minute(at: int, state: str = "answering", **more: Any) -> Minute:
    """The minute that ends `at` minutes after the beginning of an hour."""
    facts = {"up": state not in {"suspended", "never_answered"}, "polls": 6, "errors": 0, "loss": 0.0, **more}
    return Minute(device="meter", time=START + at * MINUTE, state=state, **facts)


def _take(hours: Hours, minutes: Iterable[Minute], poll_ms: float | None = 4.0) -> Sequence[Hour]:
    return [hour for minute in minutes for hour in hours.take(minute, poll_ms)]


def _last(told: Iterable[Hour]) -> Mapping[int, Mapping[str, Any]]:
    """What stands in a database of rows of which the last one counts: by the beginning of the hour."""
    return {hour.start: hour.values for hour in told}


def test_an_hour_that_runs_is_told_every_ten_minutes_and_is_whole_at_its_end() -> None:
    told = _take(Hours(["meter"]), [_minute(at) for at in range(1, 61)])

    assert [(hour.start - START, (hour.until - START) // MINUTE) for hour in told] == [
        (0, at) for at in range(10, 61, 10)
    ]
    assert [hour.values["minutes"] for hour in told] == [10, 20, 30, 40, 50, 60]


def test_an_hour_says_how_much_of_it_a_device_answered() -> None:
    minutes = [_minute(at, loss=0.1) for at in range(1, 46)]
    minutes += [_minute(at, "suspended", polls=2, errors=2, loss=0.4) for at in range(46, 61)]
    told = _take(Hours(["meter"]), minutes)

    assert _last(told)[START] == {
        "up_pct": 75.0,
        "up_minutes": 45,
        "minutes": 60,
        "state": "suspended",
        "state_i": 4,
        "state_end": "suspended",
        "polls": 45 * 6 + 15 * 2,
        "errors": 30,
        "loss_pct": 17.5,
        "poll_ms": 4.0,
        "seen_ms": START + 45 * MINUTE,
    }


def test_what_is_not_known_is_left_out() -> None:
    told = _take(Hours(["meter"]), [_minute(at, "never_answered", loss=None) for at in range(1, 11)], None)

    assert set(told[0].values) == {
        "up_pct",
        "up_minutes",
        "minutes",
        "state",
        "state_i",
        "state_end",
        "polls",
        "errors",
    }
    assert told[0].values["up_pct"] == 0.0


def test_an_hour_in_which_a_device_answered_first_is_not_one_in_which_it_never_did() -> None:
    minutes = [_minute(at, "never_answered" if at < 30 else "answering") for at in range(1, 61)]

    assert _last(_take(Hours(["meter"]), minutes))[START]["state"] == "answering"


@pytest.mark.parametrize(("better", "worse"), [*pairwise(STATES[:4])])
def test_the_worst_state_is_that_of_the_hour(better: str, worse: str) -> None:
    minutes = [_minute(at, worse if at == 7 else better) for at in range(1, 61)]

    found = _last(_take(Hours(["meter"]), minutes))[START]
    assert found["state_end"] == better
    assert (found["state"], HEALTH_WORSE[int(found["state_i"])]) == (worse, worse)


@pytest.mark.fault(
    "monitor off",
    part="whole monitor",
    outcome="An hour counts the minutes in which the monitor ran, and says how many they were.",
)
def test_minutes_without_a_monitor_are_not_judged() -> None:
    minutes = [*(_minute(at) for at in range(1, 15)), *(_minute(at) for at in range(130, 141))]
    told = _last(_take(Hours(["meter"]), minutes))

    assert {start - START: values["minutes"] for start, values in told.items()} == {0: 14, 2 * HOUR: 11}
    assert {values["up_pct"] for values in told.values()} == {100.0}


def test_when_it_was_seen_is_known_also_in_hours_without_an_answer() -> None:
    minutes = [_minute(at, "answering" if at < 31 else "suspended") for at in range(1, 181)]
    told = _last(_take(Hours(["meter"]), minutes))

    assert [values["seen_ms"] - START for values in told.values()] == [30 * MINUTE] * 3
    assert [values["up_minutes"] for values in told.values()] == [30, 0, 0]


def test_a_longer_step_counts_as_its_minutes() -> None:
    told = _last(_take(Hours(["meter"], 300.0), [_minute(at) for at in range(5, 61, 5)]))

    assert (told[START]["minutes"], told[START]["up_minutes"], told[START]["polls"]) == (60, 60, 72)


@pytest.mark.fault(
    "clock stepped back",
    part="whole monitor",
    outcome="Minutes that come a second time within an hour are not counted again.",
)
def test_a_clock_that_is_set_back_changes_nothing_that_was_told() -> None:
    hours = Hours(["meter"])
    before = _take(hours, [_minute(at) for at in range(1, 66)])
    again = _take(hours, [_minute(at, "suspended") for at in range(58, 66)])
    after = _take(hours, [_minute(at) for at in range(66, 121)])

    assert again == []
    told = _last([*before, *after])
    assert [values["minutes"] for values in told.values()] == [60, 60]
    assert {values["state"] for values in told.values()} == {"answering"}


def test_after_a_clock_that_was_years_ahead_hours_are_told_again() -> None:
    hours = Hours(["meter"])
    _take(hours, [_minute(at + 10_000_000) for at in range(1, 66)])
    told = _last(_take(hours, [_minute(at) for at in range(1, 61)]))

    assert told[START]["minutes"] == 60


_RUNS = st.lists(
    st.tuples(st.sampled_from(STATES), st.integers(1, 90), st.booleans(), st.integers(0, 150)),
    min_size=1,
    max_size=8,
)


def _life(runs: Sequence[tuple[str, int, bool, int]]) -> list[Minute]:
    """Minutes in runs of one state each; before each the monitor may have been off for a while."""
    minutes, at = [], 0
    for state, length, was_off, off in runs:
        at += off if was_off else 0
        minutes += [_minute(at + each, state, errors=each % 3, loss=each / 100) for each in range(1, length + 1)]
        at += length
    return minutes


@given(_RUNS, st.sets(st.integers(0, 700), max_size=6))
def test_an_hour_is_the_sum_of_its_minutes_whenever_it_is_started_anew(
    runs: Sequence[tuple[str, int, bool, int]], starts: set[int]
) -> None:
    minutes = _life(runs)
    hours = Hours(["meter", "other"])
    told: list[Hour] = []
    for number, minute in enumerate(minutes):
        if number in starts:  # a start; what was kept is all that is known
            kept = orjson.dumps(hours.dump("meter"))
            hours = Hours(["meter"])
            hours.load("meter", orjson.loads(kept))
        told += hours.take(minute, 2.0)
    flush = _minute((minutes[-1].time - START) // MINUTE + 180)
    found = _last([*told, *hours.take(flush, None)])

    for start in {(minute.time - 1) // HOUR * HOUR for minute in minutes}:
        within = [minute for minute in minutes if start < minute.time <= start + HOUR]
        up = sum(minute.up for minute in within)
        assert found[start]["minutes"] == len(within)
        assert found[start]["up_minutes"] == up
        assert found[start]["up_pct"] == pytest.approx(100 * up / len(within), abs=0.01)
        assert found[start]["errors"] == sum(minute.errors for minute in within)
        assert found[start]["polls"] == sum(minute.polls for minute in within)
        mean = sum(minute.loss or 0 for minute in within) / len(within)
        assert found[start]["loss_pct"] == pytest.approx(100 * mean, abs=0.01)
    assert told == [hour for hour in told if hour.start < hour.until <= hour.start + HOUR]


@given(_RUNS, st.integers(0, 200))
def test_a_replay_says_the_same_again(runs: Sequence[tuple[str, int, bool, int]], cut: int) -> None:
    """Killed before anything was kept since `cut`: the minutes since are taken a second time."""
    minutes = _life(runs)
    hours = Hours(["meter"])
    _take(hours, minutes[:cut])
    kept = hours.dump("meter")
    first = _take(hours, minutes[cut:])
    again = Hours(["meter"])
    again.load("meter", kept or [])

    assert _take(again, minutes[cut:]) == first


def test_the_hour_of_a_device_that_left_the_site_is_left_alone() -> None:
    hours = Hours(["meter"])
    kept = hours.dump("meter")
    hours.load("gone", kept or [])

    assert hours.dump("gone") is None


def test_the_newest_error_of_an_hour_is_told_also_when_it_is_over() -> None:
    hours = Hours(["meter"])
    told = [*hours.take(_minute(5), 4.0, "timeout"), *hours.take(_minute(10), 4.0), *hours.take(_minute(70), 4.0)]

    assert [hour.values.get("last_error") for hour in told] == ["timeout", None]
