"""The supply against lists of intervals, over restarts, clocks and ticks."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.equipment.supply import Supplies, supply_spans
from monitor.model import Derived, Event, Recorded
from tests.equipment.supplies import SECOND, START, events_of, fails, itself, site_of, supplies_of, volts

# What a poll finds, ten seconds after the one before: three phases there or not, or no answer.


_polls = st.lists(
    st.sampled_from([(1, 1, 1), (1, 1, 1), (0, 0, 0), (0, 0, 0), (1, 0, 1), (0, 1, 1), None, None]), max_size=60
)


def _entries(polls: Sequence[tuple[int, ...] | None]) -> list[Recorded]:
    return [
        fails(10 * number) if poll is None else volts(10 * number, *(230.0 * each for each in poll))
        for number, poll in enumerate(polls)
    ]


def _expected(polls: Sequence[tuple[int, ...] | None]) -> list[tuple[int, str]]:
    """State by interval: a poll's word holds until the next, and three polls without an answer end it.

    With a delay below the interval of polls each word lasts long enough, but for the last, of which only a tick
    could say so.
    """
    found: list[tuple[int, str]] = []
    failed = 0
    for number, poll in enumerate(polls):
        failed = failed + 1 if poll is None else 0
        if poll is None and failed < 3:
            continue
        state = "unknown"
        if poll is not None:
            state = "present" if all(poll) else "partial" if any(poll) else "lost"
        if (found[-1][1] if found else "unknown") != state:
            found.append((10 * number, state))
    return found


@settings(max_examples=200)
@given(_polls)
def test_the_history_is_that_of_a_list_of_intervals(polls: list[tuple[int, ...] | None]) -> None:
    part = supplies_of([*_entries(polls), 10 * len(polls)])
    rows = sorted(row for row in part.rows() if row[0] == "A")
    end = START + 10 * SECOND * len(polls)
    spans = supply_spans(rows, START, end, end)
    joined: list[tuple[int, str]] = []
    for each in spans:
        if not joined or joined[-1][1] != each.state:  # another phase is lost: a span of its own
            joined.append(((each.start - START) // SECOND, each.state))
    told = [each.kind for each in events_of(part)]

    assert joined == _expected(polls)
    known = [state for _, state in joined if state != "unknown"]
    changes = [state for place, state in enumerate(known) if state != (known[place - 1] if place else "present")]
    assert told == [{"present": "supply_back"}.get(state, f"supply_{state}") for state in changes]


_steps = st.one_of(
    st.tuples(st.just("poll"), st.integers(0, 40), st.sampled_from([0.0, 230.0]), st.sampled_from([0.0, 230.0])),
    st.tuples(st.just("fail"), st.integers(0, 40), st.none(), st.none()),
    st.tuples(st.just("off"), st.integers(1, 4000), st.none(), st.none()),
    st.tuples(st.just("set"), st.integers(-4000, 4000), st.none(), st.none()),
)


def _story(steps: Iterable[tuple[str, int, float | None, float | None]]) -> list[Recorded]:
    at, entries = 0, []
    for kind, seconds, one, two in steps:
        before, at = at, at + seconds
        if kind == "off":
            entries.append(itself(at, "monitor_started", off_since=before, off_until=at))
        elif kind == "set":
            entries.append(itself(at, "clock_stepped", from_=before, to=at))
        elif one is None or two is None:
            entries.append(fails(at))
        else:
            entries.append(volts(at, one, two, 230.0))
    return entries


@settings(max_examples=200)
@given(st.lists(_steps, max_size=40), st.sets(st.integers(0, 40), max_size=4))
def test_memory_that_is_kept_and_taken_back_gives_the_same(
    steps: list[tuple[str, int, float | None, float | None]], cuts: set[int]
) -> None:
    whole, parts = Supplies(site_of()), Supplies(site_of())
    kept: dict[str, Any] = {}
    rows: dict[tuple[str, str, int], tuple[str, str]] = {}
    news: list[Event | Derived] = []
    for number, entry in enumerate(_story(steps)):
        if number in cuts:
            kept |= orjson.loads(orjson.dumps(parts.dump_changed()))
            rows |= {(a, b, c): (d, e) for a, b, c, d, e in parts.rows()}
            news += parts.news()
            parts = Supplies(site_of())
            parts.load(kept.items())
        whole.take(entry)
        parts.take(entry)
    rows |= {(a, b, c): (d, e) for a, b, c, d, e in parts.rows()}

    assert news + parts.news() == whole.news()
    assert rows == {(a, b, c): (d, e) for a, b, c, d, e in whole.rows()}
    assert parts.now() == whole.now()


@settings(max_examples=200)
@given(st.lists(_steps, max_size=40))
def test_no_time_is_negative_whatever_clocks_do(
    steps: list[tuple[str, int, float | None, float | None]],
) -> None:
    part = supplies_of(_story(steps))
    rows = part.rows()
    end = START + 200_000 * SECOND
    spans = supply_spans(rows, START - 200_000 * SECOND, end, end)

    assert all(each.end is not None and each.end > each.start for each in spans)
    assert all(float(each.attributes["lost_s"]) >= 0 for each in events_of(part) if each.kind == "supply_back")
    if spans:
        assert spans[-1].state == part.now()[0].state


@settings(max_examples=100)
@given(_polls, st.sets(st.integers(0, 60), max_size=10))
def test_ticks_between_the_readings_change_nothing(polls: list[tuple[int, ...] | None], ticks: set[int]) -> None:
    """A replay has no ticks; what was told live is told again, with the same identities, and no more."""
    entries = _entries(polls)
    plain, ticked = Supplies(site_of()), Supplies(site_of())
    for number, entry in enumerate(entries):
        plain.take(entry)
        ticked.take(entry)
        if number in ticks:
            ticked.tick(START + (10 * number + 9) * SECOND)
    plain.tick(START + 10_000 * SECOND)
    ticked.tick(START + 10_000 * SECOND)

    assert ticked.news() == plain.news()
    assert sorted(ticked.rows()) == sorted(plain.rows())
