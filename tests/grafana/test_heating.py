"""The dashboard on gas and heat, on a real InfluxDB with a metered community, against sums of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from monitor.periods import DAY
from tests.grafana.asking import Board, targets
from tests.grafana.community import (
    DAY_0,
    KWH_PER_M3,
    NOW,
    PRICE,
    SILENT,
    amount,
    days,
    fill,
    hour_begins,
    is_night_over,
    month_begin,
)
from tests.servers.influxdb import influxdb

_QUARTER = DAY // 96
_GAS, _HEAT, _FLATS = "g-boiler", "h-main", "h-flats"
_WHOLE = [days(ago) for ago in range(8, 0, -1)]
_ALL = [*_WHOLE, days(0)]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with influxdb(tmp_path_factory.mktemp("influxdb"), auth=False) as server:
        server.create("facility")
        asyncio.run(fill(server.url, tmp_path_factory.mktemp("state"), "gas", "heat"))
        yield Board(server, "heating")


_EMPTY = {
    ("Gas per month", "B"),
    ("Heat per day", "B"),
    ("Gas: highest demand per day", "B"),
}
"""The hole of the gas meter is within a month, and there is one gas meter."""


@pytest.mark.parametrize(("title", "ref"), [each for each in targets("heating") if each not in _EMPTY])
def test_every_query_answers(board: Board, title: str, ref: str):
    rows = board.ask(title, ref)

    assert rows
    assert any(value is not None for row in rows for name, value in row.items() if name != "time")


def test_what_can_be_chosen_is_of_gas_and_heat(board: Board):
    assert board.variable("device") == {_GAS, _HEAT, _FLATS}
    assert board.variable("tenant") == {"house", "flats"}


def test_gas_is_told_in_cubic_metres_and_in_kwh(board: Board):
    today, month = (amount(_GAS, *span) for span in (days(0), (month_begin(), NOW)))

    assert board.one("Gas: today") == pytest.approx(today)
    assert board.one("Gas: today", "B") == pytest.approx(today * KWH_PER_M3)
    assert board.one("Gas: this month") == pytest.approx(month)
    assert board.one("Gas: this month", "B") == pytest.approx(month * KWH_PER_M3)
    assert board.one("Gas: cost this month") == pytest.approx(month * KWH_PER_M3 * float(PRICE["gas"]), abs=0.05)
    assert board.one("Gas: flow now") == pytest.approx(4 * amount(_GAS, NOW - _QUARTER, NOW))
    units = {
        each["id"]: each["value"]
        for each in board.panel("Gas: today")["fieldConfig"]["overrides"][0]["properties"]
    }
    assert units["unit"] == "suffix:kWh"


def test_what_was_drawn_over_midnight_is_marked_as_estimated(board: Board):
    rows = board.ask("Gas per day", "B")
    whole = board.ask("Gas per day")
    half = amount(_GAS, SILENT, SILENT + 12 * _QUARTER)

    assert [(row["time"], row["estimated"]) for row in rows] == [
        (days(ago)[0], pytest.approx(half)) for ago in (3, 2)
    ]
    assert [row["amount"] for row in whole] == pytest.approx([amount(_GAS, *day) for day in _ALL])
    [table] = board.ask("Gas: who uses how much", "D")
    assert table["estimated"] == pytest.approx(2 * half)


def test_heat_is_told_of_the_main_meter(board: Board):
    assert board.one("Heat: today") == pytest.approx(amount(_HEAT, *days(0)))
    assert board.one("Heat: this month") == pytest.approx(amount(_HEAT, month_begin(), NOW))
    cost = amount(_FLATS, month_begin(), NOW) * float(PRICE["heat"])
    assert board.one("Heat: cost this month") == pytest.approx(cost, abs=0.05)
    assert board.one("Heat: power now") == pytest.approx(4000 * amount(_HEAT, NOW - _QUARTER, NOW))
    assert board.one("Gas: against last week") == pytest.approx(0, abs=1)


def test_gas_that_is_burnt_stands_beside_the_heat_that_is_made(board: Board):
    burnt, made = (board.ask("Gas burnt and heat made per day", ref) for ref in "AB")

    assert [row["energy_kwh"] for row in burnt] == pytest.approx([KWH_PER_M3 * amount(_GAS, *day) for day in _ALL])
    assert [row["amount"] for row in made] == pytest.approx([amount(_HEAT, *day) for day in _ALL])
    months = board.ask("Gas burnt and heat made per month")
    assert sum(row["energy_kwh"] for row in months) == pytest.approx(KWH_PER_M3 * amount(_GAS, DAY_0, NOW))


def test_what_is_lost_between_the_house_and_the_flats_is_shown(board: Board):
    rest, share = (board.ask("Heat: without sub-meter per day", ref) for ref in "AB")

    assert [row["rest"] for row in rest] == pytest.approx(
        [amount(_HEAT, *day) - amount(_FLATS, *day) for day in _WHOLE]
    )
    assert {round(row["share"], 4) for row in share} == {round(100 / 9, 4)}


def test_heat_meters_tell_of_temperatures_power_and_flow(board: Board):
    supply, back = (board.by_device("Supply and return temperature", ref) for ref in "AB")
    spread = board.by_device("Supply less return")

    for device in (_HEAT, _FLATS):
        assert {row["value"] for row in supply[device]} == {62.0}
        assert {row["value"] for row in back[device]} == {45.5}
        assert {row["value"] for row in spread[device]} == {16.5}
    assert board.by_device("Heat power", device=_FLATS).keys() == {_FLATS}


def test_gas_that_flows_all_night_is_shown(board: Board):
    nights = board.by_device("Gas: flow at night")[_GAS]

    assert len(nights) == (8 if is_night_over() else 7), "none of the night that was not heard"
    for row in nights:
        assert row["least"] == pytest.approx(1200, rel=0.1), "0.3 m³ in a quarter of an hour"


def test_hours_of_today_are_those_of_the_clock(board: Board):
    rows = {row["time"]: row["value"] for row in board.ask("Heat: hours of today and of last week")}

    for at in hour_begins(*days(0)):
        assert rows[at] == pytest.approx(amount(_HEAT, at, at + DAY // 24))
