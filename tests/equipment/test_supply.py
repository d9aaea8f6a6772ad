"""Whether a building has its supply: by points of a meter, over silence, restarts and clocks."""

from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.equipment.supply import Supplies, supply_spans
from monitor.model import Derived, Event, Missing, Origin, Position, Quality, Reading, Recorded, Value
from monitor.plant import Supply
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device, Point, Site
from monitor.upkeepbook import SupplySpan

START = 1_795_378_500_000  # the beginning of a quarter of an hour
SECOND = 1000
MINUTE = 60_000
QUARTER = 15 * MINUTE
PHASES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")

MAIN = Device(
    id="main",
    name="Main",
    connection="bus",
    device_class="electricity",
    building="A",
    scan={"fast": 10.0},
    points={name: Point(name=name, unit="V") for name in PHASES},
)
VALVE = Device(
    id="valve",
    name="Valve",
    connection="broker",
    device_class="water",
    expected_every=60.0,
    points={"pressure_low": Point(name="pressure_low")},
)
POWER = Supply(building="A", utility="electricity", device="main", points=PHASES, below=100.0)
WATER = Supply(building="B", utility="water", device="valve", points=("pressure_low",), lost_is=True)


def _site(*supplies: Supply) -> Site:
    return Site(
        id="hq",
        name="HQ",
        timezone=ZoneInfo("UTC"),
        devices={each.id: each for each in (MAIN, VALVE)},
        supplies=supplies or (POWER, WATER),
    )


def _reading(at: int, values: dict[str, Value], device: str = "main", **more: Any) -> Recorded:
    """A reading `at` seconds after the start, recorded when it arrived."""
    time = START + at * SECOND
    more = {"arrived": time, "origin": Origin.POLL, **more}
    reading = Reading(device=device, time=time, values=values, **more)
    return Recorded(Position(1), reading.arrived, reading)


def _volts(at: int, *volts: float, **more: Any) -> Recorded:
    every = volts if len(volts) > 1 else volts * 3
    return _reading(at, dict(zip(PHASES, every, strict=True)), **more)


def _fails(at: int) -> Recorded:
    return _reading(at, {}, missing=dict.fromkeys(PHASES, Missing.TIMEOUT))


def _itself(at: int, kind: str, **seconds: int) -> Recorded:
    time = START + at * SECOND
    told = {name.rstrip("_"): START + value * SECOND for name, value in seconds.items()}
    event = Event(device=MONITOR_DEVICE, kind=kind, time=time, arrived=time, id=f"{kind}-{at}", attributes=told)
    return Recorded(Position(1), time, event)


def _run(entries: Iterable[Recorded | int], *supplies: Supply) -> Supplies:
    """Take entries; a number is a tick so many seconds after the start."""
    part = Supplies(_site(*supplies))
    for entry in entries:
        if isinstance(entry, int):
            part.tick(START + entry * SECOND)
        else:
            part.take(entry)
    return part


def _history(part: Supplies, building: str = "A") -> list[tuple[float, str]]:
    rows = sorted(row for row in part.rows() if row[0] == building)
    return [((start - START) / SECOND, state) for _, _, start, state, _ in rows]


def _events(part: Supplies) -> list[Event]:
    return [each for each in part.news() if isinstance(each, Event)]


def _told(part: Supplies) -> list[tuple[str, float]]:
    return [(each.kind, (each.time - START) / SECOND) for each in _events(part)]


def test_before_anything_is_heard_nothing_is_known() -> None:
    part = _run([3600])

    assert [(each.building, each.utility, each.state, each.since) for each in part.now()] == [
        ("A", "electricity", "unknown", None),
        ("B", "water", "unknown", None),
    ]
    assert part.news() == []
    assert part.rows() == []


def test_all_phases_gone_is_lost_since_the_first_reading_that_said_so() -> None:
    part = _run([_volts(0, 230), _volts(10, 0.4), _volts(20, 0.4), _volts(30, 230), _volts(40, 230)])
    events = _events(part)

    assert _history(part) == [(0, "present"), (10, "lost"), (30, "present")]
    assert [(each.device, each.kind, each.id, each.time) for each in events] == [
        ("main", "supply_lost", f"supply_lost-electricity-{START + 10_000}", START + 15_000),
        ("main", "supply_back", f"supply_back-electricity-{START + 30_000}", START + 35_000),
    ]
    assert events[0].attributes == {
        "utility": "electricity",
        "building": "A",
        "points": "voltage_l1_v, voltage_l2_v, voltage_l3_v",
    }
    assert events[1].attributes == {"utility": "electricity", "building": "A", "lost_s": 20.0}


def test_one_phase_gone_is_partial_and_says_which() -> None:
    part = _run([_volts(0, 230), _volts(10, 230, 3, 230), _volts(20, 230, 3, 230)])
    (event,) = _events(part)

    assert (event.kind, event.attributes["points"]) == ("supply_partial", "voltage_l2_v")
    assert part.now()[0].lost == ("voltage_l2_v",)
    assert part.rows()[-1] == ("A", "electricity", START + 10_000, "partial", '["voltage_l2_v"]')


def test_from_partial_to_lost_and_back_is_one_loss() -> None:
    part = _run(
        [
            _volts(0, 230),
            *(_volts(at, 230, 3, 230) for at in (10, 20)),
            *(_volts(at, 0) for at in (30, 40)),
            *(_volts(at, 230, 0, 0) for at in (50, 60)),
            *(_volts(at, 230) for at in (70, 80)),
        ]
    )
    events = _events(part)

    assert [each.kind for each in events] == ["supply_partial", "supply_lost", "supply_partial", "supply_back"]
    assert events[-1].attributes["lost_s"] == 60.0


def test_what_does_not_last_is_not_told() -> None:
    slow = Supply(building="A", utility="electricity", device="main", points=PHASES, below=100.0, delay=15.0)
    part = _run([_volts(0, 230), _volts(10, 0), _volts(20, 0), _volts(24, 230), _volts(34, 230), 60], slow)

    assert _history(part) == [(0, "present")]
    assert _told(part) == []


def test_when_nothing_more_comes_time_alone_decides() -> None:
    part = _run([_volts(0, 230), _volts(10, 0), 16])
    before = part.now()[0].state
    part.tick(START + 17 * SECOND)

    assert before == "present"
    assert part.now()[0].state == "lost"
    assert _told(part) == [("supply_lost", 15)]


def test_a_reading_that_says_otherwise_later_than_the_delay_comes_too_late() -> None:
    part = _run([_volts(0, 230), _volts(10, 0), _volts(16, 230), _volts(26, 230)])

    assert _history(part) == [(0, "present"), (10, "lost"), (16, "present")]
    assert _told(part) == [("supply_lost", 15), ("supply_back", 21)]


def test_at_the_start_what_is_there_is_believed_at_once_and_what_is_not_has_to_last() -> None:
    assert _run([_volts(0, 230)]).now()[0].state == "present"
    assert _run([_volts(0, 0)]).now()[0].state == "unknown"
    assert _told(_run([_volts(0, 0), _volts(10, 0)])) == [("supply_lost", 5)]


@pytest.mark.parametrize("failed", [2, 3])
def test_a_meter_that_goes_silent_is_unknown_after_three_polls_and_never_lost(failed: int) -> None:
    part = _run([_volts(0, 230), *(_fails(10 * number) for number in range(1, failed + 1))])

    assert part.now()[0].state == ("unknown" if failed > 2 else "present")
    assert _told(part) == []
    assert _history(part) == ([(0, "present"), (30, "unknown")] if failed > 2 else [(0, "present")])


def test_a_last_will_and_a_reader_that_says_it_is_off_are_unknown_at_once() -> None:
    for word in (
        _reading(5, {}, device="valve", missing={"pressure_low": Missing.TIMEOUT}, origin=Origin.PUSH),
        Recorded(
            Position(1),
            START + 5000,
            Event(device="valve", kind="reader_offline", time=START + 5000, arrived=START + 5000, id="1"),
        ),
    ):
        part = _run([_reading(0, {"pressure_low": False}, device="valve", origin=Origin.PUSH), word])

        assert _history(part, "B") == [(0, "present"), (5, "unknown")]


def test_a_device_that_sends_by_itself_is_unknown_after_three_of_its_intervals() -> None:
    part = _run([_reading(0, {"pressure_low": False}, device="valve", origin=Origin.PUSH), 181])
    before = part.now()[1].state
    part.tick(START + 182 * SECOND)

    assert before == "present"
    assert _history(part, "B") == [(0, "present"), (180, "unknown")]


@pytest.mark.parametrize("why", [Missing.SENTINEL, Missing.NAN, Missing.REFUSED, Missing.OUT_OF_RANGE])
def test_a_point_without_a_value_is_unknown(why: Missing) -> None:
    values: dict[str, Value] = dict.fromkeys(PHASES[1:], 230.0)
    part = _run([_volts(0, 230), _reading(10, values, missing={PHASES[0]: why})])

    assert _history(part) == [(0, "present"), (10, "unknown")]


def test_a_block_that_fails_once_is_no_news() -> None:
    values: dict[str, Value] = dict.fromkeys(PHASES[1:], 230.0)
    timeouts = [_reading(at, values, missing={PHASES[0]: Missing.TIMEOUT}) for at in (10, 20, 30)]

    assert _run([_volts(0, 230), *timeouts[:2]]).now()[0].state == "present"
    assert _run([_volts(0, 230), *timeouts]).now()[0].state == "unknown"


def test_one_phase_lost_and_one_there_is_partial_whatever_the_third_says() -> None:
    values: dict[str, Value] = {PHASES[0]: 0.0, PHASES[1]: 230.0}
    part = _run([_reading(at, values, missing={PHASES[2]: Missing.NAN}) for at in (0, 10)])

    assert part.now()[0].state == "partial"


def test_back_by_way_of_unknown_is_told_once() -> None:
    part = _run(
        [
            _volts(0, 230),
            *(_volts(at, 0) for at in (10, 20)),
            *(_fails(at) for at in (30, 40, 50)),
            *(_volts(at, 230) for at in (60, 70, 80)),
        ]
    )

    assert _history(part) == [(0, "present"), (10, "lost"), (50, "unknown"), (60, "present")]
    assert _told(part) == [("supply_lost", 15), ("supply_back", 65)]


def test_still_lost_after_unknown_is_not_told_again() -> None:
    part = _run(
        [
            *(_volts(at, 0) for at in (0, 10)),
            *(_fails(at) for at in (20, 30, 40)),
            *(_volts(at, 0) for at in (50, 60)),
        ]
    )

    assert _history(part) == [(0, "lost"), (40, "unknown"), (50, "lost")]
    assert _told(part) == [("supply_lost", 5)]


def test_nothing_is_known_while_the_monitor_did_not_run() -> None:
    part = _run(
        [
            *(_volts(at, 0) for at in (0, 10)),
            _itself(600, "monitor_started", off_since=15, off_until=600),
            *(_volts(at, 230) for at in (601, 611)),
        ]
    )
    events = _events(part)

    assert _history(part) == [(0, "lost"), (15, "unknown"), (601, "present")]
    assert [each.kind for each in events] == ["supply_lost", "supply_back"]
    assert events[-1].attributes["lost_s"] == 601.0


@pytest.mark.parametrize(
    "entry",
    [
        _volts(11, 0, late=True, arrived=START + 131_500),
        _volts(20, 0, origin=Origin.RETAINED),
        _volts(20, 0, origin=Origin.BACKFILL),
        _volts(5, 0, arrived=START + 20_000),
        _volts(20, 0, quality=Quality.SUSPECT),
    ],
)
def test_what_is_late_or_old_or_doubtful_says_nothing_of_now(entry: Recorded) -> None:
    part = _run([_volts(10, 230), entry, 40])

    assert _history(part) == [(10, "present")]
    assert _told(part) == []


def test_a_clock_that_is_set_forward_lets_nothing_ripen() -> None:
    slow = Supply(building="A", utility="electricity", device="main", points=PHASES, below=100.0, delay=60.0)
    entries = [_volts(0, 230), _volts(10, 0), _itself(3612, "clock_stepped", from_=12, to=3612), _volts(3620, 0)]

    assert _told(_run(entries, slow)) == []
    assert _told(_run([*entries, _volts(3661, 230)], slow)) == []
    assert _told(_run([*entries, _volts(3670, 0)], slow)) == [("supply_lost", 3670)]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_clock_that_is_set_back_makes_no_time_negative(is_told: bool) -> None:  # noqa: FBT001 - a case
    step = [_itself(3600, "clock_stepped", from_=7200, to=3600)] if is_told else []
    entries = [
        *(_volts(at, 230) for at in (3700, 7000)),
        *(_volts(at, 0) for at in (7180, 7190)),
        *step,
        *(_volts(at, 0) for at in (3610, 3620)),
        *(_volts(at, 230) for at in (3630, 3640)),
    ]
    part = _run(entries)
    events = _events(part)
    rows = part.rows()
    spans = supply_spans(rows, START, START + 10_000 * SECOND, START + 10_000 * SECOND)

    assert [each.kind for each in events] == ["supply_lost", "supply_back"]
    assert 0 < float(events[1].attributes["lost_s"]) <= 60
    assert spans[-1].state == "present"
    assert all(each.end is not None and each.end > each.start for each in spans)
    assert (part.now()[0].state, part.now()[0].since) == ("present", START + 3630 * SECOND)


def test_a_measurement_is_given_at_each_change_and_each_quarter_of_an_hour() -> None:
    part = _run([_volts(1, 230), *(_volts(at, 230) for at in range(11, 910, 10)), _volts(911, 0), _volts(921, 0)])
    told = [each for each in part.news() if isinstance(each, Derived)]

    assert [((each.time - START) / SECOND, dict(each.values)) for each in told] == [
        (1, {"state": "present", "present": True}),
        (900, {"state": "present", "present": True}),
        (911, {"state": "lost", "present": False}),
    ]
    first = told[0]
    assert (first.producer, first.device, first.key, first.measurement) == (
        "equipment",
        "main",
        "electricity",
        "supply",
    )
    assert first.attributes == {"utility": "electricity", "building": "A"}


def test_the_measurement_of_a_quarter_waits_until_it_is_decided_how_it_was_then() -> None:
    part = _run([_volts(889, 230), _volts(899, 0), 903])
    before = len(part.news())
    part.tick(START + 907 * SECOND)
    told = [each for each in part.news() if isinstance(each, Derived)]

    assert before == 1
    assert [((each.time - START) / SECOND, each.values["state"]) for each in told] == [
        (899, "lost"),
        (900, "lost"),
    ]


def test_of_what_is_unknown_the_measurement_does_not_say_that_it_is_not_there() -> None:
    part = _run([_volts(0, 230), *(_fails(at) for at in (10, 20, 30))])
    told = [each for each in part.news() if isinstance(each, Derived)]

    assert dict(told[-1].values) == {"state": "unknown"}


def test_after_a_long_time_the_measurement_is_given_once_and_not_for_each_quarter() -> None:
    part = _run([_volts(0, 230), 30 * 86_400])

    assert len(part.news()) < 10


def test_one_meter_of_two_buildings_tells_of_both() -> None:
    other = Supply(building="C", utility="electricity", device="main", points=PHASES, below=100.0)
    part = _run([_volts(0, 0), _volts(10, 0)], POWER, other)
    news = part.news()

    assert len({each.id for each in news if isinstance(each, Event)}) == 2
    assert len({(each.key, each.time) for each in news if isinstance(each, Derived)}) == 2


@pytest.mark.parametrize("why", [Missing.UNDECODABLE, Missing.BUSY, Missing.TIMEOUT])
def test_a_loss_is_told_though_every_other_answer_is_spoilt(why: Missing) -> None:
    spoilt = dict.fromkeys(PHASES, why)
    course = [_volts(0, 230)]
    for at in range(10, 50, 2):
        course += [_volts(at, 0), _reading(at + 1, {}, missing=spoilt)]
    part = _run(course)

    assert _told(part) == [("supply_lost", 15)]
    assert _history(part) == [(0, "present"), (10, "lost")]


@pytest.mark.parametrize(("volts", "expected"), [(0, [("supply_lost", 40), ("supply_back", 55)]), (230, [])])
def test_a_loss_that_nobody_was_told_of_is_told_when_a_start_finds_it(
    volts: int, expected: list[tuple[str, int]]
) -> None:
    part = _run([_volts(0, 230), _volts(10, 0), _volts(20, 0)])
    part.news()
    part.retell()
    part.take(_itself(40, "monitor_started", off_since=21, off_until=39))
    for at, each in ((40, volts), (50, 230), (60, 230)):
        part.take(_volts(at, each))

    assert _told(part) == expected


def test_spans_are_cut_to_the_period_and_the_last_one_is_open() -> None:
    rows = [
        ("A", "electricity", 100, "present", "[]"),
        ("A", "electricity", 200, "lost", '["voltage_v"]'),
        ("A", "electricity", 250, "lost", '["voltage_v"]'),
        ("A", "electricity", 300, "present", "[]"),
        ("A", "electricity", 9000, "lost", "[]"),
    ]

    def spans(start: int, end: int, now: int) -> list[tuple[str, int, int | None]]:
        return [(each.state, each.start, each.end) for each in supply_spans(rows, start, end, now)]

    assert spans(0, 1000, 500) == [("present", 100, 200), ("lost", 200, 300), ("present", 300, None)]
    assert spans(150, 280, 500) == [("present", 150, 200), ("lost", 200, 280)]
    assert spans(300, 400, 500) == [("present", 300, 400)]
    assert spans(600, 700, 500) == []
    assert spans(250, 10_000, 500) == [("lost", 250, 300), ("present", 300, None)]
    assert supply_spans(rows, 210, 220, 500) == [
        SupplySpan(building="A", utility="electricity", state="lost", start=210, end=220, lost=("voltage_v",))
    ]


# Against lists of intervals -----------------------------------------------------------------------------

# What a poll finds, ten seconds after the one before: three phases there or not, or no answer.
_polls = st.lists(
    st.sampled_from([(1, 1, 1), (1, 1, 1), (0, 0, 0), (0, 0, 0), (1, 0, 1), (0, 1, 1), None, None]), max_size=60
)


def _entries(polls: Sequence[tuple[int, ...] | None]) -> list[Recorded]:
    return [
        _fails(10 * number) if poll is None else _volts(10 * number, *(230.0 * each for each in poll))
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
    part = _run([*_entries(polls), 10 * len(polls)])
    rows = sorted(row for row in part.rows() if row[0] == "A")
    end = START + 10 * SECOND * len(polls)
    spans = supply_spans(rows, START, end, end)
    joined: list[tuple[int, str]] = []
    for each in spans:
        if not joined or joined[-1][1] != each.state:  # another phase is lost: a span of its own
            joined.append(((each.start - START) // SECOND, each.state))
    told = [each.kind for each in _events(part)]

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
            entries.append(_itself(at, "monitor_started", off_since=before, off_until=at))
        elif kind == "set":
            entries.append(_itself(at, "clock_stepped", from_=before, to=at))
        elif one is None or two is None:
            entries.append(_fails(at))
        else:
            entries.append(_volts(at, one, two, 230.0))
    return entries


@settings(max_examples=200)
@given(st.lists(_steps, max_size=40), st.sets(st.integers(0, 40), max_size=4))
def test_memory_that_is_kept_and_taken_back_gives_the_same(
    steps: list[tuple[str, int, float | None, float | None]], cuts: set[int]
) -> None:
    whole, parts = Supplies(_site()), Supplies(_site())
    kept: dict[str, Any] = {}
    rows: dict[tuple[str, str, int], tuple[str, str]] = {}
    news: list[Event | Derived] = []
    for number, entry in enumerate(_story(steps)):
        if number in cuts:
            kept |= orjson.loads(orjson.dumps(parts.dump_changed()))
            rows |= {(a, b, c): (d, e) for a, b, c, d, e in parts.rows()}
            news += parts.news()
            parts = Supplies(_site())
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
    part = _run(_story(steps))
    rows = part.rows()
    end = START + 200_000 * SECOND
    spans = supply_spans(rows, START - 200_000 * SECOND, end, end)

    assert all(each.end is not None and each.end > each.start for each in spans)
    assert all(float(each.attributes["lost_s"]) >= 0 for each in _events(part) if each.kind == "supply_back")
    if spans:
        assert spans[-1].state == part.now()[0].state


@settings(max_examples=100)
@given(_polls, st.sets(st.integers(0, 60), max_size=10))
def test_ticks_between_the_readings_change_nothing(polls: list[tuple[int, ...] | None], ticks: set[int]) -> None:
    """A replay has no ticks; what was told live is told again, with the same identities, and no more."""
    entries = _entries(polls)
    plain, ticked = Supplies(_site()), Supplies(_site())
    for number, entry in enumerate(entries):
        plain.take(entry)
        ticked.take(entry)
        if number in ticks:
            ticked.tick(START + (10 * number + 9) * SECOND)
    plain.tick(START + 10_000 * SECOND)
    ticked.tick(START + 10_000 * SECOND)

    assert ticked.news() == plain.news()
    assert sorted(ticked.rows()) == sorted(plain.rows())
