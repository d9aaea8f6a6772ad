"""What all devices of a profile share: their fields, and the blocks they are read in while none is refused.

A site has many meters of few models; planning their requests anew for each would delay the first readings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import is_

from drivers.modbus.decode import BlockDecoder
from drivers.modbus.layout import Field
from drivers.modbus.plan import Block, Cost, Limits, plan
from drivers.modbus.settings import ProfileModel
from monitor.site import Device, Point

__all__ = ["Scan", "Shared", "shared_by"]

_MODELS = 128


@dataclass(frozen=True, slots=True)
class Scan:
    """The fields of one scan class, what reads them, in the order of asking, and what that costs (ms)."""

    fields: tuple[Field, ...]
    decoders: tuple[BlockDecoder, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Shared:
    """The scan classes of a model, and what reads its smallest value."""

    scans: Mapping[str, Scan]
    cheapest: BlockDecoder | None


def shared_by(device: Device, cost: Cost) -> Shared:
    """Answer what a device shares with all that have the very same points and profile and cost the same to ask.

    Raises SettingsError for points that no request may read.
    """
    return _shared(_Alike(device.points.values(), device.protocol), cost)


class _Alike:
    """Points and a profile's block, equal to others when they are the same objects.

    Comparing what they say would cost as much as is saved; being kept here, they keep their identity.
    """

    __slots__ = ("_hash", "points", "profile")

    def __init__(self, points: Iterable[Point], profile: ProfileModel | None) -> None:
        self.points = tuple(points)
        self.profile = profile
        self._hash = hash((id(profile), *map(id, self.points)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Alike)
            and self.profile is other.profile
            and len(self.points) == len(other.points)
            and all(map(is_, self.points, other.points))
        )


@lru_cache(maxsize=_MODELS)
def _shared(alike: _Alike, cost: Cost) -> Shared:
    by_scan: dict[str, list[Field]] = {}
    for point in alike.points:
        by_scan.setdefault(point.scan, []).append(Field.of(point, alike.profile))
    limits = Limits.of(alike.profile)
    scans: dict[str, Scan] = {}
    for scan, fields in by_scan.items():
        spans = {of.span for of in fields} | {of.exponent for of in fields if of.exponent is not None}
        blocks = plan(spans, limits, cost)
        scans[scan] = Scan(tuple(fields), tuple(BlockDecoder(block, fields) for block in blocks), cost.of(blocks))
    return Shared(scans, _cheapest(scans))


def _cheapest(scans: Mapping[str, Scan]) -> BlockDecoder | None:
    """Read the smallest value of the class that is read most often."""
    for scan in ("fast", "slow", "once"):
        if scan in scans:
            fields = scans[scan].fields
            span = min((of.span for of in fields), key=lambda span: (span.size, span))
            return BlockDecoder(Block.around([span]), fields)
    return None
