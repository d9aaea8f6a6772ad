"""What kinds about consumption know of the site: tariffs and holidays."""

from datetime import date
from decimal import Decimal

from monitor.calendars import Schedule
from monitor.model import Derived
from monitor.site import Site
from monitor.tariff import Band, Tariff, Terms
from monitor.zones import AccessSettings, AccessZone
from rules.engine import Engine
from rules.surroundings import UTC, Surroundings
from tests.rules.build import START, device, recorded, rule

METER = device(points=["energy_import_kwh"])
TARIFF = Tariff(
    id="power",
    name="Power",
    utility="electricity",
    unit="kWh",
    currency="EUR",
    terms=(
        Terms(since=date(2020, 1, 1), bands=(Band(name="", price=Decimal("0.3")),), demand=Decimal("8.20")),
        Terms(since=date(2030, 1, 1), bands=(Band(name="", price=Decimal("0.3")),), demand=Decimal(99)),
    ),
    devices=frozenset({"meter"}),
    country="DE",
)


def test_what_is_above_the_contract_costs_the_demand_charge_of_the_day() -> None:
    peak = rule({"id": "peak", "kind": "demand", "contract": "50000 W"}, {"meter": METER})
    around = Surroundings(devices={"meter": METER}, tariffs={"meter": TARIFF})
    said = Derived(
        producer="metering",
        key="",
        device="meter",
        time=START // 900_000 * 900_000,
        measurement="electricity",
        values={"demand_w": 52_500.0},
    )

    (step,) = Engine([peak], around).judge([recorded(said, 0)]).steps

    assert (step.facts["over"], step.facts["month_cost"], step.facts["currency"]) == (2500.0, 20.5, "EUR")


def test_a_site_knows_tariffs_by_meter_and_the_first_calendar_that_is_written() -> None:
    credit = Tariff(**{name: getattr(TARIFF, name) for name in TARIFF.__slots__} | {"id": "in", "credit": True})
    days_off = {date(2026, 12, 24): "Christmas Eve"}
    zone = AccessZone(id="shop", name="Shop", doors=("door",), hours=Schedule(hours=(), days_off=days_off))
    plain = Site(id="s", name="S", timezone=UTC, tariffs={"power": TARIFF, "in": credit})
    zoned = Site(
        id="s", name="S", timezone=UTC, tariffs={"power": TARIFF}, access=AccessSettings(zones={"shop": zone})
    )

    assert Surroundings.of(plain).tariffs == {"meter": TARIFF}
    by_tariff, by_zone = Surroundings.of(plain).holidays, Surroundings.of(zoned).holidays
    assert by_tariff is not None
    assert by_zone is not None
    assert [by_tariff.is_holiday(date(2026, 12, day)) for day in (24, 25)] == [False, True]
    assert [by_zone.is_holiday(date(2026, 12, day)) for day in (24, 25)] == [True, False]
