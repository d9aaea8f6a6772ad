"""What all devices of a profile share: their fields, and the blocks they are read in while none is refused.

A site has many meters of few models; planning their requests anew for each would delay the first readings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import is_

from drivers.modbus.decode import BlockDecoder
from drivers.modbus.events import hidden_of
from drivers.modbus.layout import Field, Span, is_placed
from drivers.modbus.placing import guard, planned_places
from drivers.modbus.plan import Block, Cost, Limits, plan
from drivers.modbus.settings import PointSource, ProfileModel, Table
from drivers.modbus.sunspec import Places, Within
from monitor.site import Device

__all__ = ["EVENTS_ARE", "Scan", "Shared", "shared_by", "spans_of"]

_MODELS = 128
EVENTS_ARE = "fast"
"""The scan class that events are read with."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The fields of one scan class, what reads them, in the order of asking, and what that costs (ms).

    `hidden`: what is read for events beside them.
    """

    fields: tuple[Field, ...]
    hidden: frozenset[Span]
    decoders: tuple[BlockDecoder, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Shared:
    """The scan classes of a model, and what reads its smallest value."""

    scans: Mapping[str, Scan]
    cheapest: BlockDecoder | None


def shared_by(device: Device, cost: Cost, places: Places | None = None) -> Shared:
    """Answer what a device shares with all that have the very same points and profile and cost the same to ask.

    `places`: where its SunSpec models are (None: where they usually are); points that they do not have are left
    out, and beside the others the models' ids and lengths are read. Raises SettingsError for points that no
    request may read.
    """
    where = planned_places(device) if places is None else places
    return _shared(_Alike(device), cost, where)


def spans_of(fields: Iterable[Field], limits: Limits) -> set[Span]:
    """What has to be read for fields: values and powers of ten, as one where they have to be and can be."""
    spans: set[Span] = set()
    for of in fields:
        spans.add(of.span)
        if of.exponent is not None:
            spans.add(of.exponent)
        whole = of.whole
        if whole is not None and whole.size <= limits.most(whole.table) and not limits.forbids(*_ends(whole)):
            spans.add(whole)
    return spans


class _Alike:
    """Points, events and a profile's block, equal to others when they are the same objects.

    Comparing what they say would cost as much as is saved; being kept here, they keep their identity.
    """

    __slots__ = ("_events", "_hash", "hidden", "points", "profile")

    def __init__(self, device: Device) -> None:
        self.points = tuple(device.points.values())
        self.profile: ProfileModel | None = device.protocol
        self.hidden = hidden_of(device)
        self._events = device.events
        self._hash = hash((id(self.profile), *map(id, self.points), *map(id, self._events)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Alike)
            and self.profile is other.profile
            and len(self.points) == len(other.points)
            and len(self._events) == len(other._events)
            and all(map(is_, self.points, other.points))
            and all(map(is_, self._events, other._events))
        )


@lru_cache(maxsize=_MODELS)
def _shared(alike: _Alike, cost: Cost, places: Places) -> Shared:
    by_scan: dict[str, list[Field]] = {}
    for point in alike.points:
        if is_placed(point.source, places):
            by_scan.setdefault(point.scan, []).append(Field.of(point, alike.profile, places))
    limits = Limits.of(alike.profile)
    scans: dict[str, Scan] = {}
    for scan, mine in by_scan.items():
        fields = (*mine, *_guards(mine, scan, places))
        hidden = alike.hidden if scan == EVENTS_ARE else frozenset[Span]()
        blocks = plan(spans_of(fields, limits) | hidden, limits, cost)
        decoders = tuple(BlockDecoder(block, fields, hidden) for block in blocks)
        scans[scan] = Scan(fields, hidden, decoders, cost.of(blocks))
    return Shared(scans, _cheapest(scans))


def _guards(fields: Iterable[Field], scan: str, places: Places) -> list[Field]:
    """The ids and lengths of the models that fields are in."""
    sources: list[PointSource] = [of.source for of in fields]
    used = {source.where.models for source in sources if isinstance(source.where, Within)}
    models = sorted({model for models, model in places.models if models in used})
    return [Field.of(guard(model, scan), None) for model in models]


def _ends(span: Span) -> tuple[Table, int, int]:
    return span.table, span.first, span.end


def _cheapest(scans: Mapping[str, Scan]) -> BlockDecoder | None:
    """Read the smallest value of the class that is read most often."""
    for scan in ("fast", "slow", "once"):
        if scan in scans:
            fields = scans[scan].fields
            span = min((of.span for of in fields), key=lambda span: (span.size, span))
            return BlockDecoder(Block.around([span]), fields)
    return None
