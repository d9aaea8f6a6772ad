"""What it costs when nothing is done."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from monitor.notices import NoticeKind
from monitor.notify.cost import cost
from monitor.notify.messages import render
from monitor.notify.routing import facts
from monitor.site import Device, Point, Site, Source
from monitor.tariff import Band, Tariff, Terms
from tests.notify.house import NOW, notice, person, rule, site

NIGHT = Band(name="night", price=Decimal("0.10"), hours=((1320, 360),))
DAY = Band(name="day", price=Decimal("0.40"))


def tariff(
    *bands: Band, unit: str = "kWh", devices: tuple[str, ...] = ("main-electricity",), **more: Any
) -> Tariff:
    terms = Terms(since=more.pop("since", date(2026, 1, 1)), bands=bands or (DAY,))
    return Tariff(
        id="t",
        name="t",
        utility="x",
        unit=unit,
        currency="EUR",
        terms=(terms,),
        devices=frozenset(devices),
        **more,
    )


def house(*tariffs: Tariff) -> Site:
    plain = site(person("ana", mail="json://a"))
    water = Device(
        id="water", name="Water", profile=None, connection="plant-room", device_class="water",
        points={"flow_m3h": Point(name="flow_m3h", unit="m3/h")},
    )  # fmt: skip
    known = {f"t{number}": each for number, each in enumerate(tariffs)}
    return replace(plain, devices={**plain.devices, "water": water}, tariffs=known)


def reckon(house_: Site, device: str = "water", kind: str = "threshold", **known: Any) -> dict[str, Any]:
    said = {"value": 2.0, "unit": "m3/h", "facts": {}, "limit": 1.0, "time": NOW} | known
    return cost(house_, house_.devices.get(device), rule(kind), **said)


def test_a_flow_that_goes_on_is_a_days_volume_and_its_price() -> None:
    of_water = tariff(Band(name="w", price=Decimal("4.05")), unit="m3", devices=("water",))

    assert reckon(house(of_water)) == {"day_m3": 48.0, "day_cost": 194.4, "currency": "EUR"}
    assert reckon(house(of_water), unit="L/min", value=10.0, limit=5.0)["day_m3"] == 14.4
    assert reckon(house()) == {"day_m3": 48.0}


def test_a_load_costs_what_is_above_its_limit_at_the_mean_of_the_prices_of_a_day() -> None:
    found = reckon(house(tariff(NIGHT, DAY)), "main-electricity", unit="W", value=9000.0, limit=4000.0)

    assert found == {"day_kwh": 120.0, "day_cost": 36.0, "currency": "EUR"}, "16 h at 0.40 and 8 h at 0.10"


def test_what_was_used_out_of_hours_has_its_price() -> None:
    found = reckon(house(tariff()), "main-electricity", "delta", unit="kWh", value=12.5)

    assert found == {"used_cost": 5.0, "currency": "EUR"}


@pytest.mark.parametrize(
    "known",
    [
        {"value": None},
        {"unit": None},
        {"unit": "V"},
        {"value": 0.5},
        {"value": -3.0, "limit": -5.0},
        {"limit": None},
        {"kind": "continuous_flow"},
        {"device": "main-electricity"},
        {"device": "gone"},
        {"facts": {"day_cost": 3.0}},
        {"facts": {"month_cost": 3.0}},
    ],
)
def test_what_has_no_price_gets_none(known: dict[str, Any]) -> None:
    assert reckon(house(), **known) == {}


def test_only_a_tariff_for_the_unit_that_applies_by_now_and_is_no_credit_counts() -> None:
    for other in (
        tariff(unit="kWh", devices=("water",)),
        tariff(unit="m3", devices=("water",), credit=True),
        tariff(unit="m3", devices=("another",)),
        tariff(unit="m3", devices=("water",), since=date(2030, 1, 1)),
    ):
        assert reckon(house(other)) == {"day_m3": 48.0}


def test_the_message_says_it() -> None:
    of_water = tariff(Band(name="w", price=Decimal("4.05")), unit="m3", devices=("water",))
    burst = notice(
        NoticeKind.RAISE, device="water", source_key="water/flow_m3h", value=2.0, limit=1.0, facts={"seen": 1.0}
    )
    told = facts(house(of_water), replace(burst, source=Source(device="water", point="flow_m3h")))

    assert told["facts"] == {"seen": 1.0, "day_m3": 48.0, "day_cost": 194.4, "currency": "EUR"}
    assert "If it goes on: 48 m³ a day, about €194.40" in render("raise", "en", told).text
    assert "若持续下去：每天 48 m³，约 €194.40" in render("raise", "zh", told).text  # noqa: RUF001


def test_an_end_tells_no_price() -> None:
    over = facts(
        house(), notice(NoticeKind.CLEAR, device="water", source_key="water/flow_m3h", value=2.0, limit=1.0)
    )

    assert "If it goes on" not in render("clear", "en", over).text
