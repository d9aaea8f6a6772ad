"""What metering tells, from registers through the real engine, journal and sink into a real InfluxDB."""

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.state import State
from monitor.model import Derived, Reading, Recorded
from monitor.periods import QUARTER
from monitor.schema import DERIVED_TAGS, READING_TAGS
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.check import examine
from monitor.sinks.influxdb.encoder import Encoder
from monitor.site import Counter, Device, GasValue, InfluxSettings, Point, Site, Virtual
from monitor.tariff import Band, Tariff, Terms
from tests.docs.pages import ROOT, section
from tests.metering.ledgers import meter, site_of
from tests.metering.plants import Plant, plant, reading
from tests.servers.influxdb import InfluxServer

HOUR = 4 * QUARTER
MINUTE = 60_000
MIDNIGHT = time.time_ns() // 1_000_000 // (24 * HOUR) * 24 * HOUR - 24 * HOUR
"""The begin of yesterday, for examples that ask for the last days."""
IMPORT, EXPORT = "energy_import_kwh", "energy_export_kwh"
MEASUREMENTS = ("electricity", "gas", "usage_hourly", "usage_daily", "usage_monthly")

Make = Callable[..., InfluxSettings]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _tariff(utility: str, unit: str, price: str, *devices: str) -> Tariff:
    terms = Terms(since=date(2020, 1, 1), bands=(Band(name="all", price=Decimal(price)),), carbon=Decimal("0.5"))
    keys: dict[str, Any] = {"id": utility, "name": "", "utility": utility, "unit": unit, "currency": "EUR"}
    return Tariff(**keys, terms=(terms,), devices=frozenset(devices))


def _site() -> Site:
    """Two meters, what is between them, gas in kWh; in UTC, so that yesterday is a whole day."""
    points = {name: Point(name=name, unit="kWh", counter=Counter()) for name in (IMPORT, EXPORT)}
    main = meter("main", every=60.0, points=points | {"voltage_l1_v": Point(name="voltage_l1_v", unit="V")})
    place = {"building": "A", "zone": "plant room"}
    shop = meter("shop", every=60.0, role="sub", tenant="Ana's", **place)
    gas = meter("gas", device_class="gas", every=60.0, role="main", gas=(_worth(),), **place)
    rest = Device(
        id="rest",
        name="Rest",
        connection="",
        device_class="electricity",
        points={IMPORT: points[IMPORT]},
        virtual=Virtual(sum=("main",), minus=("shop",)),
    )
    tariffs = (_tariff("electricity", "kWh", "0.25", "main", "shop", "rest"), _tariff("gas", "kWh", "0.1", "gas"))
    devices = (replace(main, role="main", **place), shop, gas, rest)
    return site_of(*devices, zone="UTC", tariffs={each.id: each for each in tariffs})


def _worth() -> GasValue:
    return GasValue(since=date(2020, 1, 1), kwh_per_m3=10.0)


def _said(begin: int, end: int) -> Sequence[Reading]:
    """The main meter draws 4 kW and feeds 1 kW in, the shop draws 2 kW, and a cubic metre of gas burns an hour."""
    said = []
    for at in range(begin, end + 1, MINUTE):
        hours = (at - MIDNIGHT) / HOUR
        main = {IMPORT: 1000 + 4 * hours, EXPORT: 50 + hours, "voltage_l1_v": 230}
        said.append(reading("main", at, main))
        said.append(reading("shop", at, {IMPORT: 500 + 2 * hours}))
        said.append(reading("gas", at, {"volume_m3": 70 + hours}))
    return said


@asynccontextmanager
async def _running(
    folder: Path, settings: InfluxSettings, state: State
) -> AsyncIterator[tuple[Plant, InfluxSink]]:
    sink = InfluxSink(settings, _site(), state)
    async with plant(folder, _site()) as made:
        yield made, sink
    await sink.close()


async def _told(made: Plant, *said: Reading) -> list[Recorded]:
    before = made.journal.last
    await made.keep(*said)
    await made.settle()
    return [each for each in await made.entries() if each.position > before]


async def test_deltas_and_demand_are_in_the_row_of_the_reading(
    settings: Make, state: State, server: InfluxServer, database: str, tmp_path: Path
):
    async with _running(tmp_path, settings(), state) as (made, sink):
        await sink.write(await _told(made, *_said(MIDNIGHT, MIDNIGHT + 31 * MINUTE)))

    query = f"SELECT * FROM electricity WHERE device = 'main' AND time = {MIDNIGHT + 30 * MINUTE}ms"
    (row,) = server.query(query, database)
    assert row[IMPORT] == pytest.approx(1002)
    assert row["energy_import_delta_kwh"] == pytest.approx(4 / 60)
    assert row["energy_export_delta_kwh"] == pytest.approx(1 / 60)
    assert row["voltage_l1_v"] == 230
    assert row["demand_w"] == pytest.approx(4000), "of the quarter that ends with this reading"
    assert row["demand_sliding_w"] == pytest.approx(4000)
    assert row["power_w"] == pytest.approx(4000), "the meter says none"
    assert row["quality"] == 0


async def test_a_row_of_usage_is_rewritten_and_the_last_one_counts(
    settings: Make, state: State, server: InfluxServer, database: str, tmp_path: Path
):
    async with _running(tmp_path, settings(), state) as (made, sink):
        await sink.write(await _told(made, *_said(MIDNIGHT, MIDNIGHT + 20 * MINUTE)))
        (early,) = server.query("SELECT * FROM usage_daily WHERE device = 'main'", database)
        rest = _said(MIDNIGHT + 21 * MINUTE, MIDNIGHT + 24 * HOUR + 16 * MINUTE)
        await sink.write(await _told(made, *rest))

    days = server.query(f"SELECT * FROM usage_daily WHERE device = 'main' AND time = {MIDNIGHT}ms", database)
    hours = server.query("SELECT * FROM usage_hourly WHERE device = 'main' AND partial_i = 0", database)
    (between,) = server.query(f"SELECT * FROM usage_daily WHERE device = 'rest' AND time = {MIDNIGHT}ms", database)
    (gas,) = server.query(f"SELECT * FROM usage_daily WHERE device = 'gas' AND time = {MIDNIGHT}ms", database)
    assert (early["time"], early["partial_i"]) == (MIDNIGHT, 1)
    assert early["amount"] < 2
    assert len(days) == 1
    assert days[0]["amount"] == pytest.approx(96)
    assert days[0]["partial_i"] == 0
    assert days[0][EXPORT] == pytest.approx(24)
    assert (days[0]["cost"], days[0]["currency"]) == (pytest.approx(24), "EUR")
    assert days[0]["carbon_kg"] == pytest.approx(48)
    assert (days[0]["demand_max_w"], days[0]["base_w"]) == (pytest.approx(4000), pytest.approx(4000))
    assert [row["amount"] for row in hours] == [pytest.approx(4)] * 24
    assert [row["hour"] for row in hours] == [*range(24)]
    assert [row["below"] for row in hours] == [pytest.approx(2)] * 24, "what the shop used"
    assert days[0]["below"] == pytest.approx(48)
    assert between["amount"] == pytest.approx(48)
    assert (gas["amount"], gas["energy_kwh"]) == (pytest.approx(24), pytest.approx(240))
    assert gas["cost"] == pytest.approx(24)
    assert gas["night_m3h"] == pytest.approx(1)


async def test_floats_stay_floats_and_only_counts_of_the_calendar_are_integers(
    settings: Make, state: State, server: InfluxServer, database: str, tmp_path: Path
):
    """The first values decide for ever: those of a meter that counts whole numbers, or nothing."""
    async with _running(tmp_path, settings(), state) as (made, sink):
        said = [replace(each, values=dict.fromkeys(each.values, 7)) for each in _said(MIDNIGHT, MIDNIGHT + HOUR)]
        await sink.write(await _told(made, *said))
        await sink.write(await _told(made, *_said(MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR)))

    found = {
        (measurement, row["fieldKey"]): row["fieldType"]
        for measurement in MEASUREMENTS
        for row in server.query(f'SHOW FIELD KEYS FROM "{measurement}"', database)
    }
    whole = {("electricity", "quality"), ("gas", "quality"), *((name, "partial_i") for name in MEASUREMENTS[2:])}
    whole |= {("usage_hourly", "hour"), ("usage_hourly", "weekday"), ("usage_daily", "weekday")}
    texts = {(name, "currency") for name in MEASUREMENTS[2:]}
    assert {key for key, kind in found.items() if kind == "integer"} == whole
    assert {key for key, kind in found.items() if kind == "string"} == texts
    assert {kind for key, kind in found.items() if key not in whole | texts} == {"float"}
    assert not [each for each in examine(settings(), _site(), now=_now) if each.state == "wrong"]


async def test_tags_are_in_the_order_that_every_series_has(tmp_path: Path):
    async with plant(tmp_path, _site()) as made:
        told = await _told(made, *_said(MIDNIGHT, MIDNIGHT + 20 * MINUTE))
    derived = [each.entry for each in told if isinstance(each.entry, Derived)]
    encoder = Encoder(_site())

    assert {each.measurement for each in derived} == set(MEASUREMENTS)
    for each in derived:
        head = (encoder.derived(each) or b"").decode().replace("\\ ", "_").split(" ")[0]
        tags = re.findall(r",(\w+)=", head)
        order = DERIVED_TAGS.get(each.measurement, READING_TAGS)
        assert tags == [tag for tag in order if tag in tags], head
        assert {"site", "device"} <= set(tags)
        assert ("utility" in tags) == each.measurement.startswith("usage_")


def _examples() -> list[str]:
    text = section(ROOT / "docs" / "influxdb.md", "## What meters used")
    blocks = re.findall(r"<!-- check: influxql -->\n```sql\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def _says(row: dict[str, Any]) -> bool:
    return any(value is not None for key, value in row.items() if key not in {"time", "device", "tenant"})


async def test_the_examples_of_the_page_answer(
    settings: Make, state: State, server: InfluxServer, database: str, tmp_path: Path
):
    async with _running(tmp_path, settings(), state) as (made, sink):
        told = await _told(made, *_said(MIDNIGHT, MIDNIGHT + 24 * HOUR + 16 * MINUTE))
        await sink.write(told)

    answers = {example: server.query(example, database) for example in _examples()}
    assert len(answers) > 12
    assert [example for example, rows in answers.items() if not any(map(_says, rows))] == []
    fields = {field for each in told if isinstance(each.entry, Derived) for field in each.entry.values}
    page = section(ROOT / "docs" / "influxdb.md", "## What meters used")
    shapes = {field.replace("_m3h", "_w") for field in fields - {"flow_m3h", "night_m3h"}}
    assert "`night_m3h`" in page
    assert sorted(each for each in shapes if each.replace("export_delta", "import_delta") not in page) == []
