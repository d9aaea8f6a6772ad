"""Which SunSpec models a device's points need, where they usually are, what shows that they still are. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from drivers.modbus.settings import PointSource
from drivers.modbus.sunspec import Model, Models, Places, Within, canonical, place
from monitor.errors import SettingsError
from monitor.site import Device, Point

__all__ = ["guard", "header", "planned_chain", "planned_places", "wanted_by"]


def wanted_by(points: Iterable[Point]) -> dict[Models, int]:
    """Models that points name -> how many registers of them, with id and length, the points reach."""
    wanted: dict[Models, int] = {}
    for point in points:
        source: PointSource = point.source
        for where, size in ((source.where, source.size), (source.scale_register, 1)):
            if isinstance(where, Within):
                wanted[where.models] = max(wanted.get(where.models, 0), where.offset + size)
    return wanted


def planned_chain(devices: Sequence[Device]) -> tuple[Model, ...]:
    """The models of a unit of which nothing is known but the devices in it; none when their points name none."""
    wanted = wanted_by(point for device in devices for point in device.points.values())
    return canonical(wanted, max(device.address.instance for device in devices)) if wanted else ()


def planned_places(device: Device, chain: tuple[Model, ...] | None = None) -> Places:
    """Where the models of a device are that nobody has found yet, in the chain of its unit where that is planned.

    Raises SettingsError for an `instance` of nothing.
    """
    wanted = wanted_by(device.points.values())
    if not wanted and device.address.instance > 1:
        raise SettingsError("`instance` counts SunSpec meters, and no point is in a SunSpec model")
    return place(planned_chain([device]) if chain is None else chain, wanted, device.address.instance)


@lru_cache(maxsize=1024)
def guard(model: Model, scan: str) -> Point:
    """Make a point of a model's id and length, read with its values: they tell that it is still there."""
    written = {"register": f"holding {model.first}", "type": "uint32", "order": "ABCD"}
    source = PointSource.model_validate(written)
    return Point(name=f"sunspec {model.ident} at {model.first}", scan=scan, source=source)


def header(model: Model) -> int:
    """What the guard of a model reads as."""
    return model.ident << 16 | model.length
