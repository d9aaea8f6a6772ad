"""What was told of the past is worked out anew when the settings have changed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.metering.recompute import Progress
from monitor.periods import QUARTER
from monitor.site import Device, Site, Virtual
from monitor.tariff import Band, Tariff, Terms
from tests.clock import ManualClock
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import Plant, plant, reading

ZONE = "Europe/Berlin"
START = ms("2026-11-20", ZONE)
DAY = 96 * QUARTER
POINT = "energy_import_kwh"


def priced(price: str, *devices: Device) -> Site:
    tariff = Tariff(
        id="t",
        name="t",
        utility="electricity",
        unit="kWh",
        currency="EUR",
        terms=(Terms(since=date(2026, 1, 1), bands=(Band(name="flat", price=Decimal(price)),)),),
        devices=frozenset({"main"}),
    )
    return site_of(*devices, zone=ZONE, tariffs={"t": tariff})


async def fill(made: Plant, *devices: str) -> None:
    """Three days of one kWh a quarter of an hour."""
    for place, device in enumerate(devices):
        times = range(START, START + 3 * DAY + 1, QUARTER)
        await made.keep(
            *(reading(device, at, {POINT: 100.0 + (1 - place / 4) * (at - START) / QUARTER}) for at in times)
        )
    await made.settle()


async def again(made: Plant, *devices: str) -> list[Progress]:
    steps = [step async for step in made.metering.recompute(devices, START - DAY, START + 10 * DAY)]
    await made.settle()
    return steps


async def test_another_price_is_told_for_days_and_months_and_not_for_hours(tmp_path: Path) -> None:
    clock = ManualClock(START + 4 * DAY)
    device = meter("main", every=900.0)
    async with plant(tmp_path, priced("0.30", device), clock.now) as made:
        await fill(made, "main")
        before = len(await made.derived("main"))
    async with plant(tmp_path, priced("0.40", device), clock.now) as made:
        steps = await again(made, "main")
        told = (await made.derived("main"))[before:]
        clock.advance(1)
        repeated = await again(made, "main")

    assert (steps[0], steps[-1]) == (Progress(done=0, total=5, changed=0), Progress(done=5, total=5, changed=3))
    assert [(each.measurement, each.time) for each in told if each.measurement != "usage_monthly"] == [
        ("usage_daily", START + day * DAY) for day in range(3)
    ]
    assert [each.values["cost"] for each in told] == [pytest.approx(96 * 0.4)] * 3 + [pytest.approx(3 * 96 * 0.4)]
    assert all(each.values["amount"] for each in told)
    assert repeated[-1].changed == 0


async def test_a_virtual_meter_that_is_reckoned_otherwise_is_told_with_its_hours(tmp_path: Path) -> None:
    clock = ManualClock(START + 4 * DAY)
    main, flats = meter("main", every=900.0), meter("flats", every=900.0)
    rest = replace(meter("rest"), connection="", scan={}, virtual=Virtual(sum=("main",), minus=("flats",)))
    async with plant(tmp_path, site_of(main, flats, rest, zone=ZONE), clock.now) as made:
        await fill(made, "main", "flats")
        before = len(await made.derived("rest"))
    both = replace(rest, virtual=Virtual(sum=("main", "flats")))
    async with plant(tmp_path, site_of(main, flats, both, zone=ZONE), clock.now) as made:
        await again(made, "rest")
        told = (await made.derived("rest"))[before:]

    hours = [each.values["amount"] for each in told if each.measurement == "usage_hourly"]
    days = [each.values["amount"] for each in told if each.measurement == "usage_daily"]
    assert hours == [pytest.approx(7.0)] * 72
    assert days == [pytest.approx(168.0)] * 3


async def test_what_is_no_meter_and_what_was_never_metered_is_left_out(tmp_path: Path) -> None:
    clock = ManualClock(START + 4 * DAY)
    async with plant(tmp_path, site_of(meter("main"), zone=ZONE), clock.now) as made:
        assert (await again(made, "main", "nobody"))[-1] == Progress(done=5, total=5, changed=0)
        assert await made.derived() == []
