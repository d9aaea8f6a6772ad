"""One Sparkplug edge node: its session, and what its messages say of the devices behind it. Pure.

A birth names metrics, and may give each an alias; data may then come by alias alone. Messages of a node are
numbered: after a gap no alias is believed until the next birth, since the lost message may have been one. Nothing
is ever answered: a rebirth is for the host application to ask for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from drivers.mqtt.message import Message
from drivers.mqtt.payload import Body, Lack, converter
from drivers.mqtt.sparkplug.wire import Payload, Unusable, name_of, value_of
from drivers.mqtt.times import AHEAD_MS, Instants, plausible
from monitor.errors import SettingsError
from monitor.model import LATE, Entry, Missing, Origin, Reading, Value
from monitor.site import Device

__all__ = ["Edge", "Place", "place_of"]

_NAMESPACE: Final = "spBv1.0"
_NODE: Final = 4
_DEVICE: Final = 5
_SEQUENCE: Final = 256
_BIRTHS: Final = frozenset({"NBIRTH", "DBIRTH"})
_DATA: Final = frozenset({"NDATA", "DDATA"})
_LEVELS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("NBIRTH", "NDATA", "NDEATH"), _NODE),
    **dict.fromkeys(("DBIRTH", "DDATA", "DDEATH"), _DEVICE),
}
"""Types of messages that are read -> how many levels their topics have."""
_MOST_INSTANTS: Final = 1000
"""Instants of historical metrics that one message may carry."""


class Place(NamedTuple):
    """Where a device's messages are: `device` is empty for metrics of the edge node itself."""

    group: str
    edge: str
    device: str

    @property
    def filter(self) -> str:
        """What to subscribe to for the node and all its devices: they are numbered together."""
        return f"{_NAMESPACE}/{self.group}/+/{self.edge}/#"


def place_of(device: Device) -> Place:
    """Read the topic of a device; SettingsError when Sparkplug has no such topic."""
    topic: str = device.address.topic
    levels = topic.replace("{id}", device.id).split("/")
    fixed = levels[1:2] + levels[3:]
    if (
        len(levels) not in {_NODE, _DEVICE}
        or levels[0] != _NAMESPACE
        or levels[2] != "+"
        or any(level in {"", "+", "#"} for level in fixed)
    ):
        raise SettingsError(
            f"device {device.id}: with `metric:` the topic is `{_NAMESPACE}/<group>/+/<edge node>/<device>`, or"
            f" `{_NAMESPACE}/<group>/+/<edge node>` for metrics of the edge node itself"
        )
    return Place(levels[1], levels[3], levels[4] if len(levels) == _DEVICE else "")


class _Known(NamedTuple):
    """A metric as a birth has announced it; `name` is empty for one that no point asks for."""

    name: str
    datatype: int


_Convert = Callable[[object], Value | Missing]


class _Member:
    """A device behind the node, as the site has it."""

    __slots__ = ("aliases", "by_name", "device", "instants", "named", "trusts", "types", "where")

    def __init__(self, device: Device, where: str, *, trusts: bool) -> None:
        self.device = device.id
        self.where = where
        self.trusts = trusts
        self.instants = Instants()
        self.by_name: dict[str, list[tuple[str, _Convert]]] = {}
        for name, point in device.points.items():
            self.by_name.setdefault(point.source.metric, []).append((name, converter(point, point.source)))
        self.types: dict[str, int] = {}
        self.named: set[str] = set()
        """Metrics that come by their names."""
        self.aliases: dict[int, _Known] | None = None
        """What a birth has said; None before the first, and after a message was lost."""

    def points(self, metrics: Iterable[str]) -> list[str]:
        """The points of these metrics."""
        return [name for metric in metrics for name, _ in self.by_name[metric]]

    def born(self, payload: Payload) -> None:
        """Learn names, aliases and data types."""
        self.aliases, self.types = {}, {}
        for metric in payload.metrics:
            name = name_of(metric)
            wanted = name if name in self.by_name else ""
            if wanted:
                self.types[wanted] = metric.datatype
            if metric.HasField("alias"):
                self.aliases[metric.alias] = _Known(wanted, metric.datatype)

    def forget(self) -> list[str]:
        """Believe no alias any more; answer the points that are unknown by that."""
        lost = [] if self.aliases is None else [known.name for known in self.aliases.values() if known.name]
        self.aliases = None
        return self.points(lost)

    def unnamed(self) -> list[str]:
        """The points that an alias without a name may have been for."""
        return self.points(metric for metric in self.by_name if metric not in self.named)


class _Found(NamedTuple):
    """A metric that points ask for, with what was said of it."""

    name: str
    metric: Any
    datatype: int


class Edge:
    """The session of one edge node, and its devices; a feed of drivers.mqtt.devices."""

    __slots__ = ("_bd", "_members", "_seq", "_where", "gaps")

    def __init__(self) -> None:
        self._members: list[_Member] = []
        self._where: dict[str, list[_Member]] = {}
        self._seq: int | None = None
        self._bd: int | None = None
        self.gaps = 0
        """How often messages were missing."""

    def add(self, device: Device, where: str, *, trusts: bool) -> None:
        """Have another device, or the node itself (`where` empty). `trusts`: whether its times are believed."""
        member = _Member(device, where, trusts=trusts)
        self._members.append(member)
        self._where.setdefault(where, []).append(member)

    def waits_for_birth(self, device: str) -> bool:
        """Whether names of this device's metrics may be unknown until the node is born again."""
        return any(member.device == device and member.aliases is None for member in self._members)

    def entries(self, body: Body, message: Message) -> Iterator[Entry]:
        """Yield what a message says of the devices. A retained one is none of Sparkplug's: it is passed over."""
        levels = message.topic.split("/")
        kind, where = levels[2], levels[4] if len(levels) == _DEVICE else ""
        if message.retain or len(levels) != _LEVELS.get(kind):
            return
        payload = body.sparkplug()
        if isinstance(payload, Lack):
            for member in self._where.get(where, ()):
                yield _nothing(member, member.points(member.by_name), Missing.UNDECODABLE, message)
            return
        if kind == "NDEATH":
            yield from self._died(payload, message)
            return
        for member, points in self._numbered(kind, payload).items():
            if points and (member.where != where or kind in _DATA):
                yield _nothing(member, points, Missing.UNDECODABLE, message)
        for member in self._where.get(where, ()):
            if kind == "DDEATH":
                member.forget()
                yield _nothing(member, member.points(member.by_name), Missing.TIMEOUT, message)
                continue
            if kind in _BIRTHS:
                member.born(payload)
            yield from _readings(member, payload, message, birth=kind in _BIRTHS)

    def _numbered(self, kind: str, payload: Payload) -> dict[_Member, list[str]]:
        """Follow the numbers of the messages; answer what is unknown from now on."""
        if kind == "NBIRTH":
            self._seq = payload.seq
            self._bd = _bd_of(payload)
            for member in self._members:
                member.forget()  # births of the devices follow
            return {}
        expected = None if self._seq is None else (self._seq + 1) % _SEQUENCE
        if payload.seq is None:
            return {}
        before, self._seq = self._seq, payload.seq % _SEQUENCE
        if expected is None or self._seq in {expected, before}:
            return {}
        self.gaps += 1
        return {member: member.forget() for member in self._members}

    def _died(self, payload: Payload, message: Message) -> Iterator[Entry]:
        bd = _bd_of(payload)
        if None not in {bd, self._bd} and bd != self._bd:
            return  # the last will of a session before this one
        self._seq = None
        for member in self._members:
            member.forget()
            yield _nothing(member, member.points(member.by_name), Missing.TIMEOUT, message)


def _bd_of(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == b"bdSeq":
            value = value_of(metric, 0)
            return value if isinstance(value, int) else None
    return None


def _nothing(member: _Member, points: Sequence[str], reason: Missing, message: Message) -> Reading:
    return Reading(
        device=member.device,
        time=member.instants.after_all(message.arrived),
        arrived=message.arrived,
        values={},
        missing=dict.fromkeys(points, reason),
        origin=Origin.PUSH,
    )


def _readings(member: _Member, payload: Payload, message: Message, *, birth: bool) -> Iterator[Reading]:
    """One reading of what is so now, and one for each instant of what was so earlier, those first."""
    now: list[_Found] = []
    earlier: dict[int, list[_Found]] = {}
    nameless = False
    for metric in payload.metrics:
        found = _find(member, metric, birth=birth)
        if found is None:
            nameless = True
        elif found.name and not metric.is_transient:
            if not metric.is_historical:
                now.append(found)
            elif member.trusts and (then := plausible(metric.timestamp)) is not None:
                earlier.setdefault(then, []).append(found)
    for then in sorted(earlier)[-_MOST_INSTANTS:]:
        if then - message.arrived <= AHEAD_MS:
            yield _reading(member, earlier[then], then, message, historical=True)
    missing = {}
    if nameless:
        told = {name for found in now for name, _ in member.by_name[found.name]}
        missing = {name: Missing.UNDECODABLE for name in member.unnamed() if name not in told}
    if now or missing:
        own = plausible(payload.timestamp) if member.trusts else None
        yield _reading(member, now, own, message, missing=missing)


def _find(member: _Member, metric: Any, *, birth: bool) -> _Found | None:
    """What a metric is of the device's; with an empty name when it is nothing to us; None when nobody knows."""
    if metric.name:
        name = name_of(metric)
        if name not in member.by_name:
            return _Found("", metric, 0)
        if not birth:
            member.named.add(name)
        return _Found(name, metric, member.types.get(name, 0))
    known = None if member.aliases is None else member.aliases.get(metric.alias)
    return None if known is None else _Found(known.name, metric, known.datatype)


def _reading(  # noqa: PLR0913 - what makes a reading
    member: _Member,
    found: Sequence[_Found],
    own: int | None,
    message: Message,
    *,
    missing: Mapping[str, Missing] | None = None,
    historical: bool = False,
) -> Reading:
    arrived = message.arrived
    ahead = own is not None and own - arrived > AHEAD_MS
    time = member.instants.of_arrival(arrived) if own is None or ahead else member.instants.own(own)
    values: dict[str, Value] = {}
    lacking = dict(missing or {})
    for name, metric, datatype in found:
        raw = value_of(metric, datatype)
        for point, convert in member.by_name[name]:
            value: Value | Missing
            if ahead:
                value = Missing.QUARANTINED
            elif isinstance(raw, Unusable):
                value = Missing.SENTINEL if raw is Unusable.BAD else Missing.UNDECODABLE
            else:
                value = convert(raw)
            if isinstance(value, Missing):
                lacking[point] = value
                values.pop(point, None)
            else:
                values[point] = value
                lacking.pop(point, None)
    return Reading(
        device=member.device,
        time=time,
        arrived=arrived,
        values=values,
        missing=lacking,
        origin=Origin.PUSH,
        late=historical or arrived - time > LATE,
    )
