"""The compact writing of what devices say."""

import pytest

from monitor.model import Derived, Missing, Quality, Reading
from monitor.trials.series import SeriesWrong, parse

WALL = 1_767_571_200_000


def said(line: str) -> list[tuple[int, Reading]]:
    made = [(at, make(WALL + at)) for at, make in parse(line).made()]
    assert all(isinstance(entry, Reading) for _, entry in made)
    return made  # type: ignore[return-value] # as asserted


def test_values_come_one_step_apart_and_gaps_say_nothing() -> None:
    found = said("meter/voltage_v: 230x2 gap 205.5 @10s")

    assert [(at, entry.values) for at, entry in found] == [
        (0, {"voltage_v": 230.0}),
        (10_000, {"voltage_v": 230.0}),
        (30_000, {"voltage_v": 205.5}),
    ]
    assert {type(entry.values["voltage_v"]) for _, entry in found} == {float}


def test_an_underscore_is_a_question_without_an_answer() -> None:
    ((_, failed),) = said("meter/voltage_v: _ @1 min")

    assert (failed.values, failed.missing) == ({}, {"voltage_v": Missing.TIMEOUT})


def test_states_and_words_are_what_they_are() -> None:
    found = said("pump/running: true false @1s") + said("lift/mode: inspection x3 @1s")

    assert [entry.values for _, entry in found] == [
        {"running": True},
        {"running": False},
        {"mode": "inspection"},
        {"mode": "x3"},
    ]


@pytest.mark.parametrize(
    ("token", "quality", "age", "late"),
    [
        ("bad:1", Quality.SUSPECT, 0, False),
        ("estimated:1", Quality.ESTIMATED, 0, False),
        ("manual:1", Quality.MANUAL, 0, False),
        ("again:1", Quality.GOOD, 5000, False),
        ("older:1", Quality.GOOD, 10_000, False),
        ("late:1", Quality.GOOD, 600_000, True),
    ],
)
def test_a_flavour_says_how_far_it_can_be_trusted_and_of_when_it_is(
    token: str, quality: Quality, age: int, *, late: bool
) -> None:
    ((_, entry),) = said(f"meter/power_w: {token} @5s")

    assert (entry.quality, entry.arrived - entry.time, entry.late) == (quality, age, late)


def test_what_the_monitor_derives_is_named_with_its_measurement() -> None:
    (at, make), (_, again) = parse("main-water/usage_hourly.amount: 0.5x2 @1h").made()
    entry, other = make(WALL + at), again(WALL + 3_600_000)

    assert isinstance(entry, Derived)
    assert isinstance(other, Derived)
    assert (entry.device, entry.measurement, entry.values) == ("main-water", "usage_hourly", {"amount": 0.5})
    assert entry.key != other.key


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("meter: 1 @1s", "write `DEVICE/POINT: VALUES @STEP`"),
        ("meter/power_w: 1", "write `DEVICE/POINT: VALUES @STEP`"),
        ("meter/power_w: 1 @3 parsecs", "how far apart the values are: write a time"),
        ("meter/power_w: 1 @0s", "some time between them"),
        ("meter/power_w: 1x9999999 @1s", "at most 2,000,000 values"),
        ("meter/usage_weekly.amount: 1 @1s", "no measurement; there are access"),
        ("meter/power_w: late: @1s", "nothing stands behind the colon"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_may_be_written(line: str, says: str) -> None:
    with pytest.raises(SeriesWrong, match=says.replace("(", r"\(")):
        parse(line)
