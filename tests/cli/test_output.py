"""What people see of numbers and times."""

import struct

import pytest

from monitor.cli.output import lasting, local_time, quantity, since


def float32(value: float) -> float:
    (read,) = struct.unpack("f", struct.pack("f", value))
    assert isinstance(read, float)
    return read


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("level_m", float32(5.7), "5.7 m"),
        ("voltage_l1_v", float32(230.12), "230.12 V"),
        ("energy_import_kwh", 1_234_567.89, "1234567.89 kWh"),
        ("power_w", 4920.0, "4920 W"),
        ("power_w", -0.0, "0 W"),
        ("power_w", 1e300, "1e+300 W"),
        ("temperature_c", 9.5, "9.5 °C"),
        ("flow_m3h", 0.25, "0.25 m³/h"),
        ("starts", 512, "512"),
        ("open", True, "yes"),
        ("serial", "0102", "0102"),
    ],
)
def test_a_value_has_its_unit_and_no_noise(name: str, value: object, text: str) -> None:
    assert quantity(name, value) == text


def test_times_are_those_of_the_site_also_in_summer() -> None:
    assert local_time(1_783_771_200_000, "Europe/Berlin") == "2026-07-11 14:00:00"
    assert local_time(None, "Europe/Berlin") == "-"


@pytest.mark.parametrize(("ms", "text"), [(None, "never"), (99_000, "1 s ago"), (-200_000, "5 min ago")])
def test_how_long_ago(ms: int | None, text: str) -> None:
    assert since(ms, 100_000) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.6, "1 min 0 s"),
        (3905, "1 h 5 min"),
        (86_400, "1 d 0 h"),
        (90 * 86_400 + 7200, "90 d 2 h"),
    ],
)
def test_how_long_is_said_in_two_units(seconds: float, text: str) -> None:
    assert lasting(seconds) == text
