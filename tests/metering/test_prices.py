"""Invoices worked out by hand: each test's docstring is arithmetic that can be followed with paper and pencil.

Unless a test says otherwise a meter uses the same amount in every quarter of an hour, so that kWh in a band are
hours (or quarters of an hour) of the band.
"""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from monitor.metering.prices import cost, energy_cost
from monitor.periods import QUARTER, begin_of, local_day, parse
from tests.metering.invoices import BERLIN, Meter, band, clock, invoice, lines, tariff, terms

# One price -----------------------------------------------------------------------------------------------


def test_flat_water_bill_with_standing_charge_and_tax() -> None:
    """A month of water.

    12.5 m3 at 2.17       = 27.125  -> 27.13 (half up)
    1 month at 4.20                 ->  4.20
    7 % of 31.33          =  2.1931 ->  2.19
                                       33.52
    """
    water = tariff(terms(band("water", "2.17"), standing="4.20", tax="0.07"), unit="m3")

    found = invoice(water, "2026-11", 12.5)

    assert lines(found) == [
        ("band", "water", "12.5", "m3", "2.17", "27.13"),
        ("standing", "", "1", "month", "4.20", "4.20"),
        ("tax", "", "31.33", "EUR", "0.07", "2.19"),
    ]
    assert str(found.total) == "33.52"
    assert (found.device, found.tenant, found.tariff, found.currency) == ("m", "Shop", "t", "EUR")
    assert (found.amount, found.unit, found.is_complete) == (Decimal("12.5"), "m3", True)


def test_gas_is_billed_in_kwh_with_its_carbon() -> None:
    """412.5 m3 at a calorific value of 11.214 and a factor of 0.9542 are, before this, made 4413.914505 kWh.

    4413.914505 kWh at 0.0894 = 394.603956... -> 394.60
    4413.914505 kWh of 0.182 kg               = 803.33243991 kg
    """
    gas = tariff(terms(band("gas", "0.0894"), carbon="0.182"))

    found = invoice(gas, "2026-11", 412.5 * 11.214 * 0.9542)

    assert lines(found) == [("band", "gas", "4413.914505", "kWh", "0.0894", "394.60")]
    assert found.carbon_kg == Decimal("803.33243991")


def test_credit_for_exports_is_below_zero() -> None:
    """350.2 kWh at 0.0778 = 27.24556 -> -27.25; 19 % of it = -5.1775 -> -5.18; together -32.43."""
    export = tariff(terms(band("sun", "0.0778"), tax="0.19"), credit=True)

    found = invoice(export, "2026-06", 350.2)

    assert lines(found) == [
        ("band", "sun", "350.2", "kWh", "0.0778", "-27.25"),
        ("tax", "", "-27.25", "EUR", "0.19", "-5.18"),
    ]
    assert found.total == Decimal("-32.43")


def test_half_a_cent_is_rounded_away_from_zero() -> None:
    """0.5 kWh at 0.01 = 0.005: 0.01 to pay, and 0.01 to get; 0.49 kWh are nothing."""
    flat = terms(band("flat", "0.01"))

    assert str(invoice(tariff(flat), "2026-11", 0.5).total) == "0.01"
    assert str(invoice(tariff(flat, credit=True), "2026-11", 0.5).total) == "-0.01"
    assert str(invoice(tariff(flat), "2026-11", 0.49).total) == "0.00"
    assert str(invoice(tariff(flat, credit=True), "2026-11", 0.49).total) == "0.00"


def test_error_of_floating_point_does_not_reach_the_invoice() -> None:
    """0.1 + 0.2 kWh are 0.3 kWh; at 0.15 that is 0.045 -> 0.05, though 0.30000000000000004 x 0.15 is more."""
    found = invoice(tariff(terms(band("flat", "0.15"))), "2026-11", 0.1 + 0.2)

    assert lines(found) == [("band", "flat", "0.3", "kWh", "0.15", "0.05")]


def test_nothing_used_is_a_line_all_the_same() -> None:
    found = invoice(tariff(terms(band("flat", "0.30"))), "2026-11", 0.0)

    assert lines(found) == [("band", "flat", "0", "kWh", "0.30", "0.00")]
    assert found.is_complete


def test_empty_period_costs_nothing() -> None:
    flat = tariff(terms(band("flat", "0.30"), standing="5"))
    found = cost(flat, "m", "", 0, 0, BERLIN, amount=lambda _a, _b: 1.0, demand=lambda _a, _b: 1.0)

    assert found.lines == ()
    assert str(found.total) == "0.00"


# Terms change --------------------------------------------------------------------------------------------


def test_price_changes_in_mid_month() -> None:
    """November with 1 kWh in every hour; new terms on the 16th: 15 days of each, 15 x 24 = 360 kWh.

    360 kWh at 0.30 = 108.00; 360 kWh at 0.34 = 122.40
    15/30 month at 10.00 = 5.00; 15/30 month at 12.00 = 6.00
    19 % of 241.40 = 45.866 -> 45.87; together 287.27
    CO2: 360 x 0.400 + 360 x 0.350 = 144 + 126 = 270 kg
    """
    old = terms(band("flat", "0.30"), standing="10.00", tax="0.19", carbon="0.400")
    new = terms(band("flat", "0.34"), standing="12.00", tax="0.19", carbon="0.350", since="2026-11-16")

    found = Meter("2026-11", 0.25).invoice(tariff(old, new))

    assert lines(found) == [
        ("band", "flat", "360", "kWh", "0.30", "108.00"),
        ("band", "flat", "360", "kWh", "0.34", "122.40"),
        ("standing", "", "0.5", "month", "10.00", "5.00"),
        ("standing", "", "0.5", "month", "12.00", "6.00"),
        ("tax", "", "241.4", "EUR", "0.19", "45.87"),
    ]
    assert found.total == Decimal("287.27")
    assert found.carbon_kg == 270


def test_what_stays_the_same_is_one_line() -> None:
    """Only the standing charge changes on the 16th: 720 kWh at 0.30 stay one line of 216.00."""
    old = terms(band("flat", "0.30"), standing="10.00")
    new = terms(band("flat", "0.30"), standing="12.00", since="2026-11-16")

    found = Meter("2026-11", 0.25).invoice(tariff(old, new))

    assert lines(found)[0] == ("band", "flat", "720", "kWh", "0.30", "216.00")
    assert [line[0] for line in lines(found)] == ["band", "standing", "standing"]


def test_each_rate_of_tax_has_its_lines() -> None:
    """In Germany, the tax was 19 % to June of 2020 and 16 % from July on. 1 kWh in every hour, at 0.25.

    June 30 x 24 = 720 kWh = 180.00, 19 % = 34.20; July 31 x 24 = 744 kWh = 186.00, 16 % = 29.76
    """
    old = terms(band("flat", "0.25"), tax="0.19")
    new = terms(band("flat", "0.25"), tax="0.16", since="2020-07-01")

    found = Meter("2020-06-01..2020-07-31", 0.25).invoice(tariff(old, new))

    assert lines(found) == [
        ("band", "flat", "720", "kWh", "0.25", "180.00"),
        ("band", "flat", "744", "kWh", "0.25", "186.00"),
        ("tax", "", "180", "EUR", "0.19", "34.20"),
        ("tax", "", "186", "EUR", "0.16", "29.76"),
    ]


def test_time_before_the_first_terms_has_no_price() -> None:
    """The tariff begins on the 21st of November: 10 days x 24 = 240 kWh, and 10/30 of the month."""
    late = tariff(terms(band("flat", "0.30"), standing="9.00", since="2026-11-21"))

    found = Meter("2026-11", 0.25).invoice(late)

    assert lines(found) == [
        ("band", "flat", "240", "kWh", "0.30", "72.00"),
        ("standing", "", "0.333333", "month", "9.00", "3.00"),
    ]
    assert found.amount == 240
    assert not found.is_complete


# Standing charge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "months", "charge"),
    [
        ("2026-10", "1", "12.40"),
        ("2026-10-11..2026-10-31", "0.677419", "8.40"),  # moved in on the 11th: 21/31 x 12.40
        ("2026-10-01..2026-10-10", "0.322581", "4.00"),  # who moved out: 10/31 x 12.40
        ("2026-10-25", "0.032258", "0.40"),  # 1/31, though it has 25 hours
        ("2024-02-29", "0.034483", "0.43"),  # 1/29 x 12.40 = 0.4275...
        ("2026", "12", "148.80"),
        ("2026-09-16..2026-11-15", "2", "24.80"),  # 15/30 + 1 + 15/30
    ],
)
def test_standing_charge_is_by_days_of_the_month(period: str, months: str, charge: str) -> None:
    found = invoice(tariff(terms(band("flat", "0"), standing="12.40")), period, 0)

    assert lines(found)[1:] == [("standing", "", months, "month", "12.40", charge)]


def test_part_of_a_month_is_exact_though_it_is_shown_rounded() -> None:
    """10/31 of 31 000 000 is 10 000 000; 0.322581 of it would be 10 000 011."""
    found = invoice(tariff(terms(band("flat", "0"), standing="31000000")), "2026-10-01..2026-10-10", 0)

    assert lines(found)[1:] == [("standing", "", "0.322581", "month", "31000000", "10000000.00")]


def test_running_day_counts_by_its_time() -> None:
    """From the 1st of November to noon of the 16th: 15.5 of 30 days of 6.00 = 3.10."""
    span = parse("2026-11-01..2026-11-16", BERLIN, 0)
    flat = tariff(terms(band("flat", "0"), standing="6.00"))

    found = cost(
        flat,
        "m",
        "",
        span.start,
        span.end - 48 * QUARTER,
        BERLIN,
        amount=lambda _a, _b: 0,
        demand=lambda _a, _b: 0,
    )

    assert lines(found)[1:] == [("standing", "", "0.516667", "month", "6.00", "3.10")]


@pytest.mark.parametrize(
    ("period", "used", "months", "charge"),
    [("2011-12", "720", "1", "5.00"), ("2011-12-01..2011-12-15", "360", "0.5", "2.50")],
)
def test_month_that_lacks_a_day_has_one_less(period: str, used: str, months: str, charge: str) -> None:
    """Samoa had no 30th of December in 2011: the 30 days that were are 1 month, and 15 of them a half."""
    found = Meter(period, 0.25, ZoneInfo("Pacific/Apia")).invoice(tariff(terms(band("a", "1"), standing="5")))

    assert [line[2] for line in lines(found)] == [used, months]
    assert lines(found)[1][5] == charge


# Demand charge -------------------------------------------------------------------------------------------


def test_demand_is_charged_by_month_above_what_is_free() -> None:
    """30 kW are free. November 87.4 kW: 57.4 kW at 8.50 = 487.90. December 25 kW: nothing."""
    power = tariff(terms(band("flat", "0"), demand="8.50", demand_free="30"))
    december = begin_of(date(2026, 12, 1), BERLIN)

    found = Meter("2026-11-01..2026-12-31", 0).invoice(
        power, lambda a, _b: 25_000.0 if a == december else 87_400.0
    )

    assert lines(found)[1:] == [
        ("demand", "2026-11", "57.4", "kW", "8.50", "487.90"),
        ("demand", "2026-12", "0", "kW", "8.50", "0.00"),
    ]


def test_demand_of_water_is_in_cubic_metres_an_hour() -> None:
    """4.25 m3/h, 1 is free: 3.25 at 6.00 = 19.50."""
    water = tariff(terms(band("water", "0"), demand="6.00", demand_free="1"), unit="m3")

    assert lines(invoice(water, "2026-11", 0, 4.25))[1:] == [
        ("demand", "2026-11", "3.25", "m3/h", "6.00", "19.50")
    ]


def test_demand_is_asked_for_by_local_month_and_priced_by_its_last_day() -> None:
    """New terms on the 16th of November: all of its demand of 10 kW costs 9.00 each; October's still 8.00."""
    old = terms(band("flat", "0"), demand="8.00")
    new = terms(band("flat", "0"), demand="9.00", since="2026-11-16")
    asked = []

    def demand(start: int, end: int) -> float:
        asked.append((local_day(start, BERLIN).isoformat(), local_day(end - 1, BERLIN).isoformat()))
        return 10_000.0

    found = Meter("2026-10-01..2026-11-30", 0).invoice(tariff(old, new), demand)

    assert [line[4:] for line in lines(found)[1:]] == [("8.00", "80.00"), ("9.00", "90.00")]
    assert asked == [("2026-10-01", "2026-10-31"), ("2026-11-01", "2026-11-30")]


def test_part_of_a_month_is_charged_on_its_own_demand() -> None:
    """From the 11th of November: the greatest demand since then, 12 kW at 8.00 = 96.00."""
    power = tariff(terms(band("flat", "0"), demand="8.00"))
    moved_in = begin_of(date(2026, 11, 11), BERLIN)

    found = Meter("2026-11-11..2026-11-30", 0).invoice(
        power, lambda a, _b: 12_000.0 if a >= moved_in else 99_000.0
    )

    assert lines(found)[1:] == [("demand", "2026-11", "12", "kW", "8.00", "96.00")]


# What is not known ---------------------------------------------------------------------------------------


def test_what_nobody_knows_is_left_out_and_said() -> None:
    """The day is known (16 h at 1 kWh), the night is not."""
    two = tariff(terms(band("day", "0.30", hours=(clock("06:00", "22:00"),)), band("night", "0.20")))
    span = parse("2026-11-27", BERLIN, 0)

    for unknown in (None, float("nan"), float("inf")):
        found = cost(
            two,
            "m",
            "",
            span.start,
            span.end,
            BERLIN,
            amount=lambda a, b, unknown=unknown: 16.0 if b - a == 64 * QUARTER else unknown,  # type: ignore[misc]
            demand=lambda _a, _b: None,
            estimated=1.25,
        )

        assert lines(found) == [("band", "day", "16", "kWh", "0.30", "4.80")]
        assert not found.is_complete
        assert found.estimated == Decimal("1.25")


def test_unknown_demand_matters_only_where_it_is_charged() -> None:
    free, charged = (tariff(terms(band("flat", "0.30"), demand=price)) for price in ("0", "8.00"))

    assert invoice(free, "2026-11", 1.0, None).is_complete
    found = invoice(charged, "2026-11", 1.0, None)
    assert not found.is_complete
    assert [line[0] for line in lines(found)] == ["band"]


def test_what_is_not_complete_stays_so() -> None:
    flat = tariff(terms(band("flat", "0.30")))
    found = cost(
        flat, "m", "", 0, QUARTER, BERLIN, amount=lambda _a, _b: 1, demand=lambda _a, _b: 1, is_complete=False
    )

    assert not found.is_complete


# Quarters of an hour -------------------------------------------------------------------------------------


def test_roll_up_has_bands_and_carbon_but_no_charges_and_no_tax() -> None:
    """27 November 2026, a Friday: 64 quarters at 0.30 and 32 at 0.20 = 19.20 + 6.40; CO2 96 x 0.4 = 38.4 kg."""
    two = terms(
        band("day", "0.30", hours=(clock("06:00", "22:00"),)),
        band("night", "0.20"),
        standing="9",
        demand="9",
        tax="0.19",
        carbon="0.4",
    )
    quarters = Meter("2026-11-27", 1.0).quarters

    assert energy_cost(tariff(two), quarters, BERLIN) == (Decimal("25.60"), Decimal("38.4"))
    assert energy_cost(tariff(two, credit=True), quarters, BERLIN) == (Decimal("-25.60"), Decimal("38.4"))
    assert energy_cost(tariff(two), [], BERLIN) == (0, 0)


def test_roll_up_has_holes_and_a_time_before_the_terms() -> None:
    """Of the 20th to the 22nd, every other quarter; terms since the 21st: 2 x 48 quarters at 0.30 = 28.80."""
    late = tariff(terms(band("flat", "0.30"), since="2026-11-21"))

    assert energy_cost(late, Meter("2026-11-20..2026-11-22", 1.0).quarters[::2], BERLIN)[0] == Decimal("28.80")
    assert energy_cost(late, Meter("2026-11-20", 1.0).quarters, BERLIN) == (0, 0)


def test_quarter_that_a_change_of_price_cuts_is_spread_evenly() -> None:
    """High is 06:05 to 06:20: 10 of 15 minutes of the first quarter (06:00), 5 of the next, none of the third.

    3 kWh each: 2 + 1 = 3 kWh at 1.00, and 1 + 2 + 3 = 6 kWh at 0.10 = 3.60
    """
    odd = tariff(terms(band("high", "1.00", hours=(clock("06:05", "06:20"),)), band("low", "0.10")))
    at = Meter("2026-11-27", 3.0).quarters

    assert energy_cost(odd, at[24:27], BERLIN)[0] == Decimal("3.60")
