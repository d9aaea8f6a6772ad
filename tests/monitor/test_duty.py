"""Rosters against a slow reference, which lists every turn from the first one on and looks each up by hand."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.calendars import Hours, Schedule
from monitor.duty import Layer, OnCall, Override, Roster, Turn, gaps, on_call, turns

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # is set by half an hour
SHANGHAI = ZoneInfo("Asia/Shanghai")  # is not set at all
ZONES = [BERLIN, ZoneInfo("America/New_York"), LORD_HOWE, SHANGHAI]
MINUTE = 60_000
DAY = 86_400_000


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp() * 1000)


def weekly(*people: str, begins: date = date(2026, 1, 5), hours: Schedule | None = None) -> Layer:
    return Layer(people=people, begins=begins, hours=hours)


def roster(
    *layers: Layer, overrides: tuple[Override, ...] = (), away: Mapping[str, object] | None = None
) -> Roster:
    return Roster(id="duty", layers=layers, overrides=overrides, away=away or {})  # type: ignore[arg-type]


def stands(person: str, start: str, end: str, **more: str) -> Override:
    return Override(roster="duty", person=person, starts=at(start), ends=at(end), **more)


def listed(found: object) -> list[tuple[str | None, str, str]]:
    return [
        (
            turn.person,
            *(f"{datetime.fromtimestamp(edge / 1000, BERLIN):%Y-%m-%d %H:%M}" for edge in (turn.start, turn.end)),
        )
        for turn in found  # type: ignore[attr-defined]
    ]


# Examples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
def test_the_hand_over_stays_at_its_local_time_when_the_clock_is_set(change: str) -> None:
    duty = roster(Layer(people=("ana", "ben"), unit="days", begins=date(2026, 1, 1)))
    start = at(f"{change}T00:00") - 2 * DAY

    found = listed(turns(duty, start, start + 5 * DAY, BERLIN))

    assert {begin[-5:] for _, begin, _ in found[1:]} == {"08:00"}
    assert [person for person, _, _ in found] in (["ana", "ben"] * 3, ["ben", "ana"] * 3)


def test_a_hand_over_that_the_clock_leaves_out_is_at_the_jump_and_one_shown_twice_at_the_first() -> None:
    duty = roster(Layer(people=("ana", "ben"), unit="days", minute=150, begins=date(2026, 1, 1)))

    spring = [turn.start for turn in turns(duty, at("2026-03-28T12:00"), at("2026-03-29T12:00"), BERLIN)]
    autumn = [turn.start for turn in turns(duty, at("2026-10-24T12:00"), at("2026-10-25T12:00"), BERLIN)]

    assert spring[1] == at("2026-03-29T03:00")
    assert autumn[1] == at("2026-10-25T02:30", fold=0)


def test_weeks_go_on_over_the_end_of_a_year_and_a_leap_day() -> None:
    duty = roster(weekly("ana", "ben", "cy", begins=date(2027, 12, 27)))

    found = listed(turns(duty, at("2027-12-27T08:00"), at("2028-03-13T08:00"), BERLIN))

    assert [person for person, _, _ in found] == ["ana", "ben", "cy"] * 3 + ["ana", "ben"]
    assert ("ana", "2028-02-28 08:00", "2028-03-06 08:00") in found


def test_the_turn_under_way_on_the_first_day_is_that_of_the_first_and_before_it_there_is_nobody() -> None:
    duty = roster(weekly("ana", "ben", begins=date(2026, 11, 27)))  # a Friday

    found = listed(turns(duty, at("2026-11-27T00:00"), at("2026-12-08T00:00"), BERLIN))

    assert found == [
        (None, "2026-11-27 00:00", "2026-11-27 08:00"),
        ("ana", "2026-11-27 08:00", "2026-11-30 08:00"),
        ("ben", "2026-11-30 08:00", "2026-12-07 08:00"),
        ("ana", "2026-12-07 08:00", "2026-12-08 00:00"),
    ]


def test_the_last_layer_that_holds_wins_and_holidays_are_days_of_their_own() -> None:
    holidays = Schedule(hours=(Hours(days=frozenset({0})),), country="DE", region="BE")
    nights = Schedule(hours=(Hours(spans=((1080, 1800),)),))
    duty = roster(weekly("ana"), weekly("ben", hours=nights), Layer(people=("cy",), hours=holidays))

    def who(text: str) -> str | None:
        return on_call(duty, at(text), BERLIN).person

    assert [who(f"2026-12-23T{clock}") for clock in ("05:59", "06:00", "17:59", "18:00")] == [
        "ben",
        "ana",
        "ana",
        "ben",
    ]
    assert [who(f"2026-12-2{day}T12:00") for day in (4, 5, 6, 7)] == ["ana", "cy", "cy", "ana"]


def test_who_is_away_is_skipped_and_a_layer_whose_people_are_all_away_does_not_hold() -> None:
    away = {
        "ben": ((at("2026-01-12T00:00"), at("2026-01-26T00:00")),),
        "cy": ((at("2026-01-14T00:00"), at("2026-01-15T00:00")),),
    }
    duty = roster(weekly("ana"), Layer(people=("ben", "cy"), begins=date(2026, 1, 5), name="nights"), away=away)

    found = [
        (turn.person, turn.reason) for turn in turns(duty, at("2026-01-12T08:00"), at("2026-01-16T08:00"), BERLIN)
    ]

    assert found == [
        ("cy", "cy's turn (nights)"),
        ("ana", "ana's turn (layer 1)"),
        ("cy", "cy's turn (nights)"),
    ]
    assert on_call(duty, at("2026-01-21T08:00"), BERLIN) == OnCall("cy", "cy's turn (nights); ben is away")


def test_when_everybody_is_away_the_reason_says_so() -> None:
    span = ((at("2026-01-12T00:00"), at("2026-01-26T00:00")),)
    duty = roster(weekly("ana", "ben"), away={"ana": span, "ben": span})

    found = on_call(duty, at("2026-01-14T00:00"), BERLIN)

    assert found.person is None
    assert (
        found.reason == "nobody is on call in the roster duty: ana and ben are away"
        or "ben and ana" in found.reason
    )
    assert list(gaps(duty, at("2026-01-14T00:00"), at("2026-01-15T00:00"), BERLIN))


def test_the_override_said_last_wins_and_one_that_was_said_goes_before_those_of_the_site_file() -> None:
    duty = roster(weekly("ana"), overrides=(stands("ben", "2026-11-27T00:00", "2026-11-30T00:00"),))
    said = [
        stands("cy", "2026-11-28T00:00", "2026-11-29T00:00", by="dora", reason="a wedding"),
        stands("dan", "2026-11-28T12:00", "2026-11-28T18:00", by="cy"),
        Override(roster="other", person="eve", starts=0, ends=at("2030-01-01T00:00")),
    ]

    found = listed(turns(duty, at("2026-11-26T00:00"), at("2026-12-01T00:00"), BERLIN, said))

    assert [person for person, _, _ in found] == ["ana", "ben", "cy", "dan", "cy", "ben", "ana"]
    assert on_call(duty, at("2026-11-28T01:00"), BERLIN, said).reason == "cy stands in, said dora: a wedding"
    assert on_call(duty, at("2026-11-27T01:00"), BERLIN, said).reason == "ben stands in (site file)"


# Against the reference ---------------------------------------------------------------------------------------


def slow_walls(layer: Layer, until: datetime) -> list[datetime]:
    """The wall's time of every hand-over from the one at or before the first day's on."""
    assert layer.begins is not None
    wall = datetime.combine(layer.begins, datetime.min.time()) + timedelta(minutes=layer.minute)
    while layer.unit == "weeks" and wall.isoweekday() != layer.weekday:
        wall -= timedelta(days=1)
    step = {"hours": timedelta(hours=1), "days": timedelta(days=1), "weeks": timedelta(days=7)}[layer.unit]
    walls = [wall]
    while walls[-1] < until:
        walls.append(walls[-1] + layer.count * step)
    return walls


def first_shown(wall: datetime, zone: ZoneInfo) -> int:
    """The first minute at which the clock shows so much of that day, or more."""
    time = round(wall.replace(tzinfo=zone).timestamp() * 1000) - 180 * MINUTE
    while datetime.fromtimestamp(time / 1000, zone).replace(tzinfo=None) < wall:
        time += MINUTE
    return time


def slow(duty: Roster, time: int, zone: ZoneInfo, said: list[Override]) -> str | None:
    for one in [*reversed(said), *reversed(duty.overrides)]:
        if one.roster == duty.id and one.starts <= time < one.ends:
            return one.person
    wall = datetime.fromtimestamp(time / 1000, zone).replace(tzinfo=None)
    for layer in reversed(duty.layers):
        assert layer.begins is not None
        begins = datetime.combine(layer.begins, datetime.min.time()) + timedelta(minutes=layer.minute)
        if time < first_shown(begins, zone) or (layer.hours and not layer.hours.is_on(time, zone)):
            continue
        walls = slow_walls(layer, wall + timedelta(days=2))
        near = [number for number, each in enumerate(walls) if each <= wall + timedelta(days=1)]
        turn = max((number for number in near if first_shown(walls[number], zone) <= time), default=None)
        if turn is None:
            continue
        for ahead in range(len(layer.people)):
            person = layer.people[(turn + ahead) % len(layer.people)]
            if not any(start <= time < end for start, end in duty.away.get(person, ())):
                return person
    return None


NAMES = st.sampled_from(["ana", "ben", "cy", "dan"])
FIRST, LAST = date(2027, 12, 1), date(2028, 4, 10)  # over the end of a year, a leap day, and clocks that are set


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    start = at("2027-12-20T00:00") + draw(st.integers(0, 110 * 96)) * 15 * MINUTE
    return start, start + draw(st.integers(1, 20 * 96)) * 15 * MINUTE


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    unit = draw(st.sampled_from(["hours", "days", "weeks"]))
    smallest = 6 if unit == "hours" else 1
    span = draw(st.tuples(st.integers(0, 95), st.integers(1, 96)))
    days = draw(st.frozensets(st.integers(0, 7), max_size=4))
    hours = Schedule(hours=(Hours(days=days, spans=((span[0] * 15, (span[0] + span[1]) * 15),)),), country="DE")
    return Layer(
        people=tuple(draw(st.lists(NAMES, min_size=1, max_size=4))),
        unit=unit,
        count=draw(st.integers(smallest, smallest + 10)),
        minute=draw(st.integers(0, 95)) * 15,
        weekday=draw(st.integers(1, 7)),
        begins=draw(st.dates(FIRST, date(2028, 1, 31))),
        hours=draw(st.sampled_from([None, hours])),
    )


@st.composite
def rosters(draw: st.DrawFn) -> tuple[Roster, list[Override]]:
    def override(ident: str) -> Override:
        start, end = draw(spans())
        return Override(roster=ident, person=draw(NAMES), starts=start, ends=end)

    away = draw(st.dictionaries(NAMES, st.lists(spans(), min_size=1, max_size=2).map(tuple), max_size=2))
    duty = Roster(
        id="duty",
        layers=tuple(draw(st.lists(layers(), min_size=1, max_size=3))),
        overrides=tuple(override("duty") for _ in range(draw(st.integers(0, 2)))),
        away=away,
    )
    return duty, [override(draw(st.sampled_from(["duty", "other"]))) for _ in range(draw(st.integers(0, 2)))]


@settings(max_examples=60, deadline=None)
@given(made=rosters(), zone=st.sampled_from(ZONES), minutes=st.lists(st.integers(0, 130 * 1440), max_size=6))
def test_who_is_on_call_is_who_the_reference_says(
    made: tuple[Roster, list[Override]], zone: ZoneInfo, minutes: list[int]
) -> None:
    duty, said = made
    for minute in minutes:
        time = at("2027-12-01T00:00") + minute * MINUTE
        assert on_call(duty, time, zone, said).person == slow(duty, time, zone, said)


@settings(max_examples=60, deadline=None)
@given(made=rosters(), zone=st.sampled_from(ZONES), minutes=st.lists(st.integers(0, 60 * 1440), max_size=20))
def test_the_list_of_turns_has_no_gap_and_says_the_same_at_every_moment(
    made: tuple[Roster, list[Override]], zone: ZoneInfo, minutes: list[int]
) -> None:
    duty, said = made
    start = at("2028-02-10T00:00")
    end = start + 60 * DAY

    found = list(turns(duty, start, end, zone, said))

    assert (found[0].start, found[-1].end) == (start, end)
    assert all(before.end == after.start and _of(before) != _of(after) for before, after in pairwise(found))
    assert all(turn.start < turn.end for turn in found)
    edges = [edge for turn in found for edge in (turn.start, turn.end - 1)]
    for time in [*edges, *(start + minute * MINUTE for minute in minutes if minute < 60 * 1440)]:
        (turn,) = (turn for turn in found if turn.start <= time < turn.end)
        assert OnCall(*_of(turn)) == on_call(duty, time, zone, said)


def _of(turn: Turn) -> tuple[str | None, str]:
    return turn.person, turn.reason
