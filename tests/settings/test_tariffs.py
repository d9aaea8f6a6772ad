"""Contracts as they are written down, and as they are bound: exact prices, times, meters, holidays."""

from datetime import date
from decimal import Decimal

import pytest

from monitor.tariff import Band, Tariff, Terms
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, unit: 1, building: A, role: main}
  - {id: flat, profile: abb-b23, connection: plant, unit: 2, building: A, role: sub}
  - {id: garden, class: water, manual: volume_m3, building: A}
  - {id: boiler, class: gas, manual: volume_m3, gas: {calorific_value: 11 kWh/m3}}
  - {id: pool-gas, class: gas, manual: volume_m3, role: pool}
  - {id: door, profile: aqara-mccgq11lm, connection: broker, topic: d, building: B}
  - {id: solar, class: electricity, manual: energy_export_kwh, building: C}
  - {id: heat, class: heat, manual: energy_heat_kwh}
"""
FIRST = DEVICES.count("\n") + 6
"""The line of the first tariff: below the head, the devices and `tariffs:`."""


def _tariffs(load_text: Load, *texts: str) -> dict[str, Tariff]:
    loaded = load_text(f"{DEVICES}tariffs:\n" + "".join(f"  - {text}\n" for text in texts))
    assert loaded.warnings == ()
    return dict(loaded.site.tariffs)


def _tariff(load_text: Load, text: str) -> Tariff:
    (tariff,) = _tariffs(load_text, text).values()
    return tariff


def _power(terms: str, more: str = "") -> str:
    return f"{{id: t, utility: electricity, currency: EUR, {more}terms: {terms}}}"


def _terms(load_text: Load, terms: str, more: str = "") -> tuple[Terms, ...]:
    return _tariff(load_text, _power(terms, more)).terms


def test_a_flat_price_is_kept_exactly_as_it_was_written(load_text: Load) -> None:
    (terms,) = _terms(
        load_text,
        "[{since: 2026-01-01, standing: 12.50, demand: 8.2, demand_free: 10000 W, tax: 19 %, carbon: 363 g, "
        "price: 0.1}]",
    )

    assert terms == Terms(
        since=date(2026, 1, 1),
        bands=(Band(name="", price=Decimal("0.1")),),
        standing=Decimal("12.50"),
        demand=Decimal("8.2"),
        demand_free=Decimal(10),
        tax=Decimal("0.19"),
        carbon=Decimal("0.363"),
    )
    assert str(terms.bands[0].price) == "0.1"


@pytest.mark.parametrize("price", ["0.3420", "'0.3420'", "-0.01", "3", "0", "0.123456789012345"])
def test_prices_are_decimal(load_text: Load, price: str) -> None:
    (terms,) = _terms(load_text, f"{{price: {price}}}")

    assert terms.bands[0].price == Decimal(price.strip("'"))
    assert terms.since == date.min


def test_terms_are_in_the_order_of_their_days(load_text: Load) -> None:
    terms = _terms(load_text, "[{since: 2026-01-01, price: 2}, {since: 2025-01-01, price: 1}]")

    assert [(each.since.year, each.bands[0].price) for each in terms] == [(2025, 1), (2026, 2)]


def test_a_tariff_says_what_it_is(load_text: Load) -> None:
    text = (
        "{id: t, name: City, utility: electricity, unit: kWh, currency: CHF, devices: {role: [main]}, "
        "holidays: {country: DE, region: BE, days: [2026-12-24]}, terms: {price: 1}}"
    )
    tariff = _tariff(load_text, text)

    assert (tariff.name, tariff.utility, tariff.unit, tariff.currency) == ("City", "electricity", "kWh", "CHF")
    assert (tariff.country, tariff.region, tariff.days_off) == ("DE", "BE", {date(2026, 12, 24): ""})
    assert (tariff.devices, tariff.credit) == (frozenset({"main"}), False)


def test_days_off_may_have_names(load_text: Load) -> None:
    text = _power("{price: 1}", "holidays: {days: {2026-12-24: Christmas Eve}}, ")

    assert _tariff(load_text, text).days_off == {date(2026, 12, 24): "Christmas Eve"}


@pytest.mark.parametrize(
    ("when", "band"),
    [
        ("days: mon-fri", {"days": {1, 2, 3, 4, 5}}),
        ("days: sat", {"days": {6}}),
        ("days: [sat, Sun, holidays]", {"days": {6, 7, 0}}),
        ("days: sat-mon", {"days": {6, 7, 1}}),
        ('hours: "07:00-20:00"', {"hours": ((420, 1200),)}),
        ("hours: 07:00-20:15", {"hours": ((420, 1215),)}),
        ('hours: "22:00-06:00"', {"hours": ((0, 360), (1320, 1440))}),
        ('hours: "22:00-00:00"', {"hours": ((1320, 1440),)}),
        ('hours: "22:00-24:00"', {"hours": ((1320, 1440),)}),
        ('hours: ["17:00-20:00", "06:00-13:00"]', {"hours": ((360, 780), (1020, 1200))}),
        ("seasons: 11-01..03-31", {"seasons": (((11, 1), (3, 31)),)}),
        ("seasons: [02-29..03-01, 05-01..08-31]", {"seasons": (((2, 29), (3, 1)), ((5, 1), (8, 31)))}),
    ],
)
def test_a_band_says_when_it_applies(load_text: Load, when: str, band: dict[str, object]) -> None:
    text = f"{{bands: [{{name: a, price: 2, {when}}}, {{name: b, price: 1}}]}}"
    (terms,) = _terms(load_text, text, "holidays: {country: DE}, ")

    first, last = terms.bands
    assert {name: getattr(first, name) for name in band} == band
    assert last == Band(name="b", price=Decimal(1))


@pytest.mark.parametrize(
    "always", ["", "days: [mon-sun, holidays], ", 'hours: "00:00-24:00", ', "days: [sat-fri, holidays], "]
)
def test_the_last_band_may_spell_out_that_it_applies_always(load_text: Load, always: str) -> None:
    (terms,) = _terms(load_text, f"{{bands: [{{name: a, {always}price: 1}}]}}", "holidays: {country: DE}, ")

    assert len(terms.bands) == 1


# Which meters ------------------------------------------------------------------------------------------


def _of(utility: str, more: str = "", ident: str = "") -> str:
    return f"{{id: {ident or utility}, utility: {utility}, currency: EUR, {more}terms: {{price: 1}}}}"


def test_a_tariff_is_for_every_meter_of_its_utility(load_text: Load) -> None:
    tariffs = _tariffs(load_text, _of("electricity"), _of("water"), _of("gas"), _of("heat"))

    assert {name: (tariff.unit, tariff.devices) for name, tariff in tariffs.items()} == {
        "electricity": ("kWh", {"main", "flat"}),
        "water": ("m3", {"garden"}),
        "gas": ("m3", {"boiler", "pool-gas"}),
        "heat": ("kWh", {"heat"}),
    }


def test_the_general_tariff_takes_what_those_before_it_leave(load_text: Load) -> None:
    tariffs = _tariffs(
        load_text,
        _of("electricity", "devices: {role: main}, ", "special"),
        _of("electricity", "", "general"),
        _of("electricity", "credit: true, ", "fed-in"),
    )

    assert {name: tariff.devices for name, tariff in tariffs.items()} == {
        "special": {"main"},
        "general": {"flat"},
        "fed-in": {"main", "flat", "solar"},
    }


def test_gas_is_billed_in_kwh_where_its_worth_is_known(load_text: Load) -> None:
    assert _tariff(load_text, _of("gas", "unit: kWh, devices: {id: boiler}, ")).devices == {"boiler"}


def test_reckoned_meters_have_tariffs_too(load_text: Load) -> None:
    extra = "devices:\n  - {id: both, sum: [boiler], role: all}\n"
    text = DEVICES.replace("devices:\n", extra, 1)
    tariff = _of("gas", "unit: kWh, devices: {role: all}, ")

    assert load_text(f"{text}tariffs:\n  - {tariff}\n").site.tariffs["gas"].devices == {"both"}


def _found(mistakes: Mistakes, *texts: str) -> list[tuple[int, str, str, str]]:
    """Line below the first tariff, path (without the section), message and hint of each mistake."""
    found = mistakes(f"{DEVICES}tariffs:\n" + "".join(f"  - {text}\n" for text in texts))
    assert all(one.column > 3 for one in found)
    return [(one.line - FIRST, one.path.removeprefix("tariffs"), one.message, one.hint) for one in found]


def test_two_tariffs_of_one_meter_are_a_mistake_that_names_both(mistakes: Mistakes) -> None:
    found = _found(
        mistakes, _of("electricity", "", "general"), _of("electricity", "devices: {role: main}, ", "special")
    )

    message = "`main` has the tariff `general` already, and `special` would be a second one"
    assert found == [(1, "[1].devices", message, "")]


def test_gas_in_kwh_that_nobody_knows_the_worth_of_is_a_mistake(mistakes: Mistakes) -> None:
    message = "`pool-gas` counts m3, and the tariff is in kWh: say what a cubic metre is worth with `gas:`"

    assert _found(mistakes, _of("gas", "unit: kWh, ")) == [(0, "[0].unit", message, "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_of("water", "devices: {building: B}, "), "none of these has a counter of water"),
        (_of("electricity", "devices: {building: C}, "), "none of these has a counter of electricity"),
        (
            _of("electricity", "credit: true, devices: {building: B}, "),
            "none of these has a `energy_export_kwh`",
        ),
    ],
)
def test_a_tariff_that_no_meter_has_is_a_warning(load_text: Load, text: str, message: str) -> None:
    loaded = load_text(f"{DEVICES}tariffs:\n  - {text}\n")

    (warning,) = loaded.warnings
    assert (warning.line, warning.path) == (FIRST, "tariffs[0].devices")
    assert warning.message == f"no meter has this tariff: {message}"
    assert next(iter(loaded.site.tariffs.values())).devices == frozenset()


def test_a_general_tariff_that_comes_too_late_is_a_warning(load_text: Load) -> None:
    loaded = load_text(f"{DEVICES}tariffs:\n  - {_of('water')}\n  - {_of('water', '', 'late')}\n")

    (warning,) = loaded.warnings
    assert (warning.line, warning.message) == (
        FIRST + 1,
        "no meter has this tariff: all have one that stands before it",
    )


# Mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        (_of("electricty"), "[0].utility", "`electricty` is not one of the values allowed", "electricity"),
        (_of("water", "unit: kWh, "), "[0].unit", "water is not billed in kWh", ""),
        (_of("heat", "unit: m3, "), "[0].unit", "heat is not billed in m3", ""),
        (_of("water", "unit: L, "), "[0].unit", "`L` is not one of the values allowed", ""),
        (
            _of("water", "credit: true, "),
            "[0].credit",
            "what is delivered is metered for electricity alone (`energy_export_kwh`)",
            "",
        ),
        (
            _of("water", "devices: {role: mian}, "),
            "[0].devices.role",
            "there is no device whose role is `mian`",
            "main",
        ),
        (_of("water", "devces: {role: main}, "), "[0].devces", "`devces` is not a key here", "devices"),
        (
            "{id: t, utility: water, currency: eur, terms: {price: 1}}",
            "[0].currency",
            "write three capital letters, such as `EUR`",
            "",
        ),
        ("{id: t, utility: water, currency: EUR}", "[0].terms", "`terms` is missing", ""),
        ("{id: t, utility: water, currency: EUR, terms: []}", "[0].terms", "needs at least 1 entries", ""),
        (
            _of("water", "holidays: {region: BE}, "),
            "[0].holidays.region",
            "a region is one of a country: write `country` too",
            "",
        ),
        (
            _of("water", "holidays: {country: de}, "),
            "[0].holidays.country",
            "the holidays of `de` are not known",
            "DE",
        ),
        (
            _of("water", "holidays: {country: DE, region: Be}, "),
            "[0].holidays.region",
            "there is no region of DE with holidays of its own `Be`",
            "BE",
        ),
        (
            _of("water", "holidays: {days: [24.12.2026]}, "),
            "[0].holidays.days[0]",
            "write a day such as `2026-01-31`",
            "",
        ),
        (
            _of("water", "holidays: {days: [2026-12-24, {a: [1]}]}, "),
            "[0].holidays.days[1]",
            "write a day such as `2026-01-31`",
            "",
        ),
    ],
)
def test_a_tariff_that_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    assert _found(mistakes, text) == [(0, path, message, hint)]


LAST = "{name: b, price: 1}"
MONEY = "write an amount of money as a bare number, such as `0.3420`"
HOURS = 'write hours such as `"07:00-20:00"`'
DAYS = "write days such as `mon-fri`, `sat`, `sun` or `holidays`, or a list of those"
SEASON = "write the first and the last day, month first, such as `11-01..03-31`"
ALWAYS = "not every moment has a price: the last band has to apply always, without `seasons`, `days` and `hours`"
QUARTERS = "what is used is known by quarters of an hour: write minutes 00, 15, 30 or 45"


@pytest.mark.parametrize(
    ("terms", "path", "message", "hint"),
    [
        ("{price: 1 EUR}", ".price", MONEY, ""),
        ("{price: true}", ".price", MONEY, ""),
        ("{price: 1e15}", ".price", MONEY, ""),
        ("{since: 2026-01-01}", "", "write one `price`, or `bands` of prices: one of both", ""),
        (f"{{price: 1, bands: [{LAST}]}}", "", "write one `price`, or `bands` of prices: one of both", ""),
        ("{prce: 1, price: 1}", ".prce", "`prce` is not a key here", "price"),
        ("{price: 1, since: 01.01.2026}", ".since", "write a day such as `2026-01-31`", ""),
        ("{price: 1, tax: 19}", ".tax", "write a share from 0 % to 100 %, such as `19 %`", ""),
        ("{price: 1, tax: 190 %}", ".tax", "write a share from 0 % to 100 %, such as `19 %`", ""),
        ("{price: 1, carbon: 0.3}", ".carbon", "write what one unit emits, such as `0.363 kg` or `363 g`", ""),
        ("{price: 1, standing: -1}", ".standing", "must be at least 0", ""),
        (
            "{price: 1, demand_free: 10 kW}",
            "",
            "`demand_free` is what `demand` does not charge: write `demand` too",
            "",
        ),
        ("{price: 1, demand: 8, demand_free: 10}", ".demand_free", "write the unit too, such as `10 kW`", ""),
        (
            "{price: 1, demand: 8, demand_free: 1 m3/h}",
            ".demand_free",
            "`m3/h` does not measure the same as `kW`",
            "",
        ),
        ("{price: 1, demand: 8, demand_free: -1 kW}", ".demand_free", "a demand is not less than 0", ""),
        (
            "[{price: 1}, {price: 2, since: 2026-01-01}]",
            "[0].since",
            "`since` is missing: with several terms, each says from when it applies",
            "",
        ),
        (
            "[{price: 1, since: 2026-01-01}, {price: 2, since: 2026-01-01}]",
            "[1].since",
            "there are terms since 2026-01-01 already: one of both would never apply",
            "",
        ),
        ("{bands: [{name: a, price: 1, days: sat}]}", ".bands[0]", ALWAYS, ""),
        (
            "{bands: [{name: b, price: 1, days: sat}, {name: a, price: 1, seasons: 11-01..03-31}]}",
            ".bands[1]",
            ALWAYS,
            "",
        ),
        (
            f"{{bands: [{LAST}, {{name: a, price: 2}}]}}",
            ".bands[0]",
            "`b` applies always, so that those behind it never would: put it last",
            "",
        ),
        (
            f"{{bands: [{{name: b, price: 2, days: sat}}, {LAST}]}}",
            ".bands[1].name",
            "another band is called `b` and has another price",
            "",
        ),
        (
            f"{{bands: [{{name: a, price: 2, days: [sun, holidays]}}, {LAST}]}}",
            ".bands[0].days",
            "nobody knows the holidays: add `holidays: {country: …}` to the tariff",
            "",
        ),
        (f"{{bands: [{{name: a, price: 2, days: saturday}}, {LAST}]}}", ".bands[0].days", DAYS, ""),
        (f"{{bands: [{{name: a, price: 2, days: [sat, mo]}}, {LAST}]}}", ".bands[0].days[1]", DAYS, ""),
        (f'{{bands: [{{name: a, price: 2, hours: "7-20"}}, {LAST}]}}', ".bands[0].hours", HOURS, ""),
        (f'{{bands: [{{name: a, price: 2, hours: "07:00-20:60"}}, {LAST}]}}', ".bands[0].hours", HOURS, ""),
        (
            f'{{bands: [{{name: a, price: 2, hours: ["07:10-20:00"]}}, {LAST}]}}',
            ".bands[0].hours[0]",
            QUARTERS,
            "",
        ),
        (
            f'{{bands: [{{name: a, price: 2, hours: "20:00-24:15"}}, {LAST}]}}',
            ".bands[0].hours",
            "a day has the hours 00:00 to 24:00",
            "",
        ),
        (
            f'{{bands: [{{name: a, price: 2, hours: "20:00-20:00"}}, {LAST}]}}',
            ".bands[0].hours",
            "these hours have no length; leave `hours` out for the whole day",
            "",
        ),
        (f"{{bands: [{{name: a, price: 2, seasons: 02-30..03-01}}, {LAST}]}}", ".bands[0].seasons", SEASON, ""),
        (f"{{bands: [{{name: a, price: 2, seasons: [winter]}}, {LAST}]}}", ".bands[0].seasons[0]", SEASON, ""),
        (f"{{bands: [{{price: 2, days: sat}}, {LAST}]}}", ".bands[0].name", "`name` is missing", ""),
        (
            f"{{bands: [{{name: a, price: 2, hour: x}}, {LAST}]}}",
            ".bands[0].hour",
            "`hour` is not a key here",
            "hours",
        ),
    ],
)
def test_terms_that_are_wrong_are_told_at_their_place(
    mistakes: Mistakes, terms: str, path: str, message: str, hint: str
) -> None:
    assert _found(mistakes, _power(terms)) == [(0, f"[0].terms{path}", message, hint)]


def test_an_id_that_is_taken_is_a_mistake(mistakes: Mistakes) -> None:
    found = _found(mistakes, _of("water", "", "a"), _of("gas", "", "a"))

    assert found == [(1, "[1].id", f"the id `a` is taken already in line {FIRST}", "")]


def test_tariffs_are_a_list(mistakes: Mistakes) -> None:
    (found,) = mistakes("tariffs: {id: a}\n")

    assert (found.path, found.message) == ("tariffs", "write a list: each entry begins with `- `")
