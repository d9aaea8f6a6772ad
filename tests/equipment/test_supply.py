"""Whether a building has its supply: by points of a meter, over silence, restarts and clocks."""

import pytest

from monitor.equipment.supply import supply_spans
from monitor.model import Derived, Event, Missing, Origin, Position, Quality, Recorded, Value
from monitor.plant import Supply
from monitor.upkeepbook import SupplySpan
from tests.equipment.supplies import (
    PHASES,
    POWER,
    SECOND,
    START,
    events_of,
    fails,
    heard,
    history,
    itself,
    supplies_of,
    told_of,
    volts,
)


def test_before_anything_is_heard_nothing_is_known() -> None:
    part = supplies_of([3600])

    assert [(each.building, each.utility, each.state, each.since) for each in part.now()] == [
        ("A", "electricity", "unknown", None),
        ("B", "water", "unknown", None),
    ]
    assert part.news() == []
    assert part.rows() == []


def test_all_phases_gone_is_lost_since_the_first_reading_that_said_so() -> None:
    part = supplies_of([volts(0, 230), volts(10, 0.4), volts(20, 0.4), volts(30, 230), volts(40, 230)])
    events = events_of(part)

    assert history(part) == [(0, "present"), (10, "lost"), (30, "present")]
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
    part = supplies_of([volts(0, 230), volts(10, 230, 3, 230), volts(20, 230, 3, 230)])
    (event,) = events_of(part)

    assert (event.kind, event.attributes["points"]) == ("supply_partial", "voltage_l2_v")
    assert part.now()[0].lost == ("voltage_l2_v",)
    assert part.rows()[-1] == ("A", "electricity", START + 10_000, "partial", '["voltage_l2_v"]')


def test_from_partial_to_lost_and_back_is_one_loss() -> None:
    part = supplies_of(
        [
            volts(0, 230),
            *(volts(at, 230, 3, 230) for at in (10, 20)),
            *(volts(at, 0) for at in (30, 40)),
            *(volts(at, 230, 0, 0) for at in (50, 60)),
            *(volts(at, 230) for at in (70, 80)),
        ]
    )
    events = events_of(part)

    assert [each.kind for each in events] == ["supply_partial", "supply_lost", "supply_partial", "supply_back"]
    assert events[-1].attributes["lost_s"] == 60.0


def test_what_does_not_last_is_not_told() -> None:
    slow = Supply(building="A", utility="electricity", device="main", points=PHASES, below=100.0, delay=15.0)
    part = supplies_of([volts(0, 230), volts(10, 0), volts(20, 0), volts(24, 230), volts(34, 230), 60], slow)

    assert history(part) == [(0, "present")]
    assert told_of(part) == []


def test_when_nothing_more_comes_time_alone_decides() -> None:
    part = supplies_of([volts(0, 230), volts(10, 0), 16])
    before = part.now()[0].state
    part.tick(START + 17 * SECOND)

    assert before == "present"
    assert part.now()[0].state == "lost"
    assert told_of(part) == [("supply_lost", 15)]


def test_a_reading_that_says_otherwise_later_than_the_delay_comes_too_late() -> None:
    part = supplies_of([volts(0, 230), volts(10, 0), volts(16, 230), volts(26, 230)])

    assert history(part) == [(0, "present"), (10, "lost"), (16, "present")]
    assert told_of(part) == [("supply_lost", 15), ("supply_back", 21)]


def test_at_the_start_what_is_there_is_believed_at_once_and_what_is_not_has_to_last() -> None:
    assert supplies_of([volts(0, 230)]).now()[0].state == "present"
    assert supplies_of([volts(0, 0)]).now()[0].state == "unknown"
    assert told_of(supplies_of([volts(0, 0), volts(10, 0)])) == [("supply_lost", 5)]


@pytest.mark.parametrize("failed", [2, 3])
def test_a_meter_that_goes_silent_is_unknown_after_three_polls_and_never_lost(failed: int) -> None:
    part = supplies_of([volts(0, 230), *(fails(10 * number) for number in range(1, failed + 1))])

    assert part.now()[0].state == ("unknown" if failed > 2 else "present")
    assert told_of(part) == []
    assert history(part) == ([(0, "present"), (30, "unknown")] if failed > 2 else [(0, "present")])


def test_a_last_will_and_a_reader_that_says_it_is_off_are_unknown_at_once() -> None:
    for word in (
        heard(5, {}, device="valve", missing={"pressure_low": Missing.TIMEOUT}, origin=Origin.PUSH),
        Recorded(
            Position(1),
            START + 5000,
            Event(device="valve", kind="reader_offline", time=START + 5000, arrived=START + 5000, id="1"),
        ),
    ):
        part = supplies_of([heard(0, {"pressure_low": False}, device="valve", origin=Origin.PUSH), word])

        assert history(part, "B") == [(0, "present"), (5, "unknown")]


def test_a_device_that_sends_by_itself_is_unknown_after_three_of_its_intervals() -> None:
    part = supplies_of([heard(0, {"pressure_low": False}, device="valve", origin=Origin.PUSH), 181])
    before = part.now()[1].state
    part.tick(START + 182 * SECOND)

    assert before == "present"
    assert history(part, "B") == [(0, "present"), (180, "unknown")]


@pytest.mark.parametrize("why", [Missing.SENTINEL, Missing.NAN, Missing.REFUSED, Missing.OUT_OF_RANGE])
def test_a_point_without_a_value_is_unknown(why: Missing) -> None:
    values: dict[str, Value] = dict.fromkeys(PHASES[1:], 230.0)
    part = supplies_of([volts(0, 230), heard(10, values, missing={PHASES[0]: why})])

    assert history(part) == [(0, "present"), (10, "unknown")]


def test_a_block_that_fails_once_is_no_news() -> None:
    values: dict[str, Value] = dict.fromkeys(PHASES[1:], 230.0)
    timeouts = [heard(at, values, missing={PHASES[0]: Missing.TIMEOUT}) for at in (10, 20, 30)]

    assert supplies_of([volts(0, 230), *timeouts[:2]]).now()[0].state == "present"
    assert supplies_of([volts(0, 230), *timeouts]).now()[0].state == "unknown"


def test_one_phase_lost_and_one_there_is_partial_whatever_the_third_says() -> None:
    values: dict[str, Value] = {PHASES[0]: 0.0, PHASES[1]: 230.0}
    part = supplies_of([heard(at, values, missing={PHASES[2]: Missing.NAN}) for at in (0, 10)])

    assert part.now()[0].state == "partial"


def test_back_by_way_of_unknown_is_told_once() -> None:
    part = supplies_of(
        [
            volts(0, 230),
            *(volts(at, 0) for at in (10, 20)),
            *(fails(at) for at in (30, 40, 50)),
            *(volts(at, 230) for at in (60, 70, 80)),
        ]
    )

    assert history(part) == [(0, "present"), (10, "lost"), (50, "unknown"), (60, "present")]
    assert told_of(part) == [("supply_lost", 15), ("supply_back", 65)]


def test_still_lost_after_unknown_is_not_told_again() -> None:
    part = supplies_of(
        [
            *(volts(at, 0) for at in (0, 10)),
            *(fails(at) for at in (20, 30, 40)),
            *(volts(at, 0) for at in (50, 60)),
        ]
    )

    assert history(part) == [(0, "lost"), (40, "unknown"), (50, "lost")]
    assert told_of(part) == [("supply_lost", 5)]


def test_nothing_is_known_while_the_monitor_did_not_run() -> None:
    part = supplies_of(
        [
            *(volts(at, 0) for at in (0, 10)),
            itself(600, "monitor_started", off_since=15, off_until=600),
            *(volts(at, 230) for at in (601, 611)),
        ]
    )
    events = events_of(part)

    assert history(part) == [(0, "lost"), (15, "unknown"), (601, "present")]
    assert [each.kind for each in events] == ["supply_lost", "supply_back"]
    assert events[-1].attributes["lost_s"] == 601.0


@pytest.mark.parametrize(
    "entry",
    [
        volts(11, 0, late=True, arrived=START + 131_500),
        volts(20, 0, origin=Origin.RETAINED),
        volts(20, 0, origin=Origin.BACKFILL),
        volts(5, 0, arrived=START + 20_000),
        volts(20, 0, quality=Quality.SUSPECT),
    ],
)
def test_what_is_late_or_old_or_doubtful_says_nothing_of_now(entry: Recorded) -> None:
    part = supplies_of([volts(10, 230), entry, 40])

    assert history(part) == [(10, "present")]
    assert told_of(part) == []


def test_a_clock_that_is_set_forward_lets_nothing_ripen() -> None:
    slow = Supply(building="A", utility="electricity", device="main", points=PHASES, below=100.0, delay=60.0)
    entries = [volts(0, 230), volts(10, 0), itself(3612, "clock_stepped", from_=12, to=3612), volts(3620, 0)]

    assert told_of(supplies_of(entries, slow)) == []
    assert told_of(supplies_of([*entries, volts(3661, 230)], slow)) == []
    assert told_of(supplies_of([*entries, volts(3670, 0)], slow)) == [("supply_lost", 3670)]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_clock_that_is_set_back_makes_no_time_negative(is_told: bool) -> None:  # noqa: FBT001 - a case
    step = [itself(3600, "clock_stepped", from_=7200, to=3600)] if is_told else []
    entries = [
        *(volts(at, 230) for at in (3700, 7000)),
        *(volts(at, 0) for at in (7180, 7190)),
        *step,
        *(volts(at, 0) for at in (3610, 3620)),
        *(volts(at, 230) for at in (3630, 3640)),
    ]
    part = supplies_of(entries)
    events = events_of(part)
    rows = part.rows()
    spans = supply_spans(rows, START, START + 10_000 * SECOND, START + 10_000 * SECOND)

    assert [each.kind for each in events] == ["supply_lost", "supply_back"]
    assert 0 < float(events[1].attributes["lost_s"]) <= 60
    assert spans[-1].state == "present"
    assert all(each.end is not None and each.end > each.start for each in spans)
    assert (part.now()[0].state, part.now()[0].since) == ("present", START + 3630 * SECOND)


def test_a_measurement_is_given_at_each_change_and_each_quarter_of_an_hour() -> None:
    part = supplies_of(
        [volts(1, 230), *(volts(at, 230) for at in range(11, 910, 10)), volts(911, 0), volts(921, 0)]
    )
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
    part = supplies_of([volts(889, 230), volts(899, 0), 903])
    before = len(part.news())
    part.tick(START + 907 * SECOND)
    told = [each for each in part.news() if isinstance(each, Derived)]

    assert before == 1
    assert [((each.time - START) / SECOND, each.values["state"]) for each in told] == [
        (899, "lost"),
        (900, "lost"),
    ]


def test_of_what_is_unknown_the_measurement_does_not_say_that_it_is_not_there() -> None:
    part = supplies_of([volts(0, 230), *(fails(at) for at in (10, 20, 30))])
    told = [each for each in part.news() if isinstance(each, Derived)]

    assert dict(told[-1].values) == {"state": "unknown"}


def test_after_a_long_time_the_measurement_is_given_once_and_not_for_each_quarter() -> None:
    part = supplies_of([volts(0, 230), 30 * 86_400])

    assert len(part.news()) < 10


def test_one_meter_of_two_buildings_tells_of_both() -> None:
    other = Supply(building="C", utility="electricity", device="main", points=PHASES, below=100.0)
    part = supplies_of([volts(0, 0), volts(10, 0)], POWER, other)
    news = part.news()

    assert len({each.id for each in news if isinstance(each, Event)}) == 2
    assert len({(each.key, each.time) for each in news if isinstance(each, Derived)}) == 2


@pytest.mark.parametrize("why", [Missing.UNDECODABLE, Missing.BUSY, Missing.TIMEOUT])
def test_a_loss_is_told_though_every_other_answer_is_spoilt(why: Missing) -> None:
    spoilt = dict.fromkeys(PHASES, why)
    course = [volts(0, 230)]
    for at in range(10, 50, 2):
        course += [volts(at, 0), heard(at + 1, {}, missing=spoilt)]
    part = supplies_of(course)

    assert told_of(part) == [("supply_lost", 15)]
    assert history(part) == [(0, "present"), (10, "lost")]


@pytest.mark.parametrize(("then", "expected"), [(0, [("supply_lost", 40), ("supply_back", 55)]), (230, [])])
def test_a_loss_that_nobody_was_told_of_is_told_when_a_start_finds_it(
    then: int, expected: list[tuple[str, int]]
) -> None:
    part = supplies_of([volts(0, 230), volts(10, 0), volts(20, 0)])
    part.news()
    part.retell()
    part.take(itself(40, "monitor_started", off_since=21, off_until=39))
    for at, each in ((40, then), (50, 230), (60, 230)):
        part.take(volts(at, each))

    assert told_of(part) == expected


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
