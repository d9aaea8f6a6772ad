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
        "Device": "leak", "Available": "29.17%", "State": "silent", "Lost polls": "28.3%",
        "Answers after": "20 ms", "Newest error": "timeout", "Answered last": "2 hours ago",
    }  # fmt: skip
    assert rows["w-main"]["State"] == "degraded"
    assert rows["w-main"]["Lost polls"] == "40.0%"
    assert rows["w-main"]["Answered last"] == "5 minutes ago"
    assert rows["gone"]["Answered last"] == "not in this time"


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
    [leak] = [frame for frame in answer.frames if answer.named(frame.fields[1], frame) == "leak"]
    said = [str(answer.shown(leak.fields[1], value)) for value in leak.fields[1].values if value is not None]

    assert set(said) == {"answering", "silent"}
    assert said[-1] == "silent"
