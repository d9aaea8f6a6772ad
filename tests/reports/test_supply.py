"""The report of the supply, against spans that are known."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.reports.build import build
from monitor.reports.report import Report
from monitor.upkeepbook import SupplySpan
from tests.reports.books import moment, period
from tests.reports.plant import NOW, OCTOBER, Plantbook, books, plant, supply_of_october

HOUR = 3_600_000


async def make(spans=None, *, span=OCTOBER, now=NOW, devices=None, site=None) -> Report:
    site = site or plant()
    book = Plantbook(spans=supply_of_october() if spans is None else spans)
    return await build("supply", books(site, upkeep=book), site, span, now=now, devices=devices)


def table(report: Report, number: int = 0) -> list[dict[str, object]]:
    section = report.sections[number]
    names = [column.name for column in section.columns]
    return [dict(zip(names, row.cells, strict=True)) for row in section.rows]


async def test_time_in_each_state_and_interruptions_are_those_of_the_period():
    report = await make()

    power, water, other = table(report)
    assert (power["building"], power["utility"], water["utility"]) == ("A", "electricity", "water")
    assert (power["time_lost"], power["time_partial"], power["time_unknown"]) == pytest.approx((65 / 60, 0.5, 3.0))
    assert power["available"] == pytest.approx(100 * (742 - 95 / 60) / 742)
    assert (power["outages"], power["longest"]) == (2, 75.0)
    assert (water["time_lost"], water["outages"], water["longest"]) == (4.0, 2, 120.0)
    assert [other[name] for name in ("available", "time_lost", "outages", "longest")] == [None] * 4
    assert other["time_unknown"] == 745.0  # October has an hour more
    assert not report.is_complete


async def test_interruptions_are_listed_and_what_is_not_known_of_them_is_said():
    report = await make()

    rows = report.sections[1].rows
    assert [row.cells[1:] for row in rows] == [
        ("water", "lost", "pressure_bar", OCTOBER.start, OCTOBER.start + 2 * HOUR, 120.0),
        (
            "electricity",
            "lost",
            "voltage_l2_v, voltage_l1_v",
            moment("2026-10-06T10:00"),
            moment("2026-10-06T11:15"),
            75.0,
        ),
        ("electricity", "lost", "voltage_l1_v", moment("2026-10-20T01:00"), moment("2026-10-20T01:20"), 20.0),
        ("water", "lost", "pressure_bar", OCTOBER.end - 2 * HOUR, OCTOBER.end, 120.0),
    ]
    told = [[report.footnotes[number - 1].key for number in row.notes] for row in rows]
    assert told == [["supply_before"], [], ["supply_edge"], ["supply_goes_on"]]
    assert Report.of_json(json.loads(json.dumps(report.as_json()))) == report


async def test_an_interruption_that_became_worse_at_midnight_began_before_it():
    def span(state, start, end):
        return SupplySpan(building="A", utility="water", state=state, start=start, end=end, lost=("p",))

    start, end = OCTOBER.start, OCTOBER.end
    report = await make(
        [
            span("partial", start - HOUR, start),
            span("lost", start, start + HOUR),
            span("present", start + HOUR, end - HOUR),
            span("partial", end - HOUR, end),
            span("lost", end, end + HOUR),
        ]
    )

    rows = report.sections[1].rows
    assert [row.cells[4:] for row in rows] == [(start, start + HOUR, 60.0), (end - HOUR, end, 60.0)]
    assert [row.cells[2] for row in rows] == ["lost", "partial"]
    told = [[report.footnotes[number - 1].key for number in row.notes] for row in rows]
    assert told == [["supply_before"], ["supply_goes_on"]]


async def test_one_phase_that_is_missing_is_partial_and_not_available():
    spans = [replace(each, state="partial") if each.state == "lost" else each for each in supply_of_october()]
    report = await make(spans)

    assert table(report, 1)[1]["supply_state"] == "partial"
    assert table(report)[0]["time_lost"] == 0
    assert table(report)[0]["time_partial"] == pytest.approx(95 / 60)


async def test_headlines_name_the_worst_supply_and_the_longest_interruption():
    worst, count, longest, unknown = (await make()).headlines

    assert worst.value == pytest.approx(100 * 741 / 745)
    assert worst.remark is not None
    assert worst.remark.facts == {"utility": "water", "what": "A"}
    assert (count.value, longest.value, unknown.value) == (4, 120.0, 748.0)


async def test_the_calendar_has_a_share_for_each_day_of_each_supply():
    (chart,) = (await make()).charts

    assert [(one.where, one.name) for one in chart.series] == [
        ("A", "utility_electricity"),
        ("A", "utility_water"),
        ("B", "utility_electricity"),
    ]
    assert chart.series[0].values[5] == pytest.approx(100 * (24 - 1.25) / 24)
    assert chart.series[0].values[19] == pytest.approx(100 * (21 - 1 / 3) / 21)
    assert set(chart.series[2].values) == {None}


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (None, ["electricity", "water", "electricity"]),
        (["front"], ["electricity", "water"]),
        (["lift"], ["electricity"]),
        (["nobody"], []),
    ],
)
async def test_buildings_are_those_of_the_chosen_devices(devices, expected):
    report = await make(devices=devices)

    assert [row["utility"] for row in (table(report) if report.sections else [])] == expected
    assert [note.key for note in report.notes] == (["supply_means"] if expected else ["no_supply"])


async def test_a_period_that_runs_goes_up_to_now():
    report = await make(span=period("2026-11"))

    power, water, _ = table(report)
    assert (power["available"], power["time_unknown"]) == (100.0, 0.0)
    assert (water["time_lost"], water["longest"]) == (3.0, 180.0)
    assert water["available"] == pytest.approx(100 * 27 / 30)
    assert report.notes[0].key == "running"
    assert report.charts[0].series[0].values[1:3] == (100.0, None)


async def test_a_supply_that_was_known_all_the_time_is_final():
    site = plant(supplies=plant().supplies[:2])
    spans = [each for each in supply_of_october() if each.utility == "water"]
    report = await make(spans, site=plant(supplies=site.supplies[1:2]))

    assert report.is_complete


async def test_without_a_book_nothing_is_known():
    site = plant()
    report = await build("supply", books(site), site, OCTOBER, now=NOW)

    assert [note.key for note in report.notes] == ["no_upkeep"]
    assert (report.sections, report.headlines, report.is_complete) == ((), (), False)


@given(
    st.lists(
        st.tuples(st.integers(1, 5 * 86_400), st.sampled_from(["present", "partial", "lost", "unknown"])),
        max_size=30,
    )
)
async def test_the_times_make_up_the_period_and_interruptions_those_that_are_lost(parts):
    at, spans = OCTOBER.start - 3 * 86_400_000, []
    for seconds, state in parts:
        spans.append(
            SupplySpan(building="A", utility="water", state=state, start=at, end=at + 1000 * seconds, lost=("p",))
        )
        at += 1000 * seconds
    site = plant(supplies=plant().supplies[1:2])
    report = await make(spans, site=site)

    (row,) = table(report)
    lost, partial, unknown = (row[f"time_{state}"] or 0.0 for state in ("lost", "partial", "unknown"))
    listed = table(report, 1) if len(report.sections) > 1 else []
    assert sum(each["duration"] for each in listed) / 60 == pytest.approx(lost + partial)
    assert len(listed) == (row["outages"] or 0)
    known = 745 - unknown
    if row["available"] is not None:
        assert row["available"] == pytest.approx(100 * (known - lost - partial) / known, abs=1e-6)
    ends = [(each["start"], each["end"]) for each in listed]
    assert all(first[1] < second[0] for first, second in pairwise(ends))
