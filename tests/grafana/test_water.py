"""The dashboard on water, on a real InfluxDB with a metered community that has a leak, against sums of its own."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.periods import DAY
from tests.grafana.answers import Answer, Answers, Range, Source
from tests.grafana.asking import Board, shipped, targets
from tests.grafana.community import (
    DAY_0,
    LEAK,
    NOW,
    PRICE,
    ZONE,
    amount,
    days,
    fill,
    hour_begins,
    is_night_over,
    local,
    month_begin,
    week_before,
)
from tests.servers.influxdb import influxdb

_HOUR = DAY // 24
_MAIN, _FLATS, _GARDEN = "w-main", "w-flats", "w-garden"
_LEAKS = 20.0
"""Litres an hour."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with influxdb(tmp_path_factory.mktemp("influxdb"), auth=False) as server:
        server.create("facility")
        asyncio.run(fill(server.url, tmp_path_factory.mktemp("state"), "water"))
        yield Board(server, "water")


_EMPTY = {("Water per day", "B"), *([("Without sub-meter this month", "A")] if local(NOW).day == 1 else [])}
"""Nothing is estimated; and on the first of a month no day of it is over."""


@pytest.mark.parametrize(("title", "ref"), [each for each in targets("water") if each not in _EMPTY])
def test_every_query_answers(board: Board, title: str, ref: str):
    rows = board.ask(title, ref)

    assert rows
    assert any(value is not None for row in rows for name, value in row.items() if name != "time")


def test_totals_are_those_of_the_main_meter(board: Board):
    hours = hour_begins(*days(0))
    now = sum(amount(_MAIN, at, at + _HOUR) for at in hours)
    before = sum(amount(_MAIN, week_before(at), week_before(at) + _HOUR) for at in hours)

    assert board.one("Flow now") == pytest.approx(4 * amount(_MAIN, NOW - _HOUR // 4, NOW))
    assert board.one("Today") == pytest.approx(amount(_MAIN, *days(0)))
    assert board.one("This month") == pytest.approx(amount(_MAIN, month_begin(), NOW))
    assert board.one("Against last week") == pytest.approx(100 * (now - before) / before)
    costs = sum(float(PRICE["water"]) * amount(device, month_begin(), NOW) for device in (_FLATS, _GARDEN))
    assert board.one("Cost this month") == pytest.approx(costs, abs=0.05)


def test_water_in_a_night_is_not_as_last_week_where_none_flowed_then(board: Board):
    midnight, morning = days(0)[0], days(0)[0] + 7 * _HOUR

    assert amount(_MAIN, week_before(midnight), week_before(midnight) + 4 * _HOUR) == 0
    assert not list(_answer(board, "Against last week", midnight + 4 * _HOUR).stats())
    [(_, change, _)] = _answer(board, "Against last week", morning).stats()
    assert change.number > 0


def test_the_flow_of_nights_shows_when_the_leak_began(board: Board):
    nights = board.by_device("Flow at night")
    expected = [_LEAKS if days(ago)[0] >= LEAK else 0.0 for ago in range(8, -1 if is_night_over() else 0, -1)]

    for device in (_MAIN, _FLATS):
        assert [row["least"] for row in nights[device]] == pytest.approx(expected)
    assert {row["least"] for row in nights[_GARDEN]} == {0}
    assert board.ask("Flow last night")[0]["least"] == pytest.approx(_LEAKS)


def _answer(board: Board, title: str, now: int = NOW) -> Answer:
    """What a panel shows at a moment."""
    shown = Range(start="now-24h", now=datetime.fromtimestamp(now / 1000, UTC), zone=ZONE.key)
    answers = Answers(shipped("water"), Source(board.server.url, now=now), shown)
    [panel] = [panel for panel in answers.panels() if panel["title"] == title]
    return answers.answer(panel)


def _shown(board: Board, title: str) -> list[dict[str, Any]]:
    """The rows of a table as people see them."""
    names, rows, _ = _answer(board, title).table()
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_leaks_are_told_the_worst_first_with_what_they_cost(board: Board):
    rows = _shown(board, "Leaks: what never stops")

    assert [str(row["Meter"]) for row in rows][2] == _GARDEN
    by_meter = {str(row["Meter"]): {name: str(cell) for name, cell in row.items()} for row in rows}
    stood = local(LEAK - 1).date().isoformat()
    cost = 0.02 * 24 * float(PRICE["water"])
    assert by_meter[_FLATS] == {
        "Meter": _FLATS, "Zone": "riser", "Tenant": "flats", "Last night": "20 l/h", "That is a day": "0.48 m³",
        "Stood still last": stood, "Cost a day": f"{cost:.2f}", "Currency": "EUR",
    }  # fmt: skip
    assert by_meter[_MAIN]["Last night"] == "20 l/h"
    assert by_meter[_MAIN]["Cost a day"] == "", "the main meter has no tariff"
    assert by_meter[_GARDEN]["Last night"] == "0 l/h"
    assert by_meter[_GARDEN]["Stood still last"] > stood
    colours = {str(row["Meter"]): row["Last night"].colour for row in rows}
    assert colours[_FLATS] == colours[_MAIN] != colours[_GARDEN]


def test_who_uses_how_much_is_one_row_per_meter(board: Board):
    rows = _shown(board, "Who uses how much")

    assert [(str(row["Meter"]), str(row["Tenant"])) for row in rows] == [
        (_MAIN, ""), (_FLATS, "flats"), (_GARDEN, "house"),
    ]  # fmt: skip
    for row in rows:
        device = str(row["Meter"])
        assert row["30 days"].number == pytest.approx(amount(device, DAY_0, NOW))
        assert row["Today"].number == pytest.approx(amount(device, *days(0)))
        assert row["30 days"].suffix == " m³"
    cost = float(PRICE["water"]) * amount(_FLATS, DAY_0, NOW)
    assert (rows[1]["Cost"].number, str(rows[1]["Currency"])) == (pytest.approx(cost, abs=0.02), "EUR")


def test_hours_of_the_week_are_a_row_per_weekday_and_a_column_per_hour(board: Board):
    rows = _shown(board, "Hours of the week, in litres")
    means: dict[tuple[str, str], list[float]] = {}
    for at in hour_begins(DAY_0, NOW):
        place = local(at).strftime("%a"), str(local(at).hour)
        means.setdefault(place, []).append(1000 * amount(_MAIN, at, at + _HOUR))

    assert {str(row["Day"]) for row in rows} == {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
    assert list(rows[0]) == ["Day", *(str(hour) for hour in range(24))]
    for row in rows:
        for hour in range(24):
            cells = means[str(row["Day"]), str(hour)]
            assert row[str(hour)].number == pytest.approx(sum(cells) / len(cells))
    much, little = (max if most else min for most in (True, False))
    cells = [row[str(hour)] for row in rows for hour in range(24)]
    assert much(cells, key=lambda cell: cell.number).colour != little(cells, key=lambda cell: cell.number).colour


def test_sub_meters_are_stacked_and_leave_nothing(board: Board):
    assert board.by_device("Meters per day").keys() == {_FLATS, _GARDEN}
    assert board.by_device("Meters per day", "B").keys() == {_MAIN}
    rest = board.ask("Without sub-meter per day")
    assert [row["rest"] for row in rest] == pytest.approx([0.0] * 8, abs=1e-6)
