"""How it is known that a building has electricity, water, gas or heat; and detectors that may be dead."""

import pytest

from monitor.plant import Supply
from monitor.settings.difference import difference
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: meter, profile: eastron-sdm630, connection: plant, unit: 1, building: A}
  - id: water
    connection: plant
    unit: 2
    class: water
    building: A
    points:
      pressure_bar: {register: holding 0, type: uint16, unit: bar}
      flow_m3h: {register: holding 1, type: uint16, unit: m3/h}
  - id: switch
    profile: digital-input
    connection: plant
    unit: 3
    building: B
    points:
      pressure_ok: {register: discrete 0}
      open: {register: discrete 1}
      mode: {register: holding 2, type: uint16}
  - {id: garden, class: water, manual: volume_m3, building: C}
  - {id: rest, sum: [meter], building: C}
"""
LINE = DEVICES.count("\n") + 6
"""The line behind `supply:`, which stands below the head and the devices."""
PHASES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")


def _supply(*texts: str) -> str:
    return f"{DEVICES}supply:\n" + "".join(f"  - {{{text}}}\n" for text in texts)


def _bound(load_text: Load, *texts: str) -> tuple[Supply, ...]:
    loaded = load_text(_supply(*texts))
    assert loaded.warnings == ()
    return loaded.site.supplies


# What is bound -----------------------------------------------------------------------------------------


def test_all_of_it_is_bound(load_text: Load) -> None:
    assert _bound(
        load_text,
        "building: B, utility: electricity, device: meter, points: [voltage_l1_v, voltage_l*_v], "
        "below: 0.05 kV, delay: 1 min",
        "utility: water, device: water, point: pressure_bar, below: 500 mbar",
        "building: A, utility: gas, device: switch, point: pressure_ok, is: false",
        "utility: heat, device: switch, point: mode, is: 3",
    ) == (
        Supply(
            building="B",
            utility="electricity",
            device="meter",
            points=(*PHASES, "voltage_l12_v", "voltage_l23_v", "voltage_l31_v"),
            below=50.0,
            delay=60.0,
        ),
        Supply(building="A", utility="water", device="water", points=("pressure_bar",), below=0.5),
        Supply(building="A", utility="gas", device="switch", points=("pressure_ok",), lost_is=False),
        Supply(building="B", utility="heat", device="switch", points=("mode",), lost_is=3),
    )


def test_main_meters_speak_for_their_building(load_text: Load) -> None:
    text = DEVICES.replace("building: A", "building: A, role: main", 1).replace(
        "    building: A\n", "    building: A\n    role: main\n"
    )

    assert load_text(text).site.supplies == (
        Supply(building="A", utility="electricity", device="meter", points=PHASES, below=50.0),
        Supply(building="A", utility="water", device="water", points=("pressure_bar",), below=0.5),
    )


def test_what_is_said_goes_before_what_is_usual(load_text: Load) -> None:
    text = _supply("utility: electricity, device: meter, point: voltage_l1_v, below: 100 V")
    site = load_text(text.replace("building: A}", "building: A, role: main}", 1)).site

    assert site.supplies == (
        Supply(building="A", utility="electricity", device="meter", points=("voltage_l1_v",), below=100.0),
    )


def test_the_first_main_meter_of_a_building_speaks_for_it(load_text: Load) -> None:
    second = (
        DEVICES + "  - {id: other, profile: eastron-sdm630, connection: plant, unit: 9, building: A, role: main}\n"
    )
    third = (
        second + "  - {id: hut, profile: pzem-016, connection: plant, unit: 10, role: main, class: electricity}\n"
    )
    site = load_text(third.replace("building: A}", "building: A, role: main}", 1)).site

    assert [(each.building, each.device, each.points) for each in site.supplies] == [
        ("A", "meter", PHASES),
        ("", "hut", ("voltage_v",)),
    ]


@pytest.mark.parametrize("device", ["garden, class: water", "rest, sum: [meter]"])
def test_meters_that_say_nothing_by_themselves_speak_for_nobody(load_text: Load, device: str) -> None:
    text = DEVICES.replace(f"{{id: {device}", f"{{role: main, id: {device}")

    assert load_text(text).site.supplies == ()


# Mistakes ----------------------------------------------------------------------------------------------

POWER = "utility: electricity, device: meter"
GAS = "utility: gas, device: switch"


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("device: meter, point: voltage_l1_v, below: 50 V", ".utility", "`utility` is missing", ""),
        (
            "utility: electric, device: meter, point: voltage_l1_v, below: 50 V",
            ".utility",
            "`electric` is not one of the values allowed",
            "electricity",
        ),
        ("utility: gas, point: pressure_ok, is: false", ".device", "`device` is missing", ""),
        (
            "utility: gas, device: swich, point: pressure_ok, is: false",
            ".device",
            "there is no device `swich`",
            "switch",
        ),
        (
            "utility: water, device: garden, point: volume_m3, below: 1 m3",
            ".device",
            "`garden` is read by hand: it does not say what is there now",
            "",
        ),
        (
            "utility: water, device: rest, point: energy_import_kwh, below: 1 kWh",
            ".device",
            "`rest` is reckoned from others: it does not say what is there now",
            "",
        ),
        (
            f"building: D, {GAS}, point: pressure_ok, is: false",
            ".building",
            "there is no device whose building is `D`",
            "",
        ),
        (f"{GAS}, is: false", "", "write either `point:` or `points:`", ""),
        (f"{GAS}, point: open, points: open, is: false", "", "write either `point:` or `points:`", ""),
        (f"{GAS}, point: open", "", "say when it is lost: write either `below: 50 V` or `is: false`", ""),
        (f"{GAS}, point: open, is: false, below: 1 V", "", "say when it is lost: write either", ""),
        (
            f"{GAS}, point: presure_ok, is: false",
            ".point",
            "there is no point of `switch` `presure_ok`",
            "pressure_ok",
        ),
        (
            f"{POWER}, points: [voltage_l1_v, volt*_v_l1], below: 50 V",
            ".points[1]",
            "there is no point of `meter` that matches `volt*_v_l1`",
            "voltage_l1_v",
        ),
        (
            "utility: water, device: water, points: [pressure_bar, flow_m3h], below: 1 bar",
            ".points",
            "the points of one supply share a unit; these have bar, m3/h",
            "",
        ),
        (
            f"{POWER}, point: voltage_l1_v, below: 50",
            ".below",
            "`voltage_l1_v` is in V: write the unit too",
            "50 V",
        ),
        (
            f"{POWER}, point: voltage_l1_v, below: 50 A",
            ".below",
            "`voltage_l1_v` is in V, and `A` does not measure",
            "",
        ),
        (f"{POWER}, point: voltage_l1_v, is: false", ".is", "`voltage_l1_v` is in V: write `below:`", ""),
        (
            f"{GAS}, point: open, below: 1",
            ".below",
            "`open` is true or false: write `is: false` or `is: true`",
            "",
        ),
        (f"{GAS}, point: open, is: closed", ".is", "`open` is true or false", ""),
        (f"{GAS}, point: open, is: true, delay: 5", ".delay", "write a time such as", ""),
        (f"{GAS}, point: open, is: true, delay: 2 days", ".delay", "must be at most 86400", ""),
        (f"{GAS}, point: open, is: true, delays: 5 s", ".delays", "`delays` is not a key here", "delay"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    (found,) = mistakes(_supply(text))

    assert (found.line, found.path, found.hint) == (LINE, f"supply[0]{path}", hint)
    assert found.message.startswith(message)


def test_a_building_has_one_supply_of_each_utility(mistakes: Mistakes) -> None:
    gas = f"{GAS}, point: pressure_ok, is: false"
    (found,) = mistakes(_supply(gas, f"building: A, {gas}", f"building: B, {gas}"))

    assert (found.line, found.path) == (LINE + 2, "supply[2].utility")
    assert found.message == f"the gas of `B` is said in line {LINE} already"


def test_a_device_with_a_mistake_is_told_once(mistakes: Mistakes) -> None:
    text = _supply(f"{GAS}, point: presure_ok, is: false").replace("unit: 3", "unti: 3")

    assert {found.path for found in mistakes(text)} == {"devices[2].unti"}


def test_a_section_that_is_no_list_is_told(mistakes: Mistakes) -> None:
    (found,) = mistakes(f"{DEVICES}supply: {{{GAS}}}\n")

    assert (found.path, found.message) == ("supply", "write a list: each entry begins with `- `")


def test_a_reload_says_that_the_supply_changes(load_text: Load) -> None:
    old, new = (load_text(_supply(f"{POWER}, point: voltage_l1_v, below: {volts} V")).site for volts in (50, 60))

    assert difference(old, new).sections == ("supplies",)
    assert difference(old, old).sections == ()


# Detectors that may be dead ----------------------------------------------------------------------------

LEAK = "devices:\n  - {id: leak, profile: dragino-lwl02, connection: broker, topic: leak%s}\n"
POLLED = (
    "devices:\n  - {id: smoke, connection: plant, unit: 1, class: safety, points: {alarm: {register: coil 0}}}\n"
)
SPARKPLUG = (
    "devices:\n  - {id: smoke, connection: broker, topic: spBv1.0/plant/+/edge/smoke, class: safety, "
    "points: {alarm: {metric: Alarm}}}\n"
)


def test_a_detector_that_may_be_dead_is_a_warning(load_text: Load) -> None:
    (warning,) = load_text(LEAK % "").warnings

    assert (warning.line, warning.column, warning.path) == (6, 5, "devices[0].every")
    assert warning.message == (
        "`leak` could be dead without anybody knowing: add `every: 1 h` (how often it speaks) or `availability`"
    )
    assert not warning.refuses


@pytest.mark.parametrize(
    "text",
    [
        LEAK % ", every: 1 h",
        LEAK % ", availability: {topic: leak/state}",
        POLLED,
        SPARKPLUG,
        LEAK.replace("dragino-lwl02", "aqara-sjcgq11lm") % "",  # its profile has `availability`
        LEAK.replace("dragino-lwl02", "milesight-ws301") % "",  # no detector
    ],
)
def test_what_would_be_missed_is_no_warning(load_text: Load, text: str) -> None:
    assert load_text(text).warnings == ()
