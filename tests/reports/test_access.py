"""The report of doors and zones, against entries and days that are known."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.accessbook import DoorDay
from monitor.reports.build import build
from monitor.reports.csvfile import csv_file
from monitor.reports.html import html
from monitor.reports.report import Report
from tests.reports.books import moment, period
from tests.reports.plant import (
    DAYS,
    NOW,
    OCTOBER,
    PSEUDONYM,
    Doorbook,
    books,
    busy_doors,
    busy_plant,
    device,
    entry,
    passage,
    plant,
)

FRONT = DoorDay(
    door="front",
    day=DAYS[0],
    opened={"card": 5, "rex": 3, "unlocked": 2, "schedule": 1, "none": 1},
    forced=1,
    granted=6,
    denied=2,
    unused=1,
    held=1,
    open_s=80.0,
    longest_s=45.0,
)
GARAGE = DoorDay(door="garage", day=DAYS[1], opened={"card": 1}, granted=1, open_s=4.0, longest_s=4.0)


async def make(book=None, *, span=OCTOBER, now=NOW, devices=None, site=None, upkeep=None) -> Report:
    site = site or plant()
    return await build(
        "access", books(site, book or Doorbook([FRONT, GARAGE]), upkeep), site, span, now=now, devices=devices
    )


def rows(report: Report, title: str) -> dict[object, dict[str, object]]:
    """First cell -> column -> cell."""
    section = next(each for each in report.sections if each.title.key == title)
    names = [column.name for column in section.columns]
    return {row.cells[0]: dict(zip(names, row.cells, strict=True)) for row in section.rows}


async def test_doors_have_their_openings_by_cause_and_sums():
    book = Doorbook(
        [FRONT, replace(FRONT, day=DAYS[1], longest_s=90.0), GARAGE],
        [
            entry("closed", "front", f"2026-10-0{day}T08:00", "front", attributes={"open_s": open_s})
            for day, open_s in ((1, 4.0), (1, 45.0), (2, 9.0))
        ]
        + [entry("out_of_hours", "front-in", "2026-10-02T23:00", "front", zone="house")],
    )
    report = await make(book)

    found = rows(report, "access_doors")
    assert found["Front door"] == {
        "door": "Front door",
        "opened": 24,
        "by_card": 10,
        "by_rex": 6,
        "by_unlocked": 4,
        "by_schedule": 2,
        "by_none": 2,
        "forced": 2,
        "held": 2,
        "granted": 12,
        "denied": 4,
        "out_of_hours": 1,
        "median_open": 9.0,
        "longest": 1.5,
    }
    assert found["Garage"]["median_open"] is None
    assert report.sections[0].totals[0].cells[1:] == (25, 11, 6, 4, 2, 2, 2, 2, 13, 4, 1, None, None)
    assert [headline.value for headline in report.headlines] == [25, 4, 2, 2, 1]
    assert report.headlines[2].remark is not None
    assert report.headlines[2].remark.facts == {"what": "Front door"}


async def test_a_door_that_stood_open_over_midnight_did_so_for_all_of_that_time():
    days = [
        replace(FRONT, day=day, longest_s=part) for day, part in ((DAYS[4], 4 * 3600.0), (DAYS[5], 5 * 3600.0))
    ]
    closed = entry("closed", "front", "2026-10-06T05:00", "front", attributes={"open_s": 9 * 3600.0})
    report = await make(Doorbook(days, [closed]))

    assert rows(report, "access_doors")["Front door"]["longest"] == 540.0
    assert rows(report, "bad_doors")["Front door"]["finding"] == "stands_open"
    assert rows(report, "bad_doors")["Front door"]["for_long"] == 9.0


async def test_a_door_of_which_nothing_is_on_record_is_not_zero():
    report = await make()

    server = rows(report, "access_doors")["Server room"]
    assert set(server.values()) == {"Server room", None}
    assert [note.key for note in report.footnotes] == ["door_unknown", "zone_no_reset"]
    assert not report.is_complete
    assert (await make(busy_doors())).is_complete


async def test_zones_have_entries_and_the_most_who_were_in():
    entries = [passage("front-in", f"2026-10-0{day}T0{hour}:00", f"p{hour}") for day in (1, 2) for hour in (7, 8)]
    entries += [passage("front-in", "2026-10-02T09:00", "p9"), passage("front-out", "2026-10-02T10:00", "p9")]
    entries += [entry("crowded", "front-in", "2026-10-02T09:00", "front", zone="house")]
    report = await make(Doorbook([FRONT], entries))

    assert rows(report, "access_zones")["House"] == {
        "zone": "House",
        "entries": 5,
        "exits": 1,
        "most_at_once": 3,
        "most_when": moment("2026-10-02T09:00"),
        "mean_most": pytest.approx((2 + 3 + 2) / 31),  # on the third two are in until three in the morning
        "most_allowed": 40,
        "crowded": 1,
        "passback": 0,
    }
    chart = next(each for each in report.charts if each.title.key == "chart_zone")
    assert chart.series[0].values[:4] == (2.0, 3.0, 2.0, 0.0)
    hours = next(each for each in report.charts if each.title.key == "chart_hours")
    assert hours.series[0].values[7:11] == (2.0, 2.0, 1.0, 1.0)
    assert sum(hours.series[0].values) == 6


async def test_readers_have_the_times_that_they_were_off_line():
    report = await make(busy_doors(), upkeep=busy_plant())

    garage = rows(report, "access_readers")["Garage reader"]
    assert (garage["door"], garage["offline_times"], garage["offline"]) == ("Garage", 1, 6.5)
    assert garage["available"] == pytest.approx(100 * (745 - 6.5) / 745)
    assert rows(report, "access_readers")["Front reader"]["tampered"] == 1
    alone = await make(busy_doors())
    assert rows(alone, "access_readers")["Garage reader"]["available"] is None


async def test_bad_doors_are_named_with_what_to_look_at():
    report = await make(busy_doors())

    section = next(each for each in report.sections if each.title.key == "bad_doors")
    assert [row.cells for row in section.rows] == [
        ("Garage", "unwired", 403, 775, 52.0, None, "unwired"),
        ("Server room", "shakes", 93, 93, 100.0, None, "shakes"),
        ("Server room", "bounces", 62, 194, pytest.approx(31.96, abs=0.01), None, "bounces"),
    ]
    assert "bad_doors_mean" in [note.key for note in report.notes]
    assert "bad_doors" not in [each.title.key for each in (await make()).sections]


async def test_entries_that_are_no_longer_kept_are_said_to_be_missing():
    report = await make(now=moment("2027-01-10T12:00"))

    note = next(each for each in report.notes if each.key == "access_kept")
    assert note.facts == {"since": "2026-10-12 13:00"}
    assert not report.is_complete


@pytest.mark.parametrize(
    ("devices", "doors", "zones"),
    [
        (None, ["Front door", "Garage", "Server room"], ["House", "Server room"]),
        (["front-in"], ["Front door"], ["House"]),
        (["server"], ["Server room"], ["Server room"]),
        (["lift"], [], []),
    ],
)
async def test_doors_are_chosen_by_any_of_their_devices(devices, doors, zones):
    report = await make(busy_doors(), devices=devices)

    assert list(rows(report, "access_doors") if doors else []) == doors
    assert list(rows(report, "access_zones") if doors else []) == zones
    assert ("no_doors" in [note.key for note in report.notes]) is not bool(doors)


async def test_without_a_book_or_doors_it_says_so():
    site = plant()
    unknown = await build("access", books(site), site, OCTOBER, now=NOW)
    none = await make(
        site=plant(
            without=[
                one.id for one in site.devices.values() if one.door or one.id in {"front", "garage", "server"}
            ]
        )
    )

    assert [note.key for note in unknown.notes] == ["no_access"]
    assert [note.key for note in none.notes] == ["no_doors"]
    assert [unknown.is_complete, none.is_complete] == [False, False]


async def test_a_period_that_has_not_begun_asks_for_nothing():
    book = Doorbook([FRONT])
    report = await make(book, span=period("2026-12"))

    assert book.asked == []
    assert report.headlines[0].value is None


async def test_no_credential_is_in_any_form_of_the_report():
    """Whatever the book answers: pseudonyms, reasons, what readers sent beside them."""
    marked = [
        replace(
            each,
            credential=PSEUDONYM,
            id=f"{each.id}-{PSEUDONYM}",
            reason=PSEUDONYM,
            attributes={**each.attributes, "credential": PSEUDONYM, "card": PSEUDONYM, "name": "Ines Albrecht"},
        )
        for each in busy_doors().entered
    ]
    kinds = ("card", "duress", "passback", "crowded")
    marked += [entry(kind, "front-in", "2026-10-05T09:00", "front", credential=PSEUDONYM) for kind in kinds]
    report = await make(Doorbook(busy_doors().days, marked), upkeep=busy_plant())

    forms = [json.dumps(report.as_json()), csv_file(report), html([report]), html([report], language="zh")]
    for form in forms:
        assert PSEUDONYM not in form
        assert "Ines" not in form
        assert "credential" not in form
    assert rows(report, "access_zones")["House"]["most_at_once"] == 1  # all of them were one person
    assert Report.of_json(json.loads(forms[0])) == report


async def test_csv_has_a_row_for_each_day_of_each_door_and_zone():
    lines = csv_file(await make()).splitlines()

    assert lines[0].startswith(
        "period,device,door,day,opened,by_card,by_rex,by_unlocked,by_schedule,by_none,forced"
    )
    assert lines[1].startswith("2026-10,front,Front door,2026-10-01,12,5,3,2,1,1,1,1,6,2,0,0,0,1,80,45,0,")
    assert len(lines) == 1 + 2 + 2 * 31


async def test_a_reader_without_a_contact_is_a_door_of_its_own():
    site = plant(device("gate", "Gate", "access", building="C", direction="in"))
    day = DoorDay(door="gate", day=DAYS[0], opened={}, granted=3)
    report = await make(Doorbook([day], [passage("front-in", "2026-10-01T08:00")]), site=site, devices=["gate"])

    assert rows(report, "access_doors")["Gate"]["granted"] == 3
    assert rows(report, "access_readers")["Gate"]["door"] == "Gate"


COUNTS = st.fixed_dictionaries(
    {name: st.integers(0, 500) for name in ("card", "rex", "unlocked", "schedule", "none")}
)


@given(st.dictionaries(st.tuples(st.sampled_from(["front", "garage", "server"]), st.sampled_from(DAYS)), COUNTS))
async def test_openings_are_the_sum_of_their_causes_days_and_doors(opened):
    days = [DoorDay(door=door, day=day, opened=causes) for (door, day), causes in opened.items()]
    report = await make(Doorbook(days))

    whole: Counter[str] = Counter()
    for causes in opened.values():
        whole.update(causes)
    found = rows(report, "access_doors").values()
    for cause, count in whole.items():
        assert sum(row[f"by_{cause}"] or 0 for row in found) == count
    assert sum(row["opened"] or 0 for row in found) == whole.total()
    assert (report.headlines[0].value or 0) == whole.total()
    drawn = [each for each in report.charts if each.title.key == "chart_opened_day"]
    assert sum(value or 0 for each in drawn for one in each.series for value in one.values) == whole.total()
    assert all(row[f"by_{cause}"] is None for row in found if row["opened"] is None for cause in ("card", "none"))
