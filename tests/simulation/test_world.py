"""What simulated devices show is possible: of a size that their meters and registers could have."""

from datetime import datetime
from pathlib import Path

import pytest

import config
from monitor.app import load_site
from monitor.model import Value
from monitor.simulation.meterfaults import Rollover
from monitor.simulation.stage import Stage
from monitor.simulation.truth import Truth
from monitor.simulation.world import World

SITE = """
site: {id: house, timezone: Europe/Berlin}
connections: [{id: bus, modbus: {transport: tcp, host: 127.0.0.1, port: 502}}]
devices:
  - id: heat
    connection: bus
    class: heat
    points:
      power_w: {register: holding 0, type: float32, unit: W}
      energy_heat_kwh: {register: holding 2, type: float32, unit: kWh}
      flow_m3h: {register: holding 4, type: float32, unit: m3/h}
      volume_m3: {register: holding 6, type: float32, unit: m3}
  - id: room
    connection: bus
    class: environment
    points:
      voc_ppm: {register: input 11, type: uint16, unit: ppm, scale: 0.001}
      oxygen_pct: {register: input 12, type: bcd16, unit: "%", scale: 0.001}
      low_c: {register: input 13, type: int16, unit: degC, scale: 0.0001}
"""


@pytest.fixture
def shown(tmp_path: Path) -> dict[str, dict[str, Value]]:
    """What the devices show, by device."""
    (tmp_path / "site.yaml").write_text(SITE, "utf-8")
    site = load_site(tmp_path / "site.yaml").site
    world = World(site)
    return {device.id: world.values(device, 1.79e9) for device in site.devices.values()}


def test_a_heat_meter_has_the_flow_that_carries_its_heat(shown: dict[str, dict[str, Value]]) -> None:
    heat = shown["heat"]

    assert float(heat["power_w"]) / float(heat["flow_m3h"]) == pytest.approx(1163 * 20)
    assert float(heat["energy_heat_kwh"]) * 1000 / float(heat["volume_m3"]) == pytest.approx(1163 * 20)


@pytest.mark.parametrize(("point", "largest"), [("voc_ppm", 65.535), ("oxygen_pct", 9.999), ("low_c", 3.2767)])
def test_a_value_fits_the_registers_that_hold_it(
    shown: dict[str, dict[str, Value]], point: str, largest: float
) -> None:
    assert 0 < float(shown["room"][point]) < largest


def test_a_counter_stands_short_of_its_modulus_while_nothing_flows() -> None:
    site = load_site(Path(config.__path__[0]) / "demo.yaml").site
    world, laundry = World(site), site.devices["laundry-water"]
    night = datetime(2026, 11, 8, 1, tzinfo=site.timezone).timestamp()  # a Sunday: nobody washes until Monday
    fault = Rollover.model_validate({"device": laundry.id, "modulus": 1000, "in": "1 min"})
    world.changes[laundry.id] = list(fault.begin(Stage(world, {}, {}), night).values())

    shown = [float(world.values(laundry, night + hours * 3600)["volume_m3"]) for hours in (0, 12, 36)]

    assert shown[0] == pytest.approx(shown[1]) == 1000 - 0.002
    assert 0 < shown[2] < 1


def test_a_main_meter_sees_each_sub_meter_once(tmp_path: Path) -> None:
    meters = (
        SITE.partition("devices:")[0]
        + "devices:\n"
        + "".join(
            f"  - {{id: {ident}, profile: abb-b23, connection: bus, unit: {unit}, role: {role}}}\n"
            for unit, (ident, role) in enumerate((("main", "main"), ("left", "sub"), ("right", "sub")), start=1)
        )
    )
    plain, more = tmp_path / "plain.yaml", tmp_path / "more.yaml"
    plain.write_text(meters, "utf-8")
    more.write_text(meters + "  - {id: both, sum: [left, right], role: sub}\n", "utf-8")

    powers = []
    for file in (plain, more):
        site = load_site(file).site
        powers.append(World(site).values(site.devices["main"], 1.79e9)["power_w"])

    assert powers[0] == powers[1]


def test_a_meter_shows_the_same_for_a_quarter_of_a_second(tmp_path: Path) -> None:
    """What was shown at an instant can be worked out again later, by whoever knows the site and the time."""
    (tmp_path / "site.yaml").write_text(SITE, "utf-8")
    site = load_site(tmp_path / "site.yaml").site
    truth = Truth(World(site), site.devices["heat"])
    begin = 1.79e9

    shown = [truth.register("energy_heat_kwh", begin + each) for each in (0.0, 0.1, 0.249, 3600.0)]

    assert shown[0] == shown[1] == shown[2] < shown[3]
    assert truth.is_shown("energy_heat_kwh", shown[0], begin + 0.2)
    assert truth.is_shown("energy_heat_kwh", shown[0], begin + 10.0), "a register that was late to change"
    assert not truth.is_shown("energy_heat_kwh", shown[0], begin + 3600.0)
    assert not truth.is_shown("energy_heat_kwh", shown[0] + 0.5, begin)
