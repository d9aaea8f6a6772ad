"""Reports against the sums of the book they are made from."""

import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from math import fsum

import pytest

from monitor.figures import Break, Consumption
from monitor.periods import QUARTER, year_before
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.meters import counted
from monitor.reports.report import KINDS, Report, Row
from monitor.site import Site
from tests.reports.books import BERLIN, FIRST, METERS, SILENT, Book, house, meter, moment, period, quarters

OCTOBER = period("2026-10")
FLATS = ("flat-1", "flat-2", "flat-3", "common")


def used(device: str, span=OCTOBER) -> float:
    """What the synthetic quarters of an hour come to."""
    return fsum(quarters(device)[(span.start - FIRST) // QUARTER : (span.end - FIRST) // QUARTER])


def cells(report: Report, number: int = 0) -> dict[str, dict[str, object]]:
    """Device -> column -> cell."""
    section = report.sections[number]
    names = [column.name for column in section.columns]
    return {row.device: dict(zip(names, row.cells, strict=True)) for row in section.rows}


def total(report: Report, key: str, number: int = 0, what: str | None = None) -> dict[str, object]:
    section = report.sections[number]
    rows = [row for row in section.totals if row.said and row.said.key == key]
    row = next(row for row in rows if what is None or row.said.facts.get("what") == what)
    return dict(zip([column.name for column in section.columns], row.cells, strict=True))


def said(report: Report, row: Row) -> list[str]:
    return [report.footnotes[number - 1].key for number in row.notes]


async def make(kind: str, site: Site | None = None, span=OCTOBER, devices=None, **facts) -> Report:
    site = site or house()
    book = Book(site, **facts)
    return await build(kind, Books(usage=book), site, span, now=book.now, devices=devices)


@pytest.mark.parametrize("kind", KINDS[:4])
async def test_report_survives_the_road_through_json(kind):
    report = await make(kind, house(SILENT))

    assert Report.of_json(json.loads(json.dumps(report.as_json()))) == report
    assert report.sections


@pytest.mark.parametrize("kind", KINDS[:4])
async def test_a_site_without_meters_has_a_report_that_says_so(kind):
    report = await make(kind, Site(id="field", name="Field", timezone=BERLIN))

    assert [note.key for note in report.notes] == ["no_meters"]
    assert not report.is_complete


async def test_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="usage, cost, coverage, balance"):
        await make("weather")


async def test_usage_of_each_meter_is_the_sum_of_its_quarters_over_the_clock_change():
    report = await make("usage")

    found = cells(report)
    assert (OCTOBER.end - OCTOBER.start) // QUARTER == 31 * 96 + 4
    assert found["flat-1"]["amount"] == pytest.approx(used("flat-1"))
    assert found["flat-1"]["register_end"] - found["flat-1"]["register_begin"] == pytest.approx(used("flat-1"))
    assert found["flat-1"]["year_before"] == pytest.approx(used("flat-1", year_before(OCTOBER, BERLIN)))
    assert found["flat-1"]["change"] == pytest.approx(
        100 * (used("flat-1") / used("flat-1", year_before(OCTOBER, BERLIN)) - 1)
    )
    assert found["flat-1"]["demand_max"] == pytest.approx(
        4 * max(quarters("flat-1")[(OCTOBER.start - FIRST) // QUARTER : (OCTOBER.end - FIRST) // QUARTER])
    )


async def test_main_and_sub_meters_are_never_added_together():
    report = await make("usage")

    mains = used("main-electricity") + used("main-annexe")
    assert total(report, "sum_class_mains")["amount"] == pytest.approx(mains)
    assert total(report, "sum_building_mains", what="A")["amount"] == pytest.approx(used("main-electricity"))
    assert report.headlines[0].value == pytest.approx(mains)
    assert report.headlines[1].value == pytest.approx(used("main-water"))


async def test_without_a_main_meter_the_others_are_added_but_never_a_virtual_one():
    report = await make("usage", devices=[*FLATS, "rest"])

    assert total(report, "sum_class")["amount"] == pytest.approx(fsum(map(used, FLATS)))
    assert [row.device for row in report.sections[0].rows if row.level == "apart"] == ["rest"]
    assert "virtual_apart" in [note.key for note in report.notes]


def test_the_main_meter_of_the_site_covers_those_of_its_buildings():
    whole = meter("grid", "Grid", role="main")

    assert counted([*METERS[:7], whole]) == (whole,)
    assert [one.id for one in counted(METERS[:8])] == ["main-electricity", "main-annexe"]
    loose = meter("garage", "Garage", building="C")
    hidden = meter("cellar", "Cellar", building="C", role="sub")
    assert [one.id for one in counted([*METERS[:7], loose, hidden])] == [
        "main-electricity",
        "main-annexe",
        "garage",
    ]


async def test_what_is_estimated_at_the_edge_is_told_and_marked_in_the_picture():
    report = await make("usage", devices=["flat-2"])

    row = cells(report)["flat-2"]
    assert row["estimated"] == pytest.approx(0.71, abs=0.01)
    assert [note.key for note in report.notes] == ["note_estimated"]
    assert report.charts[0].estimated == (30,)
    assert report.headlines[0].remark.key == "headline_estimated"


async def test_a_meter_of_which_nothing_is_known_is_not_zero_and_its_class_is_not_known():
    report = await make("usage", house(SILENT))

    heat = next(section for section in report.sections if section.title.key == "class_heat")
    row = dict(zip([column.name for column in heat.columns], heat.rows[0].cells, strict=True))
    assert (row["amount"], row["register_end"], row["known"]) == (None, None, 0.0)
    assert said(report, heat.rows[0]) == ["meter_unknown"]
    assert report.headlines[-1].value is None
    assert not report.is_complete


async def test_a_class_is_not_known_rather_than_smaller_where_its_main_meter_is_partly_known():
    report = await make("usage", unknown={"main-annexe": (moment("2026-10-03T00:00"), moment("2026-10-04T00:00"))})

    row = cells(report)["main-annexe"]
    day = (moment("2026-10-03T00:00") - FIRST) // QUARTER
    lost = fsum(quarters("main-annexe")[day : day + 96])
    assert row["amount"] == pytest.approx(used("main-annexe") - lost)
    assert (row["change"], total(report, "sum_class_mains")["amount"]) == (None, None)
    assert report.headlines[0].remark.facts == {"meters": "Annexe"}
    assert report.charts[0].series[0].values[2] is None
    assert report.charts[0].series[0].values[3] is not None


async def test_the_year_before_is_only_compared_where_it_is_known():
    report = await make("usage", span=period("2025-10"))

    assert [row["year_before"] for row in cells(report).values()] == [None] * 8
    assert [headline.change for headline in report.headlines] == [None] * 3
    assert [one.name for one in report.charts[0].series] == ["amount"]


@pytest.mark.parametrize(
    ("text", "earlier"),
    [("2024-02-29..2024-03-02", "2023-02-28..2023-03-02"), ("2024-02", "2023-02"), ("2024-02-29", "2023-02-28")],
)
async def test_the_year_before_of_a_leap_day_is_the_28th(text, earlier):
    site = house()
    asked = []

    class Listening(Book):
        async def consumption(self, devices, start, end, *, per="", points=()):
            asked.append((start, end))
            return await super().consumption(devices, start, end, per=per, points=points)

    await build("usage", Books(usage=Listening(site)), site, period(text), now=Book(site).now)

    assert asked[1] == (period(earlier).start, period(earlier).end)


async def test_a_running_month_is_compared_with_as_much_of_the_year_before():
    report = await make("usage", span=period("this-month"))

    now = moment("2026-11-27T12:00")
    begin, until = ((at - FIRST) // QUARTER for at in (moment("2025-11-01T00:00"), moment("2025-11-27T12:00")))
    assert report.until == now
    assert cells(report)["flat-1"]["year_before"] == pytest.approx(fsum(quarters("flat-1")[begin:until]))
    assert {"running", "before_cut"} <= {note.key for note in report.notes}
    assert not report.is_complete


async def test_breaks_are_footnotes_of_their_meter():
    told = Break(
        cause="replaced",
        start=moment("2026-10-14T10:02"),
        end=moment("2026-10-14T10:31"),
        start_register=7123.4,
        end_register=0.2,
        amount=0.3,
        by="ana",
        reason="due",
    )
    report = await make("usage", breaks={"flat-3": (told, replace(told, cause="reset", lost=True, by=""))})

    row = next(row for row in report.sections[0].rows if row.device == "flat-3")
    assert said(report, row) == ["break_replaced", "break_reset_lost"]
    assert report.footnotes[0].facts["by"] == " (ana: due)"
    assert report.footnotes[0].facts["start"] == "2026-10-14 10:02"


async def test_cost_is_the_sum_of_the_lines_to_the_cent():
    site = house()
    costs = await Book(site).costs(list(site.devices), OCTOBER.start, OCTOBER.end)
    report = await make("cost")

    whole = sum((each.total for each in costs), Decimal(0))
    assert report.headlines[0].value == whole
    assert total(report, "sum_all")["cost"] == whole
    tenant = sum((each.total for each in costs if each.tenant == "Bakery Öztürk"), Decimal(0))
    assert total(report, "sum_tenant", what="Bakery Öztürk")["cost"] == tenant
    (lines,) = report.details
    prices = [column.name for column in lines.columns].index("cost")
    assert sum((row.cells[prices] for row in lines.rows), Decimal(0)) == whole
    missing = next(note for note in report.notes if note.key == "without_tariff")
    assert missing.facts["meters"].startswith("Main meter, Annexe, Not measured")
    assert fsum(value for one in report.charts[0].series for value in one.values) == pytest.approx(float(whole))


async def test_cost_of_a_year_before_is_compared_when_the_same_meters_were_billed():
    assert (await make("cost")).headlines[0].change is not None
    assert (await make("cost", span=period("2025-10"))).headlines[0].change is None


async def test_coverage_adds_the_days_and_names_the_worst():
    lost = {("flat-1", date(2026, 10, 5)): {"bus": 400}, ("boiler", date(2026, 10, 20)): {"off": 90, "unknown": 2}}
    report = await make("coverage", house(SILENT), lost=lost)

    row = cells(report)["flat-1"]
    assert (row["expected"], row["received"]) == (31 * 8640 + 360, 31 * 8640 - 40)
    assert (row["lost_bus"], row["worst_day"]) == (400, "2026-10-05")
    assert row["received_share"] == pytest.approx(100 * (31 * 8640 - 40) / (31 * 8640 + 360))
    assert [one.device for one in report.sections[1].rows] == ["flat-1", "boiler"]
    assert report.headlines[1].value == 492
    assert report.headlines[1].remark.facts == {"cause": "cause_bus", "percent": "81"}
    assert cells(report)["heat-cellar"]["received_share"] is None
    assert "rest" not in cells(report)
    assert len(report.details[0].rows) == 12 * 31


async def test_balance_is_the_main_meters_less_the_sub_meters():
    report = await make("balance")

    rows = report.sections[0].rows
    subs = fsum(map(used, FLATS))
    assert [row.cells[1] for row in rows] == ["2 / 5", "1 / 4", "1 / 1"]
    assert rows[1].cells[2:5] == pytest.approx((used("main-electricity"), subs, used("main-electricity") - subs))
    assert rows[1].cells[5] == pytest.approx(100 * (1 - 1 / 1.06))
    days = report.details[1].rows
    assert len(days) == 31
    assert fsum(row.cells[5] for row in days) == pytest.approx(rows[1].cells[4])
    water = report.sections[1].rows[0]
    assert water.cells[-1] == pytest.approx(4 * 3 * 0.0003 * 1.09)


@pytest.mark.parametrize("how", ["silent", "partly"])
async def test_a_missing_sub_meter_makes_the_balance_not_known_and_not_smaller(how):
    lift = meter("lift", "Lift", building="A", role="sub")
    if how == "silent":
        report = await make("balance", house(lift))
    else:
        report = await make("balance", unknown={"common": (OCTOBER.start, OCTOBER.start + 20 * 86_400_000)})

    rows = report.sections[0].rows
    assert [row.cells[3] is None for row in rows] == [True, True, False]
    assert [row.cells[4] is None for row in rows] == [True, True, False]
    assert rows[0].cells[2] == pytest.approx(used("main-electricity") + used("main-annexe"))
    assert said(report, rows[1])[0] == "balance_lacking"
    assert report.headlines[0].value is None
    assert not report.is_complete


async def test_the_main_meter_of_the_site_is_balanced_against_those_of_the_buildings():
    whole = meter("boiler-main", "Grid", role="main")
    site = house(whole)

    class WithGrid(Book):
        async def consumption(self, devices, start, end, *, per="", **_):
            found = list(
                await super().consumption([one for one in devices if one != whole.id], start, end, per=per)
            )
            return found + [_grid(each) for each in found if each.device == "main-annexe"] * (whole.id in devices)

    book = WithGrid(site)
    report = await build("balance", Books(usage=book), site, OCTOBER, now=book.now)

    row = report.sections[0].rows[0]
    assert row.cells[1] == "1 / 2"
    assert row.cells[3] == pytest.approx(used("main-electricity") + used("main-annexe"))


def _grid(each: Consumption) -> Consumption:
    return replace(each, device="boiler-main", amount=10 * (each.amount or 0))


async def test_more_below_than_above_is_pointed_out():
    class Swapped(Book):
        async def consumption(self, devices, start, end, *, per="", **_):
            found = await super().consumption(devices, start, end, per=per)
            return [
                replace(each, amount=0.5 * each.amount) if each.device == "main-water" else each for each in found
            ]

    site = house()
    book = Swapped(site)
    report = await build("balance", Books(usage=book), site, OCTOBER, now=book.now)

    row = report.sections[1].rows[0]
    assert row.cells[4] < 0
    assert said(report, row) == ["balance_negative"]


async def test_one_meter_alone_shows_its_week():
    report = await make("usage", devices=["flat-1"])

    assert [chart.kind for chart in report.charts] == ["bars", "heat"]
    heat = report.charts[1]
    sunday = [quarters("flat-1")[number] for number in _hours(weekday=6, hour=20)]
    assert heat.series[6].values[20] == pytest.approx(fsum(sunday) / (len(sunday) / 4))


def _hours(*, weekday: int, hour: int) -> list[int]:
    numbers = range((OCTOBER.start - FIRST) // QUARTER, (OCTOBER.end - FIRST) // QUARTER)
    times = {number: datetime.fromtimestamp((FIRST + number * QUARTER) / 1000, BERLIN) for number in numbers}
    return [number for number, at in times.items() if (at.weekday(), at.hour) == (weekday, hour)]


@pytest.mark.parametrize(
    ("text", "count"), [("2026", 11), ("2026-03-29", 23), ("2025-10-26", 25), ("2026-W10", 7)]
)
async def test_pictures_have_a_bar_for_each_piece_of_the_period(text, count):
    report = await make("usage", span=period(text), devices=["boiler"])

    assert len(report.charts[0].labels) == count
    assert all(len(one.values) == count for one in report.charts[0].series)
    assert fsum(report.charts[0].series[0].values) == pytest.approx(report.headlines[0].value)
