"""Availability against an obvious program, and against health's own judgements."""

from collections.abc import Sequence

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.equipment.availability import Availability, availability
from monitor.health.judge import Judge
from monitor.model import Missing, Position, Reading, Recorded
from tests.equipment.presences import PUMP, SECOND, START, Row, health_says, itself, minute_ended, site_of

_words = st.sampled_from(["answering", "suspended", "degraded", "never_answered"])
_changes = st.lists(st.tuples(st.integers(1, 500), _words), max_size=12)


@st.composite
def _stories(draw: st.DrawFn) -> list[tuple[int, str, int]]:
    """Times, words, and for how long the monitor is off after each (0: it is not)."""
    at, story = 0, []
    for gap, word in draw(_changes):
        at += gap
        off = draw(st.sampled_from([0, 0, 0, 7, 100]))
        story.append((at, word, off))
        at += off + 1
    return story


def _entries(story: Sequence[tuple[int, str, int]]) -> list[Recorded]:
    entries = []
    for at, word, off in story:
        entries.append(health_says(at * SECOND, word))
        if off:
            began, ended = (at + 1) * SECOND, (at + 1 + off) * SECOND
            entries.append(itself(ended, "monitor_started", off_since=began, off_until=ended))
    return entries


def _second_by_second(story: Sequence[tuple[int, str, int]], start: int, end: int) -> dict[str, int]:
    """What an obvious program finds: look at each second."""
    means = {"answering": "up", "degraded": "up", "suspended": "down", "never_answered": "unknown"}
    found = {"up": 0, "down": 0, "unknown": 0}
    for second in range(start, end):
        state = "unknown"
        for at, word, off in story:
            if at <= second:
                state = means[word]
            if at + 1 <= second < at + 1 + off:
                state = "unknown"
                break
        found[state] += 1
    return found


@given(_stories(), st.integers(-50, 2000), st.integers(0, 3000), st.integers(0, 12))
def test_figures_are_those_that_one_finds_second_by_second(
    story: list[tuple[int, str, int]], start: int, length: int, cut: int
) -> None:
    entries = _entries(story)
    part, rows = Availability(site_of()), []
    kept: dict[str, object] = {}
    for number, entry in enumerate(entries):
        if number == cut:
            kept |= part.dump_changed()
            rows += part.rows()
            part = Availability(site_of())
            part.load(orjson.loads(orjson.dumps(kept)).items())
        part.take(entry)
    rows += part.rows()
    end = start + length
    begin, until = START + start * SECOND, START + end * SECOND
    found = availability(rows, ["pump"], begin, until, until)[0]

    assert {"up": found.up_s, "down": found.down_s, "unknown": found.unknown_s} == _second_by_second(
        story, start, end
    )
    assert found.longest_s <= found.down_s
    assert bool(found.outages) is bool(found.down_s)


@given(
    st.lists(st.tuples(st.integers(-100, 100), st.sampled_from(["up", "down", "unknown"])), max_size=10),
    st.integers(-120, 120),
    st.integers(-120, 120),
    st.integers(-120, 120),
)
def test_what_is_up_down_and_unknown_makes_up_the_period(
    changes: list[tuple[int, str]], start: int, end: int, now: int
) -> None:
    rows = [("pump", at, state) for at, state in dict(changes).items()]
    found = availability(rows, ["pump", "leak"], start, end, now)

    assert [each.device for each in found] == ["pump", "leak"]
    for each in found:
        assert round(1000 * (each.up_s + each.down_s + each.unknown_s)) == max(0, min(end, now) - start)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=12))
def test_at_the_end_of_each_minute_a_device_is_as_health_found_it(runs: list[tuple[int, bool]]) -> None:
    """Real judgements, of a device that flaps too: runs of polls that are answered, and of polls that are not."""
    judge, part = Judge([PUMP]), Availability(site_of())
    judge.resume(START)
    at, rows, minutes = 0, list[Row](), list[tuple[int, str]]()
    for answered in [answered for times, answered in runs for _ in range(times)]:
        at += 10 * SECOND
        time = START + at
        values = {"power_w": 1.0} if answered else {}
        missing = {} if answered else {"power_w": Missing.TIMEOUT}
        reading = Reading(device="pump", time=time, arrived=time, values=values, missing=missing)
        judge.judge([Recorded(Position(at), time, reading)])
        changes, ended = judge.news()
        for change in changes:
            part.take(health_says(change.time - START, change.state, change.was))
        for minute in ended:
            part.take(minute_ended(minute.time - START, minute.state, up=minute.up))
            known = "unknown" if minute.state == "never_answered" else "down"
            minutes.append((minute.time, "up" if minute.up else known))
    rows += sorted(part.rows())

    for time, state in minutes:
        before = [each for _, start, each in rows if start <= time]
        assert (before[-1] if before else "unknown") == state
