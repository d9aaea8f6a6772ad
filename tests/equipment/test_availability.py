"""Whether devices are there, as a history, and the figures that are made of it."""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.equipment.availability import Availability, availability
from monitor.health.judge import Judge
from monitor.model import Derived, Event, Missing, Origin, Position, Reading, Recorded
from monitor.schema import MEASUREMENT_HEALTH, MONITOR_DEVICE
from monitor.site import Device, Point, Site
from monitor.upkeepbook import Availability as Figures
from monitor.upkeepbook import class_availability

START = 1_795_378_560_000  # the beginning of a minute
SECOND = 1000
MINUTE = 60_000
HOUR = 60 * MINUTE

PUMP = Device(id="pump", name="Pump", connection="bus", device_class="equipment", scan={"fast": 10.0})
LEAK = Device(
    id="leak",
    name="Leak",
    connection="broker",
    device_class="safety",
    expected_every=3600.0,
    points={"alarm": Point(name="alarm")},
)
BY_HAND = Device(id="cellar", name="Cellar", connection="", device_class="water", by_hand=True)

Row = tuple[str, int, str]


def _site(*devices: Device) -> Site:
    every = devices or (PUMP, LEAK, BY_HAND)
    return Site(id="hq", name="HQ", timezone=ZoneInfo("UTC"), devices={each.id: each for each in every})


def _recorded(entry: Event | Derived) -> Recorded:
    return Recorded(Position(1), entry.time, entry)


def _health(at: int, state: str, was: str = "answering", device: str = "pump") -> Recorded:
    time = START + at
    attributes = {"state": state, "was": was}
    return _recorded(
        Event(device=device, kind="health", time=time, arrived=time, id=f"health-{time}", attributes=attributes)
    )


def _minute(at: int, state: str, *, up: bool, device: str = "pump") -> Recorded:
    return _recorded(
        Derived(
            producer="health",
            key="",
            device=device,
            time=START + at,
            measurement=MEASUREMENT_HEALTH,
            values={"up": up, "state": state},
        )
    )


def _itself(at: int, kind: str, **attributes: int) -> Recorded:
    told = {name.rstrip("_"): START + value for name, value in attributes.items()}
    time = START + at
    return _recorded(
        Event(device=MONITOR_DEVICE, kind=kind, time=time, arrived=time, id=f"{kind}-{at}", attributes=told)
    )


def _rows(entries: Iterable[Recorded], site: Site | None = None) -> list[Row]:
    part = Availability(site or _site())
    for entry in entries:
        part.take(entry)
    return sorted(part.rows())


def _told(entries: Iterable[Recorded], start: int, end: int, now: int | None = None) -> Figures:
    rows = _rows(entries)
    return availability(rows, ["pump"], START + start, START + end, START + (end if now is None else now))[0]


def test_a_row_is_written_only_where_something_changes() -> None:
    rows = _rows(
        [
            _health(0, "answering", "never_answered"),
            _health(10, "degraded"),
            _minute(50, "degraded", up=True),
            _health(60, "suspended", "degraded"),
            _health(90, "answering", "suspended"),
        ]
    )

    assert rows == [("pump", START, "up"), ("pump", START + 60, "down"), ("pump", START + 90, "up")]


def test_a_device_that_was_never_heard_is_unknown_and_one_without_a_connection_is_not_followed() -> None:
    rows = _rows([_minute(0, "never_answered", up=False), _health(5, "answering", device="cellar")])
    figures = availability(rows, ["pump"], START, START + HOUR, START + HOUR)

    assert rows == []
    assert figures == [Figures(device="pump", up_s=0.0, down_s=0.0, unknown_s=3600.0)]


def test_a_device_that_health_knew_before_is_known_with_the_next_minute() -> None:
    assert _rows([_minute(0, "answering", up=True)]) == [("pump", START, "up")]
    assert _rows([_minute(0, "suspended", up=False)]) == [("pump", START, "down")]


def test_a_minute_that_is_told_after_a_later_change_says_nothing() -> None:
    rows = _rows([_health(61_000, "suspended"), _minute(60_000, "answering", up=True)])

    assert rows == [("pump", START + 61_000, "down")]


def test_a_flapping_device_is_up_and_down_by_turns() -> None:
    rows = _rows(
        [
            _health(0, "answering", "suspended"),
            _health(10_000, "flapping", "answering"),
            _minute(60_000, "flapping", up=False),
            _minute(120_000, "flapping", up=True),
            _minute(180_000, "flapping", up=True),
            _health(HOUR, "suspended", "flapping"),
        ]
    )

    assert [(start - START, state) for _, start, state in rows] == [
        (0, "up"),
        (10_000, "down"),
        (120_000, "up"),
        (HOUR, "down"),
    ]


def test_a_device_that_begins_to_flap_by_coming_back_is_up() -> None:
    rows = _rows([_health(0, "suspended"), _health(10, "flapping", "suspended")])

    assert [state for _, _, state in rows] == ["down", "up"]


def test_nothing_is_known_while_the_monitor_did_not_run_and_what_held_goes_on_behind_it() -> None:
    entries = [
        _health(0, "answering", "never_answered"),
        _health(MINUTE, "suspended", "never_answered", device="leak"),
        _itself(11 * MINUTE, "monitor_started", off_since=5 * MINUTE, off_until=10 * MINUTE),
    ]
    rows = _rows(entries)

    assert [(device, (start - START) // MINUTE, state) for device, start, state in rows] == [
        ("leak", 1, "down"),
        ("leak", 5, "unknown"),
        ("leak", 10, "down"),
        ("pump", 0, "up"),
        ("pump", 5, "unknown"),
        ("pump", 10, "up"),
    ]


def test_a_change_before_a_stop_that_is_told_after_the_start_leaves_the_time_between_unknown() -> None:
    rows = _rows(
        [
            _health(0, "answering", "never_answered"),
            _itself(11 * MINUTE, "monitor_started", off_since=5 * MINUTE, off_until=10 * MINUTE),
            _health(4 * MINUTE, "suspended"),
            _health(4 * MINUTE, "suspended", "never_answered", device="leak"),
        ]
    )

    for device in ("pump", "leak"):
        assert [(start - START, state) for each, start, state in rows if each == device][-3:] == [
            (4 * MINUTE, "down"),
            (5 * MINUTE, "unknown"),
            (10 * MINUTE, "down"),
        ]


def test_what_was_told_of_times_without_the_monitor_does_not_count() -> None:
    rows = _rows(
        [
            _health(0, "answering", "never_answered"),
            _health(6 * MINUTE, "suspended"),
            _itself(11 * MINUTE, "monitor_started", off_since=5 * MINUTE, off_until=10 * MINUTE),
        ]
    )
    figures = availability(rows, ["pump"], START, START + 20 * MINUTE, START + 20 * MINUTE)[0]

    assert (figures.up_s, figures.unknown_s, figures.down_s) == (300.0, 300.0, 600.0)


def test_an_outage_goes_on_over_a_restart_of_the_monitor() -> None:
    entries = [
        _health(0, "answering", "never_answered"),
        _health(10 * MINUTE, "suspended"),
        _itself(31 * MINUTE, "monitor_started", off_since=20 * MINUTE, off_until=30 * MINUTE),
        _health(40 * MINUTE, "answering", "suspended"),
    ]

    assert _told(entries, 0, HOUR) == Figures(
        device="pump", up_s=1800.0, down_s=1200.0, unknown_s=600.0, outages=1, longest_s=1200.0
    )


def test_after_the_clock_was_set_back_what_was_told_of_times_to_come_says_nothing_else() -> None:
    entries = [
        _health(0, "answering", "never_answered"),
        _health(50 * MINUTE, "suspended"),
        _health(55 * MINUTE, "answering", "suspended"),
        _itself(56 * MINUTE, "clock_stepped", from_=56 * MINUTE, to=10 * MINUTE),
        _health(20 * MINUTE, "suspended"),
        _minute(21 * MINUTE, "suspended", up=False),
    ]
    figures = _told(entries, 0, HOUR)

    assert (figures.up_s, figures.down_s) == (20 * 60.0, 40 * 60.0)


@pytest.mark.parametrize(
    "step",
    [
        _itself(10 * MINUTE, "clock_stepped", from_=56 * MINUTE, to=10 * MINUTE),
        _itself(10 * MINUTE, "monitor_started", off_since=56 * MINUTE, off_until=10 * MINUTE),
    ],
)
def test_minutes_are_believed_again_after_the_clock_was_set_back(step: Recorded) -> None:
    rows = _rows(
        [
            _health(50 * MINUTE, "answering", "never_answered"),
            step,
            _minute(11 * MINUTE, "flapping", up=False),
        ]
    )

    assert ("pump", START + 11 * MINUTE, "down") in rows


def test_minutes_that_change_nothing_leave_nothing_to_keep() -> None:
    part = Availability(_site())
    part.take(_minute(0, "answering", up=True))
    first = part.dump_changed()
    for number in range(1, 100):
        part.take(_minute(number * MINUTE, "answering", up=True))

    assert list(first) == ["availability/pump"]
    assert part.dump_changed() == {}


def test_rows_of_a_clock_that_ran_ahead_say_nothing_until_then() -> None:
    rows = [("pump", START, "up"), ("pump", START + 9 * HOUR, "down")]
    figures = availability(rows, ["pump"], START, START + 24 * HOUR, START + HOUR)[0]

    assert (figures.up_s, figures.down_s, figures.unknown_s) == (3600.0, 0.0, 0.0)


def test_a_device_that_left_the_site_is_unknown_from_then_on() -> None:
    part = Availability(_site())
    part.take(_health(0, "answering", "never_answered"))
    part.rows()
    after = Availability(_site(LEAK))
    after.load(part.dump_changed().items())
    after.take(_itself(HOUR, "monitor_started"))

    assert after.rows() == [("pump", START + HOUR, "unknown")]
    assert after.dump_changed()["availability/pump"][0] == "unknown"
    assert after.dump_changed() == {}


def test_a_detector_whose_heartbeat_is_missing_is_down() -> None:
    judge, part = Judge([LEAK]), Availability(_site())
    judge.resume(START)
    time = START + MINUTE
    said = Reading(device="leak", time=time, arrived=time, values={"alarm": False}, origin=Origin.PUSH)
    judge.judge([Recorded(Position(1), time, said)])
    for minute in range(6 * 60):
        judge.tick(START + minute * MINUTE)
    for change in judge.news()[0]:
        part.take(_health(change.time - START, change.state, change.was, "leak"))

    figures = availability(part.rows(), ["leak"], START, START + 6 * HOUR, START + 6 * HOUR)[0]

    assert figures.outages == 1
    assert figures.down_s > 2.5 * 3600


def test_a_detector_that_says_nothing_of_how_often_it_speaks_counts_as_up_until_its_last_will() -> None:
    silent = Device(
        id="leak", name="Leak", connection="broker", device_class="safety", points={"alarm": Point(name="alarm")}
    )
    judge = Judge([silent])
    judge.resume(START)
    said = Reading(device="leak", time=START, arrived=START, values={"alarm": False}, origin=Origin.PUSH)
    judge.judge([Recorded(Position(1), START, said)])
    for minute in range(24 * 60):
        judge.tick(START + minute * MINUTE)
    before = judge.states()["leak"]
    end = START + 24 * HOUR
    will = Reading(
        device="leak", time=end, arrived=end, values={}, missing={"alarm": Missing.TIMEOUT}, origin=Origin.PUSH
    )
    judge.judge([Recorded(Position(2), end, will)])

    assert before == "answering"
    assert judge.states()["leak"] == "suspended"


def test_a_class_is_as_available_as_its_devices_together() -> None:
    each = [
        Figures(device="a", up_s=90.0, down_s=10.0, unknown_s=0.0, outages=1),
        Figures(device="b", up_s=300.0, down_s=0.0, unknown_s=50.0),
        Figures(device="c", up_s=0.0, down_s=0.0, unknown_s=100.0),
        Figures(device="d", up_s=0.0, down_s=0.0, unknown_s=100.0),
    ]
    told = class_availability(each, {"a": "water", "b": "water", "c": "water", "d": "gas"})

    assert [(one.device_class, one.devices, one.share, one.outages) for one in told] == [
        ("gas", 1, None, 0),
        ("water", 3, 390.0 / 400.0, 1),
    ]


# Against the obvious ------------------------------------------------------------------------------------

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
        entries.append(_health(at * SECOND, word))
        if off:
            began, ended = (at + 1) * SECOND, (at + 1 + off) * SECOND
            entries.append(_itself(ended, "monitor_started", off_since=began, off_until=ended))
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
    part, rows = Availability(_site()), []
    kept: dict[str, object] = {}
    for number, entry in enumerate(entries):
        if number == cut:
            kept |= part.dump_changed()
            rows += part.rows()
            part = Availability(_site())
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
    judge, part = Judge([PUMP]), Availability(_site())
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
            part.take(_health(change.time - START, change.state, change.was))
        for minute in ended:
            part.take(_minute(minute.time - START, minute.state, up=minute.up))
            known = "unknown" if minute.state == "never_answered" else "down"
            minutes.append((minute.time, "up" if minute.up else known))
    rows += sorted(part.rows())

    for time, state in minutes:
        before = [each for _, start, each in rows if start <= time]
        assert (before[-1] if before else "unknown") == state
