"""The month that all dashboards are looked at with is all there."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitor.meters import billed_counter
from tests.grafana.house import House, house
from tests.grafana.month import BEGIN, END, NOW, site, stories


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory) as looked:
        yield looked


def test_it_has_all_days_of_the_plot_and_ends_on_an_evening(looked: House):
    plot = stories()
    assert (BEGIN, plot.end) == (plot.begin, round(NOW.replace(hour=0, minute=0).timestamp() * 1000))
    for meter in ("main-electricity", "main-water", "main-gas"):
        query = f'SELECT count("amount") AS days FROM "usage_daily" WHERE "device" = \'{meter}\''
        assert [row["days"] for row in looked.server.query(query, "facility")] == [31]
    [newest] = looked.server.query('SELECT last("power_w") FROM "electricity"', "facility")
    assert END - newest["time"] <= timedelta(minutes=5) / timedelta(milliseconds=1)


def test_every_meter_of_the_demo_counts(looked: House):
    rows = looked.server.query('SHOW TAG VALUES FROM "usage_daily" WITH KEY = "device"', "facility")

    assert {row["value"] for row in rows} == {each.id for each in site().devices.values() if billed_counter(each)}


def test_its_doors_are_in_a_database_of_their_own(looked: House):
    [row] = looked.server.query(
        'SELECT count("count") AS cards FROM "access" WHERE event = \'card\'', "facility-access"
    )

    assert row["cards"] > 1000
    assert not looked.server.query('SELECT * FROM "access" LIMIT 1', "facility")
