"""The report of equipment, against days and spans that are known."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.plant import Group
from monitor.reports.build import build
from monitor.reports.csvfile import csv_file
from monitor.reports.report import Report
from monitor.upkeepbook import Battery, EquipmentDay, EquipmentNow, GroupNow
from tests.reports.books import moment, period
from tests.reports.plant import DAYS, NOW, OCTOBER, Plantbook, books, busy_plant, device, plant

FIRST_TWO = period("2026-10-01..2026-10-02")
RUNS = [
    EquipmentDay(
        device="pump-1", day=DAYS[0], known_s=86_400, running_s=36_000, starts=10, shortest_s=120.0, short_cycles=1
    ),
    EquipmentDay(device="pump-1", day=DAYS[1], known_s=86_400, running_s=18_000, starts=5, shortest_s=90.0),
    EquipmentDay(device="pump-2", day=DAYS[0], known_s=86_400, running_s=3600, fault_s=7200, starts=1, failed=2),
    EquipmentDay(device="pump-2", day=DAYS[1], known_s=43_200),
]


async def make(book=None, *, span=FIRST_TWO, now=NOW, devices=None, site=None) -> Report:
    site = site or plant()
    upkeep = Plantbook(runs=RUNS) if book is None else book
    return await build("equipment", books(site, upkeep=upkeep), site, span, now=now, devices=devices)


def rows(report: Report, title: str) -> dict[object, dict[str, object]]:
    """First cell -> column -> cell."""
    section = next(each for each in report.sections if each.title.key == title)
    names = [column.name for column in section.columns]
    return {row.cells[0]: dict(zip(names, row.cells, strict=True)) for row in section.rows}


def titles(report: Report) -> list[str]:
    return [each.title.key for each in report.sections]


async def test_running_hours_starts_and_failures_are_those_of_the_days():
    book = Plantbook(
        runs=RUNS,
        now=[EquipmentNow(device="pump-1", state="off", hours=812.5, is_own=True)],
        away={"pump-2": [(FIRST_TWO.start, FIRST_TWO.start + 12 * 3_600_000)]},
    )
    report = await make(book)

    found = rows(report, "equipment_runs")
    assert list(found["Pressure pump 1"].values()) == [
        "Pressure pump 1", "A", 15.0, 15, 60.0, 1.5, 0.0, 0, 1, 100.0, 100.0, 812.5,
    ]  # fmt: skip
    assert list(found["Pressure pump 2"].values()) == [
        "Pressure pump 2", "A", 1.0, 1, 60.0, None, 2.0, 2, 0, 75.0, 75.0, None,
    ]  # fmt: skip
    assert list(found["Lift"].values())[2:] == [None] * 7 + [100.0, 0.0, None]
    (total,) = report.sections[0].totals
    assert total.cells[2:] == (
        16.0,
        16,
        60.0,
        1.5,
        2.0,
        2,
        1,
        pytest.approx(100 * 132 / 144),
        pytest.approx(175 / 3),
        None,
    )
    told = [[report.footnotes[number - 1].key for number in row.notes] for row in report.sections[0].rows]
    assert told == [["equipment_own"], ["equipment_partly"], ["equipment_unknown"]]
    assert not report.is_complete


async def test_headlines_say_hours_failures_and_what_has_to_be_done():
    report = await make(busy_plant(), span=OCTOBER)

    running, failed, available, due, batteries = report.headlines
    assert running.value == pytest.approx(sum(each.running_s for each in busy_plant().runs) / 3600)
    assert (failed.value, failed.remark and failed.remark.facts) == (1, {"what": "Lift"})
    assert available.value == pytest.approx(100 * (3 * 745 - 31) / (3 * 745))
    assert (due.value, due.remark and due.remark.facts) == (1, {"count": "1"})
    assert (batteries.value, batteries.remark and batteries.remark.facts) == (2, {"what": "Smoke detector cellar"})
    assert report.is_complete
    assert Report.of_json(json.loads(json.dumps(report.as_json()))) == report


async def test_a_member_that_hardly_runs_is_pointed_out_and_one_that_shares_is_not():
    report = await make(busy_plant(), span=OCTOBER)

    section = next(each for each in report.sections if each.title.key == "equipment_groups")
    shares = [row.cells[3] for row in section.rows]
    assert sum(shares) == pytest.approx(100)
    assert [bool(row.notes) for row in section.rows] == [False, True]
    assert report.footnotes[section.rows[1].notes[0] - 1].facts == {"device": "Pressure pump 2", "percent": "10"}
    assert [note.facts for note in report.notes if note.key == "group_no_reserve"] == [{"group": "Pressure"}]


@pytest.mark.parametrize(
    ("hours", "needed", "is_told"),
    [((18.0, 5.9), 1, False), ((18.0, 6.0), 1, False), ((18.1, 6.0), 1, True), ((30.0, 0.0), 2, False)],
)
async def test_shares_are_judged_from_a_day_on_and_only_where_somebody_may_rest(hours, needed, is_told):
    runs = [
        EquipmentDay(device=f"pump-{number}", day=DAYS[number - 1], known_s=86_400, running_s=3600 * each)
        for number, each in enumerate(hours, 1)
    ]
    groups = {"boost": Group(id="boost", name="Pressure", members=("pump-1", "pump-2"), needed=needed)}
    report = await make(Plantbook(runs=runs), site=plant(groups=groups))

    assert ("group_uneven" in [note.key for note in report.footnotes]) is is_told


async def test_a_group_in_reserve_is_not_mentioned_and_half_a_group_is_left_out():
    now = GroupNow(group="boost", running=("pump-1",), able=("pump-1", "pump-2"), unknown=(), needed=1, reserve=1)
    report = await make(Plantbook(runs=RUNS, groups_now=[now]))
    half = await make(Plantbook(runs=RUNS, groups_now=[replace(now, reserve=0)]), devices=["pump-1"])

    assert "group_no_reserve" not in [note.key for note in report.notes]
    assert "equipment_groups" not in titles(half)
    assert "group_no_reserve" not in [note.key for note in half.notes]


async def test_services_and_work_are_told_with_who_did_it():
    report = await make(busy_plant(), span=OCTOBER)

    assert list(rows(report, "services")["Lift"].values()) == [
        "Lift", "Change the oil", "due", "2026-10-30", -12.0, "2025-09-01",
    ]  # fmt: skip
    assert list(rows(report, "work_done")["Lift"].values()) == [
        "Lift", "brake", "Ana Weber", "brake pads changed", moment("2026-10-14T16:20"), 14_655.0,
    ]  # fmt: skip
    assert "work_done" not in titles(await make(busy_plant()))  # of the first two days
    oil = [replace(each, service="oil") for each in busy_plant().finished]
    named = await make(replace(busy_plant(), finished=oil), span=OCTOBER)
    assert rows(named, "work_done")["Lift"]["service"] == "Change the oil"


async def test_batteries_come_emptiest_first_and_the_fullest_of_many_are_left_out():
    detectors = [device(f"s-{number:02}", f"Smoke {number:02}", "safety") for number in range(33)]
    charged = [Battery(device=each.id, percent=20.0 + number, time=NOW) for number, each in enumerate(detectors)]
    soon = DAYS[-1] + timedelta(days=2 + 30)
    charged[0] = replace(charged[0], low=True)
    charged[1] = replace(charged[1], empty=soon, per_day=-0.3)
    charged[2] = replace(charged[2], empty=soon + timedelta(days=1), per_day=-0.3)
    report = await make(Plantbook(charged=charged), site=plant(*detectors))

    found = rows(report, "batteries")
    assert list(found) == [each.name for each in detectors[:30]]
    states = [row["battery_state"] for row in found.values()]
    assert states == ["low", "soon", *["fine"] * 28]
    assert found["Smoke 01"]["battery_empty"] == "2026-12-02"
    assert [note.facts for note in report.notes if note.key == "batteries_more"] == [{"count": "3"}]
    assert report.headlines[-1].value == 2


async def test_availability_is_told_by_class_and_silent_detectors_by_name():
    book = replace(busy_plant(), unheard=["smoke-1"], off=[(OCTOBER.start, OCTOBER.start + 45 * 3_600_000)])
    report = await make(book, span=OCTOBER)

    safety = rows(report, "availability")["safety"]
    assert (safety["least_available"], safety["devices"], safety["outages"]) == ("Smoke detector cellar", 1, 1)
    assert (safety["longest"], safety["time_down"], safety["time_unknown"]) == (42.0, 42.0, 45.0)
    assert safety["available"] == pytest.approx(100 * (700 - 42) / 700)
    assert rows(report, "silent").keys() == {"Smoke detector stairs", "Smoke detector cellar"}
    assert rows(report, "silent")["Smoke detector stairs"]["available"] is None
    assert "detector_unheard" in [note.key for note in report.footnotes]


async def test_detectors_that_answered_all_the_time_are_not_listed():
    assert "silent" not in titles(await make())


async def test_pictures_have_a_colour_for_each_of_eight_and_the_rest_is_put_together():
    fans = [device(f"fan-{number}", f"Fan {number}", "equipment") for number in range(10)]
    runs = [
        EquipmentDay(device=each.id, day=DAYS[0], known_s=86_400, running_s=3600.0 * (number + 1))
        for number, each in enumerate(fans)
    ]
    report = await make(Plantbook(runs=runs), site=plant(*fans), devices=[each.id for each in fans])

    chart = report.charts[0]
    assert [one.name for one in chart.series] == [*(f"Fan {number}" for number in range(3, 10)), "others"]
    assert chart.series[-1].values == (6.0, None)
    assert [sum(one.values[0] for one in chart.series)] == [55.0]
    assert chart.labels == ("2026-10-01", "2026-10-02")


async def test_the_calendar_of_a_year_is_by_month_and_what_is_to_come_is_not_known():
    report = await make(busy_plant(), span=period("2026"))

    chart = report.charts[1]
    lift = next(one for one in chart.series if one.name == "Lift")
    assert chart.labels[9] == "2026-10"
    assert lift.values[9] == pytest.approx(100 * (745 - 31) / 745)
    assert lift.values[10:] == (100.0, None)


async def test_a_choice_of_detectors_has_no_equipment_in_it():
    report = await make(busy_plant(), span=OCTOBER, devices=["smoke-1", "smoke-2"])

    assert titles(report) == ["batteries", "availability", "silent"]
    assert rows(report, "batteries").keys() == {"Smoke detector cellar", "Smoke detector stairs"}
    assert report.charts == ()


async def test_without_a_book_or_devices_it_says_so():
    site = plant()
    unknown = await build("equipment", books(site), site, OCTOBER, now=NOW)

    assert [note.key for note in unknown.notes] == ["no_upkeep"]
    assert [note.key for note in (await make(devices=[])).notes] == ["no_equipment"]


async def test_csv_has_a_row_for_each_day_of_each_device():
    lines = csv_file(await make()).splitlines()

    assert lines[0] == (
        "period,device,machine,day,run_time_h,starts,mean_run_min,shortest_run_min,fault_h,failed,short_cycles,"
        "time_known_h"
    )
    assert lines[1:3] == [
        "2026-10-01..2026-10-02,pump-1,Pressure pump 1,2026-10-01,10,10,60,2,0,0,1,24",
        "2026-10-01..2026-10-02,pump-1,Pressure pump 1,2026-10-02,5,5,60,1.5,0,0,0,24",
    ]
    assert len(lines) == 5


DAY = st.builds(
    EquipmentDay,
    device=st.sampled_from(["pump-1", "pump-2", "lift"]),
    day=st.sampled_from(DAYS),
    known_s=st.just(86_400.0),
    running_s=st.floats(0, 86_400),
    fault_s=st.floats(0, 86_400),
    starts=st.integers(0, 300),
    failed=st.integers(0, 9),
)


@given(st.lists(DAY, max_size=40, unique_by=lambda each: (each.device, each.day)))
async def test_hours_agree_in_the_rows_the_sum_the_picture_and_the_file(runs):
    report = await make(Plantbook(runs=runs), span=OCTOBER)

    whole = sum(each.running_s for each in runs) / 3600
    found = rows(report, "equipment_runs").values()
    assert sum(row["run_time"] or 0 for row in found) == pytest.approx(whole)
    assert sum(row["starts"] or 0 for row in found) == sum(each.starts for each in runs)
    assert (report.headlines[0].value or 0) == pytest.approx(whole)
    drawn = [chart for chart in report.charts if chart.kind == "columns"]
    assert sum(v or 0 for chart in drawn for one in chart.series for v in one.values) == pytest.approx(whole)
    assert sum(row.cells[3] for row in report.details[0].rows) == pytest.approx(whole)
    if runs:
        assert report.sections[0].totals[0].cells[2] == pytest.approx(whole)


async def test_what_runs_all_the_time_does_not_lengthen_the_mean_run_of_all() -> None:
    day = FIRST_TWO.first
    runs = [
        EquipmentDay(device="pump-1", day=day, known_s=86400.0, running_s=86400.0),
        EquipmentDay(device="lift", day=day, known_s=86400.0, running_s=600.0, starts=10),
    ]
    report = await make(Plantbook(runs=runs))
    section = report.sections[0]
    place = [column.name for column in section.columns].index("mean_run")

    assert section.totals[0].cells[place] == 1.0
