"""What the overview shows of a site of which everything is known, on a real InfluxDB, against sums of its own."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from monitor.grafana import dashboards
from monitor.grafana.__main__ import main
from tests.grafana.answers.colours import colour
from tests.grafana.shipped import DASHBOARDS, FOLDER, panels_of
from tests.grafana.situation import METERS, NOW, PRICE, Seen, amount, day_amount, days_of, seen, today_hours

_MAINS = pytest.mark.parametrize(
    ("title", "device"), [("Electricity", "e-main"), ("Water", "w-main"), ("Gas", "g-main")]
)


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with seen(tmp_path_factory, "overview") as site:
        yield site


def test_open_alarms_are_counted_by_how_bad_they_are_now(overview: Seen):
    found = overview.answer("Open alarms").stats()

    assert {name: shown.number for name, shown, _ in found} == {"critical": 2, "high": 2, "medium": 1, "low": 1}
    assert [shown.colour for _, shown, _ in found] == [
        colour(each) for each in ("dark-red", "red", "orange", "blue")
    ]


def test_alarms_of_which_nobody_has_said_anything_are_counted_when_they_are_over_too(overview: Seen):
    assert overview.numbers("Not acknowledged") == {"waiting": 4}


def test_each_open_alarm_is_a_line_that_says_how_it_is(overview: Seen):
    rows = overview.rows("What is wrong")

    assert [(row["What"], row["Severity"], row["Newest step"], row["Acknowledged"]) for row in rows] == [
        ("High-power: E main", "critical", "severity changed", "nobody yet"),
        ("Leak: Leak", "critical", "raised", "nobody yet"),
        ("Door-forced: Front door", "high", "over", "nobody yet"),
        ("Pump-fault: Pump", "high", "over, waits for reset", "yes"),
        ("Too-warm: Pump", "medium", "acknowledged", "yes"),
        ("Offline: Leak", "low", "raised", "nobody yet"),
    ]
    assert [row["Since"] for row in rows] == [
        "5 hours ago", "2 months ago", "8 hours ago", "3 hours ago", "4 hours ago", "2 hours ago",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "numbers"),
    [
        ("Supplies lost", {"lost": 2}),
        ("Detectors in alarm", {"detectors": 1}),
        ("Machines at fault", {"faults": 1}),
        ("Doors", {"open too long": 1, "forced": 1}),
        ("Silent devices", {"silent": 1}),
    ],
)
def test_what_is_wrong_now_is_counted_and_red(overview: Seen, title: str, numbers: dict[str, float]):
    found = overview.answer(title).stats()

    assert {name: shown.number for name, shown, _ in found} == numbers
    assert {shown.colour for _, shown, _ in found} == {colour("red")}


def test_the_place_that_is_chosen_counts_alone(overview: Seen):
    assert overview.numbers("Doors", building="b1") == {"open too long": 1, "forced": 0}, (
        "the gate has no building"
    )
    assert overview.numbers("Silent devices", site="elsewhere") == {}


def test_each_supply_says_how_it_is_and_each_phase_its_voltage(overview: Seen):
    rows = overview.rows("Supply of each building")
    voltage = overview.answer("Voltage").stats()

    assert [(row["Building"], row["Supply"], row["State"]) for row in rows] == [
        ("b1", "electricity", "supplied"),
        ("b1", "gas", "PARTLY"),
        ("b1", "water", "LOST"),
    ]
    assert [(name, str(shown)) for name, shown, _ in voltage] == [
        ("e-main L1", "230 V"), ("e-main L2", "229 V"), ("e-main L3", "190 V"),
    ]  # fmt: skip
    assert [shown.colour for _, shown, _ in voltage] == [colour("green"), colour("green"), colour("red")]


@_MAINS
def test_today_is_compared_with_the_same_hours_of_last_week(overview: Seen, title: str, device: str):
    hours = today_hours()
    known = [each for each in hours if device != "w-main" or each.hour != 3]
    before = sum(amount(device, each - timedelta(days=7)) for each in known)
    comparable = sum(amount(device, each) for each in known)

    found = overview.numbers(f"{title} today")
    assert found == pytest.approx(
        {
            "today": sum(amount(device, each) for each in hours),
            "last week": before,
            "change": 100 * (comparable - before) / before,
        }
    )


def test_cost_is_that_of_every_meter_since_the_first_of_the_month(overview: Seen):
    month = days_of(NOW.replace(day=1, hour=0, minute=0))
    cost = dict.fromkeys(METERS.values(), 0.0)
    for device, utility in METERS.items():
        cost[utility] += sum(PRICE * day_amount(device, day) for day in month)

    assert overview.numbers("Cost this month so far") == pytest.approx(cost)
    assert overview.stats("Cost this month so far")["gas"] == f"{cost['gas']:.2f} EUR"


@_MAINS
def test_days_are_those_of_the_main_meter(overview: Seen, title: str, device: str):
    [frame] = [each for each in overview.answer(f"{title} per day").frames if each.ref == "A"]

    assert frame.fields[1].values == [
        day_amount(device, day) for day in days_of((NOW - timedelta(days=29)).replace(hour=0, minute=0))
    ]


def test_people_are_numbers_and_services_say_what_was_told_last(overview: Seen):
    services = overview.rows("Services and batteries")

    assert overview.numbers("People in each zone") == {"house": 7, "garage": 2}
    assert overview.stats("Pumps, lifts, machines") == {"pump": "FAULT"}
    assert [(row["Of"], row["What"]) for row in services] == [
        ("pump", "service was done"),
        ("pump", "service is due"),
    ]


def test_alarms_of_the_week_say_when_they_ended(overview: Seen):
    rows = overview.rows("Alarms of the last seven days")

    assert [(row["What"], row["Ended"] == "lasts") for row in rows] == [
        ("Offline: Leak", True),
        ("Pump-fault: Pump", True),
        ("Too-warm: Pump", True),
        ("High-power: E main", True),
        ("Offline: Leak", False),
        ("Door-forced: Front door", False),
        ("Offline: W main", False),
        ("Moved: E main", False),
    ]


def test_who_may_not_see_the_doors_can_use_it():
    text = json.dumps(DASHBOARDS["overview"])

    assert "${access}" not in text
    assert all(panel["links"] for panel in panels_of(DASHBOARDS["overview"]) if "Cost" not in panel["title"])


def test_the_committed_dashboards_are_those_that_are_built(tmp_path: Path):
    main(tmp_path)

    built = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    committed = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}
    assert committed == built == dict(dashboards())


def test_provisioning_names_what_the_dashboard_looks_for():
    provisioning = FOLDER.parent / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "facility-monitor.yaml").read_text())
    providers = yaml.safe_load((provisioning / "dashboards" / "facility-monitor.yaml").read_text())

    names = [source["name"] for source in sources["datasources"]]
    assert names == ["Facility", "Facility (access)"]
    for source in sources["datasources"]:
        assert source["jsonData"]["timeInterval"]
        assert source["secureJsonData"]["password"].startswith("$")
    assert providers["providers"][0]["options"]["path"] == "$FACILITY_DASHBOARDS"
