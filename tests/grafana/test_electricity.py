"""The dashboard on electricity, on a real InfluxDB with a metered community, against sums of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from monitor.periods import DAY
from tests.grafana.asking import Board, targets
from tests.grafana.community import (
    DAY_0,
    NOW,
    PRICE,
    amount,
    days,
    fill,
    hour_begins,
    local,
    month_begin,
    week_before,
)
from tests.servers.influxdb import influxdb

_HOUR = DAY // 24
_MAIN, _SUBS = "e-main", ("e-flats", "e-shop")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with influxdb(tmp_path_factory.mktemp("influxdb"), auth=False) as server:
        server.create("facility")
        asyncio.run(fill(server.url, tmp_path_factory.mktemp("state"), "electricity"))
        yield Board(server, "electricity")


_EMPTY = {("Electricity per day", "B"), *([("Without sub-meter this month", "A")] if local(NOW).day == 1 else [])}
"""Nothing is estimated; and on the first of a month no day of it is over."""


@pytest.mark.parametrize(("title", "ref"), [each for each in targets("electricity") if each not in _EMPTY])
def test_every_query_answers(board: Board, title: str, ref: str):
    rows = board.ask(title, ref)

    assert rows
    assert any(value is not None for row in rows for name, value in row.items() if name != "time")


def test_what_can_be_chosen_is_electricity_alone(board: Board):
    assert board.variable("device") == {_MAIN, "e-rest", *_SUBS}
    assert board.variable("device", zone="riser") == set(_SUBS)
    assert board.variable("tenant") == {"flats", "shop", "house"}


def test_totals_are_those_of_the_main_meter(board: Board):
    assert board.one("Today") == pytest.approx(amount(_MAIN, *days(0)))
    assert board.one("This month") == pytest.approx(amount(_MAIN, month_begin(), NOW))
    assert board.one("Power now") == pytest.approx(4000 * amount(_MAIN, NOW - _HOUR // 4, NOW))
    assert board.one("Today", device="e-shop") == board.one("Today"), "a total is no single meter's"


def test_today_is_compared_hour_by_hour_with_the_same_weekday(board: Board):
    hours = hour_begins(*days(0))
    now = sum(amount(_MAIN, at, at + _HOUR) for at in hours)
    before = sum(amount(_MAIN, week_before(at), week_before(at) + _HOUR) for at in hours)
    assert board.one("Against last week") == pytest.approx(100 * (now - before) / before)

    lines = [board.ask("Hours of today and of last week", ref) for ref in "AB"]
    start, end = days(0)
    assert sum(row["value"] for row in lines[0]) == pytest.approx(amount(_MAIN, start, end))
    expected = [amount(_MAIN, week_before(at), week_before(at) + _HOUR) for at in range(start, end, _HOUR)]
    assert [row["value"] for row in lines[1]] == [pytest.approx(each) for each in expected]


def test_days_begin_at_local_midnight_and_what_is_fed_in_is_below_the_axis(board: Board):
    rows = board.by_device("Electricity per day")
    fed = board.by_device("Electricity per day", "C")

    assert rows.keys() == fed.keys() == {_MAIN}
    assert [(row["time"], row["amount"]) for row in rows[_MAIN]] == [
        (days(ago)[0], pytest.approx(amount(_MAIN, *days(ago)))) for ago in range(8, -1, -1)
    ]
    assert fed[_MAIN][1]["fed in"] == pytest.approx(-0.02 * (days(7)[1] - days(7)[0]) / (_HOUR / 4))
    assert board.ask("Electricity per day", "B") == [], "nothing is estimated"


def test_meters_are_stacked_without_the_main_one(board: Board):
    bars = board.by_device("Meters per day")

    assert bars.keys() == set(_SUBS)
    for device, rows in bars.items():
        assert [row["amount"] for row in rows] == [
            pytest.approx(amount(device, *days(ago))) for ago in range(8, -1, -1)
        ]
    assert board.by_device("Meters per day", "B").keys() == {_MAIN}
    assert board.by_device("Meters per day", device="e-shop").keys() == {"e-shop"}
    assert board.ask("Meters per day", "B", device="e-shop") == []
    months = board.by_device("Meters per month")["e-shop"]
    assert sum(row["amount"] for row in months) == pytest.approx(amount("e-shop", DAY_0, NOW))


def test_what_no_sub_meter_saw_is_in_kwh_and_percent_of_whole_days(board: Board):
    rest, share = (board.ask("Without sub-meter per day", ref) for ref in "AB")

    for ago, row, percent in zip(range(8, 0, -1), rest, share, strict=True):
        assert row["rest"] == pytest.approx(amount("e-rest", *days(ago)))
        assert percent["share"] == pytest.approx(100 * row["rest"] / amount(_MAIN, *days(ago)))
    whole = [days(ago) for ago in range(1, 9) if days(ago)[0] >= month_begin()]
    rests, all_of_it = (sum(amount(device, *day) for day in whole) for device in ("e-rest", _MAIN))
    shown = [row["share"] for row in board.ask("Without sub-meter this month")]
    assert shown == ([pytest.approx(100 * rests / all_of_it)] if whole else [])


def test_shares_add_up_to_what_the_main_meter_counted(board: Board):
    subs = {row["device"]: row["sum"] for row in board.ask("Shares")}

    begin = days(0)[0]
    assert subs == {device: pytest.approx(amount(device, DAY_0, begin)) for device in _SUBS}
    assert board.ask("Shares", device="e-shop") == board.ask("Shares"), "a share is one of the whole"
    assert sum(subs.values()) + board.one("Shares", "B") == pytest.approx(amount(_MAIN, DAY_0, begin))


def test_who_uses_how_much_is_told_for_every_meter_and_tenant(board: Board):
    today, yesterday, week, month = (
        {row["device"]: row for row in board.ask("Who uses how much", ref)} for ref in "ABCD"
    )

    assert {(row["tenant"], row["role"], name) for name, row in month.items()} == {
        ("", "main", _MAIN), ("flats", "sub", "e-flats"), ("shop", "sub", "e-shop"), ("house", "", "e-rest"),
    }  # fmt: skip
    for device, row in month.items():
        assert row["month"] == pytest.approx(amount(device, DAY_0, NOW))
        assert today[device]["today"] == pytest.approx(amount(device, *days(0)))
        assert yesterday[device]["yesterday"] == pytest.approx(amount(device, *days(1)))
        seven = sum(amount(device, *days(ago)) for ago in range(9) if days(ago)[0] > NOW - 7 * DAY)
        assert week[device]["week"] == pytest.approx(seven)
        assert row["estimated"] == 0
    price = float(PRICE["electricity"])
    assert month["e-shop"]["cost"] == pytest.approx(price * amount("e-shop", DAY_0, NOW), abs=0.01)
    assert (month["e-shop"]["currency"], month[_MAIN]["cost"]) == ("EUR", None)
    assert month["e-shop"]["carbon"] == pytest.approx(0.4 * amount("e-shop", DAY_0, NOW), abs=0.01)


def test_hours_of_the_week_hold_each_whole_hour_with_its_place(board: Board):
    rows = board.ask("Hours of the week, in W")

    assert len(rows) == len(hour_begins(DAY_0, NOW))
    for row in rows:
        at = local(row["time"])
        assert (row["hour"], row["weekday"]) == (at.hour, at.isoweekday())
        assert row["used"] == pytest.approx(1000 * amount(_MAIN, row["time"], row["time"] + _HOUR))


def _quarters(device: str, ago: int) -> list[float]:
    start, end = days(ago)
    return [4000 * amount(device, at, at + _HOUR // 4) for at in range(start, end, _HOUR // 4)]


def test_peaks_and_base_load_are_those_of_quarters_of_an_hour(board: Board):
    peaks, base = (
        {**board.by_device(title), **board.by_device(title, "B")}
        for title in ("Highest demand per day", "Base load per day")
    )

    assert board.by_device("Highest demand per day").keys() == {_MAIN}
    assert peaks.keys() == {_MAIN, "e-rest", *_SUBS}
    for device in (_MAIN, *_SUBS):
        assert [row["demand_max_w"] for row in peaks[device]] == [
            pytest.approx(max(_quarters(device, ago))) for ago in range(8, -1, -1)
        ]
        assert [row["base_w"] for row in base[device]] == [
            pytest.approx(min(_quarters(device, ago))) for ago in range(8, 0, -1)
        ]
    share = board.ask("Base load per day", "C")
    assert share[0]["share"] == pytest.approx(100 * min(_quarters(_MAIN, 8)) * 0.024 / amount(_MAIN, *days(8)))
    this_month = [ago for ago in range(9) if days(ago)[0] >= month_begin()]
    expected = max(max(_quarters(_MAIN, ago)) for ago in this_month)
    assert board.one("Highest demand this month") == pytest.approx(expected)


def test_the_highest_hours_are_told_with_their_time(board: Board):
    rows = board.ask("Highest hours")
    quarters = range(DAY_0, NOW, _HOUR // 4)
    hours = {at // _HOUR * _HOUR: 0.0 for at in quarters}
    for at in quarters:
        hours[at // _HOUR * _HOUR] = max(hours[at // _HOUR * _HOUR], 4000 * amount(_MAIN, at, at + _HOUR // 4))

    assert [row["demand"] for row in rows if row["device"] == _MAIN] == [
        pytest.approx(hours[row["time"]]) for row in rows
    ]
    assert sorted(row["demand"] for row in rows) == pytest.approx(sorted(hours.values())[-10:])
    assert board.ask("Highest hours", device="e-shop")[0]["device"] == "e-shop"


def test_cost_is_that_of_all_tariffs_in_their_currency(board: Board):
    price, start = float(PRICE["electricity"]), month_begin()
    whole = price * amount(_MAIN, start, NOW)

    assert board.one("Cost this month") == pytest.approx(whole, abs=0.05)
    assert board.one("Cost this month", "B") == board.one("Cost per day", "B") == "EUR"
    rows = board.by_device("Cost per day")
    assert rows["e-rest"][0]["cost"] == pytest.approx(price * amount("e-rest", *days(8)), abs=0.01)
    tenants = {row["tenant"]: row["sum"] for row in board.ask("Cost per tenant")}
    assert tenants.keys() == {"flats", "shop", "house"}
    assert tenants["house"] == pytest.approx(price * amount("e-rest", DAY_0, NOW), abs=0.02)
    assert _MAIN not in rows or all(row["cost"] is None for row in rows[_MAIN])


def test_power_minute_by_minute_is_of_main_meters_or_of_the_one_that_is_chosen(board: Board):
    """Readings of all meters over weeks would take InfluxDB seconds."""
    assert board.by_device("Power").keys() == {_MAIN}
    assert board.by_device("Power", device="e-shop").keys() == {"e-shop"}
    [newest] = [row["value"] for row in board.ask("Power", device="e-shop") if row["value"] is not None][-1:]
    assert newest == pytest.approx(4000 * amount("e-shop", NOW - _HOUR // 4, NOW))


def test_mean_power_by_the_hour_is_of_every_meter(board: Board):
    rows = board.by_device("Mean power of each meter")

    assert rows.keys() == {_MAIN, "e-rest", *_SUBS}
    for device, hours in rows.items():
        told = [row for row in hours if row["value"] is not None]
        assert len(told) >= 20
        for row in told:
            assert row["value"] == pytest.approx(1000 * amount(device, row["time"], row["time"] + _HOUR))


def test_voltages_are_the_lowest_and_highest_of_the_chosen_meters(board: Board):
    lowest = [row["value"] for row in board.ask("Voltage", "C") if row["value"] is not None]
    highest = [row["value"] for row in board.ask("Voltage", "D") if row["value"] is not None]

    assert (min(lowest), max(highest)) == (240.0, 236.0)
    assert board.ask("Voltage", "A", device="e-shop") == [], "it says no voltage"


def test_a_click_on_a_meter_leads_to_the_same_dashboard_and_to_its_health(board: Board):
    [device] = [
        each for each in board.panel("Who uses how much")["fieldConfig"]["overrides"]
        if each["matcher"]["options"] == "device"
    ]  # fmt: skip
    [links] = [each["value"] for each in device["properties"] if each["id"] == "links"]

    assert [link["url"].split("?")[0] for link in links] == ["/d/facility-electricity", "/d/facility-devices"]
    for link in links:
        assert "${__url_time_range}" in link["url"]
        assert "var-device=${__data.fields.device}" in link["url"]
