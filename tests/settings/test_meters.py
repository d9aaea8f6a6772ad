"""What a device says of itself as a meter: counters, ratings, transformers, gas; meters without a connection."""

from datetime import date

import pytest

from monitor.profiles.points import Point
from monitor.settings.meters import billed
from monitor.site import Counter, Device, GasValue, Virtual
from tests.settings.conftest import Load, Mistakes

ENERGY = "energy_import_kwh: {register: holding 0, type: uint32, scale: 0.01, unit: kWh}"


def _inline(points: str, more: str = "", *, device_class: str = "electricity") -> str:
    return f"{{id: a, class: {device_class}, connection: plant, {more}points: {{{points}}}}}"


def _devices(load_text: Load, *texts: str) -> dict[str, Device]:
    lines = "".join(f"  - {text}\n" for text in texts)
    return dict(load_text(f"devices:\n{lines}").site.devices)


def _point(load_text: Load, points: str, more: str = "", *, device_class: str = "electricity") -> Point:
    (device,) = _devices(load_text, _inline(points, more, device_class=device_class)).values()
    (point,) = device.points.values()
    return point


def _found(mistakes: Mistakes, *texts: str) -> list[tuple[str, str, str]]:
    """The path (without the section), the message and the hint of each mistake."""
    lines = "".join(f"  - {text}\n" for text in texts)
    found = mistakes(f"devices:\n{lines}")
    assert all(one.line > 5 and one.column > 0 for one in found)
    return [(one.path.removeprefix("devices"), one.message, one.hint) for one in found]


# Counters of points ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "counter"),
    [
        (ENERGY, Counter(step=0.01)),
        ("energy_import_kwh: {register: holding 0, type: uint32, unit: Wh}", Counter(step=0.001)),
        ("energy_import_kwh: {register: holding 0, type: bcd32, scale: -0.1, unit: kWh}", Counter(step=0.1)),
        ("energy_import_kwh: {register: holding 0, type: float32, unit: kWh}", Counter()),
        (
            "energy_import_kwh: {register: holding 0, type: uint32, unit: Wh, scale_register: holding 2}",
            Counter(),
        ),
        ("energy_net_kwh: {register: holding 0, type: int32, unit: kWh}", None),
        ("energy_net_kwh: {register: holding 0, type: int32, unit: kWh, counter: true}", Counter(step=1.0)),
        ("energy_day_kwh: {register: holding 0, type: uint32, unit: kWh, counter: false}", None),
        ("power_w: {register: holding 0, type: uint32, unit: W}", None),
        ("power_w: {register: holding 0, type: uint32, unit: W, counter: false}", None),
        (
            "energy_kwh: {register: input 0, type: float32, unit: Wh, counter: {modulus: 1e8, rating: 25 kW}}",
            Counter(modulus=1e8, rating=25.0),
        ),
        (
            "apparent_energy_kvah: {register: holding 0, type: float32, unit: kVAh, counter: {rating: 25 kW}}",
            Counter(rating=25.0),
        ),
        (
            "reactive_energy_kvarh: {register: input 0, type: float32, unit: kvarh, counter: {rating: 9000 var}}",
            Counter(rating=9.0),
        ),
        (
            "volume_m3: {register: holding 0, type: uint32, unit: L, counter: {rating: 2500 L/h}}",
            Counter(rating=2.5, step=0.001),
        ),
    ],
)
def test_a_point_counts_as_its_name_or_its_key_says(load_text: Load, point: str, counter: Counter | None) -> None:
    assert _point(load_text, point).counter == counter


def test_a_counter_over_mqtt_has_no_step(load_text: Load) -> None:
    text = "{id: a, class: water, connection: broker, topic: t, points: {volume_m3: {json: $.v, unit: m3}}}"
    (device,) = _devices(load_text, text).values()

    assert device.points["volume_m3"].counter == Counter()


@pytest.mark.parametrize(
    ("counter", "path", "message", "hint"),
    [
        ("yes", "counter", "write true or false", ""),
        ("{modulo: 1e8}", "counter.modulo", "`modulo` is not a key here", "modulus"),
        ("{modulus: 0}", "counter.modulus", "must be more than 0.0", ""),
        ("{modulus: 0.01}", "counter.modulus", "it is not more than the least step of the counter, 0.01 kWh", ""),
        ("{rating: 25}", "counter.rating", "write the unit too, such as `25 kW`", ""),
        ("{rating: 0 kW}", "counter.rating", "a rating is more than 0", ""),
        ("{rating: 3 m3/h}", "counter.rating", "`m3/h` does not measure the same as `kW`", ""),
    ],
)
def test_a_counter_that_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, counter: str, path: str, message: str, hint: str
) -> None:
    text = _inline(ENERGY.replace("unit: kWh", f"unit: kWh, counter: {counter}"))

    assert _found(mistakes, text) == [(f"[0].points.energy_import_kwh.{path}", message, hint)]


def test_what_is_no_energy_and_no_volume_counts_nothing(mistakes: Mistakes) -> None:
    (found,) = mistakes(
        f"devices:\n  - {_inline('power_w: {register: holding 0, type: uint32, unit: W, counter: true}')}\n"
    )

    assert (found.path, found.line) == ("devices[0].points.power_w.counter", 6)
    assert found.message == "`power_w` is no energy and no volume: it counts nothing"
    assert found.allowed == "names that end with _kwh, _kvarh, _kvah or _m3"


def test_the_modulus_of_a_shipped_profile_is_known(load_text: Load) -> None:
    devices = _devices(load_text, "{id: a, profile: siemens-pac3200, connection: plant}")

    assert devices["a"].points["energy_import_kwh"].counter == Counter(modulus=1e9)
    assert devices["a"].points["reactive_energy_import_kvarh"].counter == Counter()


# Ratings -----------------------------------------------------------------------------------------------


def test_the_rating_of_a_device_is_for_the_counters_that_have_none(load_text: Load) -> None:
    points = (
        f"{ENERGY}, energy_kwh: {{register: input 2, type: float32, unit: kWh, counter: {{rating: 5 kW}}}}, "
        "reactive_energy_kvarh: {register: input 4, type: float32, unit: kvarh}, "
        "power_w: {register: holding 6, type: float32, unit: W}"
    )
    device = _devices(load_text, _inline(points, "rating: 25000 W, "))["a"]

    ratings = {name: point.counter and point.counter.rating for name, point in device.points.items()}
    assert ratings == {
        "energy_import_kwh": 25.0,
        "energy_kwh": 5.0,
        "reactive_energy_kvarh": 25.0,
        "power_w": None,
    }


def test_a_heat_meter_may_have_two_ratings(load_text: Load) -> None:
    points = (
        "energy_heat_kwh: {register: holding 0, type: float32, unit: kWh}, "
        "volume_m3: {register: holding 2, type: float32, unit: m3}"
    )
    text = _inline(points, "rating: [60 kW, 2.5 m3/h], ", device_class="heat")
    device = _devices(load_text, text)["a"]

    assert [point.counter for point in device.points.values()] == [Counter(rating=60.0), Counter(rating=2.5)]


@pytest.mark.parametrize(
    ("points", "rating", "path", "message"),
    [
        (ENERGY, "3 m3/h", "", "none of its counters has a rating in `m3/h`"),
        (ENERGY, "[25 kW, 3 m3/h]", "[1]", "none of its counters has a rating in `m3/h`"),
        (ENERGY, "25", "", "write the unit too, such as `25 kW`"),
        (ENERGY, "-3 kW", "", "a rating is more than 0"),
        (
            "power_w: {register: holding 0, type: float32, unit: W}",
            "3 kW",
            "",
            "the device has no counter that it could be the rating of",
        ),
    ],
)
def test_a_rating_that_fits_no_counter_is_a_mistake(
    mistakes: Mistakes, points: str, rating: str, path: str, message: str
) -> None:
    assert _found(mistakes, _inline(points, f"rating: {rating}, ")) == [(f"[0].rating{path}", message, "")]


# Transformers ------------------------------------------------------------------------------------------

TERMINALS = (
    "voltage_l1_v: {register: holding 0, type: uint16, scale: 0.1, unit: V, valid: [0, 130]}, "
    "battery_v: {register: holding 1, type: uint16, scale: 0.1, unit: V}, "
    "current_l1_a: {register: holding 2, type: uint16, scale: 0.001, unit: A, valid: [0, 6]}, "
    "power_w: {register: holding 3, type: int16, unit: W, offset: 1}, "
    "frequency_hz: {register: holding 4, type: uint16, scale: 0.01, unit: Hz}, "
    "energy_import_kwh: {register: holding 5, type: uint32, scale: 0.01, unit: kWh, "
    "counter: {modulus: 1e6, rating: 2 kW}}"
)


def test_values_behind_transformers_are_multiplied_exactly(load_text: Load) -> None:
    device = _devices(load_text, _inline(TERMINALS, "ct: 200/5, vt: 20000/100, rating: 9 MW, "))["a"]
    points = device.points

    scaled = {name: (point.factor, point.divisor, point.offset) for name, point in points.items()}
    assert device.ratio == 8000.0
    assert scaled == {
        "voltage_l1_v": (20.0, 1.0, 0.0),
        "battery_v": (1.0, 10.0, 0.0),
        "current_l1_a": (1.0, 25.0, 0.0),
        "power_w": (8000.0, 1.0, 8000.0),
        "frequency_hz": (1.0, 100.0, 0.0),
        "energy_import_kwh": (80.0, 1.0, 0.0),
    }
    assert (points["voltage_l1_v"].valid, points["current_l1_a"].valid) == ((0.0, 26000.0), (0.0, 240.0))
    assert points["energy_import_kwh"].counter == Counter(modulus=8e9, rating=16000.0, step=80.0)


@pytest.mark.parametrize(
    ("written", "ratio"),
    [("40", 40.0), ("200/5", 40.0), ("200 / 5", 40.0), ("'2.5'", 2.5), ("1/3", 1 / 3), ("1", 1.0)],
)
def test_a_ratio_is_written_as_on_the_transformer(load_text: Load, written: str, ratio: float) -> None:
    assert _devices(load_text, _inline(ENERGY, f"ct: {written}, "))["a"].ratio == ratio


def test_the_rating_of_the_device_is_that_before_the_transformers(load_text: Load) -> None:
    point = _point(load_text, ENERGY, "ct: 40, rating: 138 kW, ")

    assert point.counter == Counter(rating=138.0, step=0.4)


def test_devices_that_say_the_same_share_their_points(load_text: Load) -> None:
    base = "profile: abb-b23, connection: plant"
    devices = _devices(
        load_text,
        f"{{id: a, {base}, unit: 1, ct: 200/5}}",
        f"{{id: b, {base}, unit: 2, ct: 40}}",
        f"{{id: c, {base}, unit: 3, ct: 41}}",
        f"{{id: d, {base}, unit: 4}}",
        f"{{id: e, {base}, unit: 5}}",
    )

    assert devices["a"].points is devices["b"].points
    assert devices["d"].points is devices["e"].points
    factors = [each.points["power_w"].factor / each.points["power_w"].divisor for each in devices.values()]
    assert factors == [0.4, 0.4, 0.41, 0.01, 0.01]


@pytest.mark.parametrize("ratio", ["0", "-5", "200/0", "a/b", "200/5/1", "true", "1e9", "[1, 2]"])
def test_a_ratio_that_is_none_is_told(mistakes: Mistakes, ratio: str) -> None:
    ((path, message, _),) = _found(mistakes, _inline(ENERGY, f"ct: {ratio}, "))

    assert path == "[0].ct"
    assert "`200/5`" in message or "at most" in message


def test_transformers_are_for_electricity_that_they_change(mistakes: Mistakes) -> None:
    volume = "volume_m3: {register: holding 0, type: uint32, unit: m3}"
    current = "current_a: {register: holding 0, type: uint16, unit: A}"

    assert _found(mistakes, _inline(volume, "ct: 40, vt: 2, ", device_class="water")) == [
        ("[0].ct", "transformers are before meters of class electricity, and this is water", ""),
        ("[0].vt", "transformers are before meters of class electricity, and this is water", ""),
    ]
    assert _found(mistakes, _inline(current, "vt: 200, ")) == [
        ("[0].vt", "the device has no voltage, power or energy that it would change", "")
    ]


# Gas ---------------------------------------------------------------------------------------------------

VOLUME = "volume_m3: {register: holding 0, type: uint32, unit: m3}"


@pytest.mark.parametrize(
    ("gas", "values"),
    [
        (
            "{calorific_value: 11.2 kWh/m3, conversion_factor: 0.95}",
            (GasValue(since=date.min, kwh_per_m3=11.2, factor=0.95),),
        ),
        (
            "{since: 2026-01-01, calorific_value: 36 MJ/m3}",
            (GasValue(since=date(2026, 1, 1), kwh_per_m3=10.0),),
        ),
        (
            "[{since: 2026-02-01, calorific_value: 11 kWh/m3}, {since: 2026-01-01, calorific_value: 10 kWh/m3}]",
            (
                GasValue(since=date(2026, 1, 1), kwh_per_m3=10.0),
                GasValue(since=date(2026, 2, 1), kwh_per_m3=11.0),
            ),
        ),
    ],
)
def test_gas_has_its_worth_by_day(load_text: Load, gas: str, values: tuple[GasValue, ...]) -> None:
    assert _devices(load_text, _inline(VOLUME, f"gas: {gas}, ", device_class="gas"))["a"].gas == values


ONE = "calorific_value: 11 kWh/m3"


@pytest.mark.parametrize(
    ("gas", "path", "message"),
    [
        ("{calorific_value: 11}", ".calorific_value", "write the unit too, such as `11 kWh/m3`"),
        ("{calorific_value: 11 kW}", ".calorific_value", "`kW` does not measure the same as `kWh/m3`"),
        (
            "{calorific_value: 0 kWh/m3}",
            ".calorific_value",
            "a cubic metre of gas has more than 0 and at most 100 kWh",
        ),
        ("{}", ".calorific_value", "`calorific_value` is missing"),
        (f"{{{ONE}, conversion_factor: 0}}", ".conversion_factor", "must be more than 0.0"),
        (f"{{{ONE}, since: 2026}}", ".since", "write a day such as `2026-01-31`"),
        (f"{{{ONE}, since: 2026-02-30}}", ".since", "write a day such as `2026-01-31`"),
        (
            f"[{{{ONE}}}, {{{ONE}, since: 2026-01-01}}]",
            "[0].since",
            "`since` is missing: with several, each says from when",
        ),
        (
            f"[{{{ONE}, since: 2026-01-01}}, {{{ONE}, since: 2026-01-01}}]",
            "[1].since",
            "2026-01-01 is given twice",
        ),
        ("[]", "", "needs at least 1 entries"),
    ],
)
def test_gas_that_is_wrong_is_told_at_its_place(mistakes: Mistakes, gas: str, path: str, message: str) -> None:
    assert _found(mistakes, _inline(VOLUME, f"gas: {gas}, ", device_class="gas")) == [
        (f"[0].gas{path}", message, "")
    ]


def test_gas_is_for_gas_meters(mistakes: Mistakes) -> None:
    text = _inline(VOLUME, f"gas: {{{ONE}}}, ", device_class="water")

    assert _found(mistakes, text) == [("[0].gas", "it is for meters of class gas, and this is water", "")]


# Read by hand ------------------------------------------------------------------------------------------


def test_a_meter_is_read_by_hand(load_text: Load) -> None:
    text = (
        "{id: garden, name: Garden, class: gas, manual: [volume_m3], rating: 6 m3/h, building: A, zone: yard, "
        f"role: sub, medium: cold, tenant: ana, gas: {{{ONE}}}}}"
    )
    device = _devices(load_text, text)["garden"]

    assert (device.by_hand, device.connection, device.device_class, device.has_connection) == (
        True,
        "",
        "gas",
        False,
    )
    assert (device.name, device.building, device.zone, device.role) == ("Garden", "A", "yard", "sub")
    assert (device.medium, device.tenant, billed(device)) == ("cold", "ana", "volume_m3")
    assert device.points == {"volume_m3": Point(name="volume_m3", unit="m3", counter=Counter(rating=6.0))}
    assert device.gas[0].kwh_per_m3 == 11.0
    assert (device.scan, device.expected_every) == ({}, None)


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("manual: volume_m3", ".class", "`class` is missing: say what it counts", ""),
        ("manual: volume_m3, class: wter", ".class", "there is no class of meters `wter`", "water"),
        (
            "manual: volum_m3, class: water",
            ".manual",
            "none of these is what a meter of class water is billed by",
            "",
        ),
        ("manual: power_w, class: electricity", ".manual", "`power_w` is no counter", ""),
        ("manual: volume_m, class: water", ".manual", "`volume_m` is no counter", "volume_m3"),
        (
            "manual: [volume_m3, volume_m3], class: water",
            ".manual[1]",
            "`volume_m3` is given twice",
            "",
        ),
        ("manual: [], class: water", ".manual", "needs at least 1 entries", ""),
        (
            "manual: volume_m3, class: water, every: 1 h",
            ".every",
            "a meter that is read by hand has no `every`",
            "",
        ),
        ("manual: volume_m3, class: water, unit: 3", ".unit", "a meter that is read by hand has no `unit`", ""),
        ("manual: volume_m3, class: water, topic: t", ".topic", "a meter that is read by hand has no `topic`", ""),
        (
            "manual: volume_m3, class: water, connection: plant",
            ".connection",
            "a meter that is read by hand has no `connection`",
            "",
        ),
        ("manual: volume_m3, class: water, ct: 4", ".ct", "a meter that is read by hand has no `ct`", ""),
        ("manual: volume_m3, class: water, bilding: A", ".bilding", "`bilding` is not a key here", "building"),
        (
            "manual: volume_m3, class: water, rating: 3 kW",
            ".rating",
            "none of its counters has a rating in `kW`",
            "",
        ),
    ],
)
def test_a_meter_read_by_hand_that_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    assert _found(mistakes, f"{{id: a, {text}}}") == [(f"[0]{path}", message, hint)]


# Reckoned ----------------------------------------------------------------------------------------------

MAIN = "{id: main, profile: eastron-sdm630, connection: plant, unit: 1}"
FLAT = "{id: flat, profile: abb-b23, connection: plant, unit: 2}"
WATER = "{id: tap, class: water, manual: volume_m3}"


def test_a_meter_is_reckoned_from_others_wherever_they_stand(load_text: Load) -> None:
    devices = _devices(
        load_text,
        "{id: half, sum: rest, minus: flat}",
        "{id: rest, name: Rest, sum: main, minus: [flat], building: A, zone: z, role: sub, medium: m, tenant: t}",
        MAIN,
        FLAT,
    )
    rest = devices["rest"]

    assert list(devices) == ["half", "rest", "main", "flat"]
    assert rest.virtual == Virtual(sum=("main",), minus=("flat",))
    assert devices["half"].virtual == Virtual(sum=("rest",), minus=("flat",))
    assert (rest.device_class, rest.connection, rest.has_connection, rest.by_hand) == (
        "electricity",
        "",
        False,
        False,
    )
    assert (rest.name, rest.building, rest.zone, rest.role, rest.medium, rest.tenant) == (
        "Rest",
        "A",
        "z",
        "sub",
        "m",
        "t",
    )
    point = Point(name="energy_import_kwh", unit="kWh", counter=Counter())
    assert rest.points == devices["half"].points == {"energy_import_kwh": point}


def test_a_reckoned_meter_may_be_made_of_those_that_people_read(load_text: Load) -> None:
    devices = _devices(load_text, "{id: both, class: water, sum: [tap, tub]}", WATER, WATER.replace("tap", "tub"))

    assert billed(devices["both"]) == "volume_m3"


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("sum: [mian]", ".sum[0]", "there is no device `mian`", "main"),
        ("sum: mian", ".sum", "there is no device `mian`", "main"),
        ("sum: []", ".sum", "needs at least 1 entries", ""),
        ("minus: [main]", ".sum", "`sum` is missing", ""),
        ("sum: [main, main]", ".sum[1]", "`main` is given twice", ""),
        ("sum: [main], minus: [main]", ".minus[0]", "`main` is given twice", ""),
        ("sum: [a]", ".sum[0]", "a meter cannot be made of itself: a → a", ""),
        (
            "sum: [main, tap]",
            ".sum[1]",
            "it counts volume_m3 (water), and `main` counts energy_import_kwh (electricity)",
            "",
        ),
        ("sum: [door]", ".sum[0]", "`door` has no counter that it would be billed by", ""),
        ("sum: [main], class: gas", ".class", "its meters are of class electricity", "electricity"),
        (
            "sum: [main], connection: plant",
            ".connection",
            "a meter that is reckoned from others has no `connection`",
            "",
        ),
        ("sum: [main], profile: x", ".profile", "a meter that is reckoned from others has no `profile`", ""),
        ("sum: [main], points: {}", ".points", "a meter that is reckoned from others has no `points`", ""),
        ("sum: [main], every: 1 s", ".every", "a meter that is reckoned from others has no `every`", ""),
        ("sum: [main], unit: 4", ".unit", "a meter that is reckoned from others has no `unit`", ""),
        ("sum: [main], topic: t", ".topic", "a meter that is reckoned from others has no `topic`", ""),
        ("sum: [main], rating: 3 kW", ".rating", "a meter that is reckoned from others has no `rating`", ""),
        ("sum: [main], manual: volume_m3", ".manual", "a meter that is reckoned from others has no `manual`", ""),
        ("sum: [main], mins: [flat]", ".mins", "`mins` is not a key here", "minus"),
    ],
)
def test_a_reckoned_meter_that_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    door = "{id: door, profile: aqara-mccgq11lm, connection: broker, topic: d}"

    assert _found(mistakes, MAIN, WATER, door, f"{{id: a, {text}}}") == [(f"[3]{path}", message, hint)]


def test_a_circle_of_reckoned_meters_is_told(mistakes: Mistakes) -> None:
    found = _found(mistakes, MAIN, "{id: a, sum: [main, b]}", "{id: b, sum: [c]}", "{id: c, sum: [a]}")

    assert found == [("[3].sum[0]", "a meter cannot be made of itself: a → b → c → a", "")]


def test_a_member_with_a_mistake_is_told_once(mistakes: Mistakes) -> None:
    found = _found(mistakes, "{id: main, profile: eastron-sdm63, connection: plant}", "{id: a, sum: main}")

    assert [path for path, _, _ in found] == ["[0].profile"]


def test_a_key_of_a_meter_that_is_nearly_right_is_hinted_at(mistakes: Mistakes) -> None:
    found = _found(mistakes, MAIN.replace("unit: 1", "ratng: 3 kW"))

    assert found == [("[0].ratng", "`ratng` is not a key here", "rating")]


# Rules and the rest ------------------------------------------------------------------------------------

SILENT = f"devices:\n  - {MAIN}\n  - {FLAT}\n  - {WATER}\n  - {{id: rest, sum: main, minus: flat, role: rest}}\n"
PEOPLE = "people: [{id: p, channels: {s: 'terminal:'}}], teams: [{id: t, members: [p]}]"
NOTIFY = f"notify: {{{PEOPLE}, routes: [{{team: t}}]}}\n"


def _sources(load_text: Load, rule: str) -> list[str]:
    (bound,) = load_text(f"{SILENT}{NOTIFY}rules:\n  - {{id: r, {rule}}}\n").site.rules.values()
    return [source.key for source in bound.sources]


def test_rules_leave_out_what_says_nothing(load_text: Load) -> None:
    assert _sources(load_text, "kind: offline") == ["flat", "main"]
    assert _sources(load_text, "kind: stale, max_age: 1 h") == ["flat", "main"]
    assert _sources(load_text, "kind: threshold, point: energy_import_kwh, above: 1 kWh") == [
        "flat/energy_import_kwh",
        "main/energy_import_kwh",
    ]
    assert _sources(load_text, "kind: threshold, point: volume_m3, above: 1 m3") == ["tap/volume_m3"]


@pytest.mark.parametrize("devices", ["{role: rest}", "{id: rest}", "{class: water}"])
def test_a_rule_that_only_meets_what_says_nothing_is_a_mistake(mistakes: Mistakes, devices: str) -> None:
    (found,) = mistakes(f"{SILENT}rules:\n  - {{id: r, kind: offline, devices: {devices}}}\n")

    assert found.path == "rules[0].devices"
    assert "no meter that is read by hand or reckoned from others" in found.message


def test_the_section_says_how_long_the_ledger_is_kept(load_text: Load, mistakes: Mistakes) -> None:
    assert load_text("metering: {keep: 2 years}\n").site.metering.keep == 2 * 31_557_600
    assert load_text("").site.metering.keep == 5 * 31_557_600
    (short,) = mistakes("metering: {keep: 61 days}\n")
    assert (short.path, short.line) == ("metering.keep", 5)
    (wrong,) = mistakes("metering: {kep: 2 years}\n")
    assert wrong.hint == "keep"
