"""What the dashboard on devices shows of a site of which everything is known, against sums of its own."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.grafana.answers.colours import colour
from tests.grafana.situation import METERS, NOW, Seen, day_amount, days_of, seen
from tests.sinks.site import a_site


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with seen(tmp_path_factory, "devices") as site:
        yield site


def test_devices_are_counted_as_they_are_now(devices: Seen):
    assert devices.numbers("Silent") == {"silent": 1}, "one that is gone from the settings is not silent"
    assert devices.numbers("Answer badly") == {"poor": 1}
    assert devices.numbers("Devices") == {"devices": len(a_site().devices)}


def test_each_device_says_how_it_did_and_when_it_answered_last(devices: Seen):
    rows = {row["Device"]: row for row in devices.rows("How each device did")}

    assert next(iter(rows)) == "gone", "the worst first"
    assert rows["leak"] == {
        "Device": "leak", "Available": "30.43%", "State": "silent", "Lost polls": "27.8%",
        "Answers after": "20 ms", "Newest error": "timeout", "Answered last": "2 hours ago",
    }  # fmt: skip
    assert rows["w-main"]["State"] == "degraded"
    assert rows["w-main"]["Lost polls"] == "40.0%"
    assert rows["w-main"]["Answered last"] == "10 minutes ago", "an hour that runs is told every ten"
    assert rows["gone"]["Answered last"] == "never"


def test_one_device_can_be_looked_at_alone(devices: Seen):
    assert [row["Device"] for row in devices.rows("How each device did", device="pump")] == ["pump"]
    assert devices.numbers("Silent", device="pump") == {"silent": 0}
    [(_, shown, _)] = devices.answer("Silent", device="pump").stats()
    assert shown.colour == colour("green")


def test_coverage_and_estimates_are_those_of_the_days(devices: Seen):
    week = days_of((NOW - timedelta(days=6)).replace(hour=0, minute=0))
    month = days_of((NOW - timedelta(days=29)).replace(hour=0, minute=0))
    estimated = dict.fromkeys(METERS.values(), 0.0)
    for device, utility in METERS.items():
        estimated[utility] += sum(day_amount(device, day) / 10 for day in month if day.day == 20)

    found = devices.numbers("Samples received")
    assert found == pytest.approx({"coverage": sum(90.0 + day.day % 10 for day in week) / len(week)})
    assert devices.numbers("Estimated") == pytest.approx(estimated)


def test_charts_have_a_line_for_each_device(devices: Seen):
    def lines(title: str) -> set[str]:
        answer = devices.answer(title)
        return {answer.named(column, frame) for column, frame in answer.numbers()}

    assert lines("Samples received each day") == set(METERS)
    assert lines("Estimated each day") == set(METERS)
    assert lines("How fast devices answer") == set(a_site().devices)
    assert devices.numbers("Batteries") == {"leak": 39}
    assert lines("Events per hour") == {"service_due", "serviced"}


def test_states_have_words_for_what_health_tells(devices: Seen):
    answer = devices.answer("When each device answered")
    said = {
        answer.named(frame.fields[1], frame): {
            str(answer.shown(frame.fields[1], value)) for value in frame.fields[1].values if value is not None
        }
        for frame in answer.frames
    }

    assert said["leak"] == {"silent"}, "the worst of each hour"
    assert (said["w-main"], said["e-main"]) == ({"degraded"}, {"answering"})


def test_hours_in_which_the_monitor_did_not_run_are_a_hole(devices: Seen):
    answer = devices.answer("When each device answered")
    [pump] = [frame for frame in answer.frames if answer.named(frame.fields[1], frame) == "pump"]

    assert [value is None for value in pump.fields[1].values][-6:] == [True, True, True, False, False, False]
