from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.settings import SettingsInvalid
from monitor.site import Device
from tests.settings.conftest import Load, Mistakes


def _device(load_text: Load, text: str) -> Device:
    (device,) = load_text(f"devices:\n  - {text}\n").site.devices.values()
    return device


def test_a_device_takes_its_class_and_points_from_its_profile(load_text: Load) -> None:
    device = _device(load_text, "{id: main, profile: eastron-sdm630, connection: plant, unit: 3, building: 2}")

    assert (device.name, device.device_class, device.building) == ("main", "electricity", "2")
    assert device.address.unit == 3
    assert device.protocol.max_registers == 80
    assert device.points["voltage_l1_v"].valid == (0, 500)
    assert device.points["energy_import_kwh"].scan == "slow"


@pytest.mark.parametrize(
    ("every", "scan"),
    [
        ("", {"fast": 10, "slow": 300, "once": None}),
        ("every: 2 s, ", {"fast": 2, "slow": 300, "once": None}),
        ("every: 10 min, ", {"fast": 600, "slow": 600, "once": None}),
        ("every: {fast: 1 s, slow: 20 s}, ", {"fast": 1, "slow": 20, "once": None}),
    ],
)
def test_every_sets_the_scan_classes(load_text: Load, every: str, scan: dict[str, float | None]) -> None:
    device = _device(load_text, f"{{id: a, {every}profile: abb-b23, connection: plant}}")

    assert device.scan == scan


READER = "class: access, connection: plant, points: {present: {register: input 2, type: bool}}"
PROFILE = """\
class: access
modbus: {min_rate: 500 ms}
points: {present: {register: input 2, type: bool}, cards: {register: input 0, type: uint16, scan: slow}}
"""


def _reader_profile(folder: Path, text: str = PROFILE) -> None:
    (folder / "profiles").mkdir()
    (folder / "profiles" / "reader.yaml").write_text(text)


def test_a_device_that_shows_things_for_a_moment_is_urgent_and_read_often(load_text: Load, tmp_path: Path) -> None:
    _reader_profile(tmp_path)

    by_profile = _device(load_text, "{id: a, profile: reader, connection: plant}")
    stricter = _device(load_text, "{id: a, profile: reader, connection: plant, min_rate: 200 ms}")
    laxer = _device(load_text, "{id: a, profile: reader, connection: plant, min_rate: 10 s, every: 300 ms}")
    inline = _device(load_text, f"{{id: a, {READER}, min_rate: 250 ms}}")
    other = _device(load_text, f"{{id: a, {READER}}}")

    assert by_profile.scan == {"fast": 0.5, "slow": 300}
    assert stricter.scan["fast"] == 0.2
    assert laxer.scan["fast"] == 0.3
    assert inline.scan == {"fast": 0.25}
    assert all(device.urgent for device in (by_profile, stricter, laxer, inline))
    assert (other.urgent, other.scan) == (False, {"fast": 10})


def test_an_interval_above_the_min_rate_is_a_mistake_that_says_why(mistakes: Mistakes, tmp_path: Path) -> None:
    _reader_profile(tmp_path)

    (found,) = mistakes("devices:\n  - {id: a, profile: reader, connection: plant, min_rate: 1 s, every: 2 s}\n")

    assert (found.line, found.path) == (6, "devices[0].every")
    assert "`2 s` is too slow" in found.message
    assert "asked every 0.5 s at least" in found.message


def test_a_min_rate_needs_a_fast_point(mistakes: Mistakes) -> None:
    slow = READER.replace("bool}", "bool, scan: slow}")

    (found,) = mistakes(f"devices:\n  - {{id: a, {slow}, min_rate: 1 s}}\n")

    assert "needs a point that is `fast`" in found.message


def test_a_polled_reader_needs_a_fast_point(mistakes: Mistakes, tmp_path: Path) -> None:
    slow = "points: {cards: {register: input 0, type: uint16, scan: slow}}\n"
    event = "events: [{kind: card, credential: {register: holding 2, bytes: 4}}]\n"
    _reader_profile(tmp_path, f"class: access\nmodbus: {{}}\n{slow}{event}")

    (found,) = mistakes("devices:\n  - {id: a, profile: reader, connection: plant}\n")

    assert "needs a point that is `fast`" in found.message


def test_a_point_of_a_device_on_the_number_of_a_card_is_a_mistake(tmp_path: Path) -> None:
    site = tmp_path / "shown.yaml"
    site.write_text(
        "site: {id: house, timezone: Europe/Berlin}\n"
        "connections:\n  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}\n"
        "devices:\n  - {id: a, profile: technotrade-vrd-485, connection: plant, "
        "points: {card: {register: holding 3, type: uint16}}}\n"
    )

    with pytest.raises(SettingsInvalid) as told:
        load_site(site, thorough=True)

    (found,) = told.value.findings
    assert "device a: point card would keep the credential" in found.message


def test_a_profile_cannot_be_slower_than_its_own_min_rate(mistakes: Mistakes, tmp_path: Path) -> None:
    _reader_profile(tmp_path, PROFILE.replace("500 ms", "500 ms, scan: {fast: 1 s}"))

    (found,) = mistakes("devices:\n  - {id: a, profile: reader, connection: plant}\n")

    assert "slower than the profile's own `min_rate`" in found.message


def test_only_classes_with_points_are_scanned(load_text: Load) -> None:
    device = _device(
        load_text,
        "{id: a, class: water, connection: plant, points: {open: {register: coil 1}}}",
    )

    assert device.scan == {"fast": 10}


def test_for_a_device_that_pushes_every_is_what_is_expected(load_text: Load) -> None:
    device = _device(load_text, "{id: a, profile: heiman-hs1cg, connection: broker, topic: x, every: 2 h}")

    assert (device.scan, device.expected_every) == ({}, 7200)


def test_points_of_the_device_stand_beside_those_of_the_profile_or_replace_them(load_text: Load) -> None:
    device = _device(
        load_text,
        "{id: a, profile: xintai-water, connection: plant, points: {"
        "temperature_c: {register: holding 12, type: float32, order: DCBA, unit: degC},"
        " flow_m3h: {register: holding 5, type: float32, unit: L/h}}}",
    )

    assert {"volume_m3", "temperature_c"} <= set(device.points)
    assert device.points["flow_m3h"].divisor == 1000
    assert device.points["flow_m3h"].source.order is None


def test_hundredths_are_divided_and_not_multiplied(load_text: Load) -> None:
    device = _device(load_text, "{id: a, profile: abb-b23, connection: plant}")
    point = device.points["energy_import_kwh"]

    assert (point.factor, point.divisor, point.offset) == (1, 100, 0)
    assert 1234567 * point.factor / point.divisor == 12345.67


def test_scale_offset_and_unit_are_joined_into_one_step(load_text: Load) -> None:
    device = _device(
        load_text,
        "{id: a, class: heat, connection: plant, points: {"
        "supply_c: {register: input 0, type: int16, scale: 0.1, unit: degF},"
        " power_w: {register: input 1, type: int16, scale: 10, offset: 5, unit: kW},"
        " level_pct: {register: input 2, type: int16, scale: 0.3, unit: '%'}}}",
    )
    supply, power, level = (device.points[name] for name in ("supply_c", "power_w", "level_pct"))

    assert (supply.factor, supply.divisor) == (1, 18)
    assert 2120 / supply.divisor + supply.offset == pytest.approx(100)
    assert (power.factor, power.divisor, power.offset) == (10000, 1, 5000)
    assert (level.factor, level.divisor) == (0.3, 1)


@pytest.mark.parametrize(
    ("point", "message", "hint"),
    [
        ("level_m: {register: input 0, type: int16, unit: V}", "does not measure the same as `m`", ""),
        ("level_m: {register: input 0, type: int16}", "`unit` is missing", "m"),
        ("level_m: {register: input 0, type: int16, unit: furlng}", "`furlng` is not a unit", ""),
        ("energy_kwh: {register: input 0, type: int16, unit: kvarh}", "does not measure the same", ""),
        ("frequency: {register: input 0, type: int16, unit: Hz}", "call it `frequency_hz`", ""),
        ("Level_m: {register: input 0, type: int16, unit: m}", "cannot be a point's name", ""),
        ("level_m: {register: input 0, typ: int16, unit: m}", "`typ` is not a key here", "type"),
        ("level_m: {register: input 0, type: int61, unit: m}", "the types are", ""),
        ("level_m: {register: input 0, type: int16, unit: m, scan: often}", "not one of the values", ""),
        ("level_m: {register: input 0, type: int16, unit: m, valid: [6, 0]}", "[lowest, highest]", ""),
        ("level_m: {register: input 0, type: int16, unit: m, scale: 0}", "too large or zero", ""),
        ("level_m: {register: input 0, type: int16, unit: m, scale: 1e308}", "too large or zero", ""),
        ("level_m: {register: input 0, type: int16, unit: m, scale: '1e999'}", "write a number", ""),
        ("level_m: {register: input 0, type: int16, unit: m, valid: [0, nan]}", "write a number", ""),
        ("level_m: input 0", "say where the point is found", ""),
        ("temperature_c: {register: input 0, type: int16, unit: C}", "write `degC`", ""),
    ],
)
def test_a_point_that_is_wrong_is_told(mistakes: Mistakes, point: str, message: str, hint: str) -> None:
    found = mistakes(f"devices:\n  - {{id: a, class: water, connection: plant, points: {{{point}}}}}\n")

    assert any(message in finding.message and finding.hint == hint for finding in found), found
    assert all(finding.path.startswith("devices[0].points") for finding in found)


@pytest.mark.parametrize(
    ("device", "path", "hint"),
    [
        ("{id: A, profile: abb-b23, connection: plant}", "id", ""),
        ("{id: a, profile: abb-b24, connection: plant}", "profile", "abb-b23"),
        ("{id: a, profile: abb-b23, connection: plants}", "connection", "plant"),
        ("{id: a, profile: abb-b23}", "connection", ""),
        ("{id: a, profile: abb-b23, connection: plant, unit: 300}", "unit", ""),
        ("{id: a, profile: abb-b23, connection: plant, topic: a}", "topic", ""),
        ("{id: a, profile: abb-b23, connection: plant, every: 10}", "every", ""),
        ("{id: a, profile: abb-b23, connection: plant, every: {fsat: 1 s}}", "every.fsat", "fast"),
        ("{id: a, profile: esp-rfid, connection: broker, topic: x, every: {fast: 1 s}}", "every", ""),
        ("{id: a, profile: esp-rfid, connection: plant}", "profile", ""),
        ("{id: a, connection: plant, points: {open: {register: coil 0}}}", "class", ""),
        ("{id: a, class: watr, connection: plant, points: {open: {register: coil 0}}}", "class", "water"),
        ("{id: a, class: water, connection: plant}", "", ""),
        ("{id: a, profile: abb-b23, connection: plant, direction: up}", "direction", ""),
        ("{id: a, profile: abb-b23, connection: plant, summ: [b]}", "summ", "sum"),
        ("{id: a, profile: abb-b23, connection: plant, building: {a: 1}}", "building", ""),
        ("{id: facility-monitor, profile: abb-b23, connection: plant}", "id", ""),
        ("just-a-name", "", ""),
    ],
)
def test_a_device_that_is_wrong_is_told_once(mistakes: Mistakes, device: str, path: str, hint: str) -> None:
    (finding,) = mistakes(f"devices:\n  - {device}\n")

    assert finding.path == ("devices[0]." + path).rstrip(".")
    assert finding.hint == hint
    assert finding.line == 6


def test_an_id_given_twice_names_the_first_line(mistakes: Mistakes) -> None:
    (finding,) = mistakes(
        "devices:\n"
        "  - {id: a, profile: abb-b23, connection: plant}\n"
        "  - {id: a, profile: abb-b23, connection: plant}\n"
    )

    assert (finding.line, finding.path) == (7, "devices[1].id")
    assert "line 6" in finding.message


def test_a_door_is_a_device_of_class_door(load_text: Load, mistakes: Mistakes) -> None:
    contact = "  - {id: front-door, profile: aqara-mccgq11lm, connection: broker, topic: z/front}\n"
    reader = "  - {id: reader, profile: esp-rfid, connection: broker, topic: x, door: DOOR}\n"
    devices = load_text("devices:\n" + reader.replace("DOOR", "front-door") + contact).site.devices
    (finding,) = mistakes("devices:\n" + reader.replace("DOOR", "frontdoor") + contact)

    assert devices["reader"].door == "front-door"
    assert (finding.path, finding.hint) == ("devices[0].door", "front-door")


@pytest.mark.parametrize(
    ("connection", "path"),
    [
        ("{id: x}", "connections[0]"),
        ("{id: x, bacnet: {}}", "connections[0].bacnet"),
        ("{id: x, modbus: {transport: tcp, host: a}, mqtt: {url: 'mqtt://b'}}", "connections[0].mqtt"),
        ("{id: x, modbus: {transport: bus, host: a}}", "connections[0].modbus.transport"),
        ("{id: x, modbus: tcp}", "connections[0].modbus"),
        ("{modbus: {transport: tcp, host: a}}", "connections[0].id"),
    ],
)
def test_a_connection_that_is_wrong_is_told_once(mistakes: Mistakes, connection: str, path: str) -> None:
    found = mistakes(f"site: {{id: a, timezone: UTC}}\nconnections: [{connection}]\n", head=False)

    assert [finding.path for finding in found] == [path]


def test_what_a_driver_cannot_work_with_is_told_at_its_connection(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: s, timezone: UTC}\n"
        "connections:\n"
        "  - {id: bus, modbus: {transport: tcp, host: 127.0.0.1}}\n"
        "devices:\n"
        "  - id: meter\n"
        "    profile: eastron-sdm630\n"
        "    connection: bus\n"
        "    points:\n"
        "      hidden_w: {register: input 100, type: float32, unit: W}\n"
    )

    with pytest.raises(SettingsInvalid) as caught:
        load_site(path, {}, thorough=True)

    (finding,) = caught.value.findings
    assert (finding.line, finding.path) == (3, "connections[0]")
    assert "the profile forbids" in finding.message


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("register: sunspec 211-214 126, type: float32", "its last register has the offset 125"),
        ("register: sunspec 20-204 18, type: int16", "10 at most"),
        ("register: sunspec 201-204, type: int16", "`sunspec 201-204 18`"),
        ("register: sunspec 201-204 18, type: int16, scale_register: holding 3", "in the same SunSpec model"),
    ],
)
def test_a_sunspec_point_that_cannot_be_is_told(mistakes: Mistakes, device: str, message: str) -> None:
    (finding,) = mistakes(
        f"devices:\n  - {{id: a, class: electricity, connection: plant, points: {{pf: {{{device}}}}}}}\n"
    )

    assert message in finding.message
    assert finding.path.startswith("devices[0].points.pf")


def test_a_point_of_a_sunspec_meter_can_have_the_other_sign(load_text: Load) -> None:
    power = "register: sunspec 201-204 18, type: int16, unit: W, scale_register: sunspec 201-204 22, scale: -1"
    device = _device(
        load_text,
        f"{{id: a, profile: sunspec-meter, connection: plant, instance: 2, points: {{power_w: {{{power}}}}}}}",
    )

    assert (device.address.instance, device.points["power_w"].factor) == (2, -1)
    assert "voltage_l1_v" in device.points


VARIED = """\
class: electricity
experimental: Compare the frequency with the display.
choose: true
modbus: {}
points: {frequency_hz: {register: input 70, type: float32, unit: Hz}}
variants:
  old: {model: before 2020}
  new: {model: since 2020, points: {frequency_hz: {register: input 72, type: float32, unit: Hz}}}
"""


def test_a_device_chooses_a_variant_and_is_warned_of_doubts(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "meter.yaml").write_text(VARIED)
    loaded = load_text("devices:\n  - {id: a, profile: meter, variant: new, connection: plant}\n")

    assert loaded.site.devices["a"].points["frequency_hz"].source.where.address == 72
    assert any("experimental: Compare the frequency" in warning.message for warning in loaded.warnings)


@pytest.mark.parametrize(
    ("variant", "message"),
    [("", "`variant` is missing: say which `meter`"), (", variant: ald", "there is no variant of `meter` `ald`")],
)
def test_a_variant_that_is_not_there_is_told(
    mistakes: Mistakes, tmp_path: Path, variant: str, message: str
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "meter.yaml").write_text(VARIED)
    (found,) = mistakes(f"devices:\n  - {{id: a, profile: meter, connection: plant{variant}}}\n")

    assert message in found.message
