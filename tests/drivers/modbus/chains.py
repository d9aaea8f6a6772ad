"""SunSpec maps as devices have them, written down without our own code, and the profiles that read them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from drivers import DRIVERS
from drivers.modbus.plan import Cost
from drivers.modbus.settings import DeviceModel
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library
from monitor.settings.loading import SHIPPED
from monitor.settings.tables import resolve
from monitor.simulation.modbus import Unit
from monitor.site import Device
from tests.drivers.modbus.site import device, point

__all__ = ["COST", "END", "SUNS", "filled", "meter", "power", "shipped", "with_address"]

SUNS = (0x5375, 0x6E53)
END = (0xFFFF, 0)
COST = Cost(request=5, register=0.1)

W, W_SF = 18, 22
"""Offsets in models 201 to 204."""

Placed = dict[int, list[int]]
"""Addresses of the models of an id, in the sequence of the chain."""


def filled(
    unit: Unit, models: Iterable[tuple[int, int]], base: int = 40000, *, end: Sequence[int] = END
) -> Placed:
    """Write a chain of (id, length) into a unit; answer where the models are."""
    unit.set("holding", base, SUNS)
    at, found = base + 2, Placed()
    for ident, length in models:
        unit.set("holding", at, [ident, length])
        found.setdefault(ident, []).append(at)
        at += 2 + length
    unit.set("holding", at, end)
    return found


def power(unit: Unit, model: int, value: int, exponent: int = 0) -> None:
    """Let a meter at an address show a power."""
    unit.set("holding", model + W, [value & 0xFFFF])
    unit.set("holding", model + W_SF, [exponent & 0xFFFF])


def meter(*, instance: int = 1, unit: int = 1, name: str = "meter", models: str = "201-204") -> Device:
    """A device with one point."""
    watts = point(
        "power_w",
        register=f"sunspec {models} {W}",
        type="int16",
        scale_register=f"sunspec {models} {W_SF}",
        sentinels=[0x8000],
    )
    made = device(watts, name=name, unit=unit)
    return with_address(made, unit=unit, instance=instance)


def with_address(of: Device, **address: int) -> Device:
    return replace(of, address=DeviceModel.model_validate(address))


def shipped(profile: str, **address: int) -> Device:
    """A device of a shipped profile."""
    findings = Findings()
    files = Files(findings, folder=Path(), environ={}, credentials=None)
    library = Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings)
    found = library.get(profile)
    assert found is not None
    bound = library.bind(found, "modbus")
    assert bound is not None, findings.errors
    return Device(
        id="meter",
        name="meter",
        profile=profile,
        connection="bus",
        device_class=found.device_class,
        scan={"fast": 10.0, "slow": 300.0, "once": None},
        address=DeviceModel.model_validate(address),
        protocol=bound.protocol,
        points=bound.points,
    )
